"""Discord's JSON errors: the codes that the playground can answer with, and their wire form."""

from collections.abc import Iterable
from dataclasses import dataclass

from playground.wire import Wire


@dataclass(frozen=True, slots=True)
class Kind:
    """One of Discord's errors: HTTP status, JSON code and message."""

    status: int
    code: int
    message: str


UNAUTHORIZED = Kind(401, 0, "401: Unauthorized")
NOT_FOUND = Kind(404, 0, "404: Not Found")
METHOD_NOT_ALLOWED = Kind(405, 0, "405: Method Not Allowed")
UNKNOWN_APPLICATION = Kind(404, 10002, "Unknown Application")
UNKNOWN_CHANNEL = Kind(404, 10003, "Unknown Channel")
UNKNOWN_MESSAGE = Kind(404, 10008, "Unknown Message")
UNKNOWN_USER = Kind(404, 10013, "Unknown User")
UNKNOWN_WEBHOOK = Kind(404, 10015, "Unknown Webhook")
UNKNOWN_INTERACTION = Kind(404, 10062, "Unknown interaction")
UNKNOWN_COMMAND = Kind(404, 10063, "Unknown application command")
TOO_MANY_ATTACHMENTS = Kind(400, 30015, "Maximum number of attachments in a message reached (10)")
TOO_MANY_COMMANDS = Kind(400, 30032, "Maximum number of application commands reached (100)")
OLD_EDITS_LIMITED = Kind(429, 30046, "Maximum number of edits to messages older than 1 hour reached. Try again later")
OPENING_DMS_TOO_FAST = Kind(429, 40003, "You are opening direct messages too fast")
ENTITY_TOO_LARGE = Kind(413, 40005, "Request entity too large")
ALREADY_ACKNOWLEDGED = Kind(400, 40060, "Interaction has already been acknowledged.")
TOO_MANY_FOLLOWUPS = Kind(400, 40094, "This interaction has reached the maximum number of follow-up messages")
NOT_ANOTHERS_MESSAGE = Kind(403, 50005, "Cannot edit a message authored by another user")
EMPTY_MESSAGE = Kind(400, 50006, "Cannot send an empty message")
CANNOT_MESSAGE_USER = Kind(403, 50007, "Cannot send messages to this user")
INVALID_WEBHOOK_TOKEN = Kind(401, 50027, "Invalid Webhook Token")
INVALID_RECIPIENT = Kind(400, 50033, "Invalid Recipient(s)")
INVALID_FORM = Kind(400, 50035, "Invalid Form Body")
INVALID_JSON = Kind(400, 50109, "The request body contains invalid JSON.")


class ApiError(Exception):
    """A refusal in Discord's own form. `errors` is the tree that tells which field was wrong."""

    def __init__(self, kind: Kind, errors: Wire | None = None) -> None:
        super().__init__(f"{kind.code} {kind.message}")
        self.kind = kind
        self.errors = errors

    def body(self) -> Wire:
        body: Wire = {"message": self.kind.message, "code": self.kind.code}
        if self.errors is not None:
            body["errors"] = self.errors
        return body


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field: where it is, Discord's name for it, and a sentence."""

    path: tuple[str | int, ...]
    code: str
    message: str


def invalid_form(problems: Iterable[Problem]) -> ApiError:
    """Discord's 50035 with every problem at its place: `{"embeds": {"0": {"title": {"_errors": [...]}}}}`."""
    tree: Wire = {}
    for problem in problems:
        node = tree
        for part in problem.path:
            node = node.setdefault(str(part), {})
        node.setdefault("_errors", []).append({"code": problem.code, "message": problem.message})
    return ApiError(INVALID_FORM, tree)

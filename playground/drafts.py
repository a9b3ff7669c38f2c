"""What a request to send or edit a message may hold."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from playground.cdn import Upload
from playground.components import ActionRow, distinct_ids
from playground.embeds import Embed, within_budget
from playground.forms import Part, WireModel

MAX_CONTENT = 2000
MAX_FILES = 10


class AttachmentReference(Part):
    """A file of the message: `id` is the number of an uploaded part, or a stored attachment that stays."""

    id: int
    filename: str | None = Field(None, max_length=1024)


class AllowedMentions(Part):
    parse: list[Literal["users", "roles", "everyone"]] | None = None
    users: list[str] | None = Field(None, max_length=100)
    roles: list[str] | None = Field(None, max_length=100)
    replied_user: bool = False


class ReferenceRequest(Part):
    """Which message is answered. Without `fail_if_not_exists` one that is gone makes an ordinary message."""

    message_id: int
    channel_id: int | None = None
    fail_if_not_exists: bool = True
    type: Literal[0] = 0


class Draft(WireModel):
    """The body of a request to send or edit a message. On an edit only what was set changes."""

    content: str | None = Field(None, max_length=MAX_CONTENT)
    embeds: Annotated[list[Embed] | None, Field(max_length=10), AfterValidator(within_budget)] = None
    components: Annotated[list[ActionRow] | None, Field(max_length=5), AfterValidator(distinct_ids)] = None
    attachments: list[AttachmentReference] | None = Field(None, max_length=MAX_FILES)
    allowed_mentions: AllowedMentions | None = None
    message_reference: ReferenceRequest | None = None
    flags: int | None = Field(None, ge=0)
    nonce: Annotated[str, Field(max_length=25)] | int | None = None
    enforce_nonce: bool | None = None
    tts: bool | None = None


def uploads_named(draft: Draft, uploads: Mapping[int, Upload]) -> dict[int, Upload]:
    """The uploads under the file names that the request gives them."""
    names = {reference.id: reference.filename for reference in draft.attachments or [] if reference.filename}
    return {number: replace(upload, filename=names.get(number, upload.filename)) for number, upload in uploads.items()}

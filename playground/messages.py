"""Messages: their states, their wire form, and what a draft makes of one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from playground.cdn import Attachment
from playground.components import numbered
from playground.drafts import MAX_FILES, Draft, ReferenceRequest
from playground.embeds import Embed
from playground.errors import EMPTY_MESSAGE, TOO_MANY_ATTACHMENTS, ApiError, Problem, invalid_form
from playground.wire import Wire, timestamp

EPHEMERAL = 1 << 6
LOADING = 1 << 7
SUPPRESS_NOTIFICATIONS = 1 << 12
_REFERENCE = "attachment://"


@dataclass(frozen=True, slots=True)
class User:
    """An account: a person's or the bot's."""

    id: int
    name: str
    bot: bool = False

    def to_dict(self) -> Wire:
        return {
            "id": str(self.id),
            "username": self.name.lower().replace(" ", "_"),
            "global_name": self.name,
            "discriminator": "0000" if self.bot else "0",
            "avatar": None,
            "public_flags": 0,
            "flags": 0,
            "bot": self.bot,
            "primary_guild": None,
        }


@dataclass(frozen=True, slots=True)
class Origin:
    """The interaction that a message answers."""

    id: int
    type: int
    name: str
    user: User
    # the component's message, for a button's or a select's interaction
    message_id: int | None = None
    # the interaction whose modal was filled in, for a modal's interaction
    opener: "Origin | None" = None


@dataclass(frozen=True, slots=True)
class Reference:
    """The message that another one answers, in its newest state; None once it is gone."""

    message_id: int
    message: "Message | None"

    @classmethod
    def to(cls, message: "Message") -> "Reference":
        """A reference to `message`, which goes one message back and not the whole way."""
        further = message.reference and replace(message.reference, message=None)
        return cls(message.id, replace(message, reference=further))


@dataclass(frozen=True, slots=True)
class Message:
    """One state of a message; an edit makes a new one. Times are Unix seconds."""

    id: int
    channel_id: int
    author: User
    created: float
    content: str = ""
    sent_embeds: tuple[Embed, ...] = ()
    components: tuple[Wire, ...] = ()
    # every file that the message carries; those that an embed shows are not listed as attachments
    files: tuple[Attachment, ...] = ()
    flags: int = 0
    nonce: str | int | None = None
    edited: float | None = None
    edits: int = 0
    origin: Origin | None = None
    reference: Reference | None = None
    mentions: tuple[User, ...] = field(default=())

    @property
    def author_id(self) -> int:
        return self.author.id

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & EPHEMERAL)

    @property
    def loading(self) -> bool:
        """Whether the person sees "is thinking…" in its place."""
        return bool(self.flags & LOADING)

    @property
    def silent(self) -> bool:
        return bool(self.flags & SUPPRESS_NOTIFICATIONS)

    @property
    def embeds(self) -> list[Wire]:
        """The embeds as they are read back: `attachment://` has become a link."""
        by_name = {file.filename: file for file in self.files}
        return [_linked(embed.to_dict(), by_name) for embed in self.sent_embeds]

    @property
    def attachments(self) -> list[Attachment]:
        shown = {name for embed in self.sent_embeds for name in _referenced(embed.to_dict())}
        return [file for file in self.files if file.filename not in shown]

    def to_dict(self) -> Wire:
        """The message in Discord's wire form."""
        wire: Wire = {
            "id": str(self.id),
            "channel_id": str(self.channel_id),
            "type": self._type(),
            "author": self.author.to_dict(),
            "content": self.content,
            "timestamp": timestamp(self.created),
            "edited_timestamp": None if self.edited is None else timestamp(self.edited),
            "tts": False,
            "mention_everyone": False,
            "mentions": [user.to_dict() for user in self.mentions],
            "mention_roles": [],
            "attachments": [attachment.to_dict() for attachment in self.attachments],
            "embeds": self.embeds,
            "components": list(self.components),
            "pinned": False,
            "flags": self.flags,
        }
        if self.nonce is not None:
            wire["nonce"] = self.nonce
        if self.origin is not None:
            wire |= _origin_fields(self.origin, self.author)
        if self.reference is not None:
            wire |= self._reference_fields(self.reference)
        return wire

    def _type(self) -> int:
        if self.origin is not None and self.origin.type == 2:
            return 20
        return 0 if self.reference is None else 19

    def _reference_fields(self, reference: Reference) -> Wire:
        about = {"type": 0, "channel_id": str(self.channel_id), "message_id": str(reference.message_id)}
        answered = None if reference.message is None else reference.message.to_dict()
        if answered is not None:
            answered.pop("referenced_message", None)
        return {"message_reference": about, "referenced_message": answered}


def _origin_fields(origin: Origin, application: User) -> Wire:
    fields: Wire = {
        "interaction_metadata": _metadata(origin),
        "application_id": str(application.id),
        "webhook_id": str(application.id),
    }
    if origin.type == 2:
        fields["interaction"] = {"id": str(origin.id), "type": 2, "name": origin.name, "user": origin.user.to_dict()}
    return fields


def _metadata(origin: Origin) -> Wire:
    metadata: Wire = {
        "id": str(origin.id),
        "type": origin.type,
        "user": origin.user.to_dict(),
        "authorizing_integration_owners": {"1": str(origin.user.id)},
    }
    if origin.message_id is not None and origin.type == 3:
        metadata["interacted_message_id"] = str(origin.message_id)
    if origin.opener is not None:
        metadata["triggering_interaction_metadata"] = _metadata(origin.opener)
    return metadata


def _referenced(embed: Wire) -> list[str]:
    urls = [embed.get(part, {}).get("url") for part in ("image", "thumbnail")]
    urls += [embed.get(part, {}).get("icon_url") for part in ("author", "footer")]
    return [url.removeprefix(_REFERENCE) for url in urls if url and url.startswith(_REFERENCE)]


def _linked(embed: Wire, files: Mapping[str, Attachment]) -> Wire:
    for part, key in (("image", "url"), ("thumbnail", "url"), ("author", "icon_url"), ("footer", "icon_url")):
        url = embed.get(part, {}).get(key, "")
        if not url.startswith(_REFERENCE):
            continue
        file = files.get(url.removeprefix(_REFERENCE))
        if file is not None:
            embed[part] |= {key: file.url, f"proxy_{key}": file.url}
            if key == "url":
                sizes = file.to_dict()
                embed[part] |= {side: sizes[side] for side in ("width", "height") if side in sizes}
        elif key == "url":
            # Discord shows the embed without a picture whose file was never sent
            del embed[part]
        else:
            del embed[part][key]
    return embed


def with_draft(message: Message, draft: Draft, new_files: Mapping[int, Attachment]) -> Message:
    """`message` as `draft` changes it; a field that was not sent stays. `new_files` are the uploads by part number.

    Raises ApiError: 30015 over ten files, 50006 if nothing would be left to see, 50035 for an unknown attachment.
    """
    sent = draft.model_fields_set
    if "content" in sent:
        message = replace(message, content=draft.content or "")
    if "embeds" in sent:
        message = replace(message, sent_embeds=tuple(draft.embeds or ()))
    if "components" in sent:
        message = replace(message, components=tuple(numbered(draft.components or [])))
    message = replace(message, files=_files(message.files, draft, new_files))
    if len(message.files) > MAX_FILES:
        raise ApiError(TOO_MANY_ATTACHMENTS)
    if not (message.content.strip() or message.sent_embeds or message.files or message.components):
        raise ApiError(EMPTY_MESSAGE)
    return message


def _files(old: Sequence[Attachment], draft: Draft, new: Mapping[int, Attachment]) -> tuple[Attachment, ...]:
    if "attachments" not in draft.model_fields_set:
        return (*old, *new.values())
    kept: list[Attachment] = []
    stored = {file.id: file for file in old}
    for index, reference in enumerate(draft.attachments or []):
        number = reference.id
        file = new.get(number) or stored.get(number)
        if file is None:
            problem = Problem(("attachments", index, "id"), "ATTACHMENT_NOT_FOUND", f"Attachment {number} was not sent")
            raise invalid_form([problem])
        kept.append(file)
    # a part that `attachments` does not mention is attached all the same
    return (*kept, *(file for file in new.values() if file not in kept))


def referenced(asked: ReferenceRequest | None, channel_id: int, messages: Iterable[Message]) -> Reference | None:
    """What a new message of that channel, which holds `messages`, answers.

    Raises ApiError 50035 if it is not there and has to be.
    """
    if asked is None:
        return None
    for message in messages:
        if message.id == asked.message_id and asked.channel_id in (None, channel_id) and not message.ephemeral:
            return Reference.to(message)
    if asked.fail_if_not_exists:
        raise invalid_form([Problem(("message_reference",), "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")])
    return None

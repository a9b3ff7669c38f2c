"""What exists in the playground: accounts, direct messages, commands, files. Everything that changes is announced."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from playground.cdn import Attachment, Cdn, Upload
from playground.clock import Clock
from playground.commands import MAX_COMMANDS, Command
from playground.drafts import AllowedMentions, Draft, uploads_named
from playground.errors import (
    CANNOT_MESSAGE_USER,
    INVALID_RECIPIENT,
    TOO_MANY_COMMANDS,
    UNKNOWN_CHANNEL,
    UNKNOWN_MESSAGE,
    ApiError,
)
from playground.interaction import Modal
from playground.messages import Message, Reference, User, with_draft
from playground.wire import Wire

DISCORD_EPOCH = 1_420_070_400
NONCE_LIFE = 300.0
_MENTION = re.compile(r"<@!?(\d+)>")


@dataclass(slots=True, eq=False)
class Channel:
    """The direct message between one person and the bot."""

    id: int
    person: User
    last_message_id: int | None = None

    def to_dict(self) -> Wire:
        last = None if self.last_message_id is None else str(self.last_message_id)
        recipients = [self.person.to_dict()]
        return {"id": str(self.id), "type": 1, "flags": 0, "last_message_id": last, "recipients": recipients}


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    person_id: int
    channel: Channel


@dataclass(frozen=True, slots=True)
class MessageCreated:
    person_id: int
    message: Message


@dataclass(frozen=True, slots=True)
class MessageUpdated:
    person_id: int
    message: Message


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    person_id: int
    message: Message


@dataclass(frozen=True, slots=True)
class TypingStarted:
    """The bot types in the person's direct message; it shows for ten seconds or until a message comes."""

    person_id: int


@dataclass(frozen=True, slots=True)
class CommandsChanged:
    commands: Sequence[Command]


@dataclass(frozen=True, slots=True)
class PersonJoined:
    """There is one more person, whose direct message with the bot can be looked at."""

    user: User


@dataclass(frozen=True, slots=True)
class BotPresence:
    """The bot's gateway connection was made or lost."""

    online: bool


@dataclass(frozen=True, slots=True)
class InteractionCreated:
    """For the bot: `payload` is what INTERACTION_CREATE carries."""

    person_id: int
    payload: Wire


@dataclass(frozen=True, slots=True)
class InteractionFailed:
    """The person reads `reason` where the answer should have been."""

    person_id: int
    interaction_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class ModalOpened:
    person_id: int
    modal: Modal


Event: TypeAlias = (
    ChannelOpened
    | MessageCreated
    | MessageUpdated
    | MessageDeleted
    | TypingStarted
    | CommandsChanged
    | PersonJoined
    | BotPresence
    | InteractionCreated
    | InteractionFailed
    | ModalOpened
)


class World:
    """The state that Discord would keep. Gateway, page and people are listeners; nothing else is told of a change."""

    def __init__(self, clock: Clock, bot_name: str = "Spotter") -> None:
        self.clock = clock
        self.cdn = Cdn(clock)
        self._last_snowflake = 0
        self._listeners: list[Callable[[Event], None]] = []
        self.application_id = self.snowflake()
        # Discord gives a bot's account its application's id
        self.bot = User(self.application_id, bot_name, bot=True)
        self.users: dict[int, User] = {}
        self.blocked: set[int] = set()
        self.commands: tuple[Command, ...] = ()
        self.channels: dict[int, Channel] = {}
        self._channel_of: dict[int, Channel] = {}
        self._messages: dict[int, dict[int, Message]] = {}

    def listen(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call `callback` with every event from now on, in order. Returns what ends it."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def emit(self, event: Event) -> None:
        for callback in tuple(self._listeners):
            callback(event)

    def snowflake(self) -> int:
        """A new id: it grows with every call and holds the time in milliseconds, as Discord's do."""
        milliseconds = int((self.clock.now() - DISCORD_EPOCH) * 1000)
        self._last_snowflake = max(milliseconds << 22, self._last_snowflake + 1)
        return self._last_snowflake

    def add_user(self, name: str, user_id: int | None = None) -> User:
        user = User(self.snowflake() if user_id is None else user_id, name)
        self.users[user.id] = user
        return user

    @property
    def owner(self) -> User:
        """Who owns the application: the first person, who is made if there is nobody yet."""
        return next(iter(self.users.values()), None) or self.add_user("owner")

    def open_dm(self, user_id: int) -> Channel:
        """The direct message with that person, made if need be. Raises ApiError 50033 for one who does not exist."""
        if user_id not in self.users:
            raise ApiError(INVALID_RECIPIENT)
        if user_id not in self._channel_of:
            channel = Channel(self.snowflake(), self.users[user_id])
            self._channel_of[user_id] = self.channels[channel.id] = channel
            self._messages[channel.id] = {}
            self.emit(ChannelOpened(user_id, channel))
        return self._channel_of[user_id]

    def dm_of(self, user_id: int) -> Channel | None:
        """The direct message with that person, if one was ever opened."""
        return self._channel_of.get(user_id)

    def channel(self, channel_id: int) -> Channel:
        """Raises ApiError 10003."""
        if channel_id not in self.channels:
            raise ApiError(UNKNOWN_CHANNEL)
        return self.channels[channel_id]

    def messages(self, channel_id: int) -> list[Message]:
        """All messages of a channel, oldest first, in their newest state. Raises ApiError 10003."""
        return list(self._messages[self.channel(channel_id).id].values())

    def message(self, channel_id: int, message_id: int) -> Message:
        """Raises ApiError 10003 or 10008."""
        self.channel(channel_id)
        if message_id not in self._messages[channel_id]:
            raise ApiError(UNKNOWN_MESSAGE)
        return self._messages[channel_id][message_id]

    def check_open_to_bot(self, channel: Channel) -> None:
        """Raises ApiError 50007 if the person has closed their direct messages."""
        if channel.person.id in self.blocked:
            raise ApiError(CANNOT_MESSAGE_USER)

    def earlier_with_nonce(self, channel_id: int, author_id: int, nonce: str | int) -> Message | None:
        """The author's message of the last minutes that carries this nonce."""
        oldest = self.clock.now() - NONCE_LIFE
        for message in self.messages(channel_id):
            same = message.author.id == author_id and message.nonce is not None and str(message.nonce) == str(nonce)
            if same and message.created >= oldest:
                return message
        return None

    def post(self, message: Message) -> Message:
        channel = self.channel(message.channel_id)
        self._messages[channel.id][message.id] = message
        channel.last_message_id = message.id
        self.emit(MessageCreated(channel.person.id, message))
        return message

    def update(self, message: Message, *, visible_edit: bool = True) -> Message:
        """Replace a message. A deferred answer that arrives is no edit to the person who waited for it."""
        if visible_edit:
            message = replace(message, edited=self.clock.now(), edits=message.edits + 1)
        messages = self._messages[message.channel_id]
        for file in messages[message.id].files:
            if file not in message.files:
                self.cdn.retire(file)
        messages[message.id] = message
        self._refer(message.channel_id, Reference.to(message))
        self.emit(MessageUpdated(self.channels[message.channel_id].person.id, message))
        return message

    def delete(self, message: Message) -> None:
        for file in self._messages[message.channel_id].pop(message.id).files:
            self.cdn.retire(file)
        self._refer(message.channel_id, Reference(message.id, None))
        self.emit(MessageDeleted(self.channels[message.channel_id].person.id, message))

    def _refer(self, channel_id: int, now: Reference) -> None:
        """What answers that message knows how it is now."""
        messages = self._messages[channel_id]
        for message in messages.values():
            if message.reference is not None and message.reference.message_id == now.message_id:
                messages[message.id] = replace(message, reference=now)

    def drafted(self, message: Message, draft: Draft, uploads: Mapping[int, Upload]) -> Message:
        """`message` as the draft changes it, its files stored. It is not posted yet.

        Raises the ApiErrors of `messages.with_draft`.
        """
        named = uploads_named(draft, uploads)
        stored = {number: self.store(message.channel_id, upload, message.ephemeral) for number, upload in named.items()}
        message = with_draft(message, draft, stored)
        return replace(message, mentions=self._mentioned(message, draft.allowed_mentions))

    def store(self, channel_id: int, upload: Upload, ephemeral: bool = False) -> Attachment:
        return self.cdn.store(self.snowflake(), channel_id, upload, ephemeral=ephemeral)

    def _mentioned(self, message: Message, allowed: AllowedMentions | None) -> tuple[User, ...]:
        named = {int(digits) for digits in _MENTION.findall(message.content)}
        if allowed is not None and "users" not in (allowed.parse or []):
            named &= {int(user_id) for user_id in allowed.users or []}
        answered = None if message.reference is None else message.reference.message
        if answered is not None and (allowed is None or allowed.replied_user):
            named.add(answered.author.id)
        return tuple(user for user_id, user in self.users.items() if user_id in named)

    def set_commands(self, commands: Sequence[Command]) -> tuple[Command, ...]:
        """Replace all commands; one that keeps its name keeps its id. Raises ApiError 30032 over a hundred."""
        if len(commands) > MAX_COMMANDS:
            raise ApiError(TOO_MANY_COMMANDS)
        ids = {command.name: command.id for command in self.commands}
        self.commands = tuple(
            command.model_copy(update={"id": ids.get(command.name) or str(self.snowflake())}) for command in commands
        )
        self.emit(CommandsChanged(self.commands))
        return self.commands

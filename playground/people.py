"""Scripted people: they type commands, press buttons, fill in forms, and read what the bot sent."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from playground import commands, filling
from playground.cdn import LINK_LIFE, Attachment
from playground.commands import ATTACHMENT, USER, Choice, Option, Refused, Target, Value
from playground.components import LINK_STYLE, find
from playground.drafts import MAX_CONTENT, MAX_FILES
from playground.files import File, read
from playground.interaction import Callback, Interaction, Kind, Modal
from playground.interactions import FILE_LIMIT, Interactions
from playground.messages import Message, Reference, User
from playground.reply import Reply
from playground.wire import Wire
from playground.world import Event as WorldEvent
from playground.world import MessageCreated, MessageUpdated, World

OptionValue: TypeAlias = "Value | File | Person"
FieldValue: TypeAlias = "Value | Sequence[str] | Sequence[File]"


class NoResponse(Exception):  # noqa: N818 - it names what happened to a person, not a fault of the program
    """The bot did not answer an interaction. The text is what the person reads."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A message that made the person's phone buzz. `time` is Unix seconds."""

    time: float
    message: Message


class Person:
    """One person with an account, who has the bot installed.

    Every action waits for the bot's answer: at most `patience` seconds; after a deferred update, which shows the person
    nothing to wait for, at most `grace` seconds. `upload_limit` is in bytes.
    """

    def __init__(self, world: World, interactions: Interactions, user: User) -> None:
        self.user = user
        self.patience = 30.0
        self.grace = 2.0
        self.upload_limit = FILE_LIMIT
        self._world = world
        self._interactions = interactions
        self._notifications: list[Notification] = []
        world.listen(self._on_event)

    @property
    def id(self) -> int:
        return self.user.id

    @property
    def name(self) -> str:
        return self.user.name

    @property
    def blocked(self) -> bool:
        """Whether the person's direct messages are closed to the bot."""
        return self.id in self._world.blocked

    @blocked.setter
    def blocked(self, blocked: bool) -> None:
        (self._world.blocked.add if blocked else self._world.blocked.discard)(self.id)

    async def slash(
        self,
        command: str,
        options: Mapping[str, OptionValue] | None = None,
        /,
        *,
        file: File | None = None,
        **more: OptionValue,
    ) -> Reply:
        """Call a slash command, as in `slash("trainer train", data="python-docs")`, and wait for the complete answer.

        Every option can be given through `options`; the keyword `file` is always a file, for the attachment option of
        that name or else for the command's first one.
        Raises Refused if Discord's client would not send it, NoResponse if the bot is late, TimeoutError if it deferred
        and then sent nothing.
        """
        target = commands.target(self._world.commands, command)
        given = {**(options or {}), **more}
        if file is not None:
            given[_attachment_option(target).name] = file
        data = await self._command_data(target, given)
        return await self._answer(self._interactions.start(Kind.COMMAND, self.user, target.name, data))

    async def autocomplete(self, command: str, option: str, typed: str, /, **options: OptionValue) -> list[Choice]:
        """What the bot suggests for `option` once `typed` has been typed and `options` are filled in.

        Raises Refused if the option has no autocomplete, NoResponse if the bot is late.
        """
        target = commands.target(self._world.commands, command)
        focused = next((known for known in target.options if known.name == option), None)
        if focused is None or not focused.autocomplete:
            raise Refused(f"{option}: /{target.name} has no such option with suggestions.")
        values: list[Wire] = []
        for known in target.options:
            if known is focused:
                values.append({"type": known.type, "name": known.name, "value": typed, "focused": True})
            elif isinstance(value := options.get(known.name), str | int | float):
                values.append({"type": known.type, "name": known.name, "value": value})
        data = {"id": target.command.id, "name": target.command.name, "type": 1, "options": target.nest(values)}
        interaction = self._interactions.start(Kind.AUTOCOMPLETE, self.user, target.name, data)
        return list((await self._answer(interaction)).choices)

    async def click(self, message: Message | Reply, label_or_custom_id: str) -> Reply:
        """Press a button. Raises Refused if it is absent, disabled or a link; NoResponse, TimeoutError as `slash`."""
        shown, button = self._component(message, label_or_custom_id, kind=2)
        if button["style"] == LINK_STYLE:
            raise Refused(f"{label_or_custom_id}: this button opens {button['url']} and does not reach the bot.")
        data = {"component_type": 2, "custom_id": button["custom_id"], "id": button["id"]}
        return await self._answer(self._interactions.start(Kind.COMPONENT, self.user, "", data, source=shown))

    async def select(self, message: Message | Reply, custom_id: str, values: Sequence[str]) -> Reply:
        """Choose `values` in a select. Raises Refused if they are not offered; NoResponse, TimeoutError as `slash`."""
        shown, menu = self._component(message, custom_id, kind=3)
        filling.check_choices(menu["custom_id"], values, [option["value"] for option in menu["options"]])
        filling.check_count(menu["custom_id"], len(values), menu["min_values"], menu["max_values"])
        data = {"component_type": 3, "custom_id": menu["custom_id"], "id": menu["id"], "values": list(values)}
        return await self._answer(self._interactions.start(Kind.COMPONENT, self.user, "", data, source=shown))

    async def fill(
        self, modal: Modal, answers: Mapping[str, FieldValue] | None = None, /, **values: FieldValue
    ) -> Reply:
        """Fill in and submit a form. Fields go by custom id or label, through `answers` where that is no Python name.

        Raises Refused if the form would not let itself be sent; NoResponse, TimeoutError as `slash`.
        """
        given = {name: await self._stored(value) for name, value in {**(answers or {}), **values}.items()}
        opener = modal.opener
        source = None if opener.source_id is None else self._world.message(opener.channel_id, opener.source_id)
        data = filling.submission(modal.form, given)
        return await self._answer(
            self._interactions.start(Kind.MODAL, self.user, "", data, source=source, opener=opener)
        )

    async def write(self, text: str = "", *files: File, reply_to: Message | None = None) -> Message:
        """Send an ordinary message, with files if any, as an answer to `reply_to` if given.

        Raises Refused if it is empty, over 2000 characters or over ten files, a file too large, or `reply_to` gone.
        """
        if not text.strip() and not files:
            raise Refused("A message needs text or a file.")
        if len(text) > MAX_CONTENT:
            raise Refused(f"Your message is too long: {len(text)} characters, and {MAX_CONTENT} are the most.")
        if len(files) > MAX_FILES:
            raise Refused(f"You can only upload {MAX_FILES} files at a time, and these are {len(files)}.")
        uploads = [await read(file, self.upload_limit) for file in files]
        answered = None if reply_to is None else Reference.to(self._present(reply_to))
        world = self._world
        channel = world.open_dm(self.id)
        stored = tuple(world.store(channel.id, upload) for upload in uploads)
        message_id, now = world.snowflake(), world.clock.now()
        return world.post(Message(message_id, channel.id, self.user, now, text, files=stored, reference=answered))

    def dismiss(self, message: Message) -> None:
        """Make an ephemeral message go away. Raises Refused for any other."""
        if not message.ephemeral:
            raise Refused("Only a message that nobody else can see can be dismissed.")
        self._world.delete(message)

    def inbox(self) -> list[Message]:
        """All messages of the direct message with the bot, oldest first, in their newest state."""
        channel = self._world.dm_of(self.id)
        return [] if channel is None else self._world.messages(channel.id)

    def notifications(self) -> list[Notification]:
        """What has buzzed: the bot's new messages, but no silent ones, edits, or answers to the person's own action."""
        return list(self._notifications)

    async def until(
        self,
        predicate: Callable[[Message], bool],
        timeout: float = 10.0,  # noqa: ASYNC109 - a script gives every step its limit
    ) -> Message:
        """The first message that fits, present ones first. Raises TimeoutError after `timeout` seconds."""
        for message in self.inbox():
            if predicate(message):
                return message
        waiter: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def on_event(event: WorldEvent) -> None:
            if not isinstance(event, MessageCreated | MessageUpdated) or event.person_id != self.id:
                return
            if not waiter.done() and predicate(event.message):
                waiter.set_result(event.message)

        stop_listening = self._world.listen(on_event)
        try:
            return await asyncio.wait_for(waiter, timeout)
        finally:
            stop_listening()

    async def _answer(self, interaction: Interaction) -> Reply:
        try:
            async with asyncio.timeout(self.patience):
                await interaction.answered.wait()
                if interaction.response is not Callback.DEFERRED_UPDATE:
                    await interaction.settled.wait()
        except TimeoutError:
            what = f"/{interaction.name}" if interaction.name else "The interaction"
            raise TimeoutError(f"{what} was not answered within {self.patience:g} s.") from None
        if interaction.response is Callback.DEFERRED_UPDATE:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(interaction.settled.wait(), self.grace)
        if interaction.failure is not None:
            raise NoResponse(interaction.failure)
        return Reply(self._world, interaction)

    async def _command_data(self, target: Target, options: Mapping[str, OptionValue]) -> Wire:
        types = {option.name: option.type for option in target.options}
        resolved: Wire = {}
        values: dict[str, Value] = {}
        for name, value in options.items():
            if isinstance(value, Person):
                _check_type(name, types.get(name), USER, "a person")
                values[name] = str(value.id)
                resolved.setdefault("users", {})[str(value.id)] = value.user.to_dict()
            elif isinstance(value, Path | tuple):
                _check_type(name, types.get(name), ATTACHMENT, "a file")
                attachment = await self._attached(value)
                values[name] = str(attachment.id)
                resolved.setdefault("attachments", {})[str(attachment.id)] = attachment.to_dict()
            elif types.get(name) == ATTACHMENT:
                raise Refused(f"{name}: Attach a file.")
            else:
                values[name] = value
        bound = commands.bind(target.options, values)
        data: Wire = {"id": target.command.id, "name": target.command.name, "type": 1, "options": target.nest(bound)}
        if resolved:
            data["resolved"] = resolved
        return data

    async def _stored(self, value: FieldValue) -> filling.Given:
        """A form's value with its files stored."""
        if isinstance(value, str | int | float):
            return value
        return [item if isinstance(item, str) else await self._attached(item) for item in value]

    async def _attached(self, file: File) -> Attachment:
        """The file as an interaction carries it: no message keeps it, so it goes with its link."""
        world = self._world
        attachment = world.store(world.open_dm(self.id).id, await read(file, self.upload_limit), ephemeral=True)
        world.cdn.retire(attachment, LINK_LIFE)
        return attachment

    def _present(self, message: Message) -> Message:
        for known in self.inbox():
            if known.id == message.id:
                return known
        raise Refused("The message is no longer there.")

    def _component(self, message: Message | Reply, key: str, kind: int) -> tuple[Message, Wire]:
        shown = message.message if isinstance(message, Reply) else message
        if shown is None:
            raise Refused(f"{key}: there is no message.")
        newest = self._present(shown)
        component = find(newest.components, key)
        if component is None or component["type"] != kind:
            raise Refused(f"{key}: the message shows nothing of that name.")
        if component.get("disabled"):
            raise Refused(f"{key}: this is disabled.")
        return newest, component

    def _on_event(self, event: WorldEvent) -> None:
        if isinstance(event, MessageCreated) and event.person_id == self.id:
            message = event.message
            if message.author.bot and message.origin is None and not message.silent:
                self._notifications.append(Notification(message.created, message))


def _attachment_option(target: Target) -> Option:
    attachments = [option for option in target.options if option.type == ATTACHMENT]
    if not attachments:
        raise Refused(f"file: /{target.name} takes no file.")
    return next((option for option in attachments if option.name == "file"), attachments[0])


def _check_type(name: str, actual: int | None, wanted: int, what: str) -> None:
    if actual is not None and actual != wanted:
        raise Refused(f"{name}: this option does not take {what}.")

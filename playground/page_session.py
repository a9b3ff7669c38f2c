"""One open chat page: what it may ask for, and what it is told."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from playground.commands import Refused, Value, targets
from playground.errors import ApiError
from playground.interaction import Modal
from playground.messages import Message
from playground.people import FieldValue, NoResponse, Person
from playground.reply import Reply
from playground.wire import Wire
from playground.world import (
    BotPresence,
    CommandsChanged,
    Event,
    InteractionFailed,
    MessageCreated,
    MessageDeleted,
    MessageUpdated,
    PersonJoined,
    TypingStarted,
    World,
)

# as many as one form can take: five fields of ten files
MAX_WAITING_UPLOADS = 50
_log = logging.getLogger(__name__)


class Operation(BaseModel):
    """Something the person does; `id` comes back with its result."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: int


class Slash(Operation):
    """Call a command. `uploads` maps attachment options to the names that `POST /page/upload` gave."""

    op: Literal["slash"]
    command: str
    options: dict[str, Value] = {}
    uploads: dict[str, str] = {}


class Autocomplete(Operation):
    op: Literal["autocomplete"]
    command: str
    option: str
    typed: str
    options: dict[str, Value] = {}


class Click(Operation):
    op: Literal["click"]
    message: int
    custom_id: str


class Select(Operation):
    op: Literal["select"]
    message: int
    custom_id: str
    values: list[str]


class Fill(Operation):
    """Send a form. `modal` is the id with which it was opened; `uploads` maps file fields to names as Slash does."""

    op: Literal["fill"]
    modal: int
    values: dict[str, bool | str | list[str]] = {}
    uploads: dict[str, list[str]] = {}


class Write(Operation):
    """Send a message. `uploads` are names that `POST /page/upload` gave."""

    op: Literal["write"]
    text: str
    uploads: list[str] = []


class Dismiss(Operation):
    op: Literal["dismiss"]
    message: int


AnyOperation: TypeAlias = Slash | Autocomplete | Click | Select | Fill | Write | Dismiss
_OPERATION: TypeAdapter[AnyOperation] = TypeAdapter(Annotated[AnyOperation, Field(discriminator="op")])


class Uploads:
    """Files that the page has sent and no operation has used yet; beyond a few the oldest are dropped."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[str, bytes]] = {}

    def add(self, filename: str, content: bytes) -> str:
        name = secrets.token_urlsafe(16)
        self._waiting[name] = (filename, content)
        while len(self._waiting) > MAX_WAITING_UPLOADS:
            del self._waiting[next(iter(self._waiting))]
        return name

    def take(self, name: str) -> tuple[str, bytes]:
        """(filename, content). Raises Refused if there is no such upload."""
        if name not in self._waiting:
            raise Refused("The file is no longer there. Attach it again.")
        return self._waiting.pop(name)


class Session:
    """One open page: what `person` sees goes out, what they do comes in."""

    def __init__(self, world: World, person: Person, uploads: Uploads, socket: web.WebSocketResponse) -> None:
        self._world = world
        self._person = person
        self._uploads = uploads
        self._socket = socket
        self._outgoing: asyncio.Queue[Wire] = asyncio.Queue()
        self._modals: dict[int, Modal] = {}

    async def run(self, state: Wire) -> None:
        """Send `state` and then every change, and do what the page asks, until the socket closes."""
        self._outgoing.put_nowait(state)
        stop_listening = self._world.listen(self._on_event)
        tasks = {asyncio.create_task(self._send())}
        try:
            async for frame in self._socket:
                if frame.type is not WSMsgType.TEXT:
                    continue
                try:
                    operation = _OPERATION.validate_json(frame.data)
                except ValidationError:
                    await self._socket.close(
                        code=WSCloseCode.POLICY_VIOLATION, message=b"not an operation of this page"
                    )
                    break
                task = asyncio.create_task(self._perform(operation))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        finally:
            stop_listening()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self) -> None:
        while True:
            await self._socket.send_json(await self._outgoing.get())

    async def _perform(self, operation: AnyOperation) -> None:
        result: Wire = {"type": "result", "id": operation.id}
        try:
            result |= await self._do(operation)
        except (Refused, NoResponse, ApiError) as refusal:
            result["error"] = str(refusal)
        except TimeoutError:
            # The bot has acknowledged and takes its time: the person goes on seeing "is thinking…"
            pass
        except Exception:
            # a call without a result would leave the page waiting for ever
            _log.exception("The playground could not do %s for %s.", operation.op, self._person.name)
            result["error"] = "The playground failed to do this. Its log says why."
        self._outgoing.put_nowait(result)

    async def _do(self, operation: AnyOperation) -> Wire:
        """What the operation's result carries: `choices` of an autocomplete, the `modal` that an interaction opened."""
        person = self._person
        match operation:
            case Autocomplete(command=command, option=option, typed=typed, options=options):
                choices = await person.autocomplete(command, option, typed, **options)
                return {"choices": [choice.to_dict() for choice in choices]}
            case Write(text=text, uploads=named):
                await person.write(text, *(self._uploads.take(name) for name in named))
                return {}
            case Dismiss(message=message_id):
                person.dismiss(self._message(message_id))
                return {}
            case Slash(command=command, options=options, uploads=names):
                attached = {option: self._uploads.take(name) for option, name in names.items()}
                reply = await person.slash(command, {**options, **attached})
            case Click(message=message_id, custom_id=custom_id):
                reply = await person.click(self._message(message_id), custom_id)
            case Select(message=message_id, custom_id=custom_id, values=values):
                reply = await person.select(self._message(message_id), custom_id, values)
            case Fill(modal=modal_id, values=values, uploads=names):
                files = {field: [self._uploads.take(name) for name in named] for field, named in names.items()}
                reply = await self._fill(modal_id, {**values, **files})
        if reply.modal is None:
            return {}
        self._modals[reply.modal.id] = reply.modal
        return {"modal": {"id": str(reply.modal.id), "form": reply.modal.form.to_dict()}}

    async def _fill(self, modal_id: int, answers: Mapping[str, FieldValue]) -> Reply:
        """Send the form, which closes it at once: sent twice it would be answered twice. One that is refused stays."""
        modal = self._modals.pop(modal_id, None)
        if modal is None:
            raise Refused("This form is no longer open. Open it again.")
        try:
            return await self._person.fill(modal, answers)
        except (Refused, NoResponse):
            self._modals[modal_id] = modal
            raise

    def _message(self, message_id: int) -> Message:
        for message in self._person.inbox():
            if message.id == message_id:
                return message
        raise Refused("The message is no longer there.")

    def _on_event(self, event: Event) -> None:
        wire = self._wire(event)
        if wire is not None:
            self._outgoing.put_nowait(wire)

    def _wire(self, event: Event) -> Wire | None:
        """The event as the page reads it; None if it is not for this person."""
        match event:
            case MessageCreated(person_id=self._person.id, message=message):
                buzzed = any(known.message.id == message.id for known in self._person.notifications()[-1:])
                return {"type": "message", "created": True, "notify": buzzed, "message": message.to_dict()}
            case MessageUpdated(person_id=self._person.id, message=message):
                return {"type": "message", "created": False, "notify": False, "message": message.to_dict()}
            case MessageDeleted(person_id=self._person.id, message=message):
                return {"type": "message_delete", "id": str(message.id)}
            case InteractionFailed(person_id=self._person.id, interaction_id=interaction_id, reason=reason):
                return {"type": "interaction_failed", "interaction": str(interaction_id), "reason": reason}
            case TypingStarted(person_id=self._person.id):
                return {"type": "typing"}
            case CommandsChanged():
                return {"type": "commands", "commands": commands_offered(self._world)}
            case PersonJoined(user=user):
                return {"type": "person", "person": user.to_dict()}
            case BotPresence(online=online):
                return {"type": "bot", "bot": self._world.bot.to_dict(), "online": online}
        return None


def commands_offered(world: World) -> list[Wire]:
    """Every command that a person can call: its full name, as in "trainer train", its description and its options."""
    return [
        {
            "name": target.name,
            "description": target.description,
            "options": [option.to_dict() for option in target.options],
        }
        for target in targets(world.commands)
    ]

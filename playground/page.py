"""The chat page: a person's direct message with the bot, in the browser.

The page talks to the playground over one WebSocket. It is sent the state and then every change; what the person does
there calls the same `Person` that scripted people are. Only this machine's own page is served: a Host or an Origin from
elsewhere is refused, so that no web page the person happens to visit can drive the bot.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from playground.commands import Refused, Value, targets
from playground.components import Modal
from playground.errors import ApiError
from playground.interactions import FILE_LIMIT
from playground.messages import Message
from playground.people import NoResponse, Person
from playground.wire import Wire
from playground.world import (
    BotPresence,
    CommandsChanged,
    Event,
    MessageCreated,
    MessageDeleted,
    MessageUpdated,
    TypingStarted,
    World,
)

if TYPE_CHECKING:
    from playground.server import Playground

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MAX_WAITING_UPLOADS = 16
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' http://127.0.0.1:*; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


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
    """Send a form. `modal` is the id with which it was opened."""

    op: Literal["fill"]
    modal: int
    values: dict[str, str | list[str]]


class Write(Operation):
    op: Literal["write"]
    text: str
    upload: str | None = None


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
        self._outgoing.put_nowait(result)

    async def _do(self, operation: AnyOperation) -> Wire:
        """What the operation's result carries: `choices` of an autocomplete, the `modal` that an interaction opened."""
        person = self._person
        match operation:
            case Autocomplete(command=command, option=option, typed=typed, options=options):
                choices = await person.autocomplete(command, option, typed, **options)
                return {"choices": [choice.to_dict() for choice in choices]}
            case Write(text=text, upload=upload):
                await person.write(text, None if upload is None else self._uploads.take(upload))
                return {}
            case Dismiss(message=message_id):
                person.dismiss(self._message(message_id))
                return {}
            case Slash(command=command, options=options, uploads=names):
                attached = {option: self._uploads.take(name) for option, name in names.items()}
                reply = await person.slash(command, file=attached.pop("file", None), **options, **attached)
            case Click(message=message_id, custom_id=custom_id):
                reply = await person.click(self._message(message_id), custom_id)
            case Select(message=message_id, custom_id=custom_id, values=values):
                reply = await person.select(self._message(message_id), custom_id, values)
            case Fill(modal=modal_id, values=answers):
                if modal_id not in self._modals:
                    raise Refused("This form is no longer open. Open it again.")
                reply = await person.fill(self._modals[modal_id], answers)
                del self._modals[modal_id]
        if reply.modal is None:
            return {}
        self._modals[reply.modal.interaction_id] = reply.modal
        return {"modal": {"id": reply.modal.interaction_id, "form": reply.modal.form.to_dict()}}

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
            case TypingStarted(person_id=self._person.id):
                return {"type": "typing"}
            case CommandsChanged():
                return {"type": "commands", "commands": commands_offered(self._world)}
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


class Page:
    """The routes of the chat page."""

    def __init__(self, playground: "Playground") -> None:
        self._playground = playground
        self._uploads = Uploads()
        self._sockets: set[web.WebSocketResponse] = set()
        self._online = False
        self._static = {entry.name: entry for entry in files("playground").joinpath("static").iterdir()}
        playground.world.listen(self._on_event)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, BotPresence):
            self._online = event.online

    async def index(self, request: web.Request) -> web.Response:
        return self._file("index.html")

    async def static(self, request: web.Request) -> web.Response:
        return self._file(request.match_info["name"])

    def _file(self, name: str) -> web.Response:
        entry = self._static.get(name)
        if entry is None:
            raise web.HTTPNotFound(text=f"The page has no file {name}.")
        content_type = _TYPES[name[name.rindex(".") :]]
        return web.Response(body=entry.read_bytes(), content_type=content_type, charset="utf-8", headers=_HEADERS)

    async def upload(self, request: web.Request) -> web.Response:
        """Take a file, sent as the body; answers with the name under which an operation attaches it."""
        content = bytearray()
        async for chunk in request.content.iter_any():
            content += chunk
            if len(content) > FILE_LIMIT:
                sentence = f"The file is over {FILE_LIMIT // 2**20} MiB. Choose a smaller one."
                raise web.HTTPRequestEntityTooLarge(FILE_LIMIT, len(content), text=sentence)
        name = self._uploads.add(request.query.get("filename", "file"), bytes(content))
        return web.json_response({"upload": name})

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """The line to one page, for the person of `?person=ID` or else for the first one."""
        person = self._person(request.query.get("person", ""))
        socket = web.WebSocketResponse(heartbeat=30.0)
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await Session(self._playground.world, person, self._uploads, socket).run(self._state(person))
        finally:
            self._sockets.discard(socket)
        return socket

    def _person(self, wanted: str) -> Person:
        people = self._playground.people
        if wanted.isdecimal() and int(wanted) in people:
            return people[int(wanted)]
        # ids change when a playground starts anew, and an old tab comes back with an old one
        return next(iter(people.values()), None) or self._playground.person("You")

    def _state(self, person: Person) -> Wire:
        """Everything that the person sees now."""
        world = self._playground.world
        return {
            "type": "state",
            "person": person.user.to_dict(),
            "people": [other.user.to_dict() for other in self._playground.people.values()],
            "bot": world.bot.to_dict(),
            "online": self._online,
            "messages": [message.to_dict() for message in person.inbox()],
            "commands": commands_offered(world),
        }

    async def close(self, app: web.Application) -> None:
        for socket in tuple(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY)


def _guarded(handler: Handler, *, own_page_only: bool = False) -> Handler:
    """`handler` for requests to this machine by its own name; with `own_page_only`, sent by this very page."""

    async def checked(request: web.Request) -> web.StreamResponse:
        if urlsplit(f"//{request.host}").hostname not in LOOPBACK:
            raise web.HTTPForbidden(text="The playground answers only to 127.0.0.1 and localhost.")
        if own_page_only and request.headers.get("Origin") != f"{request.scheme}://{request.host}":
            raise web.HTTPForbidden(text="The playground takes this only from its own page.")
        return await handler(request)

    return checked


def mount(app: web.Application, playground: "Playground") -> None:
    """Add the chat page to `app`: `/`, `/static/{name}`, `/page/ws` and `/page/upload`."""
    page = Page(playground)
    app.router.add_get("/", _guarded(page.index))
    app.router.add_get("/static/{name}", _guarded(page.static))
    app.router.add_get("/page/ws", _guarded(page.socket, own_page_only=True))
    app.router.add_post("/page/upload", _guarded(page.upload, own_page_only=True))
    app.on_shutdown.append(page.close)

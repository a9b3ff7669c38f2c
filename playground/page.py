"""The chat page: a person's direct message with the bot, in the browser.

The page talks to the playground over one WebSocket. It is sent the state and then every change; what the person does
there calls the same `Person` that scripted people are. Only this machine's own page is served: a Host or an Origin from
elsewhere is refused, so that no web page the person happens to visit can drive the bot.
"""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, web

from playground.interactions import FILE_LIMIT
from playground.page_session import Session, Uploads, commands_offered
from playground.people import Person
from playground.wire import Wire
from playground.world import BotPresence, Event

if TYPE_CHECKING:
    from playground.server import Playground

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: {cdn}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


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
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": _POLICY.format(cdn=self._playground.origin),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(body=entry.read_bytes(), content_type=content_type, charset="utf-8", headers=headers)

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

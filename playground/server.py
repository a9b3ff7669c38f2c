"""The playground as a whole: one loopback port with the REST API, the gateway, the CDN and the chat page."""

import asyncio
import secrets
from typing import Self

from aiohttp import web

from playground.clock import Clock
from playground.faults import Faults
from playground.gateway import Gateway
from playground.interactions import Interactions
from playground.page import mount as mount_page
from playground.people import Person
from playground.ratelimit import RateLimits
from playground.rest import Rest
from playground.routes import Routes
from playground.traffic import KEPT_EXCHANGES, Traffic
from playground.world import PersonJoined, World

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 1.0


class Playground:
    """A Discord for one bot. The addresses are known once it has started; `port` 0 takes any free one.

    Point discord.py at it with `discord.http.Route.BASE = playground.api_url` and
    `discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(playground.gateway_url)`. `traffic` remembers so many
    exchanges, or all with `kept_exchanges` None, as a test may want that looks at every one.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        now: Clock | None = None,
        token: str | None = None,
        bot_name: str = "Spotter",
        kept_exchanges: int | None = KEPT_EXCHANGES,
    ) -> None:
        self.clock = now or Clock()
        self.world = World(self.clock, bot_name)
        self.faults = Faults()
        self.traffic = Traffic(kept_exchanges)
        self.token = token or f"playground.{secrets.token_urlsafe(32)}"
        self.interactions = Interactions(self.world)
        self.gateway = Gateway(self.world, self.faults, self.token)
        self.people: dict[int, Person] = {}
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def api_url(self) -> str:
        return f"{self.origin}/api/v10"

    @property
    def gateway_url(self) -> str:
        return f"ws://{HOST}:{self._port}/gw/"

    @property
    def page_url(self) -> str:
        return f"{self.origin}/"

    @property
    def application_id(self) -> int:
        return self.world.application_id

    async def start(self) -> None:
        """Listen. Raises OSError if the port is taken."""
        app = web.Application()
        limits = RateLimits()
        routes = Routes(self.world, self.interactions, self.gateway, limits)
        Rest(routes, limits, self.clock, self.token, self.faults, self.traffic).mount(app)
        self.gateway.mount(app)
        self.world.cdn.mount(app)
        mount_page(app, self)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()
        # the system chose the port if none was asked for
        self._port = self._runner.addresses[0][1]
        self.world.cdn.origin = self.origin
        self.gateway.url = self.gateway_url

    async def stop(self) -> None:
        """Close every connection and the port."""
        await self.gateway.drop(1001)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def person(self, name: str, user_id: int | None = None) -> Person:
        """The person of that name, who gets an account on the first call. The first one owns the application."""
        for person in self.people.values():
            if person.name == name:
                return person
        person = Person(self.world, self.interactions, self.world.add_user(name, user_id))
        self.people[person.id] = person
        self.world.emit(PersonJoined(person.user))
        return person

    async def drop_gateway(self, code: int = 4000) -> None:
        """Close the bot's gateway connections with that code; their sessions can be resumed."""
        await self.gateway.drop(code)

    async def ask_reconnect(self) -> None:
        """Op 7: ask the bot to connect anew and resume."""
        await self.gateway.ask_reconnect()

    async def invalidate(self, resumable: bool) -> None:
        """Op 9: tell the bot that its session is over or, if `resumable`, that it is to resume."""
        await self.gateway.invalidate(resumable)

    async def until_connected(
        self,
        timeout: float = 10.0,  # noqa: ASYNC109 - a script gives every step its limit
    ) -> None:
        """Return once the bot has got READY or RESUMED. Raises TimeoutError after `timeout` seconds."""
        await asyncio.wait_for(self.gateway.until_connected(), timeout)

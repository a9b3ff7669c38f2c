"""The Discord client: what is put together here is served until it is closed."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import discord
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot.catalog.catalog import Catalog
from bot.chat.absence import Absence
from bot.chat.access import Access
from bot.chat.commands.repeats import Repeats
from bot.chat.drops import Drops
from bot.chat.errands import Errands
from bot.chat.notify.missed import Tell
from bot.chat.plot import Plotter
from bot.chat.render.message import AnyButton
from bot.chat.reply import Interaction
from bot.chat.tree import SpotterTree
from bot.chat.ui.presses import press
from bot.chat.ui.view import ITEMS
from bot.runs.service import RunService
from bot.store.db import Database
from trainer_core.errors import SpotterError

_log = logging.getLogger(__name__)

_HEARTBEAT_ACK = 11
_LONGEST_WAIT = 30.0
"""Seconds that the library may sleep inside a request when Discord limits us; it takes no less. For longer ones it
raises RateLimited, and what is sent next can go first."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the connection is. Times are `time.monotonic()`; None before the first."""

    ready: bool
    """Logged in, and not disconnected since."""
    last_acknowledged: float | None
    """When the connection was made or a heartbeat last answered. The library itself does not notice lost answers
    while any other frame arrives."""


async def _nothing_missed(_user_id: int, _tell: Tell) -> None:
    return None


class SpotterClient(discord.Client):
    """Serves the commands, the buttons and the files that are dropped. Reports are sent through it by others."""

    def __init__(
        self,
        *,
        database: Database,
        service: RunService,
        catalog: Catalog,
        access: Access,
        plotter: Plotter,
        read_mark: Callable[[str], Awaitable[str | None]],
        write_mark: Callable[[str, str], Awaitable[None]],
        guilds: bool = False,
        tell_missed: Callable[[int, Tell], Awaitable[None]] = _nothing_missed,
        now: Callable[[], float] = time.time,
        progress_pause: float = 2.0,
        heartbeat_timeout: float = 60.0,
    ) -> None:
        """`guilds`: whether the commands may be used outside of direct messages; `tell_missed` tells a user who took no
        direct messages, once, what did not arrive; `progress_pause`: seconds between two edits that show progress.
        """
        super().__init__(
            intents=discord.Intents(dm_messages=True),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            guild_ready_timeout=0,
            heartbeat_timeout=heartbeat_timeout,
            max_ratelimit_timeout=_LONGEST_WAIT,
            enable_debug_events=True,  # for `on_socket_raw_receive`
        )
        self.service = service
        self.catalog = catalog
        self.access = access
        self.plotter = plotter
        self.tell_missed = tell_missed
        self.now = now
        self.repeats = Repeats()
        self.errands = Errands(pause=progress_pause)
        self._drops = Drops(self, database)
        self._absence = Absence(self, self._drops, database)
        self.tree = SpotterTree(self, guilds=guilds)
        self._read_mark = read_mark
        self._write_mark = write_mark
        self._connected = False
        self._last_acknowledged: float | None = None

    def health(self) -> Health:
        return Health(
            ready=self._connected and self.is_ready() and not self.is_closed(),
            last_acknowledged=self._last_acknowledged,
        )

    async def pressed(self, interaction: Interaction, button: AnyButton) -> None:
        """Somebody pressed a button under any message of ours, old ones too."""
        await press(interaction, button)

    async def sync_commands(self) -> bool:
        """Register the commands if they changed, or Discord has lost them. Returns whether it was done."""
        key, digest = f"commands:{self.application_id}", self.tree.digest()
        if await self._read_mark(key) == digest:
            known = {command.name for command in await self.tree.fetch_commands()}
            if known == {command.name for command in self.tree.get_commands()}:
                return False
        await self.tree.sync()
        await self._write_mark(key, digest)
        _log.info("registered the commands")
        return True

    async def setup_hook(self) -> None:
        self.add_dynamic_items(*ITEMS)
        try:
            await self.sync_commands()
        except (discord.HTTPException, discord.RateLimited):
            _log.exception("Discord did not take the commands; those it knows stay until the next start")
        except SpotterError:
            _log.exception("it could not be noted which commands Discord has; the next start registers them again")

    async def close(self) -> None:
        """Whoever waits for something is told that it is given up."""
        await self.give_up()
        await super().close()

    async def give_up(self) -> None:
        """End what people wait for. They are told; what they dropped is gone on with after the next start."""
        await self._absence.close()
        await self.errands.close()
        await self._drops.close()

    async def on_message(self, message: discord.Message) -> None:
        await self._drops.take(message)

    async def on_ready(self) -> None:
        """Comes again after each new session; nothing is set up here."""
        await self.on_resumed()
        _log.info("connected as %s", self.user)
        await self.catch_up()

    async def catch_up(self) -> None:
        """Begin to answer for the files that were dropped, and not answered, while nobody listened."""
        await self._absence.catch_up()

    async def on_resumed(self) -> None:
        self._connected = True
        self._last_acknowledged = time.monotonic()

    async def on_disconnect(self) -> None:
        self._connected = False

    async def on_socket_raw_receive(self, frame: str) -> None:
        if json.loads(frame).get("op") == _HEARTBEAT_ACK:
            self._last_acknowledged = time.monotonic()


def point_at(api: str, gateway: str) -> None:
    """Use another server that speaks Discord's protocol, for every client made after: `http://…/api/v10`, `ws://…/`."""
    Route.BASE = api
    DiscordWebSocket.DEFAULT_GATEWAY = URL(gateway)

"""The sender with the real client on a playground and a real store; time moves when a test says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import discord
import pytest

from bot.chat.client import point_at
from bot.chat.connection import stay_connected
from bot.chat.notify import policy
from bot.chat.notify.delivery import View
from bot.chat.notify.outbox import Outbox
from bot.chat.notify.policy import Notice
from bot.chat.notify.sender import Sender
from bot.chat.plot import Plotter
from bot.runs.announce import Change
from bot.runs.model import Run, RunState, RunStatus
from bot.runs.slots import share
from bot.runs.views import load_status
from bot.store import runs as rows
from bot.store.db import Database, Row
from playground.people import Person
from playground.server import Playground
from playground.traffic import Exchange
from tests.bot.chat import stories
from tests.bot.conftest import Log
from tests.bot.storing import append_events, keep
from tests.playground.openapi import validate_traffic
from trainer_core.events import Event

MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = "/channels/{channel_id}/messages/{message_id}"


@dataclass
class Clock:
    """Seconds since the epoch; stands still until it is advanced."""

    time: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.time


@dataclass
class Post:
    """Ada, Grace, and everything between a run's change and their direct messages."""

    playground: Playground
    database: Database
    client: discord.Client
    plotter: Plotter
    ada: Person
    grace: Person
    log: Log
    clock: Clock = field(default_factory=Clock)
    """What people read; a test may set it."""
    steady: Clock = field(default_factory=Clock)
    """What pauses are measured by."""
    due: asyncio.Event = field(default_factory=asyncio.Event)
    struck_off: set[int] = field(default_factory=set)
    """Users who may no longer use the bot."""

    @property
    def announce(self) -> Outbox:
        return Outbox(self.due.set, now=self.clock)

    async def run(self, name: str, *, watchers: Sequence[Person] = ()) -> Run:
        """A run that goes on and that Ada watches, or `watchers` do. Nobody has been told of it."""
        made = stories.run(RunState.RUNNING, name=name, spec=stories.spec(name))
        return await keep(self.database, made, watchers=[person.id for person in watchers or (self.ada,)])

    async def moved(self, run: Run, to: RunState | None = None) -> Run:
        """The run changes: to another state, or just makes progress. Whoever watches is to be told."""
        return await self.became(run, run.moved(to, self.clock()) if to else run)

    async def became(self, run: Run, after: Run) -> Run:
        """The run changes in any way."""
        async with self.database.transaction() as tx:
            await rows.update(tx, run, after, self.clock())
            await self.announce(tx, Change(run, after))
        return after

    async def put(self, notice: Notice) -> None:
        async with self.database.transaction() as tx:
            await self.announce.put_newest(tx, notice)

    async def report(self, run: Run, event: Event) -> None:
        """What the store holds of the run gets another line."""
        async with self.database.transaction() as tx:
            seq = len(await tx.all("SELECT 1 FROM events WHERE run = ?", (run.name,))) + 1
            await append_events(tx, run.name, 1, [event.stamped(run.name, 1, seq, 0.0)], seq)

    async def view(self, name: str) -> RunStatus | None:
        async with self.database.snapshot() as tx:
            run = await rows.find(tx, name)
            return await load_status(tx, run, share(1, 1, ())) if run else None

    @asynccontextmanager
    async def sending(self, view: View | None = None) -> AsyncIterator[None]:
        """The sender is at work while this is entered."""
        sender = Sender(
            *(self.database, self.client, self.plotter, view or self.view, self.due),
            serves=lambda user_id: user_id not in self.struck_off,
            retry_pause=0.01,
            now=self.clock,
            steady=self.steady,
        )
        task = asyncio.create_task(sender.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def later(self, seconds: float) -> None:
        """Time passes, for Discord too."""
        self.clock.time += seconds
        self.steady.time += seconds
        self.playground.clock.advance(seconds)
        self.due.set()

    async def settled(self, person: Person | None = None) -> None:
        """Return once the sender has found nothing due: what was due before has been seen to.

        It is told `person`, or Ada, of another run; somebody who is held up themselves cannot be.
        """
        person = person or self.ada
        marker = await self.run(f"marker-{len(self.posts())}", watchers=[person])
        await self.put(policy.summary(marker.name, person.id, 1))
        await person.until(lambda m: marker.name in m.content)

    async def noted(self, fact: Callable[[Row], bool], run: str = "swans") -> None:
        """Return once an outbox row of the run is like that; the store announces nothing. Raises TimeoutError."""
        async with asyncio.timeout(20):
            while not any(fact(row) for row in await self.rows() if row["run"] == run):
                await asyncio.sleep(0.01)

    async def tried(self, count: int) -> None:
        """Return once so many tries of anything have come to nothing, and are noted. Raises TimeoutError."""
        async with asyncio.timeout(20):
            while sum(row["tries"] for row in await self.rows()) < count:
                await asyncio.sleep(0.01)

    async def rows(self) -> list[Row]:
        async with self.database.snapshot() as tx:
            return await tx.all("SELECT * FROM outbox ORDER BY id")

    def posts(self) -> list[Exchange]:
        """Every try to send a message."""
        return self.playground.traffic.matching("POST", MESSAGES)


@pytest.fixture
async def post(tmp_path: Path, discord_addresses: None, log: Log) -> AsyncIterator[Post]:
    """All that is said is held against Discord's own description at the end."""
    database = await Database.open(tmp_path / "spotter.db")
    plotter = Plotter()
    async with Playground() as playground:
        point_at(playground.api_url, playground.gateway_url)
        client = discord.Client(
            intents=discord.Intents.none(), max_messages=None, guild_ready_timeout=0, max_ratelimit_timeout=30
        )
        async with client:
            serving = asyncio.create_task(stay_connected(client, playground.token))
            await playground.until_connected()
            yield Post(playground, database, client, plotter, playground.person("Ada"), playground.person("Grace"), log)
        await serving
    await plotter.close()
    await database.close()
    assert validate_traffic(playground.traffic) == []

"""The real client on a playground, with the real service and store in a fresh folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.catalog.catalog import Catalog
from bot.chat.access import Access
from bot.chat.client import SpotterClient, point_at
from bot.chat.plot import Plotter
from bot.runs.announce import Change
from bot.runs.lifecycle import after_event
from bot.runs.model import Run, RunState, Stall
from bot.runs.record import Record
from bot.runs.service import RunService
from bot.runs.slots import Slot, SlotKind
from bot.store import attempts
from bot.store import runs as rows
from bot.store.db import Database, Transaction
from bot.store.events import journal_position
from playground.people import Person
from playground.reply import Reply
from playground.server import Playground
from tests.bot.chat import cards
from tests.bot.storing import append_events
from tests.playground.openapi import validate_traffic
from trainer_core.data import catalog as folders
from trainer_core.data.card import DatasetCard
from trainer_core.events import Event
from trainer_core.files.atomic import write_atomic
from trainer_core.files.layout import Home

UPLOAD_LIMIT = 100_000
"""Bytes."""


@dataclass
class Recorded:
    """Whom the service tells that there is work: nobody runs anything here."""

    slots: Sequence[Slot] = (Slot("cpu-0", SlotKind.CPU, 1),)
    running_cap: int = 0
    woken: int = 0
    stopped: list[str] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)
    steered: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)

    @property
    def held(self) -> dict[str, float]:
        return {}

    def wake(self) -> None:
        self.woken += 1

    def stop(self, run: Run) -> None:
        self.stopped.append(run.name)

    def pause(self, run: Run) -> None:
        self.paused.append(run.name)

    def steer(self, run: Run) -> None:
        self.steered.append(run.name)

    def restart(self, run: Run) -> None:
        self.restarted.append(run.name)

    def wait(self, run: Run) -> None:
        self.waited.append(run.name)


async def nothing_to_announce(tx: Transaction, change: Change) -> None:
    """Reports are the sender's; its tests have them."""


@dataclass
class Chat:
    """A conversation: people on one side, Spotter on the other, its store within reach."""

    playground: Playground
    home: Home
    database: Database
    catalog: Catalog
    service: RunService
    dispatch: Recorded
    plotter: Plotter
    owner: Person
    friend: Person
    stranger: Person
    marks: dict[str, str] = field(default_factory=dict)
    guilds: bool = False

    def client(self) -> SpotterClient:
        """Another bot on the same store, as after a restart."""

        async def read(key: str) -> str | None:
            return self.marks.get(key)

        async def write(key: str, value: str) -> None:
            self.marks[key] = value

        return SpotterClient(
            database=self.database,
            service=self.service,
            catalog=self.catalog,
            access=Access(self.owner.id, frozenset({self.friend.id})),
            plotter=self.plotter,
            read_mark=read,
            write_mark=write,
            guilds=self.guilds,
            progress_pause=0.0,
        )

    def added(self, card: DatasetCard, by: Person | None = None) -> DatasetCard:
        """The data set is there, as far as the chat can tell: its text is read by workers only."""
        card = card.model_copy(update={"added_by": str((by or self.owner).id)})
        folder = self.home.dataset(card.name)
        folder.mkdir(parents=True)
        write_atomic(folder / folders.CARD, card.model_dump_json().encode())
        return card

    async def runs(self) -> list[Run]:
        async with self.database.snapshot() as tx:
            return await rows.in_states(tx, list(RunState))

    async def outcome(self, reply: Reply) -> None:
        """Return once the reply shows what came of it, rather than how far it is. Raises TimeoutError."""
        assert reply.message
        place = reply.message.id
        await self.owner.until(lambda m: m.id == place and not m.content.startswith(("📥", "🔤 Making")), 60)

    async def reported(self, name: str, story: Sequence[Event]) -> Run:
        """A worker took the run up and reported `story`."""
        async with self.database.transaction() as tx:
            before = await rows.find(tx, name)
            assert before is not None
            after = before.moved(RunState.STARTING, 0.0)
            await attempts.insert(tx, name, after.attempt, "cpu-0", 0.0)
            await rows.update(tx, before, after, 100.0)
        return await self.reported_on(name, *story)

    async def reported_on(self, name: str, *story: Event) -> Run:
        """The run's worker went on to report `story`."""
        async with self.database.transaction() as tx:
            before = after = await rows.find(tx, name)
            assert before is not None and after is not None
            _, last = await journal_position(tx, name, after.attempt)
            stamped = [each.stamped(name, after.attempt, seq, 0.0) for seq, each in enumerate(story, start=last + 1)]
            await append_events(tx, name, after.attempt, stamped, last + len(stamped))
            for event in stamped:
                *_, after = (after, *after_event(after, event, 100.0))
            await rows.update(tx, before, after, 100.0)
            return after

    async def stall(self, name: str, stall: Stall) -> None:
        """The run's worker does not advance."""
        async with self.database.transaction() as tx:
            run = await rows.find(tx, name)
            assert run is not None
            await rows.update(tx, run, replace(run, stall=stall), 100.0)

    def commands_put(self) -> int:
        """How often the commands were registered."""
        return sum(exchange.method == "PUT" for exchange in self.playground.traffic.exchanges)


class Running:
    """A client that is connected while this is entered."""

    def __init__(self, client: SpotterClient, token: str) -> None:
        self.client = client
        self._token = token

    async def __aenter__(self) -> SpotterClient:
        self._task = asyncio.create_task(self.client.start(self._token))
        ready = asyncio.create_task(self.client.wait_until_ready())
        await asyncio.wait({self._task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            ready.cancel()
            await self._task
        return self.client

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        await self._task


@pytest.fixture
async def chat(tmp_path: Path, discord_addresses: None) -> AsyncIterator[Chat]:
    """Everything but a connected client. What was said is held against Discord's own description at the end."""
    home = Home(tmp_path / "home")
    database = await Database.open(home.database)
    catalog = Catalog(home, Record(database), upload_limit=UPLOAD_LIMIT, corpus_limit=10 * UPLOAD_LIMIT)
    dispatch = Recorded()
    plotter = Plotter()
    async with Playground() as playground:
        point_at(playground.api_url, playground.gateway_url)
        made = Chat(
            playground,
            home,
            database,
            catalog,
            RunService(database, home, catalog, nothing_to_announce, dispatch),
            dispatch,
            plotter,
            owner=playground.person("Ada"),
            friend=playground.person("Grace"),
            stranger=playground.person("Mallory"),
        )
        made.added(cards.dataset(name=folders.BUILTIN, filename=folders.BUILTIN, format="builtin", builtin=True))
        yield made
    await catalog.close()
    await plotter.close()
    await database.close()
    assert validate_traffic(playground.traffic) == []


@pytest.fixture
async def spotter(chat: Chat) -> AsyncIterator[SpotterClient]:
    """The real client, connected and ready."""
    async with Running(chat.client(), chat.playground.token) as client:
        yield client

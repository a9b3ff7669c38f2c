"""A store, a pool, and the announcements of what changed, in a fresh home folder."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.catalog.catalog import Catalog
from bot.runs.announce import Change
from bot.runs.local import LocalPool
from bot.runs.model import Run, RunState
from bot.runs.record import Record
from bot.store import attempts
from bot.store import runs as rows
from bot.store.db import Database, Transaction
from tests.bot.catalog.inline import Inline
from tests.bot.catalog.laying import lay_builtin
from tests.bot.chat.stories import run
from tests.bot.storing import events_of
from trainer_core.events import Event, encode
from trainer_core.files.layout import AttemptDirectory, Home


@dataclass
class Engine:
    """What runs are made of, without a bot."""

    home: Home
    database: Database
    pool: LocalPool
    changes: list[Change] = field(default_factory=list)
    announced: asyncio.Event = field(default_factory=asyncio.Event)

    async def announce(self, tx: Transaction, change: Change) -> None:
        self.changes.append(change)
        tx.after_commit["announced"] = self.announced.set

    async def add(self, state: RunState, attempt: int, **changes: object) -> Run:
        """A run as the store would hold it, with the attempts it has had."""
        made = run(state, attempt=attempt, **changes)
        async with self.database.transaction() as tx:
            await rows.insert(tx, made, None)
            for number in range(1, attempt + 1):
                await attempts.insert(tx, made.name, number, "cpu-0", 0.0)
                if number < attempt or not state.has_worker:
                    await attempts.end(tx, made.name, number, 1.0, "lost", "gone")
        return made

    async def read(self, name: str) -> Run:
        async with self.database.snapshot() as tx:
            found = await rows.find(tx, name)
        assert found is not None
        return found

    async def stored(self, name: str) -> list[Event]:
        async with self.database.snapshot() as tx:
            return await events_of(tx, name)

    def attempt(self, name: str, number: int = 1) -> AttemptDirectory:
        directory = self.home.run(name).attempt(number)
        directory.path.mkdir(parents=True, exist_ok=True)
        return directory


@asynccontextmanager
async def held(attempt: AttemptDirectory) -> AsyncIterator[None]:
    """While this is entered another process holds the attempt's lock, as its shim would."""
    script = (
        "import sys; from pathlib import Path; from trainer_core.process import Lock;"
        "lock = Lock.take(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(attempt.lock)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdout is not None and await holder.stdout.readline() == b"held\n"
    try:
        yield
    finally:
        await holder.communicate(b"")


def lines(name: str, attempt: int, events: list[Event], first: int = 1) -> bytes:
    """The events as a worker would write them."""
    return b"".join(encode(e.stamped(name, attempt, seq, 0.0)) for seq, e in enumerate(events, start=first))


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    home = Home(tmp_path / "home")
    database = await Database.open(home.database)
    pool = LocalPool(home, standby=0)
    await pool.start()
    yield Engine(home, database, pool)
    await pool.close()
    await database.close()


@pytest.fixture
def inline() -> Inline:
    return Inline()


@pytest.fixture
def catalog(engine: Engine, inline: Inline) -> Catalog:
    """One that has what ships with Spotter, by its card, and takes in the rest in this process."""
    lay_builtin(engine.home)
    return Catalog(engine.home, Record(engine.database), upload_limit=2**20, corpus_limit=2**24, tasks=inline)

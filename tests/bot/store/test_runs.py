from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.runs.model import RunError, RunState
from bot.store import events as event_rows
from bot.store import runs as rows
from bot.store.db import Database
from tests.bot.chat.stories import NAME, run, summary
from trainer_core.errors import Code
from trainer_core.events import Event, JobStarted, MetricsCheckpoint


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "spotter.db")
    yield database
    await database.close()


async def test_a_run_is_read_back_as_it_was_written(database: Database) -> None:
    queued = run(RunState.QUEUED)
    failed = queued.moved(RunState.FAILED, 9.0, error=RunError(Code.DISK_FULL, "It is full.", "Free some."))
    async with database.transaction() as tx:
        await rows.insert(tx, queued, "request-1")
        assert await rows.find(tx, NAME) == queued
        await rows.update(tx, queued, failed, 9.0)
        assert await rows.find(tx, NAME) == failed
        assert await rows.find_by_request(tx, "request-1") == failed
        assert await rows.find_by_request(tx, "request-2") is None
        assert await rows.find(tx, "nobody") is None


async def test_what_a_run_came_to_is_read_back(database: Database) -> None:
    running = run(RunState.RUNNING, attempt=1)
    done = running.moved(RunState.SUCCEEDED, 5.0, summary=summary())
    async with database.transaction() as tx:
        await rows.insert(tx, running, None)
        await rows.update(tx, running, done, 5.0)
        found = await rows.find(tx, NAME)
    assert found is not None and found.summary == summary() and found.ended_at == 5.0


async def test_watching_is_said_once(database: Database) -> None:
    async with database.transaction() as tx:
        await rows.insert(tx, run(RunState.QUEUED), None)
        assert await rows.add_watcher(tx, NAME, 7, 1.0)
        assert not await rows.add_watcher(tx, NAME, 7, 2.0)
        assert await rows.watches(tx, NAME) == {7: 1.0}
        assert await rows.remove_watcher(tx, NAME, 7)
        assert not await rows.remove_watcher(tx, NAME, 7)


@pytest.mark.parametrize(
    ("attempts", "fruitless"),
    [
        ([], 0),
        (["began"], 1),
        (["began", "began"], 2),
        (["saved", "began"], 1),
        (["began", "saved"], 0),
        (["never", "never", "never"], 0),
        (["refused", "never", "refused"], 2),
        (["began", "saved", "refused", "began"], 2),
    ],
)
async def test_attempts_that_got_no_further_are_counted(
    database: Database, attempts: list[str], fruitless: int
) -> None:
    async with database.transaction() as tx:
        await rows.insert(tx, run(RunState.RUNNING, attempt=len(attempts)), None)
        for number, how in enumerate(attempts, start=1):
            await rows.insert_attempt(tx, NAME, number, 0.0)
            story: list[Event] = [JobStarted(pid=1, host="h", device="CPU")] if how in ("began", "saved") else []
            if how == "saved":
                story.append(MetricsCheckpoint(step=1, path="p", bytes=1, seconds=0.1))
            stamped = [each.stamped(NAME, number, seq, 0.0) for seq, each in enumerate(story, start=1)]
            await event_rows.append_events(tx, NAME, number, stamped, 1)
            await rows.end_attempt(tx, NAME, number, 1.0, f"{rows.REFUSED}: x" if how == "refused" else "Exit(...)")
        assert await rows.fruitless_attempts(tx, NAME) == fruitless

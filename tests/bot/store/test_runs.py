from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.runs.model import Question, Request, RunError, RunState, Stall
from bot.store import runs as rows
from bot.store.db import Database
from tests.bot.chat.stories import NAME, run, summary
from trainer_core.errors import Code


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


async def test_a_stall_is_read_back_and_goes_with_its_worker(database: Database) -> None:
    running = run(RunState.RUNNING, attempt=1)
    stalled = replace(running, stall=Stall(since=1.0, noticed_at=2.0, step=3, restarts_at=4.0))
    lost = stalled.moved(RunState.LOST, 5.0, error=RunError(Code.TRAINING_STALLED, "It hung.", "Wait.", "a.py:1 in f"))
    async with database.transaction() as tx:
        await rows.insert(tx, running, None)
        await rows.update(tx, running, stalled, 2.0)
        assert await rows.find(tx, NAME) == stalled
        assert await tx.all("SELECT * FROM transitions") == [], "nothing moved"
        await rows.update(tx, stalled, lost, 5.0)
        found = await rows.find(tx, NAME)
    assert found == lost and lost.stall is None


async def test_a_question_and_a_request_are_read_back(database: Database) -> None:
    running = run(RunState.RUNNING, attempt=1)
    asked = running.asked_for(Request("rate", 3e-4), 1.0).asked_for(Request("land"), 2.0)
    asks = asked.moved(RunState.PAUSING, 4.0).moved(RunState.PAUSED, 5.0, question=Question(3, "it ran away", 5.0))
    async with database.transaction() as tx:
        await rows.insert(tx, running, None)
        for before, after in ((running, asked), (asked, asks), (asks, asks.moved(RunState.STOPPED, 6.0))):
            await rows.update(tx, before, after, 5.0)
            assert await rows.find(tx, NAME) == after
        assert after.question is None and [request.seq for request in after.requests] == [1000, 2000]


async def test_names_are_of_ones_own_runs(database: Database) -> None:
    async with database.transaction() as tx:
        for name, owner in (("swans", 7), ("geese", 8)):
            await rows.insert(tx, run(RunState.QUEUED, name=name, owner_id=owner), None)
        assert await rows.names_of(tx, 7) == {"swans"}

"""Summaries of runs in progress: one a period, whatever was missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.chat.notify.outbox import Outbox
from bot.runs.model import TERMINAL, RunState
from bot.schedule import Schedule
from bot.store import runs as rows
from bot.store.db import Database
from tests.bot.chat import stories
from tests.bot.storing import keep

MINUTE = 60.0


@dataclass
class Desk:
    """A store with a clock beside it."""

    database: Database
    now: float = stories.START
    put: asyncio.Event = field(default_factory=asyncio.Event)

    def schedule(self, minutes: float, look_every: float = 3600) -> Schedule:
        announce = Outbox(self.put.set, now=lambda: self.now)
        return Schedule(self.database, announce, heartbeat_minutes=minutes, look_every=look_every, now=lambda: self.now)

    async def at(self, schedule: Schedule, minutes: float) -> list[str]:
        """Look for summaries so many minutes after the runs began. Returns all there are by then."""
        self.now = stories.START + minutes * MINUTE
        await schedule.summaries()
        return await self.summaries()

    async def summaries(self) -> list[str]:
        async with self.database.snapshot() as tx:
            return [row["key"] for row in await tx.all("SELECT key FROM outbox WHERE kind = 'summary' ORDER BY id")]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    database = await Database.open(tmp_path / "spotter.db")
    yield Desk(database)
    await database.close()


async def test_each_period_brings_one_summary(desk: Desk) -> None:
    await keep(desk.database, stories.run(RunState.RUNNING, name="swans"), watchers=[7])
    schedule = desk.schedule(10)
    assert await desk.at(schedule, 9.9) == []
    assert await desk.at(schedule, 10) == ["summary:swans:7:1"]
    assert await desk.at(schedule, 19.9) == ["summary:swans:7:1"]
    assert await desk.at(schedule, 20) == ["summary:swans:7:1", "summary:swans:7:2"]
    assert await desk.at(schedule, 20) == ["summary:swans:7:1", "summary:swans:7:2"]


async def test_the_sender_is_woken_for_a_new_summary_only(desk: Desk) -> None:
    await keep(desk.database, stories.run(RunState.RUNNING, name="swans"), watchers=[7])
    schedule = desk.schedule(10)
    await desk.at(schedule, 10)
    assert desk.put.is_set()
    desk.put.clear()
    await desk.at(schedule, 19)
    assert not desk.put.is_set()


async def test_a_night_that_was_missed_brings_one_summary_not_all(desk: Desk) -> None:
    await keep(desk.database, stories.run(RunState.RUNNING, name="swans"), watchers=[7])
    assert await desk.at(desk.schedule(10), 600) == ["summary:swans:7:60"]


async def test_everyone_who_watches_gets_one(desk: Desk) -> None:
    await keep(desk.database, stories.run(RunState.RUNNING, name="swans"), watchers=[7, 8])
    await keep(desk.database, stories.run(RunState.RUNNING, name="geese"), watchers=[8])
    await keep(desk.database, stories.run(RunState.RUNNING, name="ducks"))
    found = await desk.at(desk.schedule(10), 10)
    assert sorted(found) == ["summary:geese:8:1", "summary:swans:7:1", "summary:swans:8:1"]


@pytest.mark.parametrize("state", sorted(set(RunState) - {RunState.RUNNING}))
async def test_only_a_run_that_runs_has_summaries(desk: Desk, state: RunState) -> None:
    await keep(desk.database, stories.run(state, name="swans"), watchers=[7])
    assert await desk.at(desk.schedule(10), 60) == []


async def test_after_its_end_there_are_no_more(desk: Desk) -> None:
    run = await keep(desk.database, stories.run(RunState.RUNNING, name="swans"), watchers=[7])
    schedule = desk.schedule(10)
    first = await desk.at(schedule, 10)
    for state in sorted(TERMINAL - {RunState.STOPPED}):
        async with desk.database.transaction() as tx:
            await rows.update(tx, run, run.moved(state, desk.now), desk.now)
        assert await desk.at(schedule, 60) == first


async def test_the_scheduler_looks_by_itself_and_zero_minutes_mean_none(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of two schedules that start together the one with summaries has fired twice; the other is silent."""
    run = stories.run(RunState.RUNNING, name="swans")
    await keep(desk.database, run, watchers=[7])
    quiet = Desk(await Database.open(tmp_path / "quiet.db"))
    await keep(quiet.database, run, watchers=[7])
    desk.now = quiet.now = stories.START + MINUTE
    schedules = [quiet.schedule(0, look_every=0.02), desk.schedule(1, look_every=0.02)]
    for schedule in schedules:
        schedule.start()
    for period in (1, 2):
        desk.now = quiet.now = stories.START + period * MINUTE
        async with asyncio.timeout(20):
            while len(await desk.summaries()) < period:
                desk.put.clear()
                await desk.put.wait()
    for schedule in schedules:
        schedule.close()
    assert await quiet.summaries() == []
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    await quiet.database.close()


async def test_a_schedule_that_never_started_can_be_closed(desk: Desk) -> None:
    desk.schedule(1).close()
    assert await desk.summaries() == []

"""Summaries of runs in progress and backups: one a period, whatever was missed and however the clock is set."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from apscheduler.executors import base as executors
from apscheduler.schedulers import base

from bot.chat.notify.outbox import Outbox
from bot.runs.model import TERMINAL, RunState
from bot.schedule import Schedule
from bot.store import runs as rows
from bot.store.db import Database
from tests.bot.chat import stories
from tests.bot.conftest import Log
from tests.bot.storing import keep

MINUTE = 60.0
FROM_1970 = timedelta(days=365 * 50)


@dataclass
class Desk:
    """A store with a clock beside it."""

    database: Database
    now: float = stories.START
    steady: float = 0.0
    put: asyncio.Event = field(default_factory=asyncio.Event)
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    backups: int = 0
    sweeps: int = 0

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.steady += seconds

    def look_at_clock(self) -> float:
        self.looked.set()
        return self.now

    async def looks(self, times: int) -> None:
        """Return once the schedule has looked so many times more."""
        async with asyncio.timeout(20):
            for _ in range(times):
                self.looked.clear()
                await self.looked.wait()

    def schedule(
        self, minutes: float, look_every: float = 3600, back_up: Callable[[], Awaitable[None]] | None = None
    ) -> Schedule:
        return Schedule(
            self.database,
            Outbox(self.put.set, now=lambda: self.now),
            heartbeat_minutes=minutes,
            back_up=back_up or self.back_up,
            sweep=self.sweep,
            look_every=look_every,
            now=self.look_at_clock,
            steady=lambda: self.steady,
        )

    async def back_up(self) -> None:
        self.backups += 1
        self.put.set()

    async def sweep(self) -> None:
        self.sweeps += 1
        self.put.set()

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
    assert await desk.at(desk.schedule(10), 600) == ["summary:swans:7:1"]


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
    schedules = [quiet.schedule(0, look_every=0.02), desk.schedule(1, look_every=0.02)]
    for schedule in schedules:
        schedule.start()
    for period in (1, 2):
        for each in (desk, quiet):
            each.pass_time(MINUTE)
        await until(desk, period)
    for schedule in schedules:
        await schedule.close()
    assert await quiet.summaries() == []
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    await quiet.database.close()


async def until(desk: Desk, count: int) -> None:
    async with asyncio.timeout(20):
        while len(await desk.summaries()) < count:
            desk.put.clear()
            await desk.put.wait()


class Shifted(datetime):
    """The system's clock, set by so many seconds."""

    by = 0.0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # like the real one, of no subclass
        return datetime.now(tz) + timedelta(seconds=cls.by)


@pytest.mark.parametrize(
    "by", [timedelta(days=1), timedelta(days=-1), timedelta(hours=1), timedelta(hours=-1), FROM_1970]
)
async def test_a_clock_that_is_set_neither_stops_nor_repeats_anything(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, by: timedelta
) -> None:
    for module in (base, executors):
        monkeypatch.setattr(module, "datetime", Shifted)
    monkeypatch.setattr(Shifted, "by", 0.0)
    await keep(desk.database, stories.run(RunState.RUNNING, name="swans"), watchers=[7])
    schedule = desk.schedule(1, look_every=0.02)
    schedule.start()
    desk.pass_time(MINUTE)
    await until(desk, 1)

    Shifted.by = by.total_seconds()
    desk.now += by.total_seconds()
    await until(desk, 2)
    await desk.looks(10)
    assert len(await desk.summaries()) == 2, "one at once, and no burst"
    desk.pass_time(MINUTE)
    await until(desk, 3)
    await desk.looks(10)
    assert len(await desk.summaries()) == 3
    assert desk.backups <= 3, "looked for at the start, because time has passed, and because the clock was set"
    await schedule.close()


async def test_a_machine_that_sleeps_looks_for_a_due_backup_whenever_it_wakes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It wakes for moments only. The steady clock does not count its sleep, so each looks as if the clock was set."""
    for module in (base, executors):
        monkeypatch.setattr(module, "datetime", Shifted)
    monkeypatch.setattr(Shifted, "by", 0.0)
    schedule = desk.schedule(0, look_every=0.02)
    schedule.start()
    async with asyncio.timeout(20):
        for wakes in range(4):
            while desk.backups <= wakes:
                desk.put.clear()
                await desk.put.wait()
            Shifted.by += 50 * MINUTE
            desk.now += 50 * MINUTE
    await schedule.close()


async def test_a_backup_is_tried_soon_after_the_start_and_may_fail(desk: Desk, log: Log) -> None:
    async def full() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    schedule = desk.schedule(1, look_every=0.02, back_up=full)
    schedule.start()
    await log.until("the database was not backed up")
    desk.pass_time(MINUTE)
    await desk.looks(5)
    await schedule.close()


async def test_a_schedule_that_never_started_can_be_closed(desk: Desk) -> None:
    await desk.schedule(1).close()
    assert await desk.summaries() == []

"""Workers that live and do not advance are noticed, told of, and in the end killed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from bot.runs.announce import Change
from bot.runs.executor import Job
from bot.runs.model import RunState, Stall
from bot.runs.watchdog import Watchdog
from bot.store import runs as rows
from bot.store.db import Transaction
from tests.bot.chat.stories import progress
from tests.bot.runs.conftest import Engine
from tests.bot.runs.stage import Stage
from trainer_core.events import JobPaused, JobStalled

FLOOR = 300.0
JOB = Job("brisk-otter-42", 1)


@dataclass
class Clock:
    time: float = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def watchdog(engine: Engine, stage: Stage, clock: Clock) -> Watchdog:
    """It follows a run that trains."""
    watchdog = Watchdog(engine.database, stage, engine.announce, floor=FLOOR, monotonic=clock, now=lambda: 1000.0)
    await engine.add(RunState.RUNNING, attempt=1)
    watchdog.follow(JOB)
    watchdog.heard(JOB, [progress(10), progress(20)])
    return watchdog


async def test_a_worker_that_advances_is_left_alone(
    engine: Engine, stage: Stage, watchdog: Watchdog, clock: Clock
) -> None:
    for step in range(30, 100, 10):
        clock.time += 0.9 * FLOOR
        await watchdog.look()
        watchdog.heard(JOB, [progress(step)])
    assert stage.asked == [] and engine.changes == []


async def test_a_stall_is_dumped_and_told_of_once(
    engine: Engine, stage: Stage, watchdog: Watchdog, clock: Clock
) -> None:
    for clock.time in (0.9 * FLOOR, 1.1 * FLOOR, 1.2 * FLOOR):
        await watchdog.look()
    assert stage.asked == [(JOB, "dump")]
    (change,) = engine.changes
    stall = (await engine.read(JOB.run)).stall
    assert stall == change.after.stall and stall is not None
    assert (stall.since, stall.noticed_at, stall.step) == (1000.0 - 1.1 * FLOOR, 1000.0, 20)
    assert stall.restarts_at == 1000.0 + FLOOR
    (event,) = change.events
    assert isinstance(event, JobStalled) and (event.run, event.attempt, event.step) == (JOB.run, 1, 20)


async def test_one_for_which_nobody_chose_is_killed(stage: Stage, watchdog: Watchdog, clock: Clock) -> None:
    for clock.time in (1.1 * FLOOR, 2.0 * FLOOR, 2.2 * FLOOR, 2.3 * FLOOR):
        await watchdog.look()
    assert stage.asked == [(JOB, "dump"), (JOB, "kill")]


async def test_one_that_advances_again_is_not_killed(stage: Stage, watchdog: Watchdog, clock: Clock) -> None:
    clock.time = 1.1 * FLOOR
    await watchdog.look()
    watchdog.heard(JOB, [progress(30)])
    clock.time = 2.0 * FLOOR
    await watchdog.look()
    assert stage.asked == [(JOB, "dump")]


async def test_one_that_somebody_waits_for_is_asked_about_later(
    engine: Engine, stage: Stage, watchdog: Watchdog, clock: Clock
) -> None:
    clock.time = 1.1 * FLOOR
    await watchdog.look()
    stalled = await engine.read(JOB.run)
    async with engine.database.transaction() as tx:
        await rows.update(tx, stalled, replace(stalled, stall=None), 0.0)
    watchdog.wait(JOB)
    clock.time = 3.0 * FLOOR
    await watchdog.look()
    assert len(engine.changes) == 1
    clock.time = 3.2 * FLOOR
    await watchdog.look()
    assert len(engine.changes) == 2
    assert stage.asked == [(JOB, "dump"), (JOB, "dump")]


async def test_a_run_that_is_being_ended_is_nobodys_decision(
    engine: Engine, stage: Stage, watchdog: Watchdog, clock: Clock
) -> None:
    running = await engine.read(JOB.run)
    async with engine.database.transaction() as tx:
        await rows.update(tx, running, running.moved(RunState.STOPPING, 0.0), 0.0)
    for clock.time in (1.1 * FLOOR, 1.2 * FLOOR):
        await watchdog.look()
    assert engine.changes == [] and (JOB, "kill") not in stage.asked


@pytest.mark.parametrize("over", [RunState.SUCCEEDED, RunState.PAUSED])
async def test_a_worker_that_does_not_leave_is_killed(
    engine: Engine, stage: Stage, watchdog: Watchdog, clock: Clock, over: RunState
) -> None:
    """It holds its slot until it is gone, and nobody else sees to that."""
    now = await engine.read(JOB.run)
    async with engine.database.transaction() as tx:
        for state in (RunState.PAUSING, over):
            await rows.update(tx, now, now := now.moved(state, 0.0), 0.0)
    watchdog.heard(JOB, [JobPaused(control_seq=1, step=20)])
    clock.time = 1.1 * FLOOR
    await watchdog.look()
    assert stage.asked == [(JOB, "dump"), (JOB, "kill")] and engine.changes == []


async def test_what_an_earlier_bot_promised_stands(engine: Engine, stage: Stage, clock: Clock) -> None:
    watchdog = Watchdog(engine.database, stage, engine.announce, floor=FLOOR, monotonic=clock, now=lambda: 1000.0)
    await engine.add(RunState.RUNNING, attempt=1)
    watchdog.follow(JOB)
    watchdog.recall(JOB, Stall(since=500.0, noticed_at=800.0, step=20, restarts_at=1100.0))
    clock.time = 99.0
    await watchdog.look()
    assert stage.asked == []
    clock.time = 101.0
    await watchdog.look()
    assert stage.asked == [(JOB, "kill")] and engine.changes == []


async def test_one_that_is_heard_while_it_is_told_of_is_not_killed(engine: Engine, stage: Stage, clock: Clock) -> None:
    async def announce(tx: Transaction, change: Change) -> None:
        dog.heard(JOB, [progress(30)])
        await engine.announce(tx, change)

    dog = Watchdog(engine.database, stage, announce, floor=FLOOR, monotonic=clock)
    await engine.add(RunState.RUNNING, attempt=1)
    dog.follow(JOB)
    dog.heard(JOB, [progress(20)])
    for clock.time in (1.1 * FLOOR, 2.2 * FLOOR):
        await dog.look()
    assert (JOB, "kill") not in stage.asked


async def test_time_in_which_the_bot_stood_still_does_not_count(stage: Stage, watchdog: Watchdog, clock: Clock) -> None:
    clock.time = 10 * FLOOR
    await watchdog.look(excused=9.5 * FLOOR)
    assert stage.asked == []


async def test_one_that_is_gone_is_not_looked_after(stage: Stage, watchdog: Watchdog, clock: Clock) -> None:
    watchdog.forget(JOB)
    watchdog.heard(JOB, [progress(30)])
    watchdog.wait(JOB)
    clock.time = 10 * FLOOR
    await watchdog.look()
    assert stage.asked == []


async def test_a_store_that_fails_delays_the_message(
    engine: Engine, stage: Stage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    failing = True

    async def announce(tx: Transaction, change: Change) -> None:
        if failing:
            await tx.execute("INSERT INTO nowhere VALUES (1)")
        await engine.announce(tx, change)

    watchdog = Watchdog(engine.database, stage, announce, floor=FLOOR, monotonic=clock)
    await engine.add(RunState.RUNNING, attempt=1)
    watchdog.follow(JOB)
    watchdog.heard(JOB, [progress(10)])
    clock.time = 1.1 * FLOOR
    with pytest.raises(Exception, match="nowhere"):
        await watchdog.look()
    failing = False
    await watchdog.look()
    assert len(engine.changes) == 1

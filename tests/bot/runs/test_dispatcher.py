"""Queued runs start when there is room, and every run is tended until its worker is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bot.runs.announce import Announce, Change
from bot.runs.dispatcher import Dispatcher
from bot.runs.executor import Ending, ExecutorError, Exit, Job
from bot.runs.local import LocalPool
from bot.runs.model import Run, RunState
from bot.runs.slots import Slot, share
from bot.runs.watchdog import Watchdog
from bot.store import runs as rows
from bot.store.db import Transaction
from tests.bot.chat.stories import events as story
from tests.bot.chat.stories import spec, summary
from tests.bot.runs.conftest import Engine
from trainer_core.control import Verb
from trainer_core.errors import Code
from trainer_core.events import (
    Event,
    JobCompleted,
    JobFailed,
    JobPaused,
    JobStarted,
    JobStopped,
    MetricsCheckpoint,
    MetricsConfig,
    encode,
)
from trainer_core.spec import RunSpec

STARTED = JobStarted(pid=1, host="h", device="CPU")


class Stage:
    """An executor whose jobs do what the test says: a port of its own, as another machine's would be."""

    def __init__(self, slots: int = 1) -> None:
        self.slots = share(slots, slots, ())
        self.ready = True
        self.submitted: list[Job] = []
        self.asked: list[tuple[Job, str]] = []
        self.refusal: str | None = None
        self.trouble: Exception | None = None
        self.deaf = False
        self.lingering = False
        self._journals: dict[Job, bytes] = {}
        self._exits: dict[Job, Exit] = {}
        self._changed = asyncio.Condition()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def submit(self, job: Job, spec: RunSpec, slot: Slot) -> None:
        if self.refusal is not None:
            raise ExecutorError(self.refusal)
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
        async with self._changed:
            self.submitted.append(job)
            self._journals.setdefault(job, b"")
            self._changed.notify_all()

    async def read_events(self, job: Job, offset: int, limit: int) -> bytes:
        return self._journals[job][offset : offset + limit]

    async def wait(self, job: Job, offset: int) -> Exit | None:
        async with self._changed:
            while True:
                if len(self._journals.get(job, b"")) > offset:
                    return None
                if job in self._exits:
                    return self._exits[job]
                await self._changed.wait()

    async def control(self, job: Job, verb: Verb) -> None:
        await self._note(job, verb)
        if self.deaf:
            return
        if verb == "stop":
            await self.says(job, JobStopped(control_seq=1, summary=summary()))
        else:
            await self.says(job, JobPaused(control_seq=1, step=1))
        if not self.lingering:
            await self.ends(job, Exit(Ending.EXITED, 0))

    async def kill(self, job: Job, *, force: bool) -> None:
        await self._note(job, "kill" if force else "terminate")
        if force:
            await self.ends(job, Exit(Ending.KILLED, 9))

    async def dump(self, job: Job) -> None:
        await self._note(job, "dump")

    async def _note(self, job: Job, what: str) -> None:
        async with self._changed:
            self.asked.append((job, what))
            self._changed.notify_all()

    async def until_asked(self, count: int) -> None:
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= count)

    async def says(self, job: Job, event: Event) -> None:
        async with self._changed:
            written = self._journals.get(job, b"")
            seq = written.count(b"\n") + 1
            self._journals[job] = written + encode(event.stamped(job.run, job.attempt, seq, 0.0))
            self._changed.notify_all()

    async def ends(self, job: Job, exit_: Exit) -> None:
        async with self._changed:
            self._exits[job] = exit_
            self._changed.notify_all()

    async def until_submitted(self, count: int) -> None:
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.submitted) >= count)


@asynccontextmanager
async def dispatching(
    engine: Engine,
    stage: Stage,
    *,
    grace: float = 30.0,
    cap: int = 0,
    pause: float = 0.0,
    announce: Announce | None = None,
) -> AsyncIterator[Dispatcher]:
    announce = announce or engine.announce
    dispatcher = Dispatcher(
        engine.database,
        stage,
        announce,
        Watchdog(engine.database, stage, announce, floor=300.0),
        running_cap=cap,
        grace=grace,
        retry_pause=0.01,
        pause_before=lambda history: pause,
    )
    await dispatcher.start()
    yield dispatcher
    await dispatcher.close()


async def until(engine: Engine, name: str, fits: Callable[[Run], bool]) -> Run:
    async with asyncio.timeout(10):
        while not fits(run := await engine.read(name)):
            engine.announced.clear()
            if not fits(run := await engine.read(name)):
                await engine.announced.wait()
    return run


async def queue(engine: Engine, name: str, **changes: object) -> Run:
    return await engine.add(RunState.QUEUED, attempt=0, name=name, spec=spec(name), **changes)


async def test_as_many_run_as_there_are_slots(engine: Engine) -> None:
    for number in range(3):
        await queue(engine, f"run-{number}", queued_at=float(number))
    stage = Stage(slots=2)
    async with dispatching(engine, stage):
        await stage.until_submitted(2)
        assert [job.run for job in stage.submitted] == ["run-0", "run-1"]
        await stage.says(Job("run-0", 1), STARTED)
        await stage.says(Job("run-0", 1), JobCompleted(summary=summary()))
        await stage.ends(Job("run-0", 1), Exit(Ending.EXITED, 0))
        await stage.until_submitted(3)
    assert (await engine.read("run-0")).state is RunState.SUCCEEDED
    assert (await engine.read("run-2")).state is RunState.STARTING


async def test_a_run_queued_later_starts_when_told_of(engine: Engine) -> None:
    stage = Stage()
    async with dispatching(engine, stage) as dispatcher:
        await queue(engine, "later")
        dispatcher.wake()
        await stage.until_submitted(1)
        dispatcher.wake()
        await stage.says(Job("later", 1), STARTED)
        await until(engine, "later", lambda run: run.state is RunState.RUNNING)
    assert stage.submitted == [Job("later", 1)]


async def test_a_lost_run_is_started_again_until_it_is_too_often(engine: Engine) -> None:
    await queue(engine, "unlucky")
    stage = Stage()
    async with dispatching(engine, stage):
        for attempt in (1, 2, 3, 4):
            await stage.until_submitted(attempt)
            await stage.says(Job("unlucky", attempt), STARTED)
            await stage.ends(Job("unlucky", attempt), Exit(Ending.KILLED, 9))
        failed = await until(engine, "unlucky", lambda run: run.state is RunState.FAILED)
    assert failed.error is not None and failed.error.code is Code.WORKER_KILLED
    assert "(signal 9). It was tried 4 times and got no further." in failed.error.message
    async with engine.database.snapshot() as tx:
        attempts = await tx.all("SELECT number, exit, ended_at FROM attempts ORDER BY number")
    assert [row["number"] for row in attempts] == [1, 2, 3, 4]
    assert all("KILLED" in row["exit"] and row["ended_at"] for row in attempts)


async def test_a_failure_that_was_reported_is_not_tried_again(engine: Engine) -> None:
    await queue(engine, "wrong")
    stage = Stage()
    async with dispatching(engine, stage):
        await stage.until_submitted(1)
        await stage.says(Job("wrong", 1), STARTED)
        await stage.says(Job("wrong", 1), JobFailed(code=Code.TRAINING_OOM, message="Too large.", next_step="Smaller."))
        await stage.ends(Job("wrong", 1), Exit(Ending.EXITED, 1))
        failed = await until(engine, "wrong", lambda run: run.state.is_terminal)
    assert failed.error is not None and failed.error.message == "Too large." and failed.attempt == 1


async def test_a_run_no_worker_takes_fails_and_says_why(engine: Engine) -> None:
    await queue(engine, "refused")
    stage = Stage()
    stage.refusal = "no worker got ready"
    async with dispatching(engine, stage):
        failed = await until(engine, "refused", lambda run: run.state is RunState.FAILED)
    assert failed.error is not None and "no worker got ready" in failed.error.message


async def test_a_run_that_gets_further_each_time_is_not_given_up(engine: Engine) -> None:
    await queue(engine, "slow")
    stage = Stage()
    async with dispatching(engine, stage):
        for attempt in range(1, 6):
            await stage.until_submitted(attempt)
            await stage.says(Job("slow", attempt), STARTED)
            await stage.says(Job("slow", attempt), MetricsCheckpoint(step=attempt, path="p", bytes=1, seconds=0.1))
            await stage.ends(Job("slow", attempt), Exit(Ending.KILLED, 9))
        await stage.until_submitted(6)
    assert (await engine.read("slow")).state is RunState.STARTING


async def test_an_attempt_that_nobody_began_does_not_count(engine: Engine) -> None:
    """The bot was restarted again and again while the run's worker was still being started."""
    await queue(engine, "patient")
    stage = Stage()
    async with dispatching(engine, stage):
        for attempt in range(1, 6):
            await stage.until_submitted(attempt)
            await stage.ends(Job("patient", attempt), Exit(Ending.LOST))
        await stage.until_submitted(6)
    assert (await engine.read("patient")).state is RunState.STARTING


async def test_a_store_that_fails_for_a_while_stops_nothing(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    failing = True

    async def announce(tx: Transaction, change: Change) -> None:
        if failing:
            await tx.execute("INSERT INTO nowhere VALUES (1)")
        await engine.announce(tx, change)

    await queue(engine, "patient")
    async with dispatching(engine, stage, announce=announce):
        async with asyncio.timeout(10):
            while "starting queued runs failed" not in caplog.text:
                await asyncio.sleep(0.01)
        failing = False
        await stage.until_submitted(1)
        failing = True
        caplog.clear()
        await stage.says(Job("patient", 1), STARTED)
        async with asyncio.timeout(10):
            while "tending patient-1 failed" not in caplog.text:
                await asyncio.sleep(0.01)
        failing = False
        await stage.says(Job("patient", 1), JobCompleted(summary=summary()))
        await stage.ends(Job("patient", 1), Exit(Ending.EXITED, 0))
        await until(engine, "patient", lambda run: run.state is RunState.SUCCEEDED)
    assert [event.seq for event in await engine.stored("patient")] == [1, 2]


async def test_an_executor_that_fails_unexpectedly_does_not_hold_the_slot(engine: Engine) -> None:
    await queue(engine, "unlucky", queued_at=1.0)
    await queue(engine, "next", queued_at=2.0)
    stage = Stage()
    stage.trouble = OSError(24, "too many open files")
    async with dispatching(engine, stage):
        await stage.ends(Job("unlucky", 1), Exit(Ending.LOST))
        await stage.until_submitted(1)
        await stage.ends(stage.submitted[0], Exit(Ending.LOST))
        await stage.until_submitted(2)
    assert {job.run for job in stage.submitted} <= {"unlucky", "next"}


async def test_a_dispatcher_takes_up_what_another_left(engine: Engine) -> None:
    running = await engine.add(RunState.RUNNING, attempt=1, name="running", spec=spec("running"))
    stopping = await engine.add(RunState.STOPPING, attempt=1, name="stopping", spec=spec("stopping"))
    stage = Stage(slots=2)
    async with dispatching(engine, stage):
        await stage.says(Job(running.name, 1), JobCompleted(summary=summary()))
        await stage.ends(Job(running.name, 1), Exit(Ending.EXITED, 0))
        await until(engine, running.name, lambda run: run.state is RunState.SUCCEEDED)
        await until(engine, stopping.name, lambda run: run.state is RunState.STOPPED)
    assert stage.submitted == [], "they have their workers"
    assert stage.asked == [(Job("stopping", 1), "stop")]


async def test_a_worker_that_does_not_stop_is_made_to(engine: Engine) -> None:
    await queue(engine, "deaf")
    stage = Stage()
    stage.deaf = True
    async with dispatching(engine, stage, grace=0.05) as dispatcher:
        await stage.until_submitted(1)
        await stage.says(Job("deaf", 1), STARTED)
        running = await until(engine, "deaf", lambda run: run.state is RunState.RUNNING)
        stopping = running.moved(RunState.STOPPING, 0.0)
        async with engine.database.transaction() as tx:
            await rows.update(tx, running, stopping, 0.0)
        dispatcher.stop(stopping)
        await until(engine, "deaf", lambda run: run.state is RunState.STOPPED)
    job = Job("deaf", 1)
    assert stage.asked == [(job, "stop"), (job, "terminate"), (job, "kill")]


async def told(engine: Engine, stage: Stage, job: Job, *events: Event) -> None:
    """The job reports `events`, the first of which has its run running."""
    for event in events:
        await stage.says(job, event)
    await until(engine, job.run, lambda run: run.state is not RunState.STARTING)


async def move(engine: Engine, run: Run, to: RunState) -> Run:
    moved = run.moved(to, 0.0)
    async with engine.database.transaction() as tx:
        await rows.update(tx, run, moved, 0.0)
    return moved


async def test_a_failure_that_may_pass_is_tried_again(engine: Engine) -> None:
    await queue(engine, "full")
    stage = Stage()
    async with dispatching(engine, stage):
        await stage.until_submitted(1)
        await stage.says(Job("full", 1), STARTED)
        await stage.says(Job("full", 1), JobFailed(code=Code.DISK_FULL, message="It is full.", next_step="Free some."))
        await stage.ends(Job("full", 1), Exit(Ending.EXITED, 1))
        await stage.until_submitted(2)
        again = await engine.read("full")
        assert again.state is RunState.STARTING and again.error is not None and again.error.code is Code.DISK_FULL
        await told(engine, stage, Job("full", 2), STARTED)
        assert (await engine.read("full")).error is None, "it goes well again"


async def test_a_run_that_crashes_three_times_at_the_same_step_is_poison(engine: Engine) -> None:
    await queue(engine, "poison")
    stage = Stage()
    async with dispatching(engine, stage):
        for attempt in (1, 2, 3):
            job = Job("poison", attempt)
            await stage.until_submitted(attempt)
            await stage.says(job, STARTED)
            await stage.says(job, MetricsCheckpoint(step=attempt, path="p", bytes=1, seconds=0.1))
            crash = JobFailed(
                code=Code.WORKER_CRASHED, message="It broke.", next_step="Look.", step=7, traceback="loop.py:1 in train"
            )
            await stage.says(job, crash)
            await stage.ends(job, Exit(Ending.EXITED, 1))
        failed = await until(engine, "poison", lambda run: run.state is RunState.FAILED)
    assert failed.error is not None and failed.error.message == "It broke, 3 times in a row at step 7."
    assert failed.error.traceback == "loop.py:1 in train"


async def test_a_run_that_ran_out_of_memory_is_not_tried_again(engine: Engine) -> None:
    await queue(engine, "large")
    stage = Stage()
    async with dispatching(engine, stage):
        await stage.until_submitted(1)
        await stage.says(Job("large", 1), STARTED)
        config = next(event for event in story(0) if isinstance(event, MetricsConfig))
        await stage.says(Job("large", 1), config)
        await stage.ends(Job("large", 1), Exit(Ending.OUT_OF_MEMORY, 9, peak_memory=3 * 2**30))
        failed = await until(engine, "large", lambda run: run.state.is_terminal)
    assert failed.state is RunState.FAILED and failed.attempt == 1
    assert failed.error is not None and failed.error.code is Code.TRAINING_OOM
    assert "3.0 GiB" in failed.error.message and "micro-batch of about 8" in failed.error.next_step


async def test_a_run_waits_before_it_is_tried_again(engine: Engine) -> None:
    await queue(engine, "unlucky", queued_at=1.0)
    await queue(engine, "next", queued_at=2.0)
    stage = Stage()
    async with dispatching(engine, stage, pause=3600.0) as dispatcher:
        await stage.until_submitted(1)
        await stage.says(Job("unlucky", 1), STARTED)
        await stage.ends(Job("unlucky", 1), Exit(Ending.KILLED, 9))
        await stage.until_submitted(2)
        assert 3500 < dispatcher.held["unlucky"] <= 3600
    assert stage.submitted == [Job("unlucky", 1), Job("next", 1)], "the slot is not held meanwhile"


async def test_a_paused_run_starts_again_when_its_worker_is_gone(engine: Engine) -> None:
    await queue(engine, "long")
    stage = Stage(slots=2)
    stage.lingering = True
    async with dispatching(engine, stage) as dispatcher:
        await stage.until_submitted(1)
        await told(engine, stage, Job("long", 1), STARTED)
        dispatcher.pause(await move(engine, await engine.read("long"), RunState.PAUSING))
        paused = await until(engine, "long", lambda run: run.state is RunState.PAUSED)
        await move(engine, paused, RunState.QUEUED)
        await queue(engine, "other", queued_at=paused.queued_at + 1)
        dispatcher.wake()
        await stage.until_submitted(2)
        assert stage.submitted == [Job("long", 1), Job("other", 1)], "the old worker is not gone yet"
        await stage.ends(Job("long", 1), Exit(Ending.EXITED, 0))
        await stage.until_submitted(3)
        assert stage.submitted[-1] == Job("long", 2)


async def test_a_worker_that_dies_while_it_pauses_leaves_the_run_paused(engine: Engine) -> None:
    await engine.add(RunState.PAUSING, attempt=1, name="long", spec=spec("long"))
    stage = Stage()
    stage.deaf = True
    async with dispatching(engine, stage):
        await stage.ends(Job("long", 1), Exit(Ending.KILLED, 9))
        await until(engine, "long", lambda run: run.state is RunState.PAUSED)
    assert (Job("long", 1), "pause") in stage.asked, "it is asked again after a restart of the bot"


async def test_an_attempt_holds_its_slot_until_its_worker_is_gone(engine: Engine) -> None:
    await engine.add(RunState.RUNNING, attempt=1, name="done", spec=spec("done"))
    await move(engine, await engine.read("done"), RunState.SUCCEEDED)
    await queue(engine, "next")
    stage = Stage()
    async with dispatching(engine, stage):
        await stage.ends(Job("done", 1), Exit(Ending.EXITED, 0))
        await stage.until_submitted(1)
        async with engine.database.snapshot() as tx:
            ended = await tx.one("SELECT ended_at FROM attempts WHERE run = 'done'")
            begun = await tx.one("SELECT started_at FROM attempts WHERE run = 'next'")
    assert stage.submitted == [Job("next", 1)]
    assert ended is not None and begun is not None and ended["ended_at"] <= begun["started_at"]


async def test_nobody_has_more_runs_going_than_the_cap(engine: Engine) -> None:
    for number in range(3):
        await queue(engine, f"mine-{number}", owner_id=1, queued_at=float(number))
    await queue(engine, "yours", owner_id=2, queued_at=9.0)
    stage = Stage(slots=3)
    async with dispatching(engine, stage, cap=1):
        await stage.until_submitted(2)
        assert {job.run for job in stage.submitted} == {"mine-0", "yours"}
        await stage.ends(Job("mine-0", 1), Exit(Ending.LOST))
        await stage.until_submitted(3)
        assert [job.run for job in stage.submitted].count("yours") == 1


async def test_a_worker_that_dies_before_a_word_is_not_tried_without_end(engine: Engine) -> None:
    await queue(engine, "mute")
    stage = Stage()
    async with dispatching(engine, stage):
        for attempt in (1, 2, 3, 4):
            await stage.until_submitted(attempt)
            await stage.ends(Job("mute", attempt), Exit(Ending.KILLED, 11))
        await until(engine, "mute", lambda run: run.state is RunState.FAILED)


async def test_a_stop_is_not_cut_short_by_the_pause_before_it(engine: Engine) -> None:
    running = await engine.add(RunState.RUNNING, attempt=1, name="deaf", spec=spec("deaf"))
    stage = Stage()
    stage.deaf = True
    async with dispatching(engine, stage) as dispatcher:
        pausing = await move(engine, running, RunState.PAUSING)
        dispatcher.pause(pausing)
        await stage.until_asked(1)
        dispatcher.stop(await move(engine, pausing, RunState.STOPPING))
        await stage.until_asked(2)
        pauses = [task for task in asyncio.all_tasks() if "_end" in repr(task.get_coro())]
        assert len(pauses) == 1, "one asks, with all the time there is"
        await stage.ends(Job("deaf", 1), Exit(Ending.EXITED, 0))
        await until(engine, "deaf", lambda run: run.state is RunState.STOPPED)


async def test_the_pool_is_an_executor(engine: Engine) -> None:
    """What the dispatcher is tested with here and what it is composed with are the same port."""
    from bot.runs.executor import Executor

    executors: list[Executor] = [Stage(), LocalPool(engine.home)]
    assert [len(executor.slots) for executor in executors] == [1, 1]

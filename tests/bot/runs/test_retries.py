"""What ended a run's worker decides whether it is tried again, and when."""

from __future__ import annotations

from bot.runs.executor import Ending, Exit, Job
from bot.runs.model import RunState
from tests.bot.chat.stories import events as story
from tests.bot.runs.conftest import Engine
from tests.bot.runs.stage import STARTED, Stage, dispatching, queue, told, until
from trainer_core.errors import Code
from trainer_core.events import (
    JobFailed,
    MetricsCheckpoint,
    MetricsConfig,
)


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


async def test_a_worker_that_dies_before_a_word_is_not_tried_without_end(engine: Engine) -> None:
    await queue(engine, "mute")
    stage = Stage()
    async with dispatching(engine, stage):
        for attempt in (1, 2, 3, 4):
            await stage.until_submitted(attempt)
            await stage.ends(Job("mute", attempt), Exit(Ending.KILLED, 11))
        await until(engine, "mute", lambda run: run.state is RunState.FAILED)

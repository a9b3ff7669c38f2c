"""What a run that trains is asked for reaches its worker, also the next one, and is forgotten once it is answered."""

from __future__ import annotations

from dataclasses import replace

from bot.runs.executor import Ending, Exit, Job
from bot.runs.model import Request, Run, RunState
from bot.store import runs as rows
from tests.bot.chat.stories import spec
from tests.bot.runs.conftest import Engine
from tests.bot.runs.stage import STARTED, Stage, dispatching, move, queue, told, until
from trainer_core.events import MetricsCheckpoint, MetricsGuard

JOB, RATE = Job("song", 1), Request("rate", 3e-4)


async def asked(engine: Engine, *requests: Request) -> Run:
    """The store holds that the run was asked for these."""
    run = await engine.read("song")
    after = replace(run, requests=requests)
    async with engine.database.transaction() as tx:
        await rows.update(tx, run, after, 0.0)
    return after


async def test_requests_are_passed_on_one_by_one_and_forgotten_when_they_are_answered(engine: Engine) -> None:
    await queue(engine, "song")
    stage = Stage()
    async with dispatching(engine, stage) as dispatcher:
        await stage.until_submitted(1)
        await told(engine, stage, JOB, STARTED)
        dispatcher.steer(await asked(engine, RATE, Request("checkpoint")))
        await stage.until_asked(1)
        assert stage.asked == [(JOB, "rate 0.0003")]
        await stage.says(JOB, MetricsGuard(step=3, action="skip", reason="not a number"))
        await stage.says(JOB, MetricsGuard(step=4, action="steer", control_seq=9, reason="the rate is 0.0003"))
        await stage.until_asked(2)
        assert (await engine.read("song")).requests == (Request("checkpoint"),)
        await stage.says(JOB, MetricsCheckpoint(step=5, path="p", bytes=1, seconds=1, pinned=True, control_seq=10))
        await until(engine, "song", lambda run: run.requests == ())
    assert stage.asked == [(JOB, "rate 0.0003"), (JOB, "checkpoint")]


async def test_a_request_outlives_the_bot_and_the_worker(engine: Engine) -> None:
    await engine.add(RunState.RUNNING, attempt=1, name="song", spec=spec("song"))
    await asked(engine, RATE)
    stage = Stage()
    async with dispatching(engine, stage):
        await stage.until_asked(1)
        await stage.ends(JOB, Exit(Ending.KILLED, 9))
        await stage.until_asked(2)
    assert stage.asked == [(JOB, "rate 0.0003"), (Job("song", 2), "rate 0.0003")]


async def test_a_request_is_made_until_it_can_be(engine: Engine) -> None:
    await queue(engine, "song")
    stage = Stage()
    async with dispatching(engine, stage) as dispatcher:
        await stage.until_submitted(1)
        await told(engine, stage, JOB, STARTED)
        stage.trouble = OSError("the disk is full")
        dispatcher.steer(await asked(engine, RATE))
        await stage.until_asked(1)
        await stage.until_asked(2)
    assert stage.asked == [(JOB, "rate 0.0003")] * 2


async def test_a_worker_that_is_to_end_is_asked_for_nothing_else(engine: Engine) -> None:
    await queue(engine, "song")
    stage = Stage()
    stage.deaf = True
    async with dispatching(engine, stage) as dispatcher:
        await stage.until_submitted(1)
        await told(engine, stage, JOB, STARTED)
        await asked(engine, RATE)
        pausing = await move(engine, await engine.read("song"), RunState.PAUSING)
        dispatcher.pause(pausing)
        dispatcher.steer(pausing)
        await stage.until_asked(1)
        await stage.ends(JOB, Exit(Ending.EXITED, 0))
        paused = await until(engine, "song", lambda run: run.state is RunState.PAUSED)
    assert stage.asked == [(JOB, "pause")] and paused.requests == (RATE,), "it is asked for when the run goes on"

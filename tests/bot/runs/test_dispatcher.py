"""Queued runs start when there is room, and every run is tended until its worker is gone."""

from __future__ import annotations

import asyncio

import pytest

from bot.runs.announce import Change
from bot.runs.executor import Ending, Exit, Job
from bot.runs.local import LocalPool
from bot.runs.model import RunState
from bot.store.db import Transaction
from tests.bot.chat.stories import spec, summary
from tests.bot.runs.conftest import Engine
from tests.bot.runs.stage import STARTED, Stage, dispatching, move, queue, until
from trainer_core.events import (
    JobCompleted,
)


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


async def test_the_pool_is_an_executor(engine: Engine) -> None:
    """What the dispatcher is tested with here and what it is composed with are the same port."""
    from bot.runs.executor import Executor

    executors: list[Executor] = [Stage(), LocalPool(engine.home)]
    assert [len(executor.slots) for executor in executors] == [1, 1]

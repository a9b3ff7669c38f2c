"""What a run that trains is asked for is done once, by its worker or the next one, and forgotten once answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.runs.executor import Ending, Exit, Job
from bot.runs.model import Request, Run, RunState
from bot.store import runs as rows
from tests.bot.chat.stories import spec
from tests.bot.runs.conftest import Engine
from tests.bot.runs.stage import STARTED, Stage, dispatching, move, queue, told, until
from trainer_core.control import Control, ControlReader, Verb, write_control
from trainer_core.events import JobPaused, MetricsCheckpoint, MetricsGuard

JOB = Job("song", 1)
HIGH, LOW, LAND, CHECKPOINT = Request("rate", 1e-3), Request("rate", 5e-4), Request("land"), Request("checkpoint")


class Workers(Stage):
    """Workers that are asked as real ones are: each reads its own file, and answers what is new there by its number."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.done: list[tuple[int, str, float | None]] = []
        """What each attempt did."""
        self._folder = folder
        self._readers: dict[Job, ControlReader] = {}

    def file(self, job: Job) -> Path:
        return self._folder / f"{job}.json"

    async def control(self, job: Job, verb: Verb, value: float | None = None, seq: int | None = None) -> None:
        write_control(self.file(job), verb, value, seq)
        await super().control(job, verb, value, seq)

    def hears(self, job: Job) -> Control | None:
        """What its worker begins to do at a step's edge."""
        reader = self._readers.setdefault(job, ControlReader(self.file(job)))
        if asked := reader.poll():
            self.done.append((job.attempt, asked.verb, asked.value))
        return asked

    async def answers(self, job: Job, asked: Control) -> None:
        if asked.verb == "checkpoint":
            event = MetricsCheckpoint(step=5, path="p", bytes=1, seconds=1, pinned=True, control_seq=asked.seq)
            await self.says(job, event)
        else:
            await self.says(job, MetricsGuard(step=5, action="steer", control_seq=asked.seq, reason=asked.verb))

    async def edge(self, job: Job) -> None:
        """A step's edge: what is asked is done at once."""
        if asked := self.hears(job):
            await self.answers(job, asked)


@pytest.fixture
def workers(tmp_path: Path) -> Workers:
    return Workers(tmp_path)


async def asked(engine: Engine, *requests: Request) -> Run:
    """The store holds that the run was asked for these, one after the other."""
    before = after = await engine.read("song")
    for request in requests:
        after = after.asked_for(request, 0.0)
    async with engine.database.transaction() as tx:
        await rows.update(tx, before, after, 0.0)
    return after


def wanted(run: Run) -> list[tuple[str, float | None]]:
    """What the run is still asked for."""
    return [(request.verb, request.value) for request in run.requests]


async def steps(engine: Engine, workers: Workers, job: Job) -> None:
    """The job's worker takes steps until nothing more is asked of it."""
    async with asyncio.timeout(10):
        while (await engine.read("song")).requests:
            await workers.edge(job)


async def test_requests_are_passed_on_one_by_one_and_forgotten_when_they_are_answered(
    engine: Engine, workers: Workers
) -> None:
    await queue(engine, "song")
    async with dispatching(engine, workers) as dispatcher:
        await workers.until_submitted(1)
        await told(engine, workers, JOB, STARTED)
        dispatcher.steer(await asked(engine, LOW, CHECKPOINT))
        await workers.until_asked(1)
        assert workers.asked == [(JOB, "rate 0.0005")]
        await workers.says(JOB, MetricsGuard(step=3, action="skip", reason="not a number"))
        await workers.edge(JOB)
        await workers.until_asked(2)
        assert wanted(await engine.read("song")) == [("checkpoint", None)]
        await workers.edge(JOB)
        await until(engine, "song", lambda run: run.requests == ())
    assert workers.done == [(1, "rate", 5e-4), (1, "checkpoint", None)]


async def test_what_was_done_while_the_bot_was_away_is_not_done_again(engine: Engine, workers: Workers) -> None:
    await engine.add(RunState.RUNNING, attempt=1, name="song", spec=spec("song"))
    first, *_ = (await asked(engine, HIGH, LOW, LAND)).requests
    await workers.says(JOB, STARTED)
    write_control(workers.file(JOB), first.verb, first.value, first.seq)
    await workers.edge(JOB)
    async with dispatching(engine, workers):
        await workers.until_asked(1)
        await steps(engine, workers, JOB)
    assert workers.done == [(1, "rate", 1e-3), (1, "rate", 5e-4), (1, "land", None)]


async def test_a_checkpoint_under_way_when_the_bot_restarts_is_saved_once(engine: Engine, workers: Workers) -> None:
    await engine.add(RunState.RUNNING, attempt=1, name="song", spec=spec("song"))
    await asked(engine, CHECKPOINT)
    await workers.says(JOB, STARTED)
    async with dispatching(engine, workers):
        await workers.until_asked(1)
        under_way = workers.hears(JOB)
    assert under_way
    async with dispatching(engine, workers):
        await workers.until_asked(2)
        assert workers.hears(JOB) is None
        await workers.answers(JOB, under_way)
        await until(engine, "song", lambda run: run.requests == ())


async def test_a_stop_that_came_from_elsewhere_is_not_overwritten(engine: Engine, workers: Workers) -> None:
    await engine.add(RunState.RUNNING, attempt=1, name="song", spec=spec("song"))
    await asked(engine, LAND)
    write_control(workers.file(JOB), "stop")
    async with dispatching(engine, workers):
        await workers.until_asked(1)
        heard = workers.hears(JOB)
    assert heard and heard.verb == "stop"


async def test_what_a_worker_that_died_had_not_done_is_asked_of_the_next(engine: Engine, workers: Workers) -> None:
    await engine.add(RunState.RUNNING, attempt=1, name="song", spec=spec("song"))
    await asked(engine, HIGH, LAND)
    await workers.says(JOB, STARTED)
    async with dispatching(engine, workers):
        await workers.until_asked(1)
        await workers.edge(JOB)
        await workers.ends(JOB, Exit(Ending.KILLED, 9))
        await workers.until_submitted(1)
        await told(engine, workers, Job("song", 2), STARTED)
        await steps(engine, workers, Job("song", 2))
    assert workers.done == [(1, "rate", 1e-3), (2, "land", None)]


async def test_a_checkpoint_that_the_disk_does_not_take_is_not_waited_for(engine: Engine, workers: Workers) -> None:
    await engine.add(RunState.RUNNING, attempt=1, name="song", spec=spec("song"))
    await asked(engine, CHECKPOINT, LAND)
    async with dispatching(engine, workers):
        await workers.until_asked(1)
        heard = workers.hears(JOB)
        assert heard
        await workers.says(JOB, MetricsGuard(step=5, action="disk", control_seq=heard.seq, reason="the disk is full"))
        await steps(engine, workers, JOB)
    assert workers.done == [(1, "checkpoint", None), (1, "land", None)]


async def test_a_request_is_made_until_it_can_be(engine: Engine) -> None:
    await queue(engine, "song")
    stage = Stage()
    async with dispatching(engine, stage) as dispatcher:
        await stage.until_submitted(1)
        await told(engine, stage, JOB, STARTED)
        stage.trouble = OSError("the disk is full")
        dispatcher.steer(await asked(engine, LOW))
        await stage.until_asked(1)
        await stage.until_asked(2)
    assert stage.asked == [(JOB, "rate 0.0005")] * 2


async def test_a_worker_that_is_to_end_is_asked_for_nothing_else(engine: Engine) -> None:
    await queue(engine, "song")
    stage = Stage()
    stage.deaf = True
    async with dispatching(engine, stage) as dispatcher:
        await stage.until_submitted(1)
        await told(engine, stage, JOB, STARTED)
        await asked(engine, LOW)
        pausing = await move(engine, await engine.read("song"), RunState.PAUSING)
        dispatcher.pause(pausing)
        dispatcher.steer(pausing)
        await stage.until_asked(1)
        await stage.ends(JOB, Exit(Ending.EXITED, 0))
        paused = await until(engine, "song", lambda run: run.state is RunState.PAUSED)
    assert stage.asked == [(JOB, "pause")]
    assert wanted(paused) == [("rate", 5e-4)], "it is asked for when the run goes on"


async def test_a_worker_that_is_about_to_leave_is_asked_for_nothing(engine: Engine) -> None:
    """Somebody else asked it to rest, and it has not gone yet."""
    await engine.add(RunState.RUNNING, attempt=1, name="song", spec=spec("song"))
    stage = Stage()
    async with dispatching(engine, stage) as dispatcher:
        await stage.says(JOB, JobPaused(control_seq=1, step=1))
        await until(engine, "song", lambda run: run.state is RunState.PAUSED)
        dispatcher.steer(await asked(engine, LAND))
        await asyncio.gather(*(task for task in asyncio.all_tasks() if "_tell" in repr(task.get_coro())))
    assert stage.asked == []


async def test_a_run_that_is_being_stopped_when_the_bot_restarts_is_asked_only_that(engine: Engine) -> None:
    await engine.add(RunState.RUNNING, attempt=1, name="song", spec=spec("song"))
    await move(engine, await asked(engine, LAND), RunState.STOPPING)
    stage = Stage()
    stage.deaf = True
    async with dispatching(engine, stage, grace=0.02):
        stopped = await until(engine, "song", lambda run: run.state is RunState.STOPPED)
    assert [what for _, what in stage.asked] == ["stop", "terminate", "kill"]
    assert wanted(stopped) == [("land", None)], "its report says so"

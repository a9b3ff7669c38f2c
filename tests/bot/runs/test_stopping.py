"""A worker that is to stop or to rest is asked, told, and made to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Semaphore

from bot.runs.executor import Ending, Exit, Job
from bot.runs.model import RunState
from bot.store import runs as rows
from tests.bot.chat.stories import spec
from tests.bot.runs.conftest import Engine
from tests.bot.runs.stage import STARTED, Stage, dispatching, move, queue, told, until
from trainer_core.control import Verb, read_control, write_control


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


class SlowDisk(Stage):
    """One on which a pause is written only when the test lets it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.pausing, self.held, self.written = Semaphore(0), Semaphore(0), Semaphore(0)

    async def control(self, job: Job, verb: Verb, value: float | None = None, seq: int | None = None) -> None:
        await asyncio.to_thread(self._write, verb)

    def _write(self, verb: Verb) -> None:
        if verb == "pause":
            self.pausing.release()
            self.held.acquire(timeout=10)
        write_control(self.file, verb)
        self.written.release()


async def test_a_stop_is_written_after_the_pause_that_is_being_written(engine: Engine, tmp_path: Path) -> None:
    running = await engine.add(RunState.RUNNING, attempt=1, name="deaf", spec=spec("deaf"))
    stage = SlowDisk(tmp_path / "control.json")
    async with dispatching(engine, stage) as dispatcher:
        pausing = await move(engine, running, RunState.PAUSING)
        dispatcher.pause(pausing)
        assert await asyncio.to_thread(stage.pausing.acquire, timeout=10)
        dispatcher.stop(await move(engine, pausing, RunState.STOPPING))
        assert not await asyncio.to_thread(stage.written.acquire, timeout=0.2), "it waits for its turn"
        stage.held.release()
        for _ in range(2):
            assert await asyncio.to_thread(stage.written.acquire, timeout=10)
    control = read_control(stage.file)
    assert control and control.verb == "stop"


class Hanging(Stage):
    """One on which nothing can be asked of the run `song`."""

    async def control(self, job: Job, verb: Verb, value: float | None = None, seq: int | None = None) -> None:
        if job.run == "song":
            await self._note(job, f"{verb}, in vain")
            await asyncio.Event().wait()
        await super().control(job, verb, value, seq)


async def test_a_disk_that_hangs_keeps_no_worker_from_ending(engine: Engine) -> None:
    for name in ("song", "other"):
        await engine.add(RunState.RUNNING, attempt=1, name=name, spec=spec(name))
    stage = Hanging(slots=2)
    stage.deaf = True
    song, other = Job("song", 1), Job("other", 1)
    async with dispatching(engine, stage, grace=0.05) as dispatcher:
        dispatcher.stop(await move(engine, await engine.read("song"), RunState.STOPPING))
        await stage.until_asked(1)
        dispatcher.stop(await move(engine, await engine.read("other"), RunState.STOPPING))
        for name in ("song", "other"):
            await until(engine, name, lambda run: run.state is RunState.STOPPED)
    assert [what for job, what in stage.asked if job == other] == ["stop", "terminate", "kill"]
    assert [what for job, what in stage.asked if job == song] == ["stop, in vain", "terminate", "kill"]

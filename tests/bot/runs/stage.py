"""A dispatcher with a real store, on a stage whose workers do what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bot.runs.announce import Announce
from bot.runs.dispatcher import Dispatcher
from bot.runs.executor import Ending, ExecutorError, Exit, Job
from bot.runs.model import Run, RunState
from bot.runs.slots import Slot, share
from bot.runs.watchdog import Watchdog
from bot.store import runs as rows
from tests.bot.chat.stories import spec, summary
from tests.bot.runs.conftest import Engine
from trainer_core.control import Verb
from trainer_core.events import (
    Event,
    JobPaused,
    JobStarted,
    JobStopped,
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

    async def control(self, job: Job, verb: Verb, value: float | None = None, seq: int | None = None) -> None:
        await self._note(job, verb if value is None else f"{verb} {value}")
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
        if self.deaf or verb not in ("stop", "pause"):
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

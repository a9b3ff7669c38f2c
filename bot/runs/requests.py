"""What workers are asked for: to stop, to pause, to change their course. A worker reads only what it was asked last.

What changes its course is asked for one after the other, each under the number that the store has given it: asked for
again, after a restart of the bot, it is done once, and an answer is of the request whose number it names.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Literal
from weakref import WeakValueDictionary

from bot.runs.executor import Executor, Job
from bot.runs.model import STEERABLE, Run
from bot.runs.watchdog import Watchdog
from bot.store import runs as rows
from bot.store.db import Database

_STALLED_GRACE = 10.0
"""Seconds a worker that has stalled has to end when it is told to: it is not expected to hear."""
_WRITTEN_WITHIN = 30.0
"""Seconds in which a request to end has to be written: a disk that hangs keeps no worker from being made to."""

log = logging.getLogger(__name__)


class Requests:
    def __init__(
        self,
        database: Database,
        executor: Executor,
        watchdog: Watchdog,
        tending: Mapping[Job, asyncio.Task[None]],
        *,
        grace: float,
        retry_pause: float,
    ) -> None:
        """`tending`: who follows each job to its end, as long as it has not ended. `grace` and `retry_pause` as in
        `Dispatcher`.
        """
        self._database = database
        self._executor = executor
        self._watchdog = watchdog
        self._tending = tending
        self._grace = grace
        self._retry_pause = retry_pause
        self._turns: WeakValueDictionary[Job, asyncio.Lock] = WeakValueDictionary()
        """Held while a job's worker is asked; each is there for as long as somebody holds it, or waits to."""
        self._ending: dict[Job, asyncio.Task[None]] = {}
        """Who asks a job to end, until it has."""
        self._asking: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        tasks = [*self._ending.values(), *self._asking]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def end(self, run: Run, verb: Literal["stop", "pause"]) -> None:
        """Ask the run's worker to end, then tell it to, then make it.

        The newest request is the one that counts: a stop is not cut short by the pause before it.
        """
        job = Job(run.name, run.attempt)
        if earlier := self._ending.pop(job, None):
            earlier.cancel()
        task = self._ending[job] = asyncio.create_task(self._end(job, verb, self._grace_of(run)))
        task.add_done_callback(lambda done: self._ending.pop(job) if self._ending.get(job) is done else None)

    def steer(self, run: Run) -> None:
        """Tell the run's worker of the first of `Run.requests`, if there is one."""
        if run.requests:
            self._spawn(self._tell(Job(run.name, run.attempt)))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return task

    def _turn(self, job: Job) -> asyncio.Lock:
        return self._turns.setdefault(job, asyncio.Lock())

    def _grace_of(self, run: Run) -> float:
        """Seconds for a step and a save: slow steps take longer, and a worker that has stalled hears nothing."""
        if run.stall is not None:
            return min(self._grace, _STALLED_GRACE)
        return max(self._grace, self._watchdog.slow_step(Job(run.name, run.attempt)))

    async def _tell(self, job: Job) -> None:
        while True:
            try:
                async with self._turn(job):
                    await self._tell_next(job)
                return
            except Exception:
                # A full disk, say. What was asked for is in the store, and the worker goes on meanwhile.
                log.exception("telling %s failed; trying again in %.0f s", job, self._retry_pause)
                await asyncio.sleep(self._retry_pause)

    async def _tell_next(self, job: Job) -> None:
        """Ask for what the store says comes next, unless the job has ended or is asked to."""
        async with self._database.snapshot() as tx:
            run = await rows.find(tx, job.run)
        requests = run.requests if run and run.attempt == job.attempt and run.state in STEERABLE else ()
        if requests and job in self._tending and job not in self._ending:
            first = requests[0]
            await self._executor.control(job, first.verb, first.value, first.seq)

    async def _ask(self, job: Job, verb: Literal["stop", "pause"]) -> None:
        async with self._turn(job):
            await self._executor.control(job, verb)

    async def _end(self, job: Job, verb: Literal["stop", "pause"], grace: float) -> None:
        for force in (None, False, True):
            try:
                if force is None:
                    # Whoever asks for something else meanwhile waits until this is written: what was let go could be
                    # written last.
                    async with asyncio.timeout(min(grace, _WRITTEN_WITHIN)):
                        await asyncio.shield(self._spawn(self._ask(job, verb)))
                else:
                    log.warning("%s did not %s within %.0f s", job, verb, grace)
                    await self._executor.kill(job, force=force)
            except Exception:
                # A worker that could not be asked still has to end: the next step is harder.
                log.exception("asking %s to %s failed; trying harder", job, verb)
            task = self._tending.get(job)
            if task is None:
                return
            await asyncio.wait([task], timeout=grace)
            if task.done():
                return

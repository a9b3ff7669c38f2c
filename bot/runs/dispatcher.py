"""Starts queued runs when there is room, and tends each until its worker is gone.

Everything it needs to know is in the store: a dispatcher that starts after a crash takes up every run that has a
worker, or should have one, where the last one left it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from bot.runs import lifecycle, queue
from bot.runs.announce import Announce, Change
from bot.runs.executor import Executor, ExecutorError, Exit, Job
from bot.runs.journal import Journal
from bot.runs.model import WITH_WORKER, Run, RunState
from bot.store import runs as rows
from bot.store.db import Database
from trainer_core.spec import RunSpec

log = logging.getLogger(__name__)


class Dispatcher:
    def __init__(  # its collaborators and two clocks
        self,
        database: Database,
        executor: Executor,
        announce: Announce,
        *,
        stop_grace: float = 300.0,
        retry_pause: float = 5.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`stop_grace`: how many seconds a worker has to finish its step and save before it is told to end, and then
        made to. `retry_pause`: seconds until what failed unexpectedly is tried again.
        """
        self._database = database
        self._executor = executor
        self._announce = announce
        self._journal = Journal(database, executor, announce, now=now)
        self._stop_grace = stop_grace
        self._retry_pause = retry_pause
        self._now = now
        self._due = asyncio.Event()
        self._tending: dict[str, asyncio.Task[None]] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what an earlier bot left, then start what is queued."""
        async with self._database.snapshot() as tx:
            left = await rows.in_states(tx, WITH_WORKER)
        for run in left:
            log.info("taking up %s (%s, attempt %d)", run.name, run.state, run.attempt)
            self._tend(run, submit=False)
            if run.state is RunState.STOPPING:
                self.stop(run)
        self._due.set()
        self._loop = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Let go. Workers go on."""
        tasks = [*self._tending.values(), *self._stopping, *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        self._due.set()

    def stop(self, run: Run) -> None:
        task = asyncio.create_task(self._stop(Job(run.name, run.attempt)))
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    async def _run(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                claimed = await self._claim()
            except Exception:
                # A full disk, say. Whatever it is, runs must start again once it is over.
                log.exception("starting queued runs failed; trying again in %.0f s", self._retry_pause)
                await asyncio.sleep(self._retry_pause)
                self._due.set()
                continue
            for run in claimed:
                self._tend(run, submit=True)

    async def _claim(self) -> list[Run]:
        """The queued runs for which there is room now, each on its next attempt."""
        claimed = []
        async with self._database.transaction() as tx:
            running = await rows.in_states(tx, WITH_WORKER)
            queued = await rows.in_states(tx, [RunState.QUEUED])
            room = len(self._executor.slots) - len(running)
            for run in queue.order(queued, running)[: max(room, 0)]:
                now = self._now()
                starting = run.moved(RunState.STARTING, now)
                await rows.update(tx, run, starting, now)
                await rows.insert_attempt(tx, run.name, starting.attempt, now)
                await self._announce(tx, Change(run, starting))
                claimed.append(starting)
        return claimed

    def _tend(self, run: Run, *, submit: bool) -> None:
        job = Job(run.name, run.attempt)
        task = asyncio.create_task(self._attend(job, run.spec if submit else None))
        self._tending[run.name] = task
        task.add_done_callback(lambda done: self._tended(job, done))

    def _tended(self, job: Job, task: asyncio.Task[None]) -> None:
        if self._tending.get(job.run) is task:
            del self._tending[job.run]
        self._due.set()

    async def _attend(self, job: Job, spec: RunSpec | None) -> None:
        """Start the job if it comes with a spec, then follow it to its end, whatever goes wrong meanwhile."""
        refusal = await self._submit(job, spec) if spec is not None else None
        while True:
            try:
                if refusal is not None:
                    await self._refused(job, refusal)
                else:
                    await self._exited(job, await self._journal.follow(job))
                return
            except Exception:
                # The worker goes on meanwhile, and its journal keeps what it says: nothing is lost by trying again.
                log.exception("tending %s failed; trying again in %.0f s", job, self._retry_pause)
                await asyncio.sleep(self._retry_pause)

    async def _submit(self, job: Job, spec: RunSpec) -> str | None:
        """Start the job. Returns why it did not start, None if it did or may have."""
        try:
            await self._executor.submit(job, spec, self._executor.slots[0])
        except ExecutorError as error:
            return str(error)
        except Exception:
            # It may have started all the same; following it finds out.
            log.exception("submitting %s failed; looking whether it runs", job)
        return None

    async def _exited(self, job: Job, exit_: Exit) -> None:
        log.info("%s ended: %s", job, exit_)
        await self._ended(job, repr(exit_), lambda run, at, count: lifecycle.after_exit(run, exit_, at, count))

    async def _refused(self, job: Job, reason: str) -> None:
        log.warning("%s was not started: %s", job, reason)
        how = f"{rows.REFUSED}: {reason}"
        await self._ended(job, how, lambda run, at, count: lifecycle.after_refusal(run, reason, at, count))

    async def _ended(self, job: Job, how: str, states: Callable[[Run, float, int], tuple[Run, ...]]) -> None:
        """Record that the attempt is over, and pass the run through the states that follow from it."""
        async with self._database.transaction() as tx:
            now = self._now()
            await rows.end_attempt(tx, job.run, job.attempt, now, how)
            run = await rows.find(tx, job.run)
            if run is None or run.attempt != job.attempt:
                return
            before = run
            for after in states(run, now, await rows.fruitless_attempts(tx, job.run)):
                await rows.update(tx, run, after, now)
                run = after
            if run is not before:
                await self._announce(tx, Change(before, run))

    async def _stop(self, job: Job) -> None:
        """Ask the worker to stop, then tell it to, then make it."""
        for force in (None, False, True):
            try:
                if force is None:
                    await self._executor.control(job, "stop")
                else:
                    log.warning("%s did not stop within %.0f s", job, self._stop_grace)
                    await self._executor.kill(job, force=force)
            except Exception:
                # A worker that could not be asked still has to end: the next step is harder.
                log.exception("stopping %s failed; trying harder", job)
            task = self._tending.get(job.run)
            if task is None:
                return
            await asyncio.wait([task], timeout=self._stop_grace)
            if task.done():
                return

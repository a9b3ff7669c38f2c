"""Starts queued runs when there is room, and tends each until its worker is gone.

Everything it needs to know is in the store: a dispatcher that starts after a crash takes up every attempt that has not
ended where the last one left it. An attempt holds its slot, and keeps its run from starting again, until it has ended,
whatever state the run is in by then: a run that was paused may still have a worker that is about to leave.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence

from bot.runs import lifecycle, queue
from bot.runs.announce import Announce, Change
from bot.runs.executor import Executor, ExecutorError, Exit, Job
from bot.runs.journal import Journal
from bot.runs.lifecycle import History
from bot.runs.model import WITH_WORKER, Run, RunState
from bot.runs.queue import Start
from bot.runs.requests import Requests
from bot.runs.slots import Slot
from bot.runs.watchdog import Watchdog
from bot.store import attempts
from bot.store import runs as rows
from bot.store.db import Database, Transaction
from trainer_core.faults import reach

log = logging.getLogger(__name__)


class Dispatcher:
    def __init__(  # its collaborators and two clocks
        self,
        database: Database,
        executor: Executor,
        announce: Announce,
        watchdog: Watchdog,
        *,
        running_cap: int = 0,
        grace: float = 300.0,
        retry_pause: float = 5.0,
        pause_before: Callable[[History], float] = lifecycle.pause_before,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`running_cap`: how many runs of one person may train at once, 0 for any number. `grace`: how many seconds a
        worker has to finish its step and save before it is told to end, and then made to. `retry_pause`: seconds until
        what failed unexpectedly here is tried again; `pause_before` says how long a run waits that failed itself.
        """
        self._database = database
        self._executor = executor
        self._announce = announce
        self._watchdog = watchdog
        self._journal = Journal(database, executor, announce, heard=watchdog.heard, steer=self.steer, now=now)
        self._running_cap = running_cap
        self._retry_pause = retry_pause
        self._pause_before = pause_before
        self._now = now
        self._due = asyncio.Event()
        self._tending: dict[Job, asyncio.Task[None]] = {}
        self._requests = Requests(database, executor, watchdog, self._tending, grace=grace, retry_pause=retry_pause)
        self._others: set[asyncio.Task[None]] = set()
        self._held: dict[str, asyncio.TimerHandle] = {}
        """Runs that wait before they are tried again, by name."""

    @property
    def slots(self) -> Sequence[Slot]:
        return self._executor.slots

    @property
    def held(self) -> Mapping[str, float]:
        now = asyncio.get_running_loop().time()
        return {name: max(handle.when() - now, 0.0) for name, handle in self._held.items()}

    @property
    def running_cap(self) -> int:
        return self._running_cap

    async def start(self) -> None:
        """Take up what an earlier bot left, then start what is queued."""
        async with self._database.snapshot() as tx:
            left = await attempts.unended(tx)
            runs = {run.name: run for run in await rows.in_states(tx, WITH_WORKER)}
        for attempt in left:
            log.info("taking up %s-%d", attempt.run, attempt.number)
            job, run = Job(attempt.run, attempt.number), runs.get(attempt.run)
            self._tend(job)
            if run is None:
                continue
            if run.state is RunState.STOPPING:
                self.stop(run)
            elif run.state is RunState.PAUSING:
                self.pause(run)
            elif run.undecided:
                self._watchdog.recall(job, run.undecided)
            self.steer(run)
        self._due.set()
        self._spawn(self._watchdog.run())
        self._spawn(self._run())

    async def close(self) -> None:
        """Let go. Workers go on."""
        for handle in self._held.values():
            handle.cancel()
        await self._requests.close()
        tasks = [*self._tending.values(), *self._others]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        self._due.set()

    def stop(self, run: Run) -> None:
        self._requests.end(run, "stop")

    def pause(self, run: Run) -> None:
        self._requests.end(run, "pause")

    def steer(self, run: Run) -> None:
        self._requests.steer(run)

    def restart(self, run: Run) -> None:
        self._spawn(self._executor.kill(Job(run.name, run.attempt), force=True))

    def wait(self, run: Run) -> None:
        self._watchdog.wait(Job(run.name, run.attempt))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._others.add(task)
        task.add_done_callback(self._others.discard)

    async def _run(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                started = await self._claim()
            except Exception:
                # A full disk, say. Whatever it is, runs must start again once it is over.
                log.exception("starting queued runs failed; trying again in %.0f s", self._retry_pause)
                await asyncio.sleep(self._retry_pause)
                self._due.set()
                continue
            if started:
                reach("dispatcher.claimed")
            for run, slot in started:
                self._tend(Job(run.name, run.attempt), (run, slot))

    async def _claim(self) -> list[tuple[Run, Slot]]:
        """The queued runs for which there is room now, each on its next attempt, with its slot."""
        async with self._database.transaction() as tx:
            open_ = await attempts.unended(tx)
            running = await rows.in_states(tx, WITH_WORKER)
            busy = {attempt.run for attempt in open_} | self._held.keys()
            queued = [run for run in await rows.in_states(tx, [RunState.QUEUED]) if run.name not in busy]
            taken = {attempt.slot for attempt in open_}
            slots = self._executor.slots
            free = [slot for slot in slots if slot.id not in taken]
            starts = queue.starts(queued, running, free, slots, self._running_cap)
            return [(await self._begin(tx, start), start.slot) for start in starts]

    async def _begin(self, tx: Transaction, start: Start) -> Run:
        now = self._now()
        starting = start.run.moved(RunState.STARTING, now)
        await rows.update(tx, start.run, starting, now)
        await attempts.insert(tx, starting.name, starting.attempt, start.slot.id, now)
        await self._announce(tx, Change(start.run, starting))
        return starting

    def _tend(self, job: Job, start: tuple[Run, Slot] | None = None) -> None:
        """Follow the job to its end, once it is started if it comes with what to start."""
        self._watchdog.follow(job)
        task = asyncio.create_task(self._attend(job, start))
        self._tending[job] = task
        task.add_done_callback(lambda _: self._tended(job))

    def _tended(self, job: Job) -> None:
        del self._tending[job]
        self._watchdog.forget(job)
        self._due.set()

    async def _attend(self, job: Job, start: tuple[Run, Slot] | None) -> None:
        """Start the job if need be, then follow it to its end, whatever goes wrong meanwhile."""
        refusal = await self._submit(job, *start) if start is not None else None
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

    async def _submit(self, job: Job, run: Run, slot: Slot) -> ExecutorError | None:
        """Start the job. Returns why it did not start, None if it did or may have."""
        try:
            await self._executor.submit(job, run.spec, slot)
        except ExecutorError as error:
            return error
        except Exception:
            # It may have started all the same; following it finds out.
            log.exception("submitting %s failed; looking whether it runs", job)
        reach("dispatcher.submitted")
        self.steer(run)
        return None

    async def _exited(self, job: Job, exit_: Exit) -> None:
        log.info("%s ended: %s", job, exit_)
        await self._ended(
            job, exit_.ending, repr(exit_), lambda run, at, history: lifecycle.after_exit(run, exit_, at, history)
        )

    async def _refused(self, job: Job, refusal: ExecutorError) -> None:
        log.warning("%s was not started: %s", job, refusal)
        await self._ended(
            job,
            attempts.REFUSED,
            str(refusal),
            lambda run, at, history: lifecycle.after_refusal(run, refusal, at, history),
        )

    async def _ended(
        self, job: Job, ending: str, how: str, states: Callable[[Run, float, History], tuple[Run, ...]]
    ) -> None:
        """Record that the attempt is over, and pass the run through the states that follow from it."""
        async with self._database.transaction() as tx:
            now = self._now()
            await attempts.end(tx, job.run, job.attempt, now, ending, how)
            run = await rows.find(tx, job.run)
            if run is None or run.attempt != job.attempt:
                return
            history = await attempts.history(tx, job.run)
            before = run
            for after in states(run, now, history):
                await rows.update(tx, run, after, now)
                run = after
            if run is not before:
                await self._announce(tx, Change(before, run))
            if before.state.has_worker and run.state is RunState.QUEUED:
                tx.after_commit["hold"] = lambda: self._hold(job.run, self._pause_before(history))

    def _hold(self, name: str, seconds: float) -> None:
        """Let the run wait so long before it is tried again."""
        if seconds > 0:
            self._held[name] = asyncio.get_running_loop().call_later(seconds, self._release, name)

    def _release(self, name: str) -> None:
        del self._held[name]
        self._due.set()

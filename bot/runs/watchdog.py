"""Notices workers that live and do not advance, has them say where they are, and asks the people who watch.

A worker that is alive is no proof of training: it may hang in a driver, a file system, an endless loop. Its stacks go
into its log, a message offers what can be done, and if nobody chooses it is killed: the run goes on from its newest
checkpoint. Time is monotonic: a clock that is set stalls nobody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.runs.announce import Announce, Change
from bot.runs.executor import Executor, Job
from bot.runs.model import Run, RunState, Stall
from bot.runs.stalls import Activity
from bot.store import runs as rows
from bot.store.db import Database, Transaction
from trainer_core.events import Event, JobStalled

_SLACK = 2.0
"""Seconds by which a look may be late before the bot itself counts as having stood still."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watched:
    activity: Activity
    acts_at: float | None = None
    """When it is killed, monotonic; None while it is not stalled."""


class Watchdog:
    def __init__(
        self,
        database: Database,
        executor: Executor,
        announce: Announce,
        *,
        floor: float,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`floor`: the least number of seconds without a step that counts as a stall."""
        self._database = database
        self._executor = executor
        self._announce = announce
        self._floor = floor
        self._every = min(floor / 5, 5.0)
        self._monotonic = monotonic
        self._now = now
        self._watched: dict[Job, _Watched] = {}

    def follow(self, job: Job) -> None:
        """The job's worker may be at work from now on."""
        self._watched[job] = _Watched(Activity(self._floor, self._monotonic()))

    def recall(self, job: Job, stall: Stall) -> None:
        """An earlier bot told people of this stall, and when it would act: that stands unless the worker advances."""
        if watched := self._watched.get(job):
            left = min(max(stall.restarts_at - self._now(), 0.0), watched.activity.limit)
            watched.acts_at = self._monotonic() + left

    def slow_step(self, job: Job) -> float:
        """Seconds that a step of the job may well take; 0 while nothing is known."""
        watched = self._watched.get(job)
        return watched.activity.slow_step if watched else 0.0

    def forget(self, job: Job) -> None:
        """The job's worker is gone."""
        self._watched.pop(job, None)

    def heard(self, job: Job, events: Sequence[Event]) -> None:
        """The job's worker told something."""
        if watched := self._watched.get(job):
            watched.activity.heard(events, self._monotonic())
            watched.acts_at = None

    def wait(self, job: Job) -> None:
        """Somebody chose to leave it alone for now."""
        if watched := self._watched.get(job):
            watched.activity.wait(self._monotonic())
            watched.acts_at = None

    async def run(self) -> None:
        """Look after all until cancelled."""
        looked = self._monotonic()
        while True:
            await asyncio.sleep(self._every)
            late = self._monotonic() - looked - self._every
            looked = self._monotonic()
            try:
                await self.look(excused=late if late > _SLACK else 0.0)
            except Exception:
                # A full disk, say. The next look comes all the same.
                log.exception("looking after the workers failed; looking again in %.0f s", self._every)

    async def look(self, excused: float = 0.0) -> None:
        """Tell of every worker that has stalled, and end those for which nobody chose in time.

        `excused`: seconds for which this process stood still itself and heard nobody.
        """
        for job, watched in list(self._watched.items()):
            watched.activity.excuse(excused)
            now = self._monotonic()
            if watched.acts_at is None:
                if watched.activity.is_stalled(now):
                    await self._stalled(job, watched)
            elif now >= watched.acts_at:
                log.warning("%s is stalled and nobody chose otherwise: it is killed", job)
                await self._executor.kill(job, force=True)
                watched.acts_at = now + watched.activity.limit

    async def _stalled(self, job: Job, watched: _Watched) -> None:
        activity = watched.activity
        noticed, limit = self._monotonic(), activity.limit
        quiet = activity.quiet(noticed)
        log.warning("%s has not advanced for %.0f s at step %d; its stacks go into its log", job, quiet, activity.step)
        await self._executor.dump(job)
        async with self._database.transaction() as tx:
            run = await rows.find(tx, job.run)
            if run and run.attempt == job.attempt and run.state in (RunState.STARTING, RunState.RUNNING):
                await self._ask(tx, run, activity.step, quiet, limit)
        if run is None or run.attempt != job.attempt or not run.state.has_worker:
            log.warning("%s has told all there was and does not leave: it is killed", job)
            await self._executor.kill(job, force=True)
            activity.wait(noticed)
        elif run.state in (RunState.PAUSING, RunState.STOPPING):
            # Whoever asked it to end sees that through.
            activity.wait(noticed)
        elif activity.is_stalled(self._monotonic()):
            watched.acts_at = noticed + limit

    async def _ask(self, tx: Transaction, run: Run, step: int, quiet: float, limit: float) -> None:
        """Tell people of the stall, and what comes of it unless they choose."""
        now = self._now()
        after = replace(run, stall=Stall(since=now - quiet, noticed_at=now, step=step, restarts_at=now + limit))
        await rows.update(tx, run, after, now)
        event = JobStalled(run=run.name, attempt=run.attempt, time=now, step=step, seconds=quiet)
        await self._announce(tx, Change(run, after, (event,)))

"""Follows a run's `events.jsonl` into the store, exactly once.

The offset and what was read up to it are committed in one transaction, so that a crash in between reads the same
bytes again and counts them once. What an attempt that is not the run's current one reports counts for nothing.

Life-cycle, evaluations and all else that somebody waits for are stored as soon as they are read. Progress, which comes
twice a second and is told anew by the next, waits a few seconds for company: it costs a commit each time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from bot.runs import lifecycle
from bot.runs.announce import Announce, Change
from bot.runs.executor import Executor, Exit, Job
from bot.runs.model import Run
from bot.runs.scanner import Scanner
from bot.store import events as event_rows
from bot.store import runs as rows
from bot.store.db import Database
from bot.store.events import Batch
from trainer_core.events import Event, JobProgress, MetricsProgress
from trainer_core.faults import reach

_CHUNK = 1 << 20
"""Bytes read at once."""
_AT_ONCE = 1 << 14
"""Bytes whose lines are taken apart where they are read; more would hold everybody else up."""
_ENOUGH = 1 << 18
"""Bytes of progress that are worth a commit."""
_HOLD = 5.0
"""Seconds that progress may wait to be stored."""

log = logging.getLogger(__name__)


def _nobody(job: Job, events: Sequence[Event]) -> None:
    """Nobody wants to hear."""


def _nothing_left(run: Run) -> None:
    """Nobody asks the worker for anything."""


class Journal:
    def __init__(
        self,
        database: Database,
        executor: Executor,
        announce: Announce,
        *,
        heard: Callable[[Job, Sequence[Event]], None] = _nobody,
        steer: Callable[[Run], None] = _nothing_left,
        hold: float = _HOLD,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`heard` is called with what was read at once, before it is stored. It may be called again with the same
        events after a failure. `steer` is called when the worker has done what it was asked first and more is asked of
        it. `hold`: how many seconds progress may wait to be stored.
        """
        self._database = database
        self._executor = executor
        self._announce = announce
        self._heard = heard
        self._steer = steer
        self._hold = hold
        self._now = now

    async def follow(self, job: Job) -> Exit:
        """Bring everything the job reports into the store until it has ended. Returns how it ended."""
        clock = asyncio.get_running_loop().time
        scanner = await self._resume(job)
        due: float | None = None
        while True:
            exit_ = None
            try:
                async with asyncio.timeout_at(due) as patience:
                    exit_ = await self._executor.wait(job, scanner.offset)
            except TimeoutError:
                if not patience.expired():
                    raise
            else:
                if exit_ is None:
                    await self._read(job, scanner)
            if scanner.held:
                due = due or clock() + self._hold
                if exit_ or not scanner.can_wait or scanner.held >= _ENOUGH or clock() >= due:
                    due = None
                    if not await self._store(job, scanner.take()):
                        scanner = await self._resume(job)
                        continue
            if exit_ is not None:
                if scanner.in_line:
                    log.warning("%s ends within a line, which is left out", _file(job))
                return exit_

    async def _resume(self, job: Job) -> Scanner:
        """A scanner that goes on where the store ends."""
        async with self._database.snapshot() as tx:
            offset, seq = await event_rows.journal_position(tx, job.run, job.attempt)
            return Scanner(job, offset, seq, await event_rows.quarantined(tx, job.run, job.attempt))

    async def _read(self, job: Job, scanner: Scanner) -> None:
        """Feed the scanner what is there."""
        data = await self._executor.read_events(job, scanner.offset, _CHUNK)
        reach("journal.read")
        if len(data) <= _AT_ONCE:
            events = scanner.feed(data)
        else:
            events = await asyncio.to_thread(scanner.feed, data)
        if events:
            self._heard(job, events)

    async def _store(self, job: Job, batch: Batch) -> bool:
        """Store what was read and what it makes of the run.

        Returns False, and nothing is stored, if `batch` does not begin where the store ends.
        """
        async with self._database.transaction() as tx:
            before = await rows.find(tx, job.run)
            if before is None or before.attempt != job.attempt:
                return True
            committed, _ = await event_rows.journal_position(tx, job.run, job.attempt)
            if committed != batch.start:
                return False
            now = self._now()
            await event_rows.append(tx, job.run, job.attempt, batch, now)
            events = tuple(entry.event for entry in batch.entries)
            run = before
            for after in _states(run, events, now):
                await rows.update(tx, run, after, now)
                run = after
            if events:
                await self._announce(tx, Change(before, run, events))
            if run.requests and run.requests != before.requests:
                tx.after_commit["steer"] = partial(self._steer, run)
        reach("journal.ingested")
        self._tell(job, batch)
        return True

    def _tell(self, job: Job, batch: Batch) -> None:
        """Tell whoever looks after the bot what is not in the store."""
        reports = (entry.event for entry in batch.entries)
        dropped = sum(event.dropped for event in reports if isinstance(event, JobProgress | MetricsProgress))
        if dropped:
            log.warning("the disk did not take %d events into %s; the training went on", dropped, _file(job))
        if batch.misfits:
            first = batch.misfits[0]
            told = (_file(job), batch.lines_set_aside, first.offset, first.reason)
            log.warning("lines of %s that are no events were set aside: %d; the first is at byte %d (%s)", *told)


def _states(run: Run, events: Sequence[Event], at: float) -> Iterator[Run]:
    """What the run becomes, one after the other, because its current attempt reported `events`."""
    stall = run.stall
    if stall is not None and any(not isinstance(e, MetricsProgress) or e.step > stall.step for e in events):
        run = replace(run, stall=None)
        yield run
    for event in events:
        if run.requests and run.requests[0].is_answered_by(event):
            run = replace(run, requests=run.requests[1:])
            yield run
        for after in lifecycle.after_event(run, event, at):
            yield after
            run = after


def _file(job: Job) -> str:
    """For people who look after the bot: relative to its home folder."""
    return f"runs/{job.run}/attempts/{job.attempt}/events.jsonl"

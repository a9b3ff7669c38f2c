"""Follows a run's `events.jsonl` into the store, exactly once.

The offset and what was read up to it are committed in one transaction, so that a crash in between reads the same
bytes again and counts them once. What an attempt that is not the run's current one reports counts for nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from bot.runs import lifecycle
from bot.runs.announce import Announce, Change
from bot.runs.executor import Executor, Exit, Job
from bot.store import events as event_rows
from bot.store import runs as rows
from bot.store.db import Database
from trainer_core.events import Event, UnreadableEventError, decode

_CHUNK = 1 << 20
"""Bytes read at once; no line of a journal is longer."""

log = logging.getLogger(__name__)


class Journal:
    def __init__(
        self,
        database: Database,
        executor: Executor,
        announce: Announce,
        *,
        heard: Callable[[Job, Sequence[Event]], None] = lambda job, events: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`heard` is told of events as soon as they are read."""
        self._heard = heard
        self._database = database
        self._executor = executor
        self._announce = announce
        self._now = now

    async def follow(self, job: Job) -> Exit:
        """Bring everything the job reports into the store until it has ended. Returns how it ended."""
        async with self._database.snapshot() as tx:
            offset, _ = await event_rows.journal_position(tx, job.run, job.attempt)
        seen = offset
        while (exit_ := await self._executor.wait(job, seen)) is None:
            data = await self._executor.read_events(job, offset, _CHUNK)
            whole = data.rfind(b"\n") + 1
            if whole == 0 and len(data) == _CHUNK:
                log.error("%s: a line of its journal is over %d bytes and is left out", job, _CHUNK)
                whole = len(data)
            if whole:
                await self._ingest(job, data[:whole], offset)
                offset += whole
            seen = offset if len(data) == _CHUNK else offset + len(data) - whole
        return exit_

    async def _ingest(self, job: Job, data: bytes, offset: int) -> None:
        async with self._database.transaction() as tx:
            run = await rows.find(tx, job.run)
            committed, seq = await event_rows.journal_position(tx, job.run, job.attempt)
            if run is None or run.attempt != job.attempt or committed != offset:
                return
            events = list(_readable(job, data, seq))
            self._heard(job, events)
            await event_rows.append_events(tx, job.run, job.attempt, events, offset + len(data))
            now = self._now()
            before = run
            for event in events:
                for after in lifecycle.after_event(run, event, now):
                    await rows.update(tx, run, after, now)
                    run = after
            if events:
                await self._announce(tx, Change(before, run, tuple(events)))


def _readable(job: Job, data: bytes, seq: int) -> list[Event]:
    """The events in `data` that follow `seq`. A line that is none, or was seen before, is left out and logged."""
    events = []
    for line in data.splitlines():
        try:
            event = decode(line)
        except UnreadableEventError as error:
            log.warning("%s: a line of its journal is left out: %s", job, error)
            continue
        if (event.run, event.attempt) != (job.run, job.attempt) or event.seq <= seq:
            log.error("%s: its journal has an event that is not its own (seq %d after %d)", job, event.seq, seq)
            continue
        if event.seq != seq + 1:
            log.error("%s: its journal goes from seq %d to %d", job, seq, event.seq)
        seq = event.seq
        events.append(event)
    return events

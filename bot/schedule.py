"""Recurring work, on apscheduler: the jobs live in memory only and are made anew at every start."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from bot.chat.notify import policy
from bot.chat.notify.kinds import Kind
from bot.chat.notify.outbox import Outbox
from bot.runs.model import RunState
from bot.store import runs as rows
from bot.store import summaries
from bot.store.db import Database

_LOOK_EVERY = 15.0
"""Seconds between looks for summaries that are due, and at the clock."""
_BACKUP_EVERY = 300.0
"""Seconds between looks whether a backup is due. A machine that sleeps may be awake for minutes only."""
_SWEEP_EVERY = 3600.0
"""Seconds between sweeps of what nobody came back to."""
_SET = 60.0
"""Seconds by which the wall clock has to run away from the steady one to count as set."""

log = logging.getLogger(__name__)


class _Every(BaseTrigger):  # type: ignore[misc]  # apscheduler has no types
    """Fires so many seconds after it was last looked at.

    apscheduler's own interval counts through every time that was missed: for minutes, after a machine that started
    in 1970 has learned the time.
    """

    def __init__(self, seconds: float, first: float) -> None:
        self._pause = timedelta(seconds=seconds)
        self._first = timedelta(seconds=first)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return now + (self._first if previous_fire_time is None else self._pause)


class Schedule:
    """Summaries of runs, backups, and sweeps of uploads. What comes how often is for the work to say; here it is only
    asked often enough.

    apscheduler goes by the wall clock: were that set back a day, it would do nothing for a day. So the clock is
    watched, and once it was set, everything is scheduled anew. To have slept looks the same: the steady clock stands
    still in a machine that does.
    """

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        *,
        heartbeat_minutes: float,
        back_up: Callable[[], Awaitable[object]],
        sweep: Callable[[], Awaitable[object]],
        look_every: float = _LOOK_EVERY,
        now: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`back_up` is called soon, and then every few minutes, due or not, and `sweep` every hour; what they raise is
        logged.
        """
        self._database = database
        self._outbox = outbox
        self._period = heartbeat_minutes * 60
        self._back_up = back_up
        self._sweep = sweep
        self._look_every = look_every
        self._now = now
        self._steady = steady
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._watching: asyncio.Task[None] | None = None
        self._working: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._set_up()
        self._scheduler.start()
        self._watching = asyncio.create_task(self._watch_clock())

    async def close(self) -> None:
        if self._scheduler.running:
            # It lets go of what is at work; that still needs the store for a moment.
            self._scheduler.shutdown(wait=False)
        if self._watching is not None:
            self._watching.cancel()
            self._working.add(self._watching)
        await asyncio.gather(*self._working, return_exceptions=True)

    def _set_up(self) -> None:
        if self._period:
            self._repeat("summaries", self.summaries, self._look_every)
        self._repeat("backup", self.backup, _BACKUP_EVERY)
        self._repeat("sweep", self.sweep, _SWEEP_EVERY)

    def _repeat(self, name: str, work: Callable[[], Coroutine[None, None, None]], seconds: float) -> None:
        """Have `work` done soon, and then every so many seconds."""

        async def tracked() -> None:
            task = asyncio.create_task(work(), name=name)
            self._working.add(task)
            task.add_done_callback(self._working.discard)
            await task

        self._scheduler.add_job(
            tracked,
            _Every(seconds, first=self._look_every),
            id=name,
            name=name,
            replace_existing=True,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,  # however late: what is due is found by looking
        )

    async def _watch_clock(self) -> None:
        apart = self._now() - self._steady()
        while True:
            await asyncio.sleep(self._look_every)
            moved = self._now() - self._steady() - apart
            if abs(moved) > _SET:
                log.warning("the clock was set by %+.0f s", moved)
                apart += moved
                self._set_up()

    async def summaries(self) -> None:
        """Put a summary into the outbox for whoever has watched a run for another period. Each comes once.

        Whatever the clock does, there is one a period at most, and the next is never further away than that.
        """
        now = self._now()
        async with self._database.transaction() as tx:
            for run in await rows.in_states(tx, [RunState.RUNNING]):
                had = await summaries.had(tx, run.name, Kind.SUMMARY)
                for user_id, since in (await rows.watches(tx, run.name)).items():
                    before = had.get(user_id)
                    last = before.last_at if before else max(since, run.started_at or now)
                    # A clock that was set back leaves `last` in the future.
                    if abs(now - last) >= self._period:
                        number = before.count + 1 if before else 1
                        await self._outbox.put_newest(tx, policy.summary(run.name, user_id, number))

    async def backup(self) -> None:
        """Make one if it is due."""
        try:
            await self._back_up()
        except Exception:
            # A full disk, say. Nothing else is hurt, and the next look tries again.
            log.exception("the database was not backed up; trying again in a few minutes")

    async def sweep(self) -> None:
        """Remove what nobody came back to."""
        try:
            await self._sweep()
        except Exception:
            # A folder that cannot be read, say: it is only room that is lost.
            log.exception("nothing was swept; trying again in an hour")

"""Recurring work, on apscheduler: the jobs live in memory only and are made anew at every start."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.chat.notify import policy
from bot.chat.notify.outbox import Outbox
from bot.runs.model import RunState
from bot.store import runs as rows
from bot.store.db import Database

_LOOK_EVERY = 15
"""Seconds between looks for summaries that are due."""


class Schedule:
    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        *,
        heartbeat_minutes: float,
        look_every: float = _LOOK_EVERY,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._period = heartbeat_minutes * 60
        self._now = now
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        if self._period:
            self._scheduler.add_job(
                self.summaries,
                "interval",
                seconds=look_every,
                id="summaries",
                replace_existing=True,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=60,
            )

    def start(self) -> None:
        self._scheduler.start()

    def close(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def summaries(self) -> None:
        """Put a summary into the outbox for every run that has come through another period. Each comes once."""
        async with self._database.transaction() as tx:
            for run in await rows.in_states(tx, [RunState.RUNNING]):
                number = int((self._now() - (run.started_at or self._now())) // self._period)
                if number < 1:
                    continue
                for user_id in await rows.watches(tx, run.name):
                    await self._outbox.put_newest(tx, policy.summary(run.name, user_id, number))

"""Writes what a change of a run calls for into the outbox, in the change's own transaction."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.chat.notify import policy
from bot.chat.notify.kinds import Kind
from bot.runs.announce import Change
from bot.store import outbox
from bot.store import runs as rows
from bot.store.db import Transaction


class Outbox:
    """The run service's `Announce`."""

    def __init__(self, wake: Callable[[], None], *, now: Callable[[], float] = time.time) -> None:
        """`wake` is called when there is something to send."""
        self._wake = wake
        self._now = now

    async def __call__(self, tx: Transaction, change: Change) -> None:
        watches = await rows.watches(tx, change.after.name)
        for kind in policy.passed(change):
            await outbox.supersede(tx, kind, change.after.name, [])
        notices = policy.notices(change, watches)
        turned = change.before.state is not change.after.state or change.before.stall != change.after.stall
        for notice in notices:
            if notice.kind is Kind.DISK and not await self._is_news(tx, notice):
                continue
            await self.put(tx, notice)
            if turned:
                await outbox.hasten(tx, notice.key)
        current = [notice.key for notice in notices]
        await outbox.supersede(tx, Kind.LIVE, change.after.name, current)
        tx.after_commit["send"] = self._wake

    async def _is_news(self, tx: Transaction, notice: policy.Notice) -> bool:
        return policy.is_news(await outbox.told_at(tx, notice.kind, notice.user_id, notice.run), self._now())

    async def put(self, tx: Transaction, notice: policy.Notice) -> None:
        """The message should show the run as it is now."""
        kind = notice.kind
        await outbox.put(tx, notice.key, kind, notice.user_id, notice.run, kind.priority, self._now())

    async def put_newest(self, tx: Transaction, notice: policy.Notice) -> None:
        """The message should exist, once, and takes the place of any of its kind that still waits to be sent."""
        kind = notice.kind
        if await outbox.put_once(tx, notice.key, kind, notice.user_id, notice.run, kind.priority, self._now()):
            await outbox.overtake(tx, kind, notice.run, notice.user_id, notice.key)
            tx.after_commit["send"] = self._wake

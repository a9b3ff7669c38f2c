"""Runs as the store holds them: put there without anybody who runs them, and read back whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.runs.model import Run
from bot.store import attempts
from bot.store import runs as rows
from bot.store.db import Database, Transaction
from bot.store.events import Batch, Entry, append, journal_position
from trainer_core.events import Event, decode, encode


async def keep(database: Database, run: Run, story: Sequence[Event] = (), watchers: Iterable[int] = ()) -> Run:
    """Store the run with its newest attempt's story; `watchers` have watched since it was made."""
    async with database.transaction() as tx:
        await rows.insert(tx, run, None)
        await rows.update(tx, run, run, run.created_at)
        if run.attempt:
            stamped = [event.stamped(run.name, run.attempt, seq, 0.0) for seq, event in enumerate(story, start=1)]
            await attempts.insert(tx, run.name, run.attempt, "cpu-0", run.created_at)
            await append_events(tx, run.name, run.attempt, stamped, len(stamped))
        for user_id in watchers:
            await rows.add_watcher(tx, run.name, user_id, run.created_at)
    return run


async def events_of(tx: Transaction, run: str) -> list[Event]:
    """Everything the run reported, in order."""
    rows = await tx.all("SELECT payload FROM events WHERE run = ? ORDER BY attempt, seq", (run,))
    return [decode(row["payload"]) for row in rows]


async def append_events(tx: Transaction, run: str, number: int, events: Iterable[Event], offset: int) -> None:
    """Store `events` as what the attempt reported up to byte `offset` of its journal."""
    start, _ = await journal_position(tx, run, number)
    entries = [Entry(event, encode(event).decode().rstrip()) for event in events]
    await append(tx, run, number, Batch(start, offset, entries), 0.0)

"""What runs reported, as rows, and how far each attempt's journal has been read."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store.db import Transaction
from trainer_core.events import Event, MetricsCheckpoint, MetricsProgress, decode, encode

_PROGRESS = MetricsProgress.model_fields["type"].default
_CHECKPOINT = MetricsCheckpoint.model_fields["type"].default


async def journal_position(tx: Transaction, run: str, number: int) -> tuple[int, int]:
    """(byte offset, last seq) up to which the attempt's journal is in the store."""
    row = await tx.one("SELECT offset, seq FROM attempts WHERE run = ? AND number = ?", (run, number))
    return (row["offset"], row["seq"]) if row else (0, 0)


async def append_events(tx: Transaction, run: str, number: int, events: Sequence[Event], offset: int) -> None:
    """Add `events`, and note that the attempt's journal is read up to byte `offset`."""
    await tx.execute_many(
        "INSERT INTO events (run, attempt, seq, type, payload) VALUES (?, ?, ?, ?, ?)",
        [(run, number, event.seq, event.type, encode(event).decode()) for event in events],
    )
    last = events[-1].seq if events else None
    await tx.execute(
        "UPDATE attempts SET offset = ?, seq = coalesce(?, seq) WHERE run = ? AND number = ?",
        (offset, last, run, number),
    )


async def events_for_view(tx: Transaction, run: str, points: int) -> list[Event]:
    """What the run reported, in order, as far as views show it.

    There may be days of it: checkpoints are left out, and of progress are about `points` events there, evenly spread,
    the newest among them.
    """
    counted = await tx.one("SELECT count(*) AS number FROM events WHERE run = ? AND type = ?", (run, _PROGRESS))
    stride = int(counted["number"]) // points + 1 if counted else 1
    rows = await tx.all(
        "SELECT attempt, seq, payload FROM events WHERE run = :run AND type < :progress"
        " AND type <> :checkpoint"
        " UNION ALL SELECT attempt, seq, payload FROM events WHERE run = :run AND type > :progress"
        " UNION ALL SELECT attempt, seq, payload FROM events"
        " WHERE run = :run AND type = :progress AND seq % :stride = 0"
        " UNION ALL SELECT * FROM (SELECT attempt, seq, payload FROM events WHERE run = :run AND type = :progress"
        " ORDER BY attempt DESC, seq DESC LIMIT 1) WHERE seq % :stride <> 0"
        " ORDER BY attempt, seq",
        {"run": run, "progress": _PROGRESS, "checkpoint": _CHECKPOINT, "stride": stride},
    )
    return [decode(row["payload"]) for row in rows]


async def newest_progress(tx: Transaction, run: str) -> MetricsProgress | None:
    """The newest step the run told of."""
    row = await tx.one(
        "SELECT payload FROM events WHERE run = ? AND type = ? ORDER BY attempt DESC, seq DESC LIMIT 1",
        (run, _PROGRESS),
    )
    return MetricsProgress.model_validate_json(row["payload"]) if row else None

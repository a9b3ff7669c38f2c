"""What runs reported, as rows, and how far each attempt's journal has been read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.store.db import Transaction
from trainer_core.events import Event, JobProgress, MetricsCheckpoint, MetricsProgress, Phase, decode

_PHASE = JobProgress.model_fields["type"].default
_PROGRESS = MetricsProgress.model_fields["type"].default
_CHECKPOINT = MetricsCheckpoint.model_fields["type"].default


@dataclass(frozen=True, slots=True)
class Entry:
    """An event and the line it came in, which is kept as it is."""

    event: Event
    line: str


@dataclass(frozen=True, slots=True)
class Misfit:
    """A line of a journal that is no event of its attempt."""

    offset: int
    length: int
    """Bytes, without the newline."""
    reason: str
    beginning: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What the whole lines between two byte offsets of a journal hold."""

    start: int
    end: int
    entries: Sequence[Entry]
    misfits: Sequence[Misfit] = ()
    """The first of the lines that are no events, up to a bound."""
    lines_set_aside: int = 0
    """How many lines are no events."""


async def journal_position(tx: Transaction, run: str, number: int) -> tuple[int, int]:
    """(byte offset, last seq) up to which the attempt's journal is in the store."""
    row = await tx.one("SELECT offset, seq FROM attempts WHERE run = ? AND number = ?", (run, number))
    return (row["offset"], row["seq"]) if row else (0, 0)


async def quarantined(tx: Transaction, run: str, number: int) -> int:
    """How many lines of the attempt's journal were no events of its own."""
    row = await tx.one("SELECT count(*) AS number FROM quarantine WHERE run = ? AND attempt = ?", (run, number))
    return int(row["number"]) if row else 0


async def append(tx: Transaction, run: str, number: int, batch: Batch, at: float) -> None:
    """Add what `batch` holds, and note that the attempt's journal is read up to its end."""
    await tx.execute_many(
        "INSERT INTO events (run, attempt, seq, type, payload) VALUES (?, ?, ?, ?, ?)",
        ((run, number, entry.event.seq, entry.event.type, entry.line) for entry in batch.entries),
    )
    if batch.misfits:
        await tx.execute_many(
            "INSERT INTO quarantine (run, attempt, offset, length, reason, beginning, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((run, number, line.offset, line.length, line.reason, line.beginning, at) for line in batch.misfits),
        )
    last = batch.entries[-1].event.seq if batch.entries else None
    await tx.execute(
        "UPDATE attempts SET offset = ?, seq = coalesce(?, seq) WHERE run = ? AND number = ?",
        (batch.end, last, run, number),
    )


async def events_for_view(tx: Transaction, run: str, points: int) -> list[Event]:
    """What the run reported, in order, as far as views show it.

    There may be days of it: of checkpoints only the newest that somebody asked for is there, and of progress about
    `points` events, evenly spread, the newest among them.
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
        " UNION ALL SELECT * FROM (SELECT attempt, seq, payload FROM events WHERE run = :run AND type = :checkpoint"
        " AND json_extract(payload, '$.pinned') ORDER BY attempt DESC, seq DESC LIMIT 1)"
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


async def newest_phase(tx: Transaction, run: str, number: int) -> Phase | None:
    """What the attempt is busy with, as far as it has told."""
    row = await tx.one(
        "SELECT payload FROM events WHERE run = ? AND type = ? AND attempt = ? ORDER BY seq DESC LIMIT 1",
        (run, _PHASE, number),
    )
    return JobProgress.model_validate_json(row["payload"]).phase if row else None

"""Which summaries of a run its watchers have had, as rows of the outbox tell."""

from __future__ import annotations

from dataclasses import dataclass

from bot.store.db import Transaction


@dataclass(frozen=True, slots=True)
class Had:
    """The summaries that one person has had of one run."""

    count: int
    last_at: float
    """When the newest was put into the outbox, in seconds since the epoch."""


async def had(tx: Transaction, run: str, kind: str) -> dict[int, Had]:
    """By person; nobody who had none."""
    rows = await tx.all(
        "SELECT user_id, count(*) AS count, created_at, max(id) FROM outbox WHERE run = ? AND kind = ?"
        " GROUP BY user_id",  # SQLite takes the other columns from the row with the greatest id
        (run, kind),
    )
    return {row["user_id"]: Had(row["count"], row["created_at"]) for row in rows}

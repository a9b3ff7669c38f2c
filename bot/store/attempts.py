"""Attempts, as rows. An attempt without `ended_at` is open: its worker is not known to be gone."""

from __future__ import annotations

from dataclasses import dataclass

from bot.runs.executor import Ending
from bot.runs.lifecycle import History, Tried
from bot.store.db import Transaction
from trainer_core.events import JobFailed, JobPaused, MetricsCheckpoint, MetricsConfig

_CHECKPOINT = MetricsCheckpoint.model_fields["type"].default
_CONFIG = MetricsConfig.model_fields["type"].default
_FAILED = JobFailed.model_fields["type"].default

_PAUSED = JobPaused.model_fields["type"].default

REFUSED = "refused"
"""The ending of an attempt that no worker took."""


@dataclass(frozen=True, slots=True)
class Open:
    """An attempt that is open."""

    run: str
    number: int
    slot: str


async def insert(tx: Transaction, run: str, number: int, slot: str, at: float) -> None:
    await tx.execute(
        "INSERT INTO attempts (run, number, slot, started_at) VALUES (?, ?, ?, ?)", (run, number, slot, at)
    )


async def unended(tx: Transaction) -> list[Open]:
    found = await tx.all("SELECT run, number, slot FROM attempts WHERE ended_at IS NULL ORDER BY started_at")
    return [Open(row["run"], row["number"], row["slot"]) for row in found]


async def end(tx: Transaction, run: str, number: int, at: float, ending: str, exit_: str) -> None:
    """`ending` is one of `Ending`, or REFUSED; `exit_` says it for people."""
    await tx.execute(
        "UPDATE attempts SET ended_at = ?, ending = ?, exit = ? WHERE run = ? AND number = ?",
        (at, ending, exit_, run, number),
    )


async def history(tx: Transaction, run: str) -> History:
    """What all attempts of the run came to."""
    found = await tx.all(
        "SELECT coalesce(ending <> :lost, FALSE)"
        " OR EXISTS (SELECT 1 FROM events WHERE run = a.run AND attempt = a.number) AS telling,"
        " EXISTS (SELECT 1 FROM events WHERE run = a.run AND type = :paused AND attempt = a.number) AS paused,"
        " (SELECT max(json_extract(payload, '$.step')) FROM events"
        "  WHERE run = a.run AND type = :checkpoint AND attempt = a.number) AS saved,"
        " (SELECT payload FROM events WHERE run = a.run AND type = :failed AND attempt = a.number) AS failure"
        " FROM attempts AS a WHERE run = :run ORDER BY number",
        {"run": run, "lost": Ending.LOST, "paused": _PAUSED, "checkpoint": _CHECKPOINT, "failed": _FAILED},
    )
    config = await tx.one(
        "SELECT payload FROM events WHERE run = ? AND type = ? ORDER BY attempt DESC, seq DESC LIMIT 1", (run, _CONFIG)
    )
    return History(
        [
            Tried(
                telling=bool(row["telling"]),
                paused=bool(row["paused"]),
                saved=row["saved"],
                failure=JobFailed.model_validate_json(row["failure"]) if row["failure"] else None,
            )
            for row in found
        ],
        MetricsConfig.model_validate_json(config["payload"]) if config else None,
    )

"""Runs as people see them, read from the store: what happened, the place in the queue, when it will start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.runs import queue
from bot.runs.model import WITH_WORKER, Run, RunState, RunStatus, status_of
from bot.runs.slots import Slot
from bot.store import attempts, events
from bot.store import runs as rows
from bot.store.db import Transaction

_NOBODY: Mapping[str, float] = {}


@dataclass(frozen=True, slots=True)
class Waiting:
    """The queue as it stands."""

    positions: Mapping[str, int]
    """Places, from 1, by run."""
    starts_in: Mapping[str, float]
    """Seconds until each is expected to start; without those of which nobody can tell."""


async def load_waiting(tx: Transaction, slots: Sequence[Slot], held: Mapping[str, float] = _NOBODY) -> Waiting:
    """The queue on these slots; `held`: seconds for which a run that failed waits before it is tried again."""
    queued = await rows.in_states(tx, [RunState.QUEUED])
    if not queued:
        return Waiting({}, {})
    running = await rows.in_states(tx, WITH_WORKER)
    by_name = {run.name: run for run in running}
    busy = {
        attempt.slot: await _remaining(tx, by_name.get(attempt.run), attempt.run)
        for attempt in await attempts.unended(tx)
    }
    positions = {run.name: place for place, run in enumerate(queue.order(queued, running), start=1)}
    starts_in = queue.forecast(queued, running, busy, slots, _length)
    return Waiting(positions, {run: max(seconds, held.get(run, 0.0)) for run, seconds in starts_in.items()})


async def load_status(
    tx: Transaction, run: Run, slots: Sequence[Slot], held: Mapping[str, float] = _NOBODY, points: int = 1000
) -> RunStatus:
    """Read everything a view of `run` shows, with about `points` points of its curve."""
    waiting = await load_waiting(tx, slots, held) if run.state is RunState.QUEUED else Waiting({}, {})
    return await status_with(tx, run, waiting, points)


async def status_with(tx: Transaction, run: Run, waiting: Waiting, points: int) -> RunStatus:
    """`load_status` for many runs, with the queue read once."""
    return status_of(
        run,
        await events.events_for_view(tx, run.name, points),
        position=waiting.positions.get(run.name),
        starts_in=waiting.starts_in.get(run.name),
        watchers=await rows.watches(tx, run.name),
    )


def _length(run: Run) -> float | None:
    """Seconds the run is expected to take; None if its budget is no time."""
    return run.spec.budget.amount if run.spec.budget.unit == "seconds" else None


async def _remaining(tx: Transaction, run: Run | None, name: str) -> float | None:
    """Seconds for which the run's worker is expected to go on. One whose run needs none is about to leave."""
    if run is None:
        return 0.0
    progress = await events.newest_progress(tx, name)
    return progress.remaining if progress else _length(run)

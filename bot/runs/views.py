"""Runs as people see them, read from the store: what happened, the place in the queue, when it will start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.person import Person
from bot.runs import queue
from bot.runs.model import WITH_WORKER, Run, RunState, RunStatus, status_of
from bot.runs.slots import Slot, choose
from bot.store import attempts, events
from bot.store import runs as rows
from bot.store.db import Transaction
from trainer_core.errors import Code, SpotterError

_FINE, _COARSE = 1000, 300
"""Points of a curve. Cards of runs that go on are made again every few seconds."""
_NOBODY: Mapping[str, float] = {}


@dataclass(frozen=True, slots=True)
class Waiting:
    """The queue as it stands."""

    positions: Mapping[str, int]
    """Places, from 1, by run."""
    starts_in: Mapping[str, float]
    """Seconds until each is expected to start; without those of which nobody can tell."""
    stranded: Collection[str]
    """Runs that ask for what is not here."""


_NONE = Waiting({}, {}, ())


async def find_own(tx: Transaction, person: Person, name: str) -> Run:
    """The run of that name that the person may see. Raises SpotterError."""
    run = await rows.find(tx, name.strip().lower())
    if run is None or not (person.is_owner or run.owner_id == person.id):
        shown = name.strip()[:48].replace("`", "'")
        raise SpotterError(Code.RUN_NOT_FOUND, f"you have no run called `{shown}`", field="run")
    return run


async def load_waiting(
    tx: Transaction, slots: Sequence[Slot], held: Mapping[str, float] = _NOBODY, cap: int = 0
) -> Waiting:
    """The queue on these slots; `held`: seconds for which a run that failed waits before it is tried again; `cap`: how
    many runs of one person may train at once, 0 for any number.
    """
    queued = await rows.in_states(tx, [RunState.QUEUED])
    if not queued:
        return _NONE
    running = await rows.in_states(tx, WITH_WORKER)
    by_name = {run.name: run for run in running}
    busy = {attempt.slot: await _busy_for(tx, by_name.get(attempt.run)) for attempt in await attempts.unended(tx)}
    left = {run.name: await _left(tx, run) for run in queued}
    ordered = queue.order(queued, running)
    starts_in = queue.forecast(_below(cap, ordered, running), running, busy, slots, lambda run: left[run.name])
    return Waiting(
        positions={run.name: place for place, run in enumerate(ordered, start=1)},
        starts_in={run: max(seconds, held.get(run, 0.0)) for run, seconds in starts_in.items()},
        stranded=[run.name for run in queued if choose(run.spec.device, slots, slots) is None],
    )


async def load_status(
    tx: Transaction,
    run: Run,
    slots: Sequence[Slot],
    held: Mapping[str, float] = _NOBODY,
    cap: int = 0,
) -> RunStatus:
    """Read everything a view of `run` shows; its curve is finer once it is whole."""
    points = _FINE if run.state.is_terminal else _COARSE
    waiting = await load_waiting(tx, slots, held, cap) if run.state is RunState.QUEUED else _NONE
    return await status_with(tx, run, waiting, points)


async def status_with(tx: Transaction, run: Run, waiting: Waiting, points: int) -> RunStatus:
    """`load_status` for many runs, with the queue read once."""
    return status_of(
        run,
        await events.events_for_view(tx, run.name, points),
        position=waiting.positions.get(run.name),
        starts_in=waiting.starts_in.get(run.name),
        fits=run.name not in waiting.stranded,
        watchers=await rows.watches(tx, run.name),
    )


def _below(cap: int, ordered: Sequence[Run], running: Iterable[Run]) -> Sequence[Run]:
    """Those that wait for nothing but room: the others wait until their owner has fewer runs going."""
    if not cap:
        return ordered
    going = Counter(run.owner_id for run in running)
    found = []
    for run in ordered:
        if going[run.owner_id] < cap:
            going[run.owner_id] += 1
            found.append(run)
    return found


async def _busy_for(tx: Transaction, run: Run | None) -> float | None:
    """Seconds for which the run's worker is expected to go on; one that nobody needs any more is about to leave."""
    if run is None or run.state in (RunState.PAUSING, RunState.STOPPING):
        return 0.0
    return await _left(tx, run)


async def _left(tx: Transaction, run: Run) -> float | None:
    """Seconds of training that the run is expected to need; None if nobody can tell."""
    progress = await events.newest_progress(tx, run.name) if run.attempt else None
    if progress is not None:
        return progress.remaining
    return run.spec.budget.amount if run.spec.budget.unit == "seconds" else None

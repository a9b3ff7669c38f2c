"""Who runs next, where, and when that will be. Pure."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.runs.model import Run
from bot.runs.slots import Slot, choose


@dataclass(frozen=True, slots=True)
class Start:
    """A run that starts now."""

    run: Run
    slot: Slot


def order(queued: Iterable[Run], running: Iterable[Run]) -> Sequence[Run]:
    """The queue in the order in which its runs will start.

    Higher priority first; among equals, whoever has fewer runs going (each run placed here counts as going for those
    behind it), so that one person's ten runs do not starve another's one; then first come, first served.
    """
    going = Counter(run.owner_id for run in running)
    waiting = list(queued)
    placed: list[Run] = []
    while waiting:
        chosen = min(waiting, key=lambda run: (-run.priority, going[run.owner_id], run.queued_at, run.name))
        waiting.remove(chosen)
        going[chosen.owner_id] += 1
        placed.append(chosen)
    return placed


def starts(
    queued: Iterable[Run], running: Sequence[Run], free: Sequence[Slot], slots: Sequence[Slot], cap: int = 0
) -> Sequence[Start]:
    """The queued runs for which there is room now, each with its slot.

    A run whose kind of slot is taken, or whose owner has `cap` runs going (0: no cap), lets those behind it pass.
    """
    going = Counter(run.owner_id for run in running)
    left = list(free)
    found: list[Start] = []
    for run in order(queued, running):
        slot = choose(run.spec.device, left, slots)
        if slot is None or (cap and going[run.owner_id] >= cap):
            continue
        left.remove(slot)
        going[run.owner_id] += 1
        found.append(Start(run, slot))
    return found


def forecast(
    queued: Iterable[Run],
    running: Iterable[Run],
    busy: Mapping[str, float | None],
    slots: Sequence[Slot],
    length: Callable[[Run], float | None],
) -> Mapping[str, float]:
    """Seconds until each queued run is expected to start, by name; those for whom nobody can tell are left out.

    `busy`: the seconds for which each taken slot, by its id, is expected to stay so (None: unknown). `length`: the
    seconds a run is expected to take. Caps are left out of account.
    """
    free_at = [(busy.get(slot.id, 0.0), number) for number, slot in enumerate(slots)]
    known = [(at, number) for at, number in free_at if at is not None]
    heapq.heapify(known)
    found: dict[str, float] = {}
    for run in order(queued, running):
        passed: list[tuple[float, int]] = []
        while known:
            at, number = heapq.heappop(known)
            if choose(run.spec.device, [slots[number]], slots) is None:
                passed.append((at, number))
                continue
            found[run.name] = at
            if (seconds := length(run)) is not None:
                passed.append((at + seconds, number))
            break
        for each in passed:
            heapq.heappush(known, each)
    return found

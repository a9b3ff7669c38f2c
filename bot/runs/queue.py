"""Who runs next. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from bot.runs.model import Run


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


def position(name: str, queued: Iterable[Run], running: Iterable[Run]) -> int | None:
    """The place of `name` in the queue, from 1; None if it does not wait."""
    names = [run.name for run in order(queued, running)]
    return names.index(name) + 1 if name in names else None

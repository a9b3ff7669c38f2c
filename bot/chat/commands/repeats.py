"""The same command twice within seconds: a double click, or a phone that sent it again. It is meant once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_WITHIN = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class _Asked:
    wanted: object
    interaction_id: int
    at: datetime


class Repeats:
    """What each person asked for last."""

    def __init__(self) -> None:
        self._last: dict[int, _Asked] = {}

    def first(self, person_id: int, wanted: object, interaction_id: int, at: datetime) -> int:
        """The interaction that asked for `wanted` first, most often this one.

        `at`: when this one began, by Discord's clock.
        """
        last = self._last.get(person_id)
        if last is not None and last.wanted == wanted and abs(at - last.at) < _WITHIN:
            return last.interaction_id
        self._last[person_id] = _Asked(wanted, interaction_id, at)
        return interaction_id

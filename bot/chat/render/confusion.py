"""Which classes a model takes for which, as what its picture is drawn from. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from bot.chat.render import text
from trainer_core.evals.classes import ClassReport

MOST = 16
"""More classes than this cannot be read on a phone."""
_LABEL = 18
"""Characters of a class' name."""
_OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Confusion:
    """Everything the picture of a confusion matrix is drawn from."""

    filename: ClassVar = "confusion.png"

    title: str
    classes: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]
    """Pictures, by what they are (rows) and by what they were taken for (columns)."""


def confusion(title: str, report: ClassReport) -> Confusion:
    """The matrix of `report`; of very many classes those that are taken for others most often, and the rest as one."""
    classes = report.classes
    if len(classes) <= MOST:
        return Confusion(title, tuple(map(_label, classes)), report.matrix())
    shown = _most_mistaken(report)
    place = {label: at for at, label in enumerate(shown)}
    counts = Counter[tuple[int, int]]()
    for right, told, count in report.confusions:
        counts[place.get(right, len(shown)), place.get(told, len(shown))] += count
    size = range(len(shown) + 1)
    matrix = tuple(tuple(counts[right, told] for told in size) for right in size)
    return Confusion(title, (*(_label(classes[at]) for at in shown), _OTHERS), matrix)


def _most_mistaken(report: ClassReport) -> list[int]:
    """Places of the classes with the most mistakes, one fewer than can be shown, in the order of the report."""
    wrong = Counter[int]()
    for right, told, count in report.confusions:
        if right != told:
            wrong[right] += count
            wrong[told] += count
    ordered = sorted(range(len(report.classes)), key=lambda at: -wrong[at])
    return sorted(ordered[: MOST - 1])


def _label(name: str) -> str:
    shown = " ".join(text.visible(name).split())
    return shown if len(shown) <= _LABEL else f"{shown[: _LABEL - 1]}…"

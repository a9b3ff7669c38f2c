"""The loss curve as numbers: which points to draw, and the trend through them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import ClassVar

from bot.runs.model import Curve

Point = tuple[int, float]
"""(step, loss in nats per token)."""

DRAWN = 600
"""More points than this cannot be told apart in the picture."""


@dataclass(frozen=True, slots=True)
class PlotRequest:
    """Everything the picture of a loss curve is drawn from."""

    filename: ClassVar = "loss.png"

    title: str
    train: tuple[Point, ...]
    validation: tuple[Point, ...]
    steps_total: int | None = None
    """Planned steps, to show how far there is to go; None once the run has ended."""


def plot_request(title: str, curve: Curve, steps_total: int | None = None) -> PlotRequest | None:
    """What to draw of `curve`; None if there is nothing to see yet."""
    train, validation = _finite(curve.train), _finite(curve.validation)
    if len(train) + len(validation) < 2:
        return None
    return PlotRequest(title, thinned(train, DRAWN), thinned(validation, DRAWN), steps_total)


def thinned(points: Sequence[Point], limit: int) -> tuple[Point, ...]:
    """At most `limit` points: the mean loss of neighbours stands at the last one's step. The newest step stays."""
    if len(points) <= limit:
        return tuple(points)
    edges = [len(points) * index // limit for index in range(limit + 1)]
    groups = (points[start:end] for start, end in pairwise(edges))
    return tuple((group[-1][0], math.fsum(loss for _, loss in group) / len(group)) for group in groups)


def trend(points: Sequence[Point], share: float = 0.03) -> list[float]:
    """The losses smoothed: the mean of neighbours, `share` of all points on each side.

    At the start, where the loss falls fastest, the window narrows on both sides alike, so that the trend does not lag.
    """
    reach = int(len(points) * share)
    sums = list(accumulate((loss for _, loss in points), initial=0.0))
    smooth = []
    for index in range(len(points)):
        before = min(reach, index)
        start, end = index - before, min(index + before + 1, len(points))
        smooth.append((sums[end] - sums[start]) / (end - start))
    return smooth


def _finite(points: Sequence[Point]) -> list[Point]:
    return [(step, loss) for step, loss in points if math.isfinite(loss)]

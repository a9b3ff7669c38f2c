"""The guard: whether a step's gradients may reach the weights, and whether the weights are still worth going on from.

Pure. A step that stands out is skipped: its loss or gradient norm is no number, or far above what it was of late. A
run whose skips pile up, or whose loss ran away without standing out, goes back to where it was sound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal

KEPT = 128
"""Steps over which losses and gradient norms are remembered."""
WINDOW = 50
"""Steps over which skips are counted."""
MOST_SKIPS = 3
"""This many skips within the window, and the run goes back."""
MOST_ROLLBACKS = 2
"""So often the guard goes back before it asks a person."""

_ENOUGH = KEPT // 2
"""Steps to be remembered before one can stand out among them."""
_SIGMAS = 6.0
_LEAST_SIGMA = 0.02
"""Of the mean: a loss that hardly moves is no reason to skip one that moves a little."""
_SUSTAINED = 10
"""Steps whose losses together say where the run is; one of them may stand out."""
_AFTER_SKIPS, _AFTER_DIVERGENCE = 0.5, 0.1
"""Factors on the learning rate after a rollback."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a step."""

    action: Literal["take", "skip", "rollback"]
    reason: str = ""
    """As half a sentence for a person."""
    since: int = 0
    """`rollback`: the newest step after which the run was sound."""
    or_later: bool = False
    """`rollback`: whether a checkpoint that is newer than that is still better than the beginning."""
    factor: float = 1.0
    """`rollback`: on the learning rate from there on."""


@dataclass(frozen=True, slots=True)
class Past:
    """What the guard remembers of a run."""

    start: float
    """Loss before step 1."""
    losses: Sequence[float]
    """Of the steps of late that were taken, the newest last."""
    norms: Sequence[float]
    """Gradient norms of the same steps."""
    skipped: Sequence[int]
    """Numbers of the steps that were skipped of late."""
    rollbacks: int
    """Since a person last let the run go on."""


def judge(step: int, loss: float, norm: float, past: Past, *, weights_finite: bool = True) -> Verdict:
    """What to do with step number `step`, whose gradients are there and have not reached the weights yet."""
    if not weights_finite:
        return broken(step - 1, past)
    lately = recent(step, past.skipped)
    if _diverged(loss, past):
        return Verdict(
            "rollback",
            f"the loss ran away, to {loss:.2f} at step {step:,}",
            since=max(0, step - 1 - _SUSTAINED - len(lately)),
            or_later=loss < past.start,
            factor=_lowered(past),
        )
    reason = _outstanding(step, loss, norm, past)
    if not reason:
        return Verdict("take")
    if len(lately) + 1 < MOST_SKIPS:
        return Verdict("skip", reason)
    return Verdict(
        "rollback",
        f"{reason}, and {len(lately)} steps were skipped shortly before",
        since=lately[0] - 1,
        or_later=True,  # what was skipped has not reached the weights
        factor=_AFTER_SKIPS,
    )


def broken(step: int, past: Past) -> Verdict:
    """What to do when the weights have stopped being numbers by the end of step number `step`."""
    reason = f"the weights are no numbers any more after step {step:,}"
    return Verdict("rollback", reason, since=max(0, step - _SUSTAINED), factor=_lowered(past))


def recent(step: int, skipped: Sequence[int]) -> tuple[int, ...]:
    """The skips that still count at `step`."""
    return tuple(earlier for earlier in skipped if step - earlier < WINDOW)


def _outstanding(step: int, loss: float, norm: float, past: Past) -> str:
    """Why a step does not belong to those before it; empty if it does."""
    for what, value, before in (("loss", loss, past.losses), ("gradient norm", norm, past.norms)):
        if not math.isfinite(value):
            return f"the {what} of step {step:,} is {'not a number' if math.isnan(value) else 'infinite'}"
        if len(before) >= _ENOUGH and value > (most := _bound(before)):
            return f"the {what} of step {step:,} is {value:.3g}, and no more than {most:.3g} was to be expected"
    return ""


def _bound(before: Sequence[float]) -> float:
    mean = fmean(before)
    sigma = math.sqrt(fmean((value - mean) ** 2 for value in before))
    return mean + _SIGMAS * max(sigma, _LEAST_SIGMA * abs(mean))


def _diverged(loss: float, past: Past) -> bool:
    """Whether the newest losses lie far above what they were: half of what was learnt is lost, and more than a quarter
    of what there was at the start.
    """
    known = (*past.losses, loss)
    if len(known) < _SUSTAINED or not math.isfinite(loss):
        return False
    earlier, newest = known[:-_SUSTAINED], known[-_SUSTAINED:]
    means = [fmean(earlier[end - _SUSTAINED : end]) for end in range(len(earlier), _SUSTAINED - 1, -_SUSTAINED)]
    best = min(means, default=known[0])
    start = max(past.start, best)
    most = best + max((start - best) / 2, start / 4)
    return median(newest) > most and loss > most


def _lowered(past: Past) -> float:
    """A tenth, and a hundredth the next time: nobody knows by how much the rate is too high."""
    return _AFTER_DIVERGENCE ** (past.rollbacks + 1)

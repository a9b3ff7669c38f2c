"""The guard: whether a step's gradients may reach the weights, and whether the weights are still worth going on from.

Pure. A step that stands out is skipped: its loss or gradient norm is no number, or far above what it was of late. A
run whose skips pile up, or whose loss ran away without standing out, goes back to where it was sound. Data that is
harder than the rest is no reason to go back: what stands out is remembered, and the next of its kind does not; and a
gradient that is a number is clipped, so that it can harm little.
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
_BEYOND = 1.5
"""How far above the usual a value may be, as a multiple of the farthest of late."""
_SIGMA_OF_DEVIATION = 1.4826
"""The standard deviation of a normal distribution over its median absolute deviation."""
_LEAST_LOG_SIGMA = math.log(100) / _SIGMAS
"""Of the norm's logarithm: up to a hundred times the usual norm, clipping is enough."""
_TINY, _LARGEST_LOG = 1e-30, 700.0
"""In place of a norm of zero, which has no logarithm, and of a logarithm whose number would be infinite."""
_SUSTAINED, _MOST_OF_THEM = 10, 7
"""Steps whose losses together say where the run is, and how many of them have to say it: some may stand out."""
_AFTER_SKIPS, _AFTER_DIVERGENCE = 0.5, 0.1
"""Factors on the learning rate after a rollback."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a step."""

    action: Literal["take", "skip", "rollback"]
    reason: str = ""
    """As half a sentence for a person."""
    step: int = 0
    """The number of the step at which it was found."""
    counts: bool = True
    """`skip`: whether it is one of those that pile up."""
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
    """Of late, those that are numbers, the newest last."""
    norms: Sequence[float]
    """Gradient norms of late, likewise."""
    skipped: Sequence[int]
    """Numbers of the steps that were skipped of late, and count."""
    rollbacks: int
    """Since a person last let the run go on."""


def judge(
    step: int, loss: float, norm: float, past: Past, *, weights_finite: bool = True, overflowed: bool = False
) -> Verdict:
    """What to do with step number `step`, whose gradients are there and have not reached the weights yet.

    `overflowed`: the scale of the loss was too large for fp16, and is smaller from now on; a step that this costs is
    the price of finding the scale.
    """
    if not weights_finite:
        return broken(step - 1, past)
    lately = recent(step, past.skipped)
    if _diverged(loss, past):
        return Verdict(
            "rollback",
            f"the loss ran away, to {loss:.2f} at step {step:,}",
            step,
            since=max(0, step - 1 - _SUSTAINED - len(lately)),
            or_later=loss < past.start,
            factor=_lowered(past),
        )
    if overflowed and math.isfinite(loss):
        return Verdict("skip", f"the gradients of step {step:,} were scaled too far up for fp16", step, counts=False)
    reason = _no_number(step, loss, norm) or _loss_stands_out(step, loss, past.losses)
    if not reason:
        reason = _norm_stands_out(step, norm, past.norms)
        return Verdict("skip", reason, step, counts=False) if reason else Verdict("take", step=step)
    if len(lately) + 1 < MOST_SKIPS:
        return Verdict("skip", reason, step)
    return Verdict(
        "rollback",
        f"{reason}, and {len(lately)} steps were skipped shortly before",
        step,
        since=lately[0] - 1,
        or_later=True,  # what was skipped has not reached the weights
        factor=_AFTER_SKIPS,
    )


def broken(step: int, past: Past) -> Verdict:
    """What to do when the weights have stopped being numbers by the end of step number `step`."""
    reason = f"the weights are no numbers any more after step {step:,}"
    return Verdict("rollback", reason, step, since=max(0, step - _SUSTAINED), factor=_lowered(past))


def recent(step: int, skipped: Sequence[int]) -> tuple[int, ...]:
    """The skips that still count at `step`."""
    return tuple(earlier for earlier in skipped if step - earlier < WINDOW)


def _no_number(step: int, loss: float, norm: float) -> str:
    """What of a step is no number, as half a sentence; empty if all is."""
    for what, value in (("loss", loss), ("gradient norm", norm)):
        if not math.isfinite(value):
            return f"the {what} of step {step:,} is {'not a number' if math.isnan(value) else 'infinite'}"
    return ""


def _loss_stands_out(step: int, loss: float, before: Sequence[float]) -> str:
    """Why a loss does not belong to those before it; empty if it does, or too few are known."""
    if len(before) < _ENOUGH:
        return ""
    mean = fmean(before)
    sigma = math.sqrt(fmean((value - mean) ** 2 for value in before))
    farthest = max(before) - mean
    return _beyond("loss", step, loss, mean + max(_SIGMAS * max(sigma, _LEAST_SIGMA * abs(mean)), _BEYOND * farthest))


def _norm_stands_out(step: int, norm: float, before: Sequence[float]) -> str:
    """As of a loss. Norms differ by factors, and a few large ones say nothing of the others."""
    if len(before) < _ENOUGH:
        return ""
    logs = [_log(value) for value in before]
    middle = median(logs)
    sigma = _SIGMA_OF_DEVIATION * median(abs(value - middle) for value in logs)
    farthest = max(logs) - middle
    most = middle + max(_SIGMAS * max(sigma, _LEAST_LOG_SIGMA), _BEYOND * farthest)
    return _beyond("gradient norm", step, norm, math.exp(min(most, _LARGEST_LOG)))


def _beyond(what: str, step: int, value: float, most: float) -> str:
    if value <= most:
        return ""
    return f"the {what} of step {step:,} is {value:.3g}, and no more than {most:.3g} was to be expected"


def _log(norm: float) -> float:
    return math.log(max(norm, _TINY))


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
    return sum(value > most for value in newest) >= _MOST_OF_THEM and loss > most


def _lowered(past: Past) -> float:
    """A tenth, and a hundredth the next time: nobody knows by how much the rate is too high."""
    return _AFTER_DIVERGENCE ** (past.rollbacks + 1)

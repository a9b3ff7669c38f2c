"""The learning rate, as a pure function of the step and of what was decided on the way.

A schedule is a shape over progress, from 0 to 1. With a budget of steps progress is the share of them. With a budget
of time the number of steps is not known before the end: the run states how many it expects (`Pace`), and states it
anew when the machine turns out quicker or slower, so that the decay ends when the time does. The statements are kept
in the loop state, so a resumed run computes the same rates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from trainer_core.spec import OptimizerSpec

_REPACE_EVERY = 0.01
"""Progress between two statements: at most about a hundred in a run."""
_REPACE_BEYOND = 0.02
"""Share of the remaining time by which the end must be off."""


@dataclass(frozen=True, slots=True)
class Pace:
    """At `step` progress was `progress`; from there it grows evenly, to 1 at step `total`."""

    step: int
    progress: float
    total: int


def progress(step: float, paces: Sequence[Pace]) -> float:
    """Share of the run that is done after `step` steps, from 0 to 1."""
    pace = next((pace for pace in reversed(paces) if pace.step <= step), paces[0])
    if pace.total <= pace.step:
        return 1.0
    return min(1.0, pace.progress + (1 - pace.progress) * (step - pace.step) / (pace.total - pace.step))


def repaced(paces: Sequence[Pace], step: int, elapsed: float, budget: float) -> Pace | None:
    """The new statement due after `step` steps took `elapsed` of `budget` seconds, or None if the last one holds."""
    now, remaining = progress(step, paces), budget - elapsed
    if remaining <= 0:
        return Pace(step, 1.0, step) if now < 1 else None
    if now - paces[-1].progress < _REPACE_EVERY:
        return None
    steps_left = remaining * step / elapsed
    off = abs(step + steps_left - paces[-1].total)
    if off <= max(1.0, _REPACE_BEYOND * steps_left):
        return None
    return Pace(step, now, step + max(1, round(steps_left)))


def learning_rate(step: int, paces: Sequence[Pace], peak: float, spec: OptimizerSpec) -> float:
    """The rate of the optimizer step that follows `step` steps, at its middle: the first and last are not wasted."""
    done = progress(step + 0.5, paces)
    if done < spec.warmup_fraction:
        return peak * done / spec.warmup_fraction
    if spec.schedule == "cosine":
        return peak * (1 + math.cos(math.pi * (done - spec.warmup_fraction) / (1 - spec.warmup_fraction))) / 2
    if done > 1 - spec.decay_fraction:
        return peak * (1 - done) / spec.decay_fraction
    return peak

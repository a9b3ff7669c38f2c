"""The learning rate, as a pure function of the step and of what was decided on the way.

A schedule is a shape over progress, from 0 to 1. With a budget of steps progress is the share of them. With a budget
of time the number of steps is not known before the end: the run states how many it expects (`Pace`), and states it
anew when the machine turns out quicker or slower, so that the decay ends when the time does. The statements are kept
in the loop state, so a resumed run computes the same rates. Where a person has the run land, a statement says so, and
the rate falls from what it was then.
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
    landing: bool = False
    """Whether the rate falls evenly from here, to zero at the end."""


def progress(step: float, paces: Sequence[Pace]) -> float:
    """Share of the run that is done after `step` steps, from 0 to 1."""
    pace = next((pace for pace in reversed(paces) if pace.step <= step), paces[0])
    if step >= pace.total:  # the sum below may fall short of it by a rounding, and the run would go on
        return 1.0
    return min(1.0, pace.progress + (1 - pace.progress) * (step - pace.step) / (pace.total - pace.step))


def repaced(paces: Sequence[Pace], step: int, remaining: float, each: float) -> Pace | None:
    """The new statement due after `step` steps, with `remaining` seconds left and steps that take `each` of them, or
    None if the last one holds.

    A run that lands may end earlier for it, but not later.
    """
    now, last = progress(step, paces), paces[-1]
    if remaining <= 0:
        return Pace(step, 1.0, step) if now < 1 else None
    if now - last.progress < _REPACE_EVERY:
        return None
    steps_left = remaining / each
    off = step + steps_left - last.total
    if abs(off) <= max(1.0, _REPACE_BEYOND * steps_left) or (off > 0 and landing(paces)):
        return None
    return Pace(step, now, step + max(1, round(steps_left)))


def landed(paces: Sequence[Pace], step: int, spec: OptimizerSpec) -> int:
    """The step at which a run ends that begins to land after `step` steps.

    The decay has the share of the whole that it would have had, and the run ends no later than it would have.
    """
    share = spec.decay_fraction or OptimizerSpec().decay_fraction
    return min(paces[-1].total, step + max(1, round(step * share / (1 - share)))) if share < 1 else paces[-1].total


def landing(paces: Sequence[Pace]) -> Pace | None:
    """The statement from which the run lands; None while it does not."""
    return next((pace for pace in paces if pace.landing), None)


def learning_rate(step: int, paces: Sequence[Pace], peak: float, spec: OptimizerSpec) -> float:
    """The rate of the optimizer step that follows `step` steps, at its middle: the first and last are not wasted."""
    done = progress(step + 0.5, paces)
    down = landing(paces)
    if down is None:
        return peak * _shape(done, spec)
    would_be = _shape(progress(down.step + 0.5, paces[: paces.index(down)]), spec)
    return peak * would_be * (1 - done) / (1 - down.progress)


def _shape(done: float, spec: OptimizerSpec) -> float:
    """Share of the peak rate where `done` of the run is."""
    if done < spec.warmup_fraction:
        return done / spec.warmup_fraction
    if spec.schedule == "cosine":
        return (1 + math.cos(math.pi * (done - spec.warmup_fraction) / (1 - spec.warmup_fraction))) / 2
    if done > 1 - spec.decay_fraction:
        return (1 - done) / spec.decay_fraction
    return 1.0

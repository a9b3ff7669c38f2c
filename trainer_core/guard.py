"""The guard: whether a step's gradients may reach the weights. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

WINDOW = 50
"""Steps over which skips are counted."""
MOST_SKIPS = 3
"""This many skips within the window end the run."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a step."""

    action: Literal["take", "skip", "fail"]
    reason: str = ""


def judge(step: int, loss: float, gradient_norm: float, skipped: Sequence[int]) -> Verdict:
    """What to do with step number `step`, given the steps skipped so far."""
    if math.isfinite(loss) and math.isfinite(gradient_norm):
        return Verdict("take")
    what = "gradient norm" if math.isfinite(loss) else "loss"
    value = gradient_norm if math.isfinite(loss) else loss
    reason = f"the {what} of step {step:,} is {'not a number' if math.isnan(value) else 'infinite'}"
    if len(recent(step, skipped)) + 1 >= MOST_SKIPS:
        return Verdict("fail", f"{reason}, as in {MOST_SKIPS - 1} other steps shortly before")
    return Verdict("skip", reason)


def recent(step: int, skipped: Sequence[int]) -> tuple[int, ...]:
    """The skips that still count at `step`."""
    return tuple(earlier for earlier in skipped if step - earlier < WINDOW)

"""From what the person asked for to the numbers of the loop. Pure: every choice has its reason beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainer_core.budget import Budget
from trainer_core.errors import Code, SpotterError
from trainer_core.models.sizes import Recipe
from trainer_core.schedule import Pace
from trainer_core.spec import BatchSpec

_MICRO_TOKENS = {"cpu": 2_048, "mps": 8_192, "cuda": 32_768}
"""Tokens of a forward pass: enough to fill the device, few enough to stay in its caches."""
_MICRO_LOGITS = {"cpu": 2**25, "mps": 2**27, "cuda": 2**30}
"""Most logits of a forward pass; they are the largest tensor of a small model."""


@dataclass(frozen=True, slots=True)
class Batching:
    """How one optimizer step is fed."""

    length: int
    """Tokens in a sequence."""
    sequences: int
    """Sequences in a step."""
    micro_batch: int
    """Sequences in a forward pass; the last of a step may have fewer."""
    reason: str
    """Why this micro-batch."""

    @property
    def tokens_per_step(self) -> int:
        return self.sequences * self.length

    @property
    def accumulation(self) -> int:
        """Forward passes in a step."""
        return math.ceil(self.sequences / self.micro_batch)


def plan_batching(spec: BatchSpec, recipe: Recipe, length: int, answers: int, examples: int, device: str) -> Batching:
    """Whole sequences of `length` in each step, at least as many tokens as asked for, of `examples` in an epoch.

    `answers`: logits at each place. Where nobody asked, a step is no more than an epoch. Raises CONFIG_INVALID if what
    was asked for is.
    """
    sequences = math.ceil((spec.tokens_per_step or recipe.per_step) / length)
    if sequences > examples:
        if spec.tokens_per_step is not None:
            raise SpotterError(
                Code.CONFIG_INVALID,
                f"{spec.tokens_per_step:,} in a step is more than the {examples * length:,} there are to train on",
                field="batch.tokens_per_step",
                next_step=f"Take {examples * length:,} at most, or a larger data set.",
            )
        sequences = examples
    if spec.micro_batch is not None:
        return Batching(length, sequences, min(spec.micro_batch, sequences), "as asked for")
    most = max(1, min(_MICRO_TOKENS[device] // length, _MICRO_LOGITS[device] // (length * answers)))
    micro_batch = math.ceil(sequences / math.ceil(sequences / most))
    reason = "a whole step" if micro_batch == sequences else f"at most {most} sequences suit a forward pass on {device}"
    return Batching(length, sequences, micro_batch, reason)


def first_pace(budget: Budget, batching: Batching, examples: int, seconds_per_step: float) -> Pace:
    """What the run begins by expecting. For a budget of time it rests on `seconds_per_step`, as measured.

    Warm-up and decay are shares of it, so that none is too short for them, but for one of less than a step: that
    raises CONFIG_INVALID.
    """
    steps, step = {
        "steps": (budget.amount, "1 step"),
        "tokens": (budget.amount / batching.tokens_per_step, f"{batching.tokens_per_step:,} tokens"),
        "epochs": (budget.amount * examples / batching.sequences, f"{batching.sequences / examples:.2g} epochs"),
        "seconds": (budget.amount / seconds_per_step, f"about {seconds_per_step:.2g} s"),
    }[budget.unit]
    if steps < 1:
        raise SpotterError(
            Code.CONFIG_INVALID,
            f"{budget} ends before the first step does, which takes {step}",
            field="budget",
            next_step="Give a larger budget, a smaller size, or fewer tokens per step.",
        )
    return Pace(step=0, progress=0.0, total=math.ceil(steps))

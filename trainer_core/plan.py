"""From what the person asked for to the numbers of the loop. Pure: every choice has its reason beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainer_core.budget import Budget
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


def plan_batching(spec: BatchSpec, recipe: Recipe, length: int, vocabulary: int, device: str) -> Batching:
    """Whole sequences of `length` in each step, at least as many tokens as asked for."""
    sequences = math.ceil((spec.tokens_per_step or recipe.per_step) / length)
    if spec.micro_batch is not None:
        return Batching(length, sequences, min(spec.micro_batch, sequences), "as asked for")
    most = max(1, min(_MICRO_TOKENS[device] // length, _MICRO_LOGITS[device] // (length * vocabulary)))
    micro_batch = math.ceil(sequences / math.ceil(sequences / most))
    return Batching(length, sequences, micro_batch, f"at most {most} sequences fit a forward pass on {device} well")


def first_pace(budget: Budget, batching: Batching, epoch_sequences: int, seconds_per_step: float) -> Pace:
    """What the run begins by expecting. For a budget of time it rests on `seconds_per_step`, as measured."""
    steps = {
        "steps": budget.amount,
        "tokens": budget.amount / batching.tokens_per_step,
        "epochs": budget.amount * epoch_sequences / batching.sequences,
        "seconds": budget.amount / seconds_per_step,
    }[budget.unit]
    return Pace(step=0, progress=0.0, total=max(1, math.ceil(steps)))

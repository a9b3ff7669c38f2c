"""The state of the loop: with the weights, the optimizer and the random generators, all that a resumed run needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trainer_core.guard import recent
from trainer_core.schedule import Pace


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well the held-out text is predicted."""

    loss: float
    """Nats per token."""
    bits_per_byte: float


@dataclass(frozen=True, slots=True)
class LoopState:
    """Where a run is. Learning rate and data order are pure functions of this."""

    step: int = 0
    cursor: int = 0
    """Training sequences taken so far, over all epochs."""
    tokens: int = 0
    elapsed: float = 0.0
    """Seconds from the first step to the last, with the evaluations and checkpoints between them, over all attempts."""
    paces: tuple[Pace, ...] = ()
    """The steering log; its first entry is the plan the run began with."""
    skipped: tuple[int, ...] = ()
    """Steps that the guard skipped of late."""
    first: Evaluation | None = None
    """Before step 1."""
    last: Evaluation | None = None
    sample: str = ""

    def after_step(self, sequences: int, tokens: int, elapsed: float, *, skipped: bool) -> LoopState:
        """The state after one more step of `sequences` and `tokens`, when `elapsed` seconds have gone in all."""
        step = self.step + 1
        return replace(
            self,
            step=step,
            cursor=self.cursor + sequences,
            tokens=self.tokens + tokens,
            elapsed=elapsed,
            skipped=recent(step, self.skipped) + ((step,) if skipped else ()),
        )

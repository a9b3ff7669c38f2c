"""The state of the loop: with the weights and the optimizer, all that a resumed run needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trainer_core.guard import recent
from trainer_core.schedule import Pace
from trainer_core.steering import Steer


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well the held-out data is predicted."""

    loss: float
    """Nats per token (or picture)."""
    bits_per_byte: float | None = None
    accuracy: float | None = None
    f1: float | None = None
    report: str = ""
    """A file with more, relative to the run directory."""


@dataclass(frozen=True, slots=True)
class LoopState:
    """Where a run is. Learning rate, data order and random numbers are pure functions of this and of the seed."""

    step: int = 0
    cursor: int = 0
    """Training examples (sequences, pictures) taken so far, over all epochs."""
    tokens: int = 0
    elapsed: float = 0.0
    """Seconds from the first step to the last, with the evaluations and checkpoints between them, over all attempts."""
    paces: tuple[Pace, ...] = ()
    """How many steps were expected, and since when; the first is the plan the run began with."""
    steering: tuple[Steer, ...] = ()
    """What changed the run's course so far."""
    skipped: tuple[int, ...] = ()
    """Steps that the guard skipped of late."""
    losses: tuple[float, ...] = ()
    """Of the steps of late that were taken."""
    norms: tuple[float, ...] = ()
    """Gradient norms of the same steps."""
    first: Evaluation | None = None
    """Before step 1."""
    last: Evaluation | None = None
    best: Evaluation | None = None
    without_better: int = 0
    """Evaluations since the best one."""
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

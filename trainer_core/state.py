"""The state of the loop: with the weights and the optimizer, all that a resumed run needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trainer_core.budget import Budget
from trainer_core.guard import KEPT, recent
from trainer_core.schedule import Pace, progress, repaced
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

    def after_step(self, examples: int, tokens: int, elapsed: float, *, taken: tuple[float, float] | None) -> LoopState:
        """The state after one more step of `examples` and `tokens`, when `elapsed` seconds have gone in all.

        `taken`: its loss and gradient norm; None if the guard skipped it.
        """
        step = self.step + 1
        return replace(
            self,
            step=step,
            cursor=self.cursor + examples,
            tokens=self.tokens + tokens,
            elapsed=elapsed,
            skipped=recent(step, self.skipped) + (() if taken else (step,)),
            losses=(*self.losses, taken[0])[-KEPT:] if taken else self.losses,
            norms=(*self.norms, taken[1])[-KEPT:] if taken else self.norms,
        )

    def paced(self, budget: Budget) -> LoopState:
        """The state with a new statement of how many steps are expected, where a budget of time is due one."""
        if budget.unit != "seconds" or not (pace := repaced(self.paces, self.step, self.elapsed, budget.amount)):
            return self
        return replace(self, paces=(*self.paces, pace))

    def steered(self, steer: Steer) -> LoopState:
        """The state once `steer` is in force."""
        state = replace(self, steering=(*self.steering, steer))
        if steer.verb == "land":
            down = Pace(self.step, progress(self.step, self.paces), max(int(steer.value), self.step + 1), landing=True)
            return replace(state, paces=(*self.paces, down))
        if steer.verb == "rollback" and steer.step == self.step:
            return replace(state, cursor=self.cursor + steer.skip)
        return state

    def evaluated(self, evaluation: Evaluation, sample: str, *, better: bool) -> LoopState:
        """The state with one more evaluation; `better` says whether it is the best so far."""
        return replace(
            self,
            first=self.first or evaluation,
            last=evaluation,
            best=evaluation if better else self.best,
            without_better=0 if better else self.without_better + 1,
            sample=sample,
        )

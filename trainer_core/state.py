"""The state of the loop: with the weights and the optimizer, all that a resumed run needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite

from trainer_core.budget import Budget
from trainer_core.guard import KEPT, Verdict, recent
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
    partial: bool = False
    """Of a part of the held-out data, which is enough where the model guesses evenly; it compares with no other."""


@dataclass(frozen=True, slots=True)
class LoopState:
    """Where a run is. Learning rate, data order and random numbers are pure functions of this and of the seed."""

    step: int = 0
    cursor: int = 0
    """Training examples (sequences, pictures) taken so far, over all epochs."""
    tokens: int = 0
    elapsed: float = 0.0
    """Seconds from the first step to the last, with the evaluations and checkpoints between them, over all attempts."""
    done: int = 0
    """Steps that took them: those that a rollback abandoned, too."""
    paces: tuple[Pace, ...] = ()
    """How many steps were expected, and since when; the first is the plan the run began with."""
    steering: tuple[Steer, ...] = ()
    """What changed the run's course so far."""
    skipped: tuple[int, ...] = ()
    """Steps of late that the guard skipped, those that count."""
    losses: tuple[float, ...] = ()
    """Of the steps of late, those that are numbers."""
    norms: tuple[float, ...] = ()
    """Gradient norms of late, likewise."""
    first: Evaluation | None = None
    """Before step 1."""
    last: Evaluation | None = None
    evaluated_at: int | None = None
    """The step after which `last` was measured."""
    best: Evaluation | None = None
    without_better: int = 0
    """Evaluations since the best one, without one for which the run was only stopped."""
    sample: str = ""

    def after_step(
        self, examples: int, tokens: int, elapsed: float, loss: float, norm: float, verdict: Verdict
    ) -> LoopState:
        """The state after one more step of `examples` and `tokens`, when `elapsed` seconds have gone in all.

        `verdict` is the guard's, on its loss and gradient norm.
        """
        step = self.step + 1
        counts = verdict.action == "skip" and verdict.counts
        return replace(
            self,
            step=step,
            done=max(self.done, self.step) + 1,  # of checkpoints that were written without it, there is only `step`
            cursor=self.cursor + examples,
            tokens=self.tokens + tokens,
            elapsed=elapsed,
            skipped=recent(step, self.skipped) + ((step,) if counts else ()),
            losses=(*self.losses, loss)[-KEPT:] if isfinite(loss) else self.losses,
            norms=(*self.norms, norm)[-KEPT:] if isfinite(norm) else self.norms,
        )

    def paced(self, budget: Budget) -> LoopState:
        """The state with a new statement of how many steps are expected, where a budget of time is due one."""
        if budget.unit != "seconds":
            return self
        pace = repaced(self.paces, self.step, budget.amount - self.elapsed, self.elapsed / self.done)
        if not pace:
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

    def evaluated(self, evaluation: Evaluation, sample: str) -> LoopState:
        """The state with one more evaluation, at this step."""
        first = self.first or evaluation
        return replace(self, first=first, last=evaluation, evaluated_at=self.step, sample=sample)

    def compared(self, *, better: bool) -> LoopState:
        """The state once the last evaluation was compared with the best so far."""
        if better:
            return replace(self, best=self.last, without_better=0)
        return replace(self, without_better=self.without_better + 1)

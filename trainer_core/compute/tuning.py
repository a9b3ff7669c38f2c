"""The quickest way to compute the steps of a run on this machine: measured on its own model, and remembered."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from transformers import PreTrainedModel

from trainer_core.compute.candidates import (
    WORTH_IT,
    Choices,
    Trial,
    agrees,
    allowance,
    choices,
    may_compile,
    quickest,
)
from trainer_core.compute.fitting import a_few, bytes_per_example, micro_batch_that_fits, tried
from trainer_core.compute.heads import output_layer
from trainer_core.compute.mode import Mode
from trainer_core.failures import is_out_of_memory
from trainer_core.files.atomic import write_atomic
from trainer_core.files.layout import Home
from trainer_core.plan import first_pace
from trainer_core.training import Training

_SLOW = 2e10
"""Floating-point operations a second that any machine does: what is short at this speed is short everywhere."""
_BOTH_WAYS = 3
"""A pass forward and back takes so many times as long as one forward."""
_FEWEST = 4
"""Passes for which there has to be time: fewer compare nothing."""
_NEAR = 1.25
"""What takes so many times as long as the quickest is not timed again."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decision:
    """How a run's steps are computed, and why."""

    mode: Mode
    micro_batch: int
    reasons: dict[str, str]
    """By the fields of `MetricsConfig`."""
    seconds: float
    """What finding out took."""


class _Measured(BaseModel):
    """What was found out on this machine, for one model and batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode
    bytes_per_example: int
    why: str


def settle(training: Training, home: Home, *, began: bool = False) -> Decision:
    """Decide how `training` is computed, and set it up so. `began`: it goes on as it was before.

    What was measured here before is taken, else what is measured now, if the run is long enough for that; else what is
    known of such machines. The weights are as before. Raises what the model raises in its plain form (a module of
    somebody's own: MODEL_INCOMPATIBLE); CONFIG_INVALID if the budget is too short for a step.
    """
    with tried(training):
        return _settled(training, home, began=began)


def _settled(training: Training, home: Home, *, began: bool) -> Decision:
    started = time.monotonic()
    if began:
        why = "as when the run began"
        return Decision(training.mode, training.batching.micro_batch, _reasons(training, why), 0.0)
    training.model.train()
    found, file = _choices(training), home.measured / f"mode-{_key(training)}.json"
    measured = _remembered(file)
    if measured is None:
        search = _Search(training, found, time.monotonic())
        measured = search.known() if _is_short(training) else search.best()
        if search.trials:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(file, measured.model_dump_json().encode())
    if training.mode != measured.mode:
        training.compute_in(measured.mode)
    _fit(training, measured.bytes_per_example)
    training.waited = 0.0
    return Decision(
        measured.mode,
        training.batching.micro_batch,
        _reasons(training, measured.why),
        time.monotonic() - started,
    )


@dataclass(slots=True)
class _Search:
    """One attempt at finding the quickest mode."""

    training: Training
    choices: Choices
    began: float
    trials: dict[Mode, Trial] = field(default_factory=dict)
    failed: dict[Mode, str] = field(default_factory=dict)

    def known(self) -> _Measured:
        """Without measuring."""
        mode = self.choices.known
        if self.training.spec.compute.compile == "always":
            mode = replace(mode, compiled=True)
        self.training.compute_in(mode)
        why = f"{self.training.device.reason}; the run is too short to measure more"
        return _Measured(mode=mode, bytes_per_example=bytes_per_example(self.training), why=why)

    def best(self) -> _Measured:
        """By trying, as long as the run's length allows."""
        training, wanted = self.training, self.training.spec.compute
        training.compute_in(Mode())
        started = time.monotonic()
        each = bytes_per_example(training)
        a_pass = _BOTH_WAYS * training.batching.micro_batch * (time.monotonic() - started) / a_few(training)
        if allowance(_seconds_of(training, a_pass)) < _FEWEST * a_pass and wanted.compile != "always":
            return self.known()
        _fit(training, each)
        exact = self._tried(Mode())
        if exact.mode.precision in self.choices.precisions:
            self.trials[exact.mode] = exact
        run = _seconds_of(training, exact.seconds)
        deadline = self.began + allowance(run)
        if deadline - time.monotonic() < max(WORTH_IT, 2 * exact.seconds) and wanted.compile != "always":
            self.trials.clear()
            return self.known()
        for mode in self.choices.of_precision():
            self._try(mode, exact, deadline)
        best = self._quickest(exact)
        for mode in self.choices.forms(best.mode.precision):
            self._try(mode, exact, deadline)
        for mode in sorted(self.trials, key=lambda mode: self.trials[mode].seconds):
            if self.trials[mode].seconds <= _NEAR * self._quickest(exact).seconds:
                self._try(mode, exact, deadline, again=True)
        best = self._quickest(exact)
        compiling = ""
        if wanted.compile == "always" or (
            wanted.compile == "auto" and _compiler(training) and may_compile(run, deadline - time.monotonic())
        ):
            self._try(replace(best.mode, compiled=True), exact, deadline=float("inf"))
            best, compiling = self._with_compiled(best, exact)
        told = ", ".join(f"{trial.mode} {trial.seconds:.3g} s" for trial in self._in_order())
        why = f"the quickest of what was measured here, a pass in each: {told}{self._refused(exact)}{compiling}"
        return _Measured(mode=best.mode, bytes_per_example=each, why=why)

    def _try(self, mode: Mode, exact: Trial, deadline: float, *, again: bool = False) -> None:
        """Time `mode`, if there is time and it has not been timed; what does not work here is not taken."""
        if (mode in self.trials) is not again or mode in self.failed or time.monotonic() + 2 * exact.seconds > deadline:
            return
        try:
            trial = self._tried(mode)
        except Exception as error:
            if is_out_of_memory(error):
                reason = "takes more memory than there is"
            else:
                reason = f"does not work here ({type(error).__name__})"
            log.info("%s %s", mode, reason, exc_info=True)
            self.failed[mode] = reason
            self.training.discard()
            return
        if mode.compiled and self.training.network.not_compiled:
            self.failed[mode] = self.training.network.not_compiled
            return
        if mode not in self.trials or trial.seconds < self.trials[mode].seconds:
            self.trials[mode] = trial

    def _tried(self, mode: Mode) -> Trial:
        """One forward and backward pass, after one that warms up."""
        training = self.training
        training.compute_in(mode)
        cursor, examples = training.state.cursor, training.batching.micro_batch
        training.forward_backward(cursor, examples)
        training.discard()
        started = time.perf_counter()
        loss = training.forward_backward(cursor, examples)
        if training.device.kind == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        norm = training.clip()
        training.discard()
        return Trial(mode, seconds, loss, norm)

    def _quickest(self, exact: Trial) -> Trial:
        return quickest(self.trials.values(), exact)

    def _with_compiled(self, best: Trial, exact: Trial) -> tuple[Trial, str]:
        """The mode to take once compiling has been tried, and what is to be said of it."""
        compiled = replace(best.mode, compiled=True)
        if reason := self.failed.get(compiled):
            return best, f"; not compiled: {reason}"
        if self.training.spec.compute.compile == "always" and agrees(self.trials[compiled], exact):
            return self.trials[compiled], ""
        return self._quickest(exact), ""

    def _in_order(self) -> list[Trial]:
        return sorted(self.trials.values(), key=lambda trial: trial.seconds)

    def _refused(self, exact: Trial) -> str:
        """What was not taken for another reason than its speed."""
        wrong = {trial.mode: "computes something else" for trial in self.trials.values() if not agrees(trial, exact)}
        return "".join(f"; {mode} {reason}" for mode, reason in {**wrong, **self.failed}.items() if not mode.compiled)


def _choices(training: Training) -> Choices:
    """What there is to choose from for the model on the device."""
    model, asked = training.model, training.spec.compute.precision
    config = model.config.to_dict() if isinstance(model, PreTrainedModel) else {}
    dropout = any(config.get(name) for name in ("attn_pdrop", "attention_dropout"))
    whole = all(weight.requires_grad for weight in model.parameters())
    return choices(
        [each for each in training.device.precisions if whole or each != "bf16"],  # frozen weights need no masters
        None if asked == "auto" else asked,
        on_cpu=training.device.kind == "cpu",
        blocks=bool(config) and not dropout and training.spec.data.attend == "stream",
        chunks=output_layer(model) is not None,
        width=int(config.get("hidden_size") or config.get("n_embd") or 0),
    )


def _is_short(training: Training) -> bool:
    """Whether the run is over so soon that even a pass to estimate its length would take too much of it."""
    budget, batching = training.spec.budget, training.batching
    if training.spec.compute.compile == "always":
        return False
    if budget.unit == "seconds":
        return allowance(budget.amount) < WORTH_IT
    step = 6.0 * training.parameters * batching.tokens_per_step / _SLOW
    return allowance(first_pace(budget, batching, training.objective.examples, step).total * step) < WORTH_IT


def _seconds_of(training: Training, a_pass: float) -> float:
    """How long the run takes, where a pass takes so long."""
    budget, batching = training.spec.budget, training.batching
    step = a_pass * batching.accumulation
    steps = first_pace(budget, batching, training.objective.examples, step).total
    return float(budget.amount) if budget.unit == "seconds" else steps * step


def _fit(training: Training, each: int) -> None:
    """Cut the micro-batch to what there is memory for."""
    planned = training.batching.micro_batch
    fits = micro_batch_that_fits(training, each)
    if fits < planned and training.spec.batch.micro_batch is None:
        reason = f"there is memory for no more; {planned} at once would take {planned * each / 2**30:.1f} GiB"
        training.batching = replace(training.batching, micro_batch=fits, reason=reason)


def _compiler(training: Training) -> bool:
    """Whether torch finds what it compiles with."""
    if training.device.kind == "cpu":
        return shutil.which(os.environ.get("CXX", "g++")) is not None
    return training.device.kind == "cuda"


def _reasons(training: Training, why: str) -> dict[str, str]:
    return {"precision": why, "micro_batch": training.batching.reason}


def _key(training: Training) -> str:
    """Equal for runs that compute the same on the same machine."""
    shapes = [tuple(weight.shape) for weight in training.model.parameters()]
    batching, compute = training.batching, training.spec.compute
    parts = (
        training.device.name,
        training.device.threads,
        torch.__version__,
        training.spec.model.model_dump_json(),
        shapes,
        (batching.length, batching.micro_batch, training.objective.answers, training.spec.data.attend),
        compute.model_dump_json(),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _remembered(file: Path) -> _Measured | None:
    """What was measured before; None if nothing, or nothing that can be read."""
    try:
        return _Measured.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None

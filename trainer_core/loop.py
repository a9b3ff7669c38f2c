"""The training loop: one step after another, and once in a while evaluate, write a sample, save."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import replace

from trainer_core.checkpoint import Checkpoints
from trainer_core.control import Control, ControlReader
from trainer_core.errors import Code, SpotterError
from trainer_core.events import (
    Event,
    JobPaused,
    JobStopped,
    MetricsEval,
    MetricsGuard,
    MetricsProgress,
    MetricsSample,
    Summary,
)
from trainer_core.faults import reach
from trainer_core.guard import judge
from trainer_core.saving import save, save_surely
from trainer_core.schedule import learning_rate, progress, repaced
from trainer_core.training import Training

_SMOOTHING = 0.1
"""Weight of the newest step in the mean that tokens per second are told from."""


def train(training: Training, checkpoints: Checkpoints, control: ControlReader) -> Generator[Event]:
    """Train to the end of the budget, or until `control` asks otherwise; then the last event ends the attempt.

    Between two events `training` is at a step's edge, and resuming from a checkpoint saved there gives the same
    weights as going on. Raises SpotterError (TRAINING_NAN_LOSS) when the guard gives up, or when another attempt has
    taken over, OSError if the last checkpoint cannot be saved.
    """
    spec, batching = training.spec, training.batching
    training.model.train()
    if training.state.first is None:
        yield from _look(training)

    state = training.state
    began = saved = time.monotonic()
    elapsed_before, step_before, step_seconds = state.elapsed, state.step, 0.0
    while (before := progress(state.step, state.paces)) < 1:
        reach("worker.step")
        if request := control.poll():
            if request.verb == "stop" and state.step:
                yield from _look(training)
            yield from save_surely(training, checkpoints)
            yield _ending(request, training)
            return

        # A single training step.
        started = time.monotonic()
        rate = learning_rate(state.step, state.paces, training.peak_learning_rate, spec.optimizer)
        loss = training.forward_backward(state.cursor, batching.sequences)
        norm = training.clip()
        verdict = judge(state.step + 1, loss, norm, state.skipped)
        if verdict.action == "take":
            training.step(rate)
        else:
            training.discard()

        now = time.monotonic()
        step_seconds += _SMOOTHING * (now - started - step_seconds) if step_seconds else now - started
        elapsed = elapsed_before + now - began
        state = state.after_step(
            batching.sequences, batching.tokens_per_step, elapsed, skipped=verdict.action != "take"
        )
        if spec.budget.unit == "seconds" and (pace := repaced(state.paces, state.step, elapsed, spec.budget.amount)):
            state = replace(state, paces=(*state.paces, pace))
        training.state = state
        done = progress(state.step, state.paces)

        if verdict.action == "fail":
            raise SpotterError(Code.TRAINING_NAN_LOSS, f"The loss stopped being a number: {verdict.reason}.")
        if verdict.action == "skip":
            yield MetricsGuard(step=state.step, action="skip", reason=verdict.reason)
        else:
            total = state.paces[-1].total
            yield MetricsProgress(
                step=state.step,
                steps_total=total,
                fraction=done,
                tokens=state.tokens,
                loss=loss,
                learning_rate=rate,
                gradient_norm=norm,
                tokens_per_second=batching.tokens_per_step / step_seconds,
                elapsed=elapsed,
                remaining=(total - state.step) * (elapsed - elapsed_before) / (state.step - step_before),
            )

        # Once in a while.
        if int(done * spec.evaluation.times) > int(before * spec.evaluation.times):
            yield from _look(training)
            state = training.state
        if done < 1 and time.monotonic() - saved >= spec.checkpoint.every_seconds:
            yield from save(training, checkpoints)
            saved = time.monotonic()

    yield from save_surely(training, checkpoints)


def summary(training: Training, model: str = "") -> Summary:
    """What the run has come to so far; `model` is the finished model's folder, once there is one."""
    state = training.state
    return Summary(
        steps=state.step,
        tokens=state.tokens,
        seconds=state.elapsed,
        parameters=training.parameters,
        first_loss=state.first.loss if state.first else None,
        first_bits_per_byte=state.first.bits_per_byte if state.first else None,
        loss=state.last.loss if state.last else None,
        bits_per_byte=state.last.bits_per_byte if state.last else None,
        sample=state.sample,
        model=model,
    )


def _look(training: Training) -> Iterator[Event]:
    """Evaluate, write a sample, and remember both in the state."""
    state, spec = training.state, training.spec.evaluation
    evaluation = training.objective.evaluate(
        training.network, spec.max_tokens, training.batching.micro_batch, state.step
    )
    if not math.isfinite(evaluation.loss):
        raise SpotterError(Code.TRAINING_NAN_LOSS, "The loss on the held-out text is not a number.")
    seed = training.spec.seed + state.step
    text = training.objective.sample(training.network, spec.sample_tokens, seed) if spec.sample_tokens else ""
    training.state = replace(state, first=state.first or evaluation, last=evaluation, sample=text)
    yield MetricsEval(
        step=state.step,
        loss=evaluation.loss,
        bits_per_byte=evaluation.bits_per_byte,
        accuracy=evaluation.accuracy,
        f1=evaluation.f1,
        report=evaluation.report,
    )
    if text:
        yield MetricsSample(step=state.step, text=text)


def _ending(request: Control, training: Training) -> JobStopped | JobPaused:
    if request.verb == "pause":
        return JobPaused(control_seq=request.seq, step=training.state.step)
    return JobStopped(control_seq=request.seq, summary=summary(training))

"""The training loop: one step after another, and once in a while evaluate, write a sample, save."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator

from trainer_core.checkpoints.checkpoint import Checkpoints
from trainer_core.checkpoints.keeping import better
from trainer_core.checkpoints.saving import save, save_surely, saved, settled
from trainer_core.control import Control, ControlReader
from trainer_core.course import follow, heard, peak
from trainer_core.errors import Code, SpotterError
from trainer_core.events import (
    Event,
    JobCompleted,
    JobPaused,
    JobStopped,
    MetricsEval,
    MetricsGuard,
    MetricsProgress,
    MetricsSample,
)
from trainer_core.export.finishing import outcome
from trainer_core.faults import reach
from trainer_core.models.specs import ModuleSpec, PretrainedSpec
from trainer_core.recovery import go_back, judged, make_smaller, question, ran_out_of_numbers
from trainer_core.schedule import learning_rate, progress
from trainer_core.steering import SteeringLog
from trainer_core.telemetry.telemetry import Telemetry
from trainer_core.training import Training


def train(
    training: Training, checkpoints: Checkpoints, control: ControlReader, steering: SteeringLog
) -> Generator[Event]:
    """Train to the end of the budget, or until `control` asks otherwise; the last event ends the attempt.

    A run that gets no better for as long as its patience lasts ends before its budget does. However it ends, what
    it has learnt is the best weights that were evaluated and kept.

    Between two events `training` is at a step's edge, and resuming from a checkpoint saved there gives the same
    weights as going on. What the guard cannot mend by itself ends the attempt with a pause and a question. Raises
    SpotterError (TRAINING_NAN_LOSS) if the loss is no number before the first step, or when another attempt has taken
    over, OSError if the last checkpoint or the steering log cannot be saved, torch's errors out of memory.
    """
    spec = training.spec
    training.model.train()
    if training.state.first is None:
        yield from _look(training, checkpoints, steering)

    telemetry = Telemetry(training)
    began = saved_at = time.monotonic()
    elapsed_before, steps_done = training.state.elapsed, 0
    while (before := progress(training.state.step, training.state.paces)) < 1 and not _enough(training):
        reach("worker.step")
        if ending := (yield from _edge(training, checkpoints, control, steering)):
            yield ending
            return

        # A single training step.
        started = time.monotonic()
        state, batching = training.state, training.batching
        rate = learning_rate(state.step, state.paces, peak(training), spec.optimizer)
        try:
            loss = training.forward_backward(state.cursor, batching.sequences)
            norm = training.clip()
        except (MemoryError, RuntimeError) as error:
            yield from make_smaller(training, steering, error)
            continue
        verdict = judged(training, steering, loss, norm)
        if verdict.action == "take":
            training.step(rate)
        else:
            training.discard()
        if verdict.action == "rollback":
            yield from go_back(training, checkpoints, steering, verdict)
            continue

        # Where the run is now.
        now, steps_done = time.monotonic(), steps_done + 1
        measured = telemetry.measured(now - started)
        elapsed = elapsed_before + now - began
        state = state.after_step(batching.sequences, batching.tokens_per_step, elapsed, loss, norm, verdict)
        training.state = state = state.paced(spec.budget)
        done, total = progress(state.step, state.paces), state.paces[-1].total
        if verdict.action == "skip":
            yield MetricsGuard(step=state.step, action="skip", reason=verdict.reason)
        else:
            yield MetricsProgress(
                step=state.step,
                steps_total=total,
                fraction=done,
                tokens=state.tokens,
                loss=loss,
                learning_rate=rate,
                gradient_norm=norm,
                elapsed=state.elapsed,
                remaining=(total - state.step) * (now - began) / steps_done,
                **measured,
            )

        # Once in a while.
        if int(done * spec.evaluation.times) > int(before * spec.evaluation.times):
            yield from _look(training, checkpoints, steering)
        if done < 1 and time.monotonic() - saved_at >= spec.checkpoint.every_seconds:
            yield from save(training, checkpoints)
            saved_at = time.monotonic()

    yield from save_surely(training, checkpoints, best=_looked_at(training))
    yield JobCompleted(summary=outcome(training, checkpoints, _enough(training)))


def _enough(training: Training) -> str:
    """Why the run ends before its budget does, as half a sentence; empty if it goes on."""
    patience, without = training.spec.evaluation.patience, training.state.without_better
    if patience is None or without < patience or progress(training.state.step, training.state.paces) >= 1:
        return ""
    if without == 1:
        return "the last evaluation was no better than the best before"
    return f"none of the last {without} evaluations was better than the best before"


def _looked_at(training: Training) -> bool:
    """Whether the last evaluation is of these very weights."""
    state = training.state
    return state.evaluated_at == state.step and state.last is not None and not state.last.partial


def _look(
    training: Training, checkpoints: Checkpoints, steering: SteeringLog, *, stopping: bool = False
) -> Iterator[Event]:
    """Evaluate, write a sample, remember both in the state, and keep the weights if they are the best so far.

    Weights that have stopped being numbers are not looked at: the run goes back. `stopping`: what the run goes by is
    not to change for it.
    """
    step, spec, model = training.state.step, training.spec.evaluation, training.spec.model
    fresh = step == 0 and not isinstance(model, PretrainedSpec)
    evenly = fresh and not isinstance(model, ModuleSpec)
    with training.averaged():
        evaluation = training.objective.evaluate(
            training.network, spec.max_tokens, training.batching.micro_batch, step, evenly=evenly
        )
    if not math.isfinite(evaluation.loss):
        if step == 0:
            raise SpotterError(Code.TRAINING_NAN_LOSS, "The held-out loss is not a number before the first step.")
        yield from go_back(training, checkpoints, steering, ran_out_of_numbers(training, steering))
        return
    text = ""
    if not fresh:
        with training.averaged():
            text = training.objective.sample(training.network, spec.sample_tokens, training.spec.seed + step)
    best = better(evaluation, training.state.best, training.spec.checkpoint)
    training.state = training.state.evaluated(evaluation, text)
    if not (evaluation.partial or stopping):
        training.state = training.state.compared(better=best)
    yield MetricsEval(
        step=step,
        loss=evaluation.loss,
        bits_per_byte=evaluation.bits_per_byte,
        accuracy=evaluation.accuracy,
        f1=evaluation.f1,
        report=evaluation.report,
    )
    if text:
        yield MetricsSample(step=step, text=text)
    if step and progress(step, training.state.paces) < 1 and checkpoints.worth_keeping(evaluation):
        yield from save(training, checkpoints, best=True)


def _edge(
    training: Training, checkpoints: Checkpoints, control: ControlReader, steering: SteeringLog
) -> Generator[Event, None, JobStopped | JobPaused | None]:
    """Between two steps: what a person asks for, and what was decided to hold from here. The ending, if it is one."""
    yield from saved(checkpoints)
    request = control.poll()
    if request and request.verb in ("stop", "pause"):
        return (yield from _end(request, training, checkpoints, steering))
    if request:
        yield from heard(request, training, checkpoints, steering)
    follow(training, steering)
    if reason := question(training, steering):
        yield from settled(checkpoints)
        yield MetricsGuard(step=training.state.step, action="ask", reason=reason)
        return JobPaused(control_seq=0, step=training.state.step, reason=reason)
    return None


def _end(
    request: Control, training: Training, checkpoints: Checkpoints, steering: SteeringLog
) -> Generator[Event, None, JobStopped | JobPaused]:
    """Rest, or stop with what was learnt by now."""
    stops = request.verb == "stop" and training.state.step > 0
    if stops and not _looked_at(training):
        yield from _look(training, checkpoints, steering, stopping=True)
    yield from save_surely(training, checkpoints, best=_looked_at(training))
    if request.verb == "pause":
        return JobPaused(control_seq=request.seq, step=training.state.step)
    return JobStopped(control_seq=request.seq, summary=outcome(training, checkpoints))

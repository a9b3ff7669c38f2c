"""How a run gets over what would end it: back to a sound checkpoint, or on with less memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from trainer_core.checkpoints.checkpoint import Checkpoints, step_of
from trainer_core.checkpoints.restoring import restore
from trainer_core.checkpoints.saving import settled
from trainer_core.checkpoints.snapshot import record_in
from trainer_core.course import peak
from trainer_core.events import Event, MetricsGuard
from trainer_core.failures import is_out_of_memory
from trainer_core.guard import MOST_ROLLBACKS, Past, Verdict, broken, judge
from trainer_core.state import LoopState
from trainer_core.steering import Steer, SteeringLog, due, rollbacks
from trainer_core.training import Training


def judged(training: Training, steering: SteeringLog, loss: float, norm: float) -> Verdict:
    """What to do with a step whose gradients are there and have not reached the weights yet."""
    finite = math.isfinite(loss + norm) or training.sound()
    overflowed = training.optimizer.overflowed
    past = _past(training, steering)
    return judge(training.state.step + 1, loss, norm, past, weights_finite=finite, overflowed=overflowed)


def ran_out_of_numbers(training: Training, steering: SteeringLog) -> Verdict:
    """What to do when an evaluation shows that the weights are no numbers any more."""
    return broken(training.state.step, _past(training, steering))


def go_back(training: Training, checkpoints: Checkpoints, steering: SteeringLog, verdict: Verdict) -> Iterator[Event]:
    """Restore the newest checkpoint that was sound, or the weights of the beginning.

    The steering log says how the run goes on from there: after the data that led here, at a lower rate. Checkpoints of
    the way that is abandoned go first: a crash in between only has the same decided again. Raises OSError,
    SpotterError.
    """
    yield from settled(checkpoints)
    checkpoint = checkpoints.newest_sound(at_most=verdict.since)
    if checkpoint is None and verdict.or_later:
        checkpoint = checkpoints.newest_sound()
    step, passed_over = step_of(checkpoint), "".join(f"; {sentence}" for sentence in checkpoints.passed_over())
    sound = _state_in(checkpoint, training)
    for steer in due(steering.entries, len(sound.steering), step):
        sound = sound.steered(steer)
    skip = max(0, training.state.cursor + training.batching.sequences - sound.cursor)
    elapsed, done = training.state.elapsed, training.state.done
    checkpoints.drop_newer(step)
    rate = peak(training) * verdict.factor
    where = f"step {step:,}" if checkpoint else "the beginning"
    reason = (
        f"{verdict.reason}{passed_over}; training goes on from {where}, after the data that led there, "
        f"with a peak learning rate of {rate:.2g}"
    )
    steering.append(Steer(step=step, verb="rollback", value=verdict.factor, skip=skip, reason=verdict.reason))
    yield MetricsGuard(step=verdict.step, action="rollback", reason=reason)
    if checkpoint:
        restore(training, checkpoint)
    else:
        training.restart()
        training.state = sound
    training.state = replace(training.state, elapsed=elapsed, done=done)
    training.synchronize()


def question(training: Training, steering: SteeringLog) -> str:
    """What a person has to decide before the run goes on, as half a sentence; empty if nothing."""
    times = rollbacks(steering.entries)
    if times <= MOST_ROLLBACKS:
        return ""
    *_, last = (steer for steer in steering.entries if steer.verb == "rollback")
    step = training.state.step
    where = f"step {step:,}" if step else "the beginning"
    return (
        f"{last.reason}, and it had gone back {MOST_ROLLBACKS} times before; it could go on from {where} with a peak "
        f"learning rate of {peak(training):.2g}"
    )


def make_smaller(
    training: Training, steering: SteeringLog, error: MemoryError | RuntimeError
) -> Iterator[MetricsGuard]:
    """Halve the micro-batch from this step on. Raises `error` if it is not about memory, or the micro-batch is one."""
    before = training.batching.micro_batch
    if not is_out_of_memory(error) or before == 1:
        raise error
    training.discard()
    reason = (
        f"memory ran out in a forward pass of {before:,}: it takes {before // 2:,} from now on, "
        "and a step learns from as many as before"
    )
    steering.append(Steer(step=training.state.step, verb="micro_batch", value=before // 2, reason=reason))
    yield MetricsGuard(step=training.state.step, action="memory", reason=reason)


def _past(training: Training, steering: SteeringLog) -> Past:
    """What the guard judges a step by."""
    state = training.state
    assert state.first is not None, "a run is evaluated before its first step"
    return Past(state.first.loss, state.losses, state.norms, state.skipped, rollbacks(steering.entries))


def _state_in(checkpoint: Path | None, training: Training) -> LoopState:
    """Where the run was; at its beginning without a checkpoint."""
    record = record_in(checkpoint) if checkpoint else None
    if record:
        return record.loop
    first = training.state.first
    best = None if first and first.partial else first
    return LoopState(paces=training.state.paces[:1], first=first, last=first, evaluated_at=0, best=best)

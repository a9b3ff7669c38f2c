"""The course of a run, at a step's edge: what a person asks to change of it, and what holds from there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from trainer_core.checkpoints.checkpoint import Checkpoints
from trainer_core.checkpoints.saving import save
from trainer_core.control import Control
from trainer_core.events import Event, MetricsGuard
from trainer_core.schedule import landed, landing
from trainer_core.steering import Steer, SteeringLog, due, micro_batch, peak_rate
from trainer_core.training import Training


def heard(request: Control, training: Training, checkpoints: Checkpoints, steering: SteeringLog) -> Iterator[Event]:
    """Do what does not end the attempt, and acknowledge it. Raises OSError."""
    if request.verb == "checkpoint":
        yield from save(training, checkpoints, pinned=True, control_seq=request.seq)
        return
    steer = _asked(request, training)
    if steer.verb == "land" and landing(training.state.paces):
        reason = f"the run is landing already, and ends with step {training.state.paces[-1].total:,}"
    else:
        steering.append(steer)
        reason = steer.reason
    yield MetricsGuard(step=training.state.step, action="steer", control_seq=request.seq, reason=reason)


def follow(training: Training, steering: SteeringLog) -> None:
    """Let what was decided for this step come into force."""
    for steer in due(steering.entries, len(training.state.steering), training.state.step):
        training.state = training.state.steered(steer)
    cut = micro_batch(training.batching.micro_batch, training.state.steering)
    if cut != training.batching.micro_batch:
        training.batching = replace(training.batching, micro_batch=cut)


def peak(training: Training) -> float:
    """The peak learning rate that is in force."""
    return peak_rate(training.peak_learning_rate, training.state.steering)


def _asked(request: Control, training: Training) -> Steer:
    """What a request for `rate` or `land` changes."""
    state = training.state
    if request.verb == "rate":
        assert request.value is not None, "a request for a rate has one"
        reason = (
            f"the peak learning rate is {request.value:.3g} from step {state.step + 1:,} on, not {peak(training):.3g}"
        )
        return Steer(step=state.step, verb="rate", value=request.value, reason=reason)
    end = landed(state.paces, state.step, training.spec.optimizer)
    reason = f"the learning rate falls from step {state.step + 1:,} on, and the run ends with step {end:,}"
    return Steer(step=state.step, verb="land", value=end, reason=reason)

"""Before step 1: a few forward and backward passes that show what would otherwise show after hours."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch

from trainer_core.errors import Code, SpotterError
from trainer_core.training import Training

_LOSS_TOLERANCE = 1.0
"""Nats by which the loss of fresh weights may miss that of guessing evenly."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the passes showed."""

    loss: float
    seconds_per_step: float
    bytes: int
    """Of weights, gradients and optimizer state; activations come on top."""

    def __str__(self) -> str:
        return (
            f"loss at start {self.loss:.2f}, every parameter learns, about {self.seconds_per_step:.2g} s a step, "
            f"{self.bytes / 2**20:,.0f} MiB of weights and optimizer state"
        )


def preflight(training: Training) -> Preflight:
    """Check shapes, the loss, and that every parameter learns; measure a step. Nothing of `training` is changed.

    Raises MODEL_INCOMPATIBLE (shapes, a dead parameter) or TRAINING_NAN_LOSS.
    """
    cursor, sequences = training.state.cursor, training.batching.micro_batch
    devices = [torch.cuda.current_device()] if training.device.kind == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        _check_shapes(training)
        loss = training.forward_backward(cursor, sequences)
        _check_loss(loss, training)
        _check_gradients(training)
        started = time.perf_counter()
        training.forward_backward(cursor, sequences)
        seconds = time.perf_counter() - started
    training.discard()
    return Preflight(loss, seconds * training.batching.accumulation, training.parameters * 16)


def _check_shapes(training: Training) -> None:
    batch = training.objective.batch(training.state.cursor, 1)
    expected = (*batch.targets.shape, training.objective.answers)
    with torch.inference_mode():
        shape = tuple(training.network.logits(batch.inputs).shape)
    if shape != expected:
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE, f"the model's output has shape {shape}, and {expected} was expected", field="model"
        )


def _check_loss(loss: float, training: Training) -> None:
    if not math.isfinite(loss):
        raise SpotterError(Code.TRAINING_NAN_LOSS, "The loss is not a number before the first step.")
    even = math.log(training.objective.answers)
    if training.state.step == 0 and abs(loss - even) > _LOSS_TOLERANCE:
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"fresh weights have a loss of {loss:.2f}, and even guessing has {even:.2f}: the model is not set up right",
            field="model",
        )


def _check_gradients(training: Training) -> None:
    for name, parameter in training.model.named_parameters():
        if not parameter.requires_grad:
            continue
        if parameter.grad is None or not bool(parameter.grad.any()):
            raise SpotterError(Code.MODEL_INCOMPATIBLE, f"the parameter {name} does not learn", field="model")
        if not bool(parameter.grad.isfinite().all()):
            raise SpotterError(Code.TRAINING_NAN_LOSS, f"The gradient of {name} is not finite before the first step.")

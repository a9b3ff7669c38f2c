"""Before step 1: a few small passes that show what would otherwise show after hours."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from trainer_core.compute.buffers import unchanged
from trainer_core.compute.fitting import a_few, tried
from trainer_core.compute.network import Network
from trainer_core.errors import Code, SpotterError
from trainer_core.failures import is_out_of_memory
from trainer_core.models.specs import ModuleSpec, PretrainedSpec
from trainer_core.objectives.objective import Batch
from trainer_core.rehearsal import Rehearsal, rehearsed
from trainer_core.training import Training

_LOSS_TOLERANCE = 1.0
"""Nats by which the loss of fresh weights may miss that of guessing evenly."""
_TARGETS = 64
"""About so many targets in that batch."""
_QUICK = 0.05
"""Seconds after which a pass tells of a larger one; in less, much of it is what any pass takes."""
_LOWER = (0.1, 0.01, 0.001)
"""Factors that are tried on a learning rate at which the loss grows."""
_LEAK = 1e-3
"""Share of the logits' spread that rounding may move them by."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the passes showed."""

    loss: float
    seconds_per_step: float
    bytes: int
    """Of weights, gradients and optimizer state; activations come on top."""
    doubts: tuple[str, ...] = ()
    """What may be meant so, but is worth a look; half a sentence each."""

    def __str__(self) -> str:
        return "; ".join(
            (
                f"loss at start {self.loss:.2f}, every parameter learns, about {self.seconds_per_step:.2g} s a step, "
                f"{self.bytes / 2**20:,.0f} MiB of weights and optimizer state",
                *self.doubts,
            )
        )


def preflight(training: Training) -> Preflight:
    """Check shapes, the loss at the start, that every parameter learns, that nothing is known of the future, and that
    one batch can be learnt at the run's learning rate; measure a step. Nothing of `training` is changed.

    Raises MODEL_INCOMPATIBLE (shapes, a loss that cannot be, a dead parameter, a leak; whatever a module of somebody's
    own raises) or TRAINING_NAN_LOSS.
    """
    plain = replace(training.mode, compiled=False)  # making kernels for these passes would take longer than all of them
    training = replace(training, mode=plain, network=Network(training.model, plain, training.device))
    with _leaving_no_trace(training), tried(training):
        batch = _small(training)
        _check_shapes(training, batch)
        _check_last_pass(training)
        if training.state.step:  # it has learnt before, and would not have without all that
            loss = training.forward_backward(training.state.cursor, a_few(training))
            _check_loss(loss, training)
            return Preflight(loss, _seconds_per_step(training), _bytes(training))
        rehearsal = rehearsed(training, batch, training.peak_learning_rate)
        _check_loss(rehearsal.losses[0], training)
        _check_gradients(rehearsal)
        _check_causality(rehearsal.copy, batch)
        doubts = (
            *_unlike_guessing(rehearsal.losses[0], training),
            *_unreached(rehearsal),
            *_unlearnt(rehearsal, training, batch),
        )
        return Preflight(rehearsal.losses[0], _seconds_per_step(training), _bytes(training), doubts)


@contextmanager
def _leaving_no_trace(training: Training) -> Iterator[None]:
    devices = [torch.cuda.current_device()] if training.device.kind == "cuda" else []
    with torch.random.fork_rng(devices=devices), unchanged(training.model):
        try:
            yield
        finally:
            training.discard()


def _small(training: Training) -> Batch:
    """Few examples; of text, the beginning of one, where a model of any length reads it."""
    objective, length = training.objective, training.batching.length
    examples = min(training.batching.micro_batch, max(a_few(training), _TARGETS // length))
    batch = objective.batch(training.state.cursor, examples)
    if length <= _TARGETS or isinstance(training.spec.model, ModuleSpec):
        return batch
    inputs = {
        name: field[:, :, :_TARGETS, :_TARGETS] if name == "attention_mask" else field[:, :_TARGETS]
        for name, field in batch.inputs.items()
    }
    return Batch(inputs, batch.targets[:, :_TARGETS])


def _check_shapes(training: Training, batch: Batch) -> None:
    expected = (*batch.targets.shape, training.objective.answers)
    with torch.no_grad():
        shape = tuple(training.network.logits(batch.inputs).shape)
    if shape != expected:
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE, f"the model's output has shape {shape}, and {expected} was expected", field="model"
        )


def _check_last_pass(training: Training) -> None:
    """A step may leave a single example for its last pass; of one, a batch normalisation learns nothing."""
    at_once, sequences = training.batching.micro_batch, training.batching.sequences
    if at_once == 1 or sequences % at_once != 1:
        return
    try:
        training.forward_backward(training.state.cursor, 1)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        fits = next(
            other for other in (*range(at_once, 1, -1), *range(at_once, sequences + 1)) if sequences % other != 1
        )
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"the model cannot learn from a single example, and a step of {sequences:,} leaves one, {at_once} a pass",
            field="batch.micro_batch",
            next_step=f"Set batch.micro_batch to {fits}.",
        ) from error


def _check_loss(loss: float, training: Training) -> None:
    if not math.isfinite(loss):
        raise SpotterError(Code.TRAINING_NAN_LOSS, "The loss is not a number before the first step.")
    ours = not isinstance(training.spec.model, ModuleSpec | PretrainedSpec)
    if ours and training.state.step == 0 and abs(loss - _even(training)) > _LOSS_TOLERANCE:
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"fresh weights have a loss of {loss:.2f}, and even guessing has {_even(training):.2f}: the model is not "
            "set up right",
            field="model",
        )


def _unlike_guessing(loss: float, training: Training) -> Iterator[str]:
    """Of models that are not ours."""
    if loss > _even(training) + _LOSS_TOLERANCE:
        yield f"guessing evenly would have a loss of {_even(training):.2f}, so the first steps only unlearn"


def _check_gradients(rehearsal: Rehearsal) -> None:
    if rehearsal.broken:
        raise SpotterError(
            Code.TRAINING_NAN_LOSS, f"The gradient of {rehearsal.broken} is not finite before the first step."
        )
    if dead := rehearsal.dead - rehearsal.unreached:
        first, *others = sorted(dead)
        which = f"the parameter {first} does not learn"
        if others:
            which = f"{len(dead)} parameters do not learn, among them {first}"
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"{which}: no gradient reaches it",
            field="model",
            next_step="Use it in `forward`, or freeze it with `requires_grad_(False)`.",
        )


def _check_causality(training: Training, batch: Batch) -> None:
    """Whether what comes later in a window changes what is predicted before it. Of text only."""
    half = batch.targets.shape[-1] // 2
    if training.objective.unit != "tokens" or not half:
        return
    other = batch.inputs["input_ids"].clone()
    other[:, half:] = (other[:, half:] + 1) % training.objective.answers
    training.model.train(False)
    with torch.inference_mode():
        before, after = (
            training.network.logits({**batch.inputs, "input_ids": tokens})[:, :half].float()
            for tokens in (batch.inputs["input_ids"], other)
        )
    tolerance = _LEAK if training.mode.precision == "fp32" else 100 * _LEAK
    if bool((before - after).abs().max() > tolerance * before.std()):
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            "the model knows of tokens that come later: changing them changes what it predicts before them",
            field="model",
            next_step="Mask what comes later in its attention; otherwise its loss says nothing.",
        )


def _unreached(rehearsal: Rehearsal) -> Iterator[str]:
    if rehearsal.unreached:
        first, *others = sorted(rehearsal.unreached)
        which = f"{first} and {len(others)} more" if others else first
        yield f"no gradient reached {which} so far, as those of an expert that is seldom asked"


def _unlearnt(rehearsal: Rehearsal, training: Training, batch: Batch) -> Iterator[str]:
    """If the loss of the one batch grew, a rate at which it falls."""
    if rehearsal.has_learnt:
        return
    what = f"a learning rate of {rehearsal.rate:.2g} makes the loss of a single batch grow"
    for factor in _LOWER:
        if rehearsed(training, batch, rehearsal.rate * factor).has_learnt:
            yield f"{what}, and {rehearsal.rate * factor:.2g} does not"
            return
    yield f"{what}, and so do lower ones"


def _seconds_per_step(training: Training) -> float:
    """As the step's whole forward passes take, or, where these are long, as fewer examples do."""
    examples, at_once = a_few(training), training.batching.micro_batch
    while (seconds := _timed(training, examples)) < _QUICK and examples < at_once:
        examples = min(4 * examples, at_once)
    return seconds * training.batching.sequences / examples


def _timed(training: Training, examples: int) -> float:
    started = time.perf_counter()
    training.forward_backward(training.state.cursor, examples)
    return time.perf_counter() - started


def _even(training: Training) -> float:
    """The loss of guessing evenly."""
    return math.log(training.objective.answers)


def _bytes(training: Training) -> int:
    weights = sum(weight.numel() for weight in training.model.parameters())
    of_optimizer = 3 + bool(training.average)  # a gradient, two moments, and a mean
    return 4 * (weights + of_optimizer * training.parameters)

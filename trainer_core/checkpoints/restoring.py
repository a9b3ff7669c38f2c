"""A checkpoint put back into a training. Nothing in it is ever run: what is not a tensor or a number is refused."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import safe_open

from trainer_core.checkpoints.checkpoint import step_of
from trainer_core.checkpoints.snapshot import OPTIMIZER, STATE, Record
from trainer_core.errors import GOES_ON, Code, SpotterError
from trainer_core.failures import is_out_of_memory
from trainer_core.models.files import read_weights
from trainer_core.models.origin import Origin
from trainer_core.training import Training

_WEIGHTS = "*.safetensors"


def restore(training: Training, checkpoint: Path) -> None:
    """Put weights, optimizer and loop state back.

    Raises CHECKPOINT_CORRUPT naming the file, MODEL_INCOMPATIBLE if its weights are of another model, or the model is
    made from other files.
    """
    part = STATE
    try:
        record = Record.model_validate_json((checkpoint / part).read_bytes())
        assert record.loop.step == step_of(checkpoint), "the folder was renamed"
        _check_origin(training, checkpoint, record.origin)
        part = next(checkpoint.glob(_WEIGHTS)).name
        _check(training, checkpoint / part)
        training.optimizer.load_weights(read_weights(training.model, checkpoint))
        part = OPTIMIZER
        training.load_moments(torch.load(checkpoint / part, weights_only=True, map_location=training.device.kind))
    except Exception as error:  # the sums are right, but somebody may have written files and sums alike
        if isinstance(error, SpotterError) or is_out_of_memory(error):
            raise
        if isinstance(error, ValidationError) and any(wrong["loc"] == ("version",) for wrong in error.errors()):
            what = "was written by another version of Spotter"
        else:
            what = f"cannot be restored: its {part} is not of this model"
        raise SpotterError(
            Code.CHECKPOINT_CORRUPT,
            f"The checkpoint of step {step_of(checkpoint):,} {what}.",
            next_step=f"Remove {checkpoint.name} from the run's checkpoints, then {GOES_ON}.",
        ) from error
    training.state = record.loop


def _check_origin(training: Training, checkpoint: Path, there: Origin | None) -> None:
    """Raises MODEL_INCOMPATIBLE if the model is now made from other files than when the checkpoint was saved."""
    here = training.origin
    if there is None or there == here:
        return
    file, what = (
        ("base", "the model that it began with") if there.base != here.base else ("module.py", "its own module")
    )
    raise SpotterError(
        Code.MODEL_INCOMPATIBLE,
        f"The checkpoint of step {step_of(checkpoint):,} cannot be gone on from: {file} in the run's folder, "
        f"{what}, is not what it was.",
        next_step=f"Put {file} back as it was, then {GOES_ON}; or start a new run.",
    )


def _check(training: Training, weights: Path) -> None:
    """Raises MODEL_INCOMPATIBLE if the saved weights differ in kind from the model's."""
    here = {name: tuple(weight.shape) for name, weight in training.model.state_dict().items()}
    with safe_open(weights, "pt") as file:
        there = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  # not a dict
    other = next((name for name, shape in there.items() if here.get(name) != shape), None)
    if other is not None:
        checkpoint = weights.parent
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"The checkpoint of step {step_of(checkpoint):,} is of another model: "
            f"{_difference(other, there[other], here.get(other), training.objective.answers)}.",
            next_step=f"Remove {checkpoint.name} from the run's checkpoints, then {GOES_ON}.",
        )


def _difference(name: str, there: tuple[int, ...], here: tuple[int, ...] | None, answers: int) -> str:
    """As half a sentence."""
    if here is None:
        return f"it has {name}, which this run's model has not"
    if there[1:] == here[1:] and here[:1] == (answers,):
        return f"it tells {there[0]:,} answers apart (tokens, or classes), and this run's model {answers:,}"
    return f"{name} has the shape {_by(there)} there, and {_by(here)} in this run's model"


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "of a number"

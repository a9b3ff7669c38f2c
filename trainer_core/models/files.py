"""A model as files: `model.safetensors`, and a `config.json` from which transformers, or Spotter, makes it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from trainer_core.errors import Code, SpotterError
from trainer_core.models import lora
from trainer_core.models.data import PictureData, TextData
from trainer_core.models.specs import ModelSpec

CONFIG, WEIGHTS = "config.json", "model.safetensors"
ADAPTER = "adapter.safetensors"
"""In place of all weights, where only adapters learn."""

_MADE_FROM = "spotter_made_from"

Weights = Mapping[str, Tensor]
"""Of a model, by the names of its `state_dict`."""


class MadeFrom(BaseModel):
    """`config.json` of a model that transformers does not open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    made_by: Literal["spotter"] = "spotter"
    model: ModelSpec
    data: TextData | PictureData


def describe(model: nn.Module, made_from: MadeFrom) -> nn.Module:
    """`model`, which from now on is saved with what it takes to make it again."""
    setattr(model, _MADE_FROM, made_from)
    return model


def made_from(folder: Path) -> MadeFrom | None:
    """What the model in `folder` is made from; None if it is one of transformers'. Raises MODEL_LOAD_FAILED."""
    try:
        config = json.loads((folder / CONFIG).read_bytes())
        return MadeFrom.model_validate(config) if isinstance(config, dict) and "made_by" in config else None
    except (OSError, ValueError) as error:
        field = f" ({_place(error)})" if isinstance(error, ValidationError) else ""
        raise SpotterError(
            Code.MODEL_LOAD_FAILED, f"the {CONFIG} of the model is missing or cannot be read{field}", field="model"
        ) from error


def save_weights(model: nn.Module, folder: Path, weights: Weights | None = None) -> None:
    """Write what a checkpoint holds of `model` into `folder`: the weights that learn, in fp32. Raises OSError.

    Where all of them learn, that is a model that opens again. `weights` are written in place of the model's own.
    """
    weights = model.state_dict() if weights is None else weights
    if lora.adapted(model):
        _save(lora.adapters(model, weights), folder / ADAPTER)
    else:
        _save_whole(model, folder, weights)


def read_weights(model: nn.Module, folder: Path) -> Weights:
    """What `save_weights` wrote of such a model. Raises OSError; RuntimeError, or what safetensors raises."""
    weights, in_part = model.state_dict(), lora.adapted(model)
    saved = load_file(folder / (ADAPTER if in_part else WEIGHTS))
    there = {_mark(weights[name]) for name in saved if name in weights}  # one name is enough for tied ones
    wanted = lora.adapters(model, weights) if in_part else weights
    missing = [name for name, weight in wanted.items() if _mark(weight) not in there]
    unexpected = saved.keys() - weights.keys()
    if missing or unexpected:
        raise RuntimeError(f"{len(missing)} weights are missing and {len(unexpected)} are others")
    return saved


def load_weights(model: nn.Module, folder: Path) -> None:
    """Put back what `save_weights` wrote of such a model. Raises as `read_weights` does."""
    model.load_state_dict(dict(read_weights(model, folder)), strict=False)


def save_finished(model: nn.Module, folder: Path, weights: Weights | None = None) -> None:
    """Write `model` into `folder` as others use it: adapters become part of the weights. Raises OSError."""
    weights = model.state_dict() if weights is None else weights
    _save_whole(model, folder, lora.merged(model, weights) if lora.adapted(model) else weights)


def _save_whole(model: nn.Module, folder: Path, weights: Weights) -> None:
    if isinstance(model, PreTrainedModel):
        # By the names that `load_weights` looks for, which are not always those that the model was published with.
        model.save_pretrained(folder, state_dict=dict(weights), save_original_format=False)
        if model.dtype != torch.float32:  # the weights given are not the model's own
            config = json.loads((folder / CONFIG).read_bytes())
            (folder / CONFIG).write_text(json.dumps({**config, "dtype": "float32"}, indent=2), encoding="utf-8")
        return
    description = getattr(model, _MADE_FROM, None)
    if isinstance(description, MadeFrom):
        (folder / CONFIG).write_text(description.model_dump_json(indent=2), encoding="utf-8")
    _save(weights, folder / WEIGHTS)


def _save(weights: Weights, file: Path) -> None:
    save_file({name: weight.contiguous() for name, weight in _once(weights).items()}, file)


def _once(weights: Weights) -> dict[str, Tensor]:
    """Without the further names of weights that have several: safetensors takes none twice."""
    seen: set[object] = set()
    kept: dict[str, Tensor] = {}
    for name, weight in weights.items():
        mark = _mark(weight)
        if mark not in seen or not weight.numel():
            kept[name] = weight
            seen.add(mark)
    return kept


def _mark(weight: Tensor) -> object:
    """Equal for weights that are one under several names."""
    return weight.data_ptr(), tuple(weight.shape), weight.stride()


def _place(error: ValidationError) -> str:
    return ".".join(map(str, error.errors()[0]["loc"]))

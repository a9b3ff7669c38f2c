"""One table from the families to what makes their models, and the recipes that suit them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel

from trainer_core.attended import Told, unheard
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import RunDirectory
from trainer_core.models import causal, lstm, pretrained
from trainer_core.models.data import Data, PictureData, TextData
from trainer_core.models.files import MadeFrom, describe, load_weights, made_from
from trainer_core.models.places import Places
from trainer_core.models.sizes import Recipe, recipe_of
from trainer_core.models.specs import (
    CharLSTMSpec,
    GPT2Spec,
    ImageCNNSpec,
    LlamaSpec,
    ModelSpec,
    ModuleSpec,
    PretrainedSpec,
    QwenSpec,
)

__all__ = ["Places", "build", "open_model", "recipe"]


def recipe(spec: ModelSpec, places: Places, told: Told = unheard) -> Recipe:
    """What suits the model; `told` hears of a download. Raises MODEL_* for a source that cannot be opened."""
    if isinstance(spec, PretrainedSpec):
        return pretrained.recipe(spec, places, told)
    return recipe_of(spec)


def build(spec: ModelSpec, data: Data, seed: int, places: Places) -> nn.Module:
    """A model on the CPU in fp32, with weights from `seed`; the same for the same arguments.

    A language model takes `input_ids` (batch, time) and returns logits (batch, time, vocabulary), or an output that
    has them as `.logits`; a classifier takes `pixel_values` and returns logits (batch, classes). Raises MODEL_*.
    """
    with torch.random.fork_rng(devices=[]):  # made on the CPU, so that every device starts from the same weights
        torch.manual_seed(seed)
        model = _made(spec, data, places)
    return model if isinstance(model, PreTrainedModel) else describe(model, MadeFrom(model=spec, data=data))


def _made(spec: ModelSpec, data: Data, places: Places) -> nn.Module:
    model: nn.Module
    match spec, data:
        case GPT2Spec(), TextData():
            model = causal.build_gpt2(spec, data)
        case LlamaSpec(), TextData():
            model = causal.build_llama(spec, data)
        case QwenSpec(), TextData():
            model = causal.build_qwen(spec, data)
        case CharLSTMSpec(), TextData():
            model = lstm.build_lstm(spec, data)
        case PretrainedSpec(), TextData():
            model = pretrained.build_pretrained(spec, data, places)
        case ImageCNNSpec(), PictureData():
            from trainer_core.models.cnn import build_cnn

            model = build_cnn(spec, data)
        case ModuleSpec(), _:
            from trainer_core.models.module import build_module

            model = build_module(spec, data, places)
        case _:
            raise _learns_from_something_else(spec, data)
    return model


def open_model(folder: Path, places: Places | None = None) -> nn.Module:
    """The model that a run exported into `folder`, on the CPU in fp32, ready to answer.

    A module of somebody's own is made by the file beside its weights, or else by the one at `places`; no code is run
    unless `places` are given. Raises MODEL_LOAD_FAILED, MODEL_INCOMPATIBLE.
    """
    model: nn.Module
    own, described = RunDirectory(folder), made_from(folder)
    if described is None:
        model = pretrained.opened(folder)
    elif isinstance(described.model, ModuleSpec) and places is None:
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"{described.model.label} is made by the file {own.module.name} beside its weights, "
            "which is run only where that is asked for",
            field="model",
            next_step="If you trust the file, give `open_model` the folder's Places, too.",
        )
    else:
        model = build(described.model, described.data, 0, Places(own) if own.module.exists() or not places else places)
        load_weights(model, folder)
    return model.train(False)


def _learns_from_something_else(spec: ModelSpec, data: Data) -> SpotterError:
    given, wanted = ("pictures", "text") if isinstance(data, PictureData) else ("text", "pictures")
    return SpotterError(
        Code.MODEL_INCOMPATIBLE,
        f"{spec.family} learns from {wanted}, and the data set holds {given}",
        field="model.family",
        next_step=f"Choose a data set of {wanted}, or another model.",
    )

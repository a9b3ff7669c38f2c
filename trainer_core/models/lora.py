"""Low-rank adapters beside the weights of a model, which alone learn (Hu et al. 2021); peft lays them in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from trainer_core.errors import Code, SpotterError
from trainer_core.models.specs import LoraSpec

_ADAPTER = "default"
"""Peft's name for the one adapter there is."""
_BASE = ".base_layer"


def adapt(model: PreTrainedModel, spec: LoraSpec) -> PreTrainedModel:
    """`model` with adapters at all its linear layers but the output; nothing else learns any more.

    Raises CONFIG_INVALID without peft, MODEL_INCOMPATIBLE if it has no layers to adapt.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise SpotterError(
            Code.CONFIG_INVALID,
            "LoRA needs the package peft, which is not installed",
            field="model.lora",
            next_step="Run `pip install -c constraints.txt -e '.[lora]'` in Spotter's folder, or train all weights.",
        ) from error
    config = LoraConfig(
        r=spec.rank,
        lora_alpha=spec.alpha,
        lora_dropout=spec.dropout,
        target_modules="all-linear",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )
    try:
        inject_adapter_in_model(config, model, _ADAPTER)
    except ValueError as error:
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"a {model.config.model_type} has no layers that adapters fit to",
            field="model.lora",
            next_step="Leave LoRA out, so that all weights are trained.",
        ) from error
    return model


def adapted(model: nn.Module) -> bool:
    """Whether only adapters learn."""
    return any(True for _ in _adapted(model))


def adapters(model: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of the `weights` of `model` that learn."""
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    return {name: weight for name, weight in weights.items() if name in learning}


@torch.no_grad()
def merged(model: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The `weights` of `model` with the adapters added to the layers they are beside, by the names without them."""
    plain = {name.replace(_BASE, ""): weight for name, weight in weights.items() if ".lora_" not in name}
    for layer in _adapted(model):
        first, second = (weights[f"{layer.name}.lora_{part}.{_ADAPTER}.weight"] for part in "AB")
        added = second @ first * layer.scaling
        plain[f"{layer.name}.weight"] = plain[f"{layer.name}.weight"] + (added.T if layer.transposed else added)
    return plain


@dataclass(frozen=True, slots=True)
class _Adapted:
    """A layer with an adapter beside it."""

    name: str
    scaling: float
    transposed: bool
    """Whether its weight has the shape (inputs, outputs)."""


def _adapted(model: nn.Module) -> Iterator[_Adapted]:
    for name, module in model.named_modules():
        scaling = getattr(module, "scaling", None)
        if isinstance(getattr(module, "lora_A", None), nn.ModuleDict) and isinstance(scaling, dict):
            yield _Adapted(name, scaling[_ADAPTER], bool(getattr(module, "fan_in_fan_out", False)))

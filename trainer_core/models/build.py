"""One table from the families to what makes their models, and the recipes that suit them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from trainer_core.approved import NONE, Approved
from trainer_core.layout import RunDirectory
from trainer_core.models import causal
from trainer_core.models.data import Data, TextData
from trainer_core.models.sizes import Recipe, recipe_of
from trainer_core.models.specs import GPT2Spec, ModelSpec, PretrainedSpec


@dataclass(frozen=True, slots=True)
class Places:
    """Where models that are not made from a spec alone are found."""

    run: RunDirectory
    approved: Approved = NONE


def recipe(spec: ModelSpec, places: Places) -> Recipe:
    """What suits the model."""
    if isinstance(spec, PretrainedSpec):
        raise NotImplementedError(places)
    return recipe_of(spec)


def build(spec: ModelSpec, data: Data, seed: int, places: Places) -> nn.Module:
    """A model on the CPU in fp32, with weights from `seed`; the same for the same arguments.

    A language model takes `input_ids` (batch, time) and returns logits (batch, time, vocabulary), or an output that
    has them as `.logits`; a classifier takes `pixel_values` and returns logits (batch, classes).
    """
    with torch.random.fork_rng(devices=[]):  # made on the CPU, so that every device starts from the same weights
        torch.manual_seed(seed)
        match spec, data:
            case GPT2Spec(), TextData():
                return causal.build_gpt2(spec, data)
            case _:
                raise NotImplementedError(spec.family)

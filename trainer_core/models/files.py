"""A model's weights as files: what transformers opens, or plain safetensors."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_model
from torch import nn
from transformers import PreTrainedModel

WEIGHTS = "model.safetensors"


def save_weights(model: nn.Module, folder: Path) -> None:
    """Write `model` into `folder`: with its configuration where `AutoModel` is to open it. Raises OSError."""
    if isinstance(model, PreTrainedModel):
        model.save_pretrained(folder)
    else:
        save_model(model, str(folder / WEIGHTS))

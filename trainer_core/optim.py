"""AdamW, fused; vectors (biases, norms) are not decayed."""

from __future__ import annotations

import torch
from torch import nn

from trainer_core.spec import OptimizerSpec


def build_optimizer(model: nn.Module, spec: OptimizerSpec, learning_rate: float) -> torch.optim.AdamW:
    """An optimizer over the trainable parameters of `model`."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.dim() >= 2], "weight_decay": spec.weight_decay},
        {"params": [p for p in trainable if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(spec.beta1, spec.beta2), fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = learning_rate

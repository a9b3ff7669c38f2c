"""The last layer of a language model and its loss, for a few rows at a time: logits are the largest tensor there is.

The gradients are made in the forward pass, so that no row's logits are computed twice, or kept.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

_LOGITS = {"cpu": 2**23, "cuda": 2**27}
"""Of the rows at a time: on a CPU they stay in its cache."""
_LEAST_ROWS = 64


def output_layer(model: nn.Module) -> nn.Linear | None:
    """What makes logits of the last hidden states of `model`; None if more may happen to them than one product."""
    if not isinstance(model, PreTrainedModel) or model.base_model is model:
        return None
    layer: object = model.get_output_embeddings()  # type: ignore[no-untyped-call]  # unannotated in transformers
    if type(layer) is not nn.Linear or model.config.to_dict().keys() & _MORE:
        return None
    return layer if "bias" not in dict(layer.named_parameters()) else None


_MORE = {"final_logit_softcapping", "logits_scaling", "logit_scale", "output_multiplier"}
"""What some models do to logits afterwards, by the names in their configs."""


def chunked_loss(hidden: Tensor, weight: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
    """Sum of the nats of `targets`, shape (rows,), in fp32, where `hidden` has shape (rows, width).

    Products are made in `dtype`; whatever is added up is in fp32.
    """
    rows = max(_LEAST_ROWS, _LOGITS.get(hidden.device.type, 2**25) // len(weight))
    with torch.autocast(hidden.device.type, enabled=False):
        loss: Tensor = _Chunks.apply(hidden, weight, targets, rows, dtype)  # type: ignore[no-untyped-call]  # torch's
    return loss


class _Chunks(torch.autograd.Function):
    @staticmethod
    def forward(  # Any: torch's, with what is kept
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, rows: int, dtype: torch.dtype
    ) -> Tensor:
        learns = ctx.needs_input_grad[1]
        used, of_hidden = weight.to(dtype), torch.empty_like(hidden)
        of_weight = torch.zeros_like(weight, dtype=torch.float32) if learns else None
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(hidden), rows):
            part, wanted = hidden[start : start + rows].to(dtype), targets[start : start + rows, None]
            logs = (part @ used.T).float()
            torch.log_softmax(logs, 1, out=logs)
            total -= logs.gather(1, wanted).sum()
            shares = logs.exp_()
            shares.scatter_add_(1, wanted, shares.new_full(wanted.shape, -1.0))
            errors = shares.to(dtype)
            of_hidden[start : start + rows] = errors @ used
            if of_weight is not None:
                if dtype is torch.float32:
                    of_weight.addmm_(errors.T, part)
                else:
                    of_weight += errors.T @ part
        ctx.save_for_backward(of_hidden, of_weight)
        ctx.dtype = weight.dtype
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        of_hidden, of_weight = ctx.saved_tensors
        weight = (of_weight * gradient).to(ctx.dtype) if of_weight is not None else None
        return of_hidden * gradient.to(of_hidden.dtype), weight, None, None, None

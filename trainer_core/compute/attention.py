"""Causal attention as plain products over blocks of queries, for CPUs, where torch's own is slow going back.

Keys that come after all queries of a block are never multiplied. Transformers finds it by its name; it is for training
alone: whatever it does not do (masks, dropout, caches, no gradients) is left to torch's.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from trainer_core.compute.mode import Attention

_BLOCK = 128
"""Queries at once: few enough that half of the work is left out, enough that the products are large."""
_NAMES: dict[Attention, str] = {"sdpa": "sdpa", "eager": "eager", "bmm": "spotter_bmm"}
"""By which transformers knows them."""


def set_attention(model: nn.Module, attention: Attention) -> None:
    """Have the model attend so in training. It is not written into its saved config."""
    if isinstance(model, PreTrainedModel) and model.config._attn_implementation != _NAMES[attention]:
        model.set_attn_implementation(_NAMES[attention])


class _Blocks(torch.autograd.Function):
    """Scaled queries, keys and values, each of shape (batch * heads, time, width of a head), to the same shape."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:  # Any: torch's, with what is kept
        time = queries.shape[1]
        size = min(_BLOCK, time)
        later = queries.new_full((size, size), -torch.inf).triu_(1)
        attended = torch.empty_like(queries)
        kept = []
        for start in range(0, time, size):
            stop = min(start + size, time)
            scores = torch.bmm(queries[:, start:stop], keys[:, :stop].transpose(1, 2))
            scores[:, :, start:] += later[: stop - start, : stop - start]
            shares = _softmax(scores)
            attended[:, start:stop] = torch.bmm(shares, values[:, :stop])
            kept.append(shares)
        ctx.save_for_backward(queries, keys, values, *kept)
        return attended

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        queries, keys, values, *kept = ctx.saved_tensors
        time = queries.shape[1]
        of_queries = torch.empty_like(queries)
        of_keys, of_values = torch.zeros_like(keys), torch.zeros_like(values)
        for shares, start in zip(kept, range(0, time, _BLOCK), strict=True):
            stop = start + shares.shape[1]
            arriving = gradient[:, start:stop]
            of_values[:, :stop] += torch.bmm(shares.transpose(1, 2), arriving)
            of_shares = torch.bmm(arriving, values[:, :stop].transpose(1, 2))
            of_scores = torch._softmax_backward_data(of_shares, shares, -1, shares.dtype)
            of_queries[:, start:stop] = torch.bmm(of_scores, keys[:, :stop])
            of_keys[:, :stop] += torch.bmm(of_scores.transpose(1, 2), queries[:, start:stop])
        return of_queries, of_keys, of_values


def _softmax(scores: Tensor) -> Tensor:
    if scores.dtype is torch.float32:
        return torch.softmax(scores, -1, out=scores)
    return torch.softmax(scores, -1, dtype=torch.float32).to(scores.dtype)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **rest: Any,  # whatever else transformers hands through
) -> tuple[Tensor, Tensor | None]:
    """As transformers calls it: queries of shape (batch, heads, time, width), keys and values maybe of fewer heads."""
    ours = attention_mask is None and not dropout and torch.is_grad_enabled() and getattr(module, "is_causal", True)
    if not ours or key.shape[2] != query.shape[2]:
        others: tuple[Tensor, Tensor | None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, dropout=dropout, **rest
        )
        return others
    batch, heads, time, width = query.shape
    groups = heads // key.shape[1]
    scaled = query * (1 / math.sqrt(width) if scaling is None else scaling)
    queries, keys, values = (
        each.reshape(batch * heads, time, width) for each in (scaled, repeat_kv(key, groups), repeat_kv(value, groups))
    )
    with torch.autocast(query.device.type, enabled=False):  # the inputs are in the type to multiply in
        attended = _Blocks.apply(queries, keys, values)  # type: ignore[no-untyped-call]  # unannotated in torch
    return attended.view(batch, heads, time, width).transpose(1, 2), None


AttentionInterface.register(_NAMES["bmm"], attend)
AttentionMaskInterface.register(_NAMES["bmm"], sdpa_mask)

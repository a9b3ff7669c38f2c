"""Causal language models through transformers, made from their configuration."""

from __future__ import annotations

import math
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from trainer_core.models.data import TextData
from trainer_core.models.sizes import Shape, inner_width, shape_of
from trainer_core.models.specs import GPT2Spec, LlamaSpec, QwenSpec


def build_gpt2(spec: GPT2Spec, data: TextData) -> PreTrainedModel:
    """GPT-2 with fresh weights."""
    shape = shape_of(spec.size)
    config = GPT2Config(
        vocab_size=data.vocabulary,
        n_positions=shape.context,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        initializer_range=_spread(shape),
        activation_function="gelu_pytorch_tanh",  # the same function as gelu_new, in one pass
        resid_pdrop=spec.dropout,
        embd_pdrop=spec.dropout,
        attn_pdrop=spec.dropout,
        bos_token_id=data.end_of_text,
        eos_token_id=data.end_of_text,
    )
    return _writing(GPT2LMHeadModel(config), shape, data)


def build_llama(spec: LlamaSpec, data: TextData) -> PreTrainedModel:
    """Llama with fresh weights; its dropout is that of attention, the only one it has."""
    shape = shape_of(spec.size)
    model = LlamaForCausalLM(LlamaConfig(**_rotary(spec, shape, data)))
    return _writing(_calmed(model, shape), shape, data)


def build_qwen(spec: QwenSpec, data: TextData) -> PreTrainedModel:
    """Qwen3 with fresh weights; its dropout is that of attention, the only one it has."""
    shape = shape_of(spec.size)
    config = Qwen3Config(**_rotary(spec, shape, data), head_dim=shape.width // shape.heads)
    return _writing(_calmed(Qwen3ForCausalLM(config), shape), shape, data)


def _rotary(spec: LlamaSpec | QwenSpec, shape: Shape, data: TextData) -> dict[str, Any]:  # Any: what a config takes
    """What the configurations of Llama and of its kin have in common."""
    return {
        "vocab_size": data.vocabulary,
        "max_position_embeddings": shape.context,
        "hidden_size": shape.width,
        "intermediate_size": inner_width(shape.width),
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,  # at these sizes, what sharing them would save is not missed
        "initializer_range": _spread(shape),
        "attention_dropout": spec.dropout,
        "tie_word_embeddings": True,
        "bos_token_id": data.end_of_text,
        "eos_token_id": data.end_of_text,  # and nothing pads: the row of what does would never learn
    }


def _spread(shape: Shape) -> float:
    """Standard deviation of fresh weights: GPT-2's 0.02, scaled from its width to this one."""
    return 0.02 * math.sqrt(1024 / shape.width)


@torch.no_grad()
def _calmed(model: PreTrainedModel, shape: Shape) -> PreTrainedModel:
    """`model`, which adds to the residual stream the less the deeper it is, as GPT-2's class does by itself."""
    for name, weight in model.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weight.div_(math.sqrt(2 * shape.layers))
    return model


def _writing(model: PreTrainedModel, shape: Shape, data: TextData) -> PreTrainedModel:
    """`model`, which writes a text to the end of its context unless told otherwise."""
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]  # unannotated in transformers
        bos_token_id=data.end_of_text,
        eos_token_id=data.end_of_text,
        pad_token_id=data.end_of_text,
        do_sample=True,
        temperature=0.8,
        top_k=50,
        max_length=shape.context,
    )
    return model

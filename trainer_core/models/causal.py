"""Causal language models through transformers, made from their configuration."""

from __future__ import annotations

import math

from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel, PreTrainedModel

from trainer_core.models.data import TextData
from trainer_core.models.sizes import shape_of
from trainer_core.models.specs import GPT2Spec


def build_gpt2(spec: GPT2Spec, data: TextData) -> PreTrainedModel:
    """GPT-2 with fresh weights."""
    shape = shape_of(spec.size)
    config = GPT2Config(
        vocab_size=data.vocabulary,
        n_positions=shape.context,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        initializer_range=0.02 * math.sqrt(1024 / shape.width),  # GPT-2's 0.02, scaled from its width to this one
        activation_function="gelu_pytorch_tanh",  # the same function as gelu_new, in one pass
        resid_pdrop=spec.dropout,
        embd_pdrop=spec.dropout,
        attn_pdrop=spec.dropout,
        bos_token_id=data.end_of_text,
        eos_token_id=data.end_of_text,
        pad_token_id=data.end_of_text,
    )
    model = GPT2LMHeadModel(config)
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

"""From a model's spec to a model with fresh weights."""

from __future__ import annotations

import math

import torch
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel, PreTrainedModel

from trainer_core.models.sizes import SIZES
from trainer_core.spec import ModelSpec


def build_model(spec: ModelSpec, vocabulary: int, end_of_text: int, seed: int, device: str = "cpu") -> PreTrainedModel:
    """A causal language model with weights from `seed`: (batch, time) token ids to (batch, time, vocabulary) logits."""
    shape = SIZES[spec.size]
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=shape.context,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        initializer_range=0.02 * math.sqrt(1024 / shape.width),  # GPT-2's 0.02, scaled from its width to this one
        activation_function="gelu_pytorch_tanh",  # the same function as gelu_new, in one pass
        resid_pdrop=spec.dropout,
        embd_pdrop=spec.dropout,
        attn_pdrop=spec.dropout,
        bos_token_id=end_of_text,
        eos_token_id=end_of_text,
        pad_token_id=end_of_text,
    )
    with torch.random.fork_rng(devices=[]):  # made on the CPU, so that every device starts from the same weights
        torch.manual_seed(seed)
        model = GPT2LMHeadModel(config)
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]  # unannotated in transformers
        bos_token_id=end_of_text,
        eos_token_id=end_of_text,
        pad_token_id=end_of_text,
        do_sample=True,
        temperature=0.8,
        top_k=50,
        max_length=shape.context,
    )
    model.to(device)  # type: ignore[arg-type]  # transformers hides the signature of `to`
    return model

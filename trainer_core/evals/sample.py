"""A text sample: what the model writes when it starts a document."""

from __future__ import annotations

import torch

from trainer_core.training import Training

_TEMPERATURE = 0.8
_TOP_K = 50
_LEAST = 20
"""Tokens before the document may end."""


@torch.inference_mode()
def sample(training: Training, tokens: int, seed: int) -> str:
    """At most `tokens` tokens, and at most a training sequence, from the start of a document; fixed by `seed`.

    The first one can be seen: a model that has learnt little but the white space of its text would show nothing.
    """
    random = torch.Generator().manual_seed(seed)
    end_of_text = training.tokenizer.end_of_text
    written: list[int] = []
    cache, token = None, end_of_text
    training.model.train(False)
    try:
        while len(written) < min(tokens, training.batching.length):
            inputs = torch.tensor([[token]], device=training.device.kind)
            output = training.model(input_ids=inputs, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            logits = output.logits[0, -1].float().cpu()
            if len(written) < _LEAST:
                logits[end_of_text] = -torch.inf
            token = _draw(logits, random)
            while not written and not _can_be_seen(training.tokenizer.decode([token])):
                logits[token] = -torch.inf
                token = _draw(logits, random)
            if token == end_of_text:
                break
            written.append(token)
    finally:
        training.model.train()
    return training.tokenizer.decode(written)


def _draw(logits: torch.Tensor, random: torch.Generator) -> int:
    """A token drawn from the likeliest. `logits` has shape (vocabulary,)."""
    values, indices = logits.topk(min(_TOP_K, len(logits)))
    choice = torch.multinomial(torch.softmax(values / _TEMPERATURE, dim=-1), 1, generator=random)
    return int(indices[choice])


def _can_be_seen(text: str) -> bool:
    return any(character.isprintable() and not character.isspace() for character in text)

"""A text sample: what the model writes when it starts a document."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import PreTrainedModel

from trainer_core.compute.network import Network
from trainer_core.tokenizers.tokenizer import Tokenizer

_TEMPERATURE = 0.8
_TOP_K = 50
_LEAST = 20
"""Tokens before the document may end."""


@torch.inference_mode()
def sample(network: Network, tokenizer: Tokenizer, tokens: int, seed: int) -> str:
    """At most `tokens` tokens from the start of a document; fixed by `seed`.

    The first one can be seen: a model that has learnt little but the white space of its text would show nothing.
    """
    random = torch.Generator().manual_seed(seed)
    end_of_text = tokenizer.end_of_text
    written: list[int] = []
    reader = _Reader(network)
    network.model.train(False)
    try:
        token = end_of_text
        while len(written) < tokens:
            logits = reader.read(token)
            if len(written) < _LEAST:
                logits[end_of_text] = -torch.inf
            token = _draw(logits, random)
            while not written and not _can_be_seen(tokenizer.decode([token])):
                logits[token] = -torch.inf
                token = _draw(logits, random)
            if token == end_of_text:
                break
            written.append(token)
    finally:
        network.model.train()
    return tokenizer.decode(written)


class _Reader:
    """Reads a text token by token, remembering what it has read where the model can."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._cache: object = None
        self._read: list[int] = []

    def read(self, token: int) -> Tensor:
        """Logits of what comes after `token`, on the CPU, shape (vocabulary,)."""
        self._read.append(token)
        model = self._network.model
        if not isinstance(model, PreTrainedModel):
            return self._network.logits({"input_ids": torch.tensor([self._read])})[0, -1].float().cpu()
        inputs = torch.tensor([[token]], device=self._network.device.kind)
        output = model(input_ids=inputs, past_key_values=self._cache, use_cache=True)
        self._cache = output.past_key_values
        logits: Tensor = output.logits[0, -1].float().cpu()
        return logits


def _draw(logits: Tensor, random: torch.Generator) -> int:
    """A token drawn from the likeliest. `logits` has shape (vocabulary,)."""
    values, indices = logits.topk(min(_TOP_K, len(logits)))
    choice = torch.multinomial(torch.softmax(values / _TEMPERATURE, dim=-1), 1, generator=random)
    return int(indices[choice])


def _can_be_seen(text: str) -> bool:
    return any(character.isprintable() and not character.isspace() for character in text)

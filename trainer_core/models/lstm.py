"""A recurrent language model: an LSTM that reads a text token by token, and no other (Hochreiter, Schmidhuber 1997)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_sequence, unpack_sequence

from trainer_core.models.data import TextData
from trainer_core.models.sizes import recurrent_of
from trainer_core.models.specs import CharLSTMSpec


class CharLSTM(nn.Module):
    """The output layer shares the embedding's weights; what was read is forgotten at the end of each window."""

    def __init__(self, vocabulary: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self._dropout = dropout
        self._scale = math.sqrt(width)
        nn.init.normal_(self.embedding.weight, std=1 / self._scale)
        for layer in range(layers):  # remember, until it has been learnt what to forget (Jozefowicz et al. 2015)
            nn.init.ones_(getattr(self.lstm, f"bias_ih_l{layer}")[width : 2 * width])

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, position_ids: Tensor | None = None
    ) -> Tensor:
        """Logits of shape (batch, time, vocabulary) of `input_ids`, shape (batch, time).

        With `position_ids`, shape (batch, time), memory begins anew wherever they do: they say what an
        `attention_mask` would, and that is not looked at.
        """
        read = self._dropped(self.embedding(input_ids) * self._scale)
        remembered = self._in_one(read) if position_ids is None else self._in_parts(read, position_ids)
        return functional.linear(self._dropped(remembered), self.embedding.weight, self.bias)

    def _in_one(self, read: Tensor) -> Tensor:
        remembered: Tensor = self.lstm(read)[0]
        return remembered

    def _in_parts(self, read: Tensor, positions: Tensor) -> Tensor:
        starts = positions == 0
        starts[:, 0] = True
        cuts = starts.flatten().nonzero().flatten()[1:].cpu()
        packed = pack_sequence(list(read.flatten(0, 1).tensor_split(cuts)), enforce_sorted=False)
        return torch.cat(unpack_sequence(self.lstm(packed)[0])).view_as(read)

    def _dropped(self, values: Tensor) -> Tensor:
        return functional.dropout(values, self._dropout, self.training)


def build_lstm(spec: CharLSTMSpec, data: TextData) -> CharLSTM:
    """With fresh weights."""
    shape = recurrent_of(spec.size)
    return CharLSTM(data.vocabulary, shape.width, shape.layers, spec.dropout)

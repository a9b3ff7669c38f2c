"""How well the held-out text is predicted, in nats per token and in bits per byte, which compares across tokenizers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from trainer_core.compute.network import Network
from trainer_core.data.tokens import TokenArray
from trainer_core.state import Evaluation


@torch.inference_mode()
def evaluate(
    network: Network,
    fields: Callable[[Tensor], Mapping[str, Tensor]],
    scored: TokenArray,
    size: float,
    end_of_text: int,
    length: int,
    at_once: int,
) -> Evaluation:
    """Score the tokens `scored`, which stand for `size` bytes, in windows of `length`, `at_once` a forward pass.

    The first token is predicted from an end of text. An end of text counts as a token, but it stands for no bytes.
    `fields` makes of windows what the model is given.
    """
    stream = torch.from_numpy(np.concatenate(([end_of_text], scored)).astype(np.int64))
    nats = nats_of_text = 0.0
    network.model.train(False)
    try:
        for start in range(0, len(scored), length * at_once):
            piece = stream[start : start + length * at_once + 1]
            whole = (len(piece) - 1) // length * length
            for first, rows, columns in ((0, whole // length, length), (whole, 1, len(piece) - 1 - whole)):
                if rows * columns == 0:
                    continue
                inputs = piece[first : first + rows * columns].view(rows, columns)
                targets = piece[first + 1 : first + 1 + rows * columns]
                losses = network.losses(fields(inputs), targets).cpu()
                nats += float(losses.sum(dtype=torch.float64))
                nats_of_text += float(losses[targets != end_of_text].sum(dtype=torch.float64))
    finally:
        network.model.train()
    return Evaluation(nats / len(scored), nats_of_text / math.log(2) / size)

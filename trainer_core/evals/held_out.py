"""How well the held-out text is predicted, in nats per token and in bits per byte, which compares across tokenizers."""

from __future__ import annotations

import math

import numpy as np
import torch

from trainer_core.state import Evaluation
from trainer_core.training import Training


@torch.inference_mode()
def evaluate(training: Training, max_tokens: int) -> Evaluation:
    """Score about the first `max_tokens` of the held-out text, in windows as long as the training sequences.

    They are whole passages, whose bytes are known whatever the tokenizer. The first token is predicted from an end of
    text. An end of text counts as a token, but it stands for no bytes.
    """
    end_of_text = training.tokenizer.end_of_text
    scored, size = training.tokens.held_out(max_tokens)
    stream = torch.from_numpy(np.concatenate(([end_of_text], scored)).astype(np.int64)).to(training.device.kind)
    length, at_once = training.batching.length, training.batching.micro_batch
    nats = nats_of_text = 0.0
    training.model.train(False)
    try:
        for start in range(0, len(scored), length * at_once):
            piece = stream[start : start + length * at_once + 1]
            whole = (len(piece) - 1) // length * length
            for first, rows, columns in ((0, whole // length, length), (whole, 1, len(piece) - 1 - whole)):
                if rows * columns == 0:
                    continue
                inputs = piece[first : first + rows * columns].view(rows, columns)
                targets = piece[first + 1 : first + 1 + rows * columns].view(rows, columns)
                losses = training.losses(inputs, targets)
                nats += float(losses.sum(dtype=torch.float64))
                nats_of_text += float(losses[targets.flatten() != end_of_text].sum(dtype=torch.float64))
    finally:
        training.model.train()
    return Evaluation(nats / len(scored), nats_of_text / math.log(2) / size)

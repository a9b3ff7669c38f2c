from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from tests.trainer_core.conftest import small_spec
from trainer_core.objectives.next_token import NextToken
from trainer_core.spec import RunSpec
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


@pytest.mark.parametrize("max_tokens", [1, 127, 128, 900, 10**6])
def test_the_held_out_loss_is_the_mean_over_every_token(training: Make, max_tokens: int) -> None:
    making = training(small_spec())
    objective = making.objective
    assert isinstance(objective, NextToken)
    tokens, size = objective.tokens.held_out(max_tokens)
    scored = tokens.tolist()
    stream = torch.tensor([objective.tokenizer.end_of_text, *scored])
    nats = text_nats = 0.0
    with torch.inference_mode():
        for start in range(0, len(scored), making.batching.length):
            window = stream[start : start + making.batching.length + 1]
            logits = making.model(window[None, :-1]).logits[0]
            each = torch.nn.functional.cross_entropy(logits, window[1:], reduction="none")
            nats += float(each.sum())
            text_nats += float(each[window[1:] != objective.tokenizer.end_of_text].sum())
    found = objective.evaluate(making.network, max_tokens, 2, 0)
    assert found.loss == pytest.approx(nats / len(scored), rel=1e-5)
    assert found.bits_per_byte == pytest.approx(text_nats / math.log(2) / size, rel=1e-5)
    assert size == len(objective.tokenizer.decode(scored).encode())

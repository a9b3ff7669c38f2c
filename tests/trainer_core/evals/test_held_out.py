from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import pytest
import torch

from tests.trainer_core.conftest import make_dataset, prose, small_spec
from trainer_core.data.card import DatasetCard
from trainer_core.files.layout import Home
from trainer_core.objectives.next_token import NextToken
from trainer_core.spec import RunSpec
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


@pytest.fixture
def card(home: Home) -> DatasetCard:
    """Passages in two scripts, of which one takes more tokens a byte."""
    chance = Random(3)
    parts = [prose(400, at) + "".join(chance.choices("鉄棒をゆっくり上げ息数えて", k=400)) for at in range(20)]
    return make_dataset(home, "gym", ["\n\n".join(parts)])


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


def test_of_a_model_that_guesses_evenly_a_part_tells_what_the_whole_does(training: Make) -> None:
    making = training(small_spec(data={"dataset": "gym", "validation_fraction": 0.3}))
    whole = making.objective.evaluate(making.network, 4_000, 2, 0)
    part = making.objective.evaluate(making.network, 4_000, 2, 0, evenly=True)
    assert part.partial and not whole.partial
    assert part.loss == pytest.approx(whole.loss, rel=0.02)
    assert part.bits_per_byte == pytest.approx(whole.bits_per_byte, rel=0.02)
    naive = making.objective.evaluate(making.network, 500, 2, 0)
    assert naive.bits_per_byte != pytest.approx(whole.bits_per_byte, rel=0.1), "the first passages are others"

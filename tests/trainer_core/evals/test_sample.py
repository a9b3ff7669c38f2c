from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from tests.trainer_core.conftest import small_spec, weights
from trainer_core.objectives.next_token import NextToken
from trainer_core.spec import RunSpec
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


@pytest.fixture
def making(training: Make) -> Training:
    return training(small_spec(model={"dropout": 0.5}))


def written(training: Training, tokens: int, seed: int = 3) -> str:
    return training.objective.sample(training.network, tokens, seed)


def token_of(training: Training, text: str) -> int:
    assert isinstance(training.objective, NextToken)
    [token] = training.objective.tokenizer.encode_batch([text]).ids.tolist()
    return int(token)


def always_saying(training: Training, token: int) -> Training:
    """The model finds `token` likelier than anything, whatever came before."""
    with torch.no_grad():
        training.model.get_parameter("transformer.ln_f.weight").zero_()
        training.model.get_parameter("transformer.ln_f.bias").fill_(1.0)
        training.model.get_parameter("transformer.wte.weight")[token] = 1.0
    return training


def test_looking_at_a_model_changes_nothing(making: Training) -> None:
    before, chance = weights(making), torch.get_rng_state()
    evaluations = [making.objective.evaluate(making.network, 300, 2, 0) for _ in range(2)]
    assert evaluations[0] == evaluations[1]
    assert written(making, 10) == written(making, 10)
    assert torch.equal(torch.get_rng_state(), chance)
    assert making.model.training
    assert all(torch.equal(value, weights(making)[name]) for name, value in before.items())


def test_a_sample_is_as_long_as_asked_for_and_the_context_allows(making: Training) -> None:
    always_saying(making, token_of(making, "z"))
    assert [written(making, asked) for asked in (1, 20, 10_000)] == ["z", "z" * 20, "z" * 128]


def test_a_sample_ends_with_the_document_but_not_before_it_is_worth_reading(making: Training) -> None:
    assert isinstance(making.objective, NextToken)
    always_saying(making, making.objective.tokenizer.end_of_text)
    assert len(written(making, 10)) < len(written(making, 20))
    assert written(making, 20) == written(making, 128)


@pytest.mark.parametrize("blank", ["\n", " ", "\t", "\0"], ids=repr)
def test_a_sample_begins_with_something_to_see(making: Training, blank: str) -> None:
    always_saying(making, token_of(making, blank))
    for seed in range(5):
        text = written(making, 20, seed)
        assert any(character.isprintable() and not character.isspace() for character in text)
        assert text.endswith(blank)


def test_a_sample_can_be_read_before_anything_is_learnt(making: Training) -> None:
    samples = [written(making, 1, seed) for seed in range(50)]
    assert all(text.strip() for text in samples)
    assert samples == [written(making, 1, seed) for seed in range(50)]

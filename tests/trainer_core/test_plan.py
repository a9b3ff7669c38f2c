from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer_core.budget import Budget
from trainer_core.models.build import build_model
from trainer_core.models.sizes import SIZES, Shape, parameters
from trainer_core.models.specs import GPT2Spec, Size
from trainer_core.optim import build_optimizer
from trainer_core.plan import first_pace, plan_batching
from trainer_core.spec import BatchSpec, OptimizerSpec

sizes = st.sampled_from(sorted(SIZES))


@pytest.mark.parametrize("size", ["tiny", "mini"])
def test_the_table_counts_the_parameters_of_the_model(size: Size) -> None:
    model = build_model(GPT2Spec(size=size), vocabulary=321, end_of_text=0, seed=1)
    assert parameters(size, 321) == sum(parameter.numel() for parameter in model.parameters())


def test_sizes_grow() -> None:
    counts = [parameters(size, 1024) for size in ("tiny", "mini", "small", "medium")]
    assert counts == sorted(counts)


def test_a_shape_whose_heads_do_not_divide_its_width_is_refused() -> None:
    with pytest.raises(ValueError, match="not a multiple"):
        Shape(layers=1, width=10, heads=3, context=8, learning_rate=0.1, tokens_per_step=8)


def test_fresh_weights_come_from_the_seed_and_leave_the_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    name = "transformer.wte.weight"
    one, same, other = (build_model(GPT2Spec(), 300, 0, seed).get_parameter(name) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@given(
    size=sizes,
    tokens=st.integers(2, 10**6),
    vocabulary=st.integers(257, 100_000),
    wanted=st.none() | st.integers(1, 10**5),
    micro=st.none() | st.integers(1, 500),
    device=st.sampled_from(["cpu", "cuda", "mps"]),
)
def test_a_step_is_whole_sequences_and_no_less_than_asked_for(
    size: Size, tokens: int, vocabulary: int, wanted: int | None, micro: int | None, device: str
) -> None:
    shape = SIZES[size]
    spec = BatchSpec(tokens_per_step=wanted, micro_batch=micro)
    batching = plan_batching(spec, shape, tokens, vocabulary, device)
    asked = wanted or shape.tokens_per_step
    assert asked <= batching.tokens_per_step < asked + batching.length
    assert 1 <= batching.length <= min(shape.context, tokens - 1)
    assert 1 <= batching.micro_batch <= batching.sequences
    assert (batching.accumulation - 1) * batching.micro_batch < batching.sequences
    assert batching.sequences <= batching.accumulation * batching.micro_batch


@pytest.mark.parametrize(
    ("budget", "steps"),
    [("7 steps", 7), ("1000 tokens", math.ceil(1000 / 256)), ("2 epochs", 100), ("0.001 epochs", 1), ("10s", 100)],
)
def test_the_first_plan_follows_the_budget(budget: str, steps: int) -> None:
    batching = plan_batching(BatchSpec(tokens_per_step=256), SIZES["tiny"], 10**5, 300, "cpu")
    assert first_pace(Budget.parse(budget), batching, 100, seconds_per_step=0.1).total == steps


def test_only_matrices_are_decayed() -> None:
    model = build_model(GPT2Spec(), 300, 0, 1)
    optimizer = build_optimizer(model, OptimizerSpec(weight_decay=0.2), 1e-3)
    decayed, plain = optimizer.param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.2, 0.0)
    assert {parameter.dim() for parameter in decayed["params"]} == {2}
    assert {parameter.dim() for parameter in plain["params"]} == {1}
    assert len(decayed["params"]) + len(plain["params"]) == len(list(model.parameters()))

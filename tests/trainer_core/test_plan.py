from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_core.budget import Budget
from trainer_core.errors import Code, SpotterError
from trainer_core.models.sizes import SIZES
from trainer_core.models.specs import Size
from trainer_core.plan import Batching, first_pace, plan_batching
from trainer_core.spec import BatchSpec

sizes = st.sampled_from(sorted(SIZES))


@given(
    size=sizes,
    length=st.integers(1, 2_000),
    examples=st.integers(1, 10**5),
    vocabulary=st.integers(257, 100_000),
    wanted=st.none() | st.integers(1, 10**5),
    micro=st.none() | st.integers(1, 500),
    device=st.sampled_from(["cpu", "cuda", "mps"]),
)
def test_a_step_is_whole_sequences_and_no_less_than_asked_for(
    size: Size, length: int, examples: int, vocabulary: int, wanted: int | None, micro: int | None, device: str
) -> None:
    recipe = SIZES[size].recipe
    spec = BatchSpec(tokens_per_step=wanted, micro_batch=micro)
    if wanted is not None and math.ceil(wanted / length) > examples:
        with pytest.raises(SpotterError, match="more than the"):
            plan_batching(spec, recipe, length, vocabulary, examples, device)
        return
    batching = plan_batching(spec, recipe, length, vocabulary, examples, device)
    asked = wanted or min(recipe.per_step, examples * length)
    assert asked <= batching.tokens_per_step < asked + batching.length
    assert 1 <= batching.micro_batch <= batching.sequences <= examples
    assert (batching.accumulation - 1) * batching.micro_batch < batching.sequences
    assert batching.sequences <= batching.accumulation * batching.micro_batch


def test_a_step_of_more_than_there_is_says_what_there_is() -> None:
    with pytest.raises(SpotterError) as caught:
        plan_batching(BatchSpec(tokens_per_step=4096), SIZES["tiny"].recipe, 128, 300, 10, "cpu")
    assert (caught.value.code, caught.value.field) == (Code.CONFIG_INVALID, "batch.tokens_per_step")
    assert caught.value.message == "4,096 in a step is more than the 1,280 there are to train on"
    assert caught.value.next_step == "Take 1,280 at most, or a larger data set."


STEP = Batching(length=128, sequences=2, micro_batch=2, reason="")


@pytest.mark.parametrize(
    ("budget", "steps"),
    [("7 steps", 7), ("1000 tokens", math.ceil(1000 / 256)), ("2 epochs", 100), ("0.02 epochs", 1), ("10s", 100)],
)
def test_the_first_plan_follows_the_budget(budget: str, steps: int) -> None:
    assert first_pace(Budget.parse(budget), STEP, 100, seconds_per_step=0.1).total == steps


@pytest.mark.parametrize(
    ("budget", "step"), [("255 tokens", "256 tokens"), ("0.01 epochs", "0.02 epochs"), ("5s", "about 6.5 s")]
)
def test_a_budget_of_less_than_a_step_is_refused(budget: str, step: str) -> None:
    with pytest.raises(SpotterError, match=f"ends before the first step does, which takes {step}") as caught:
        first_pace(Budget.parse(budget), STEP, 100, seconds_per_step=6.5)
    assert (caught.value.code, caught.value.field) == (Code.CONFIG_INVALID, "budget")

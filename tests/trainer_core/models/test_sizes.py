from __future__ import annotations

from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_core.models.families import FAMILIES
from trainer_core.models.sizes import (
    SIZES,
    inner_width,
    next_smaller,
    parameters,
    recipe_of,
    recurrent_of,
    shape_of,
)
from trainer_core.models.specs import CharLSTMSpec, Family, GPT2Spec, ModuleSpec

depths = st.integers(1, 64).map("depth={}".format)
of_text = st.sampled_from(["gpt2", "llama", "qwen", "char-lstm"])


@given(size=depths | st.sampled_from(list(SIZES)), family=of_text)
def test_whatever_the_dial_says_is_a_shape_that_can_be(size: str, family: Family) -> None:
    shape = shape_of(size)
    assert shape.width % shape.heads == 0
    assert shape.width / shape.heads % 2 == 0, "rotary positions turn pairs"
    assert 2.66 <= inner_width(shape.width) / shape.width <= 3
    assert 1 <= recurrent_of(size).layers <= 3
    known = parameters(size, 1_000, family)
    assert known is not None and known > 1_000 * shape.width


@given(layers=st.integers(1, 63), family=of_text)
def test_deeper_is_larger_and_learns_no_faster(layers: int, family: Family) -> None:
    less, more = (parameters(f"depth={depth}", 1_000, family) for depth in (layers, layers + 1))
    assert less is not None and more is not None and less < more
    for spec in (GPT2Spec(), CharLSTMSpec()):
        slow, fast = (recipe_of(spec.model_copy(update={"size": f"depth={depth}"})) for depth in (layers + 1, layers))
        assert slow.learning_rate <= fast.learning_rate
        assert slow.per_step >= fast.per_step


@pytest.mark.parametrize("family", ["llama", "qwen"])
def test_the_dial_means_about_the_same_in_each_family_of_transformers(family: Family) -> None:
    for size in SIZES:
        gpt2, other = parameters(size, 4_096), parameters(size, 4_096, family)
        assert gpt2 and other
        assert 0.8 < other / gpt2 < 1.15


def test_the_next_smaller_size_is_smaller_until_there_is_none() -> None:
    for size in (*SIZES, "depth=64", "depth=2"):
        steps = [size]
        while smaller := next_smaller(steps[-1]):
            steps.append(smaller)
        counts = [parameters(step, 4_096) or 0 for step in steps]
        assert all(more > less for more, less in pairwise(counts))


def test_a_module_gets_a_rate_that_most_bear() -> None:
    assert recipe_of(ModuleSpec(file="nets/a.py")).learning_rate == 1e-3
    assert recipe_of(ModuleSpec(file="nets/a.py", size="medium")).learning_rate == SIZES["medium"].learning_rate


def test_each_family_says_what_it_is_in_a_menu_s_room() -> None:
    assert set(FAMILIES) == set(get_args(Family))
    for family, known in FAMILIES.items():
        assert known.family == family
        assert 0 < len(known.title) <= 40 and 0 < len(known.description) <= 100
        assert known.learns_from and {"train", "evaluate", "export"} <= known.capabilities
        assert ("generate" in known.capabilities) <= ("text" in known.learns_from)

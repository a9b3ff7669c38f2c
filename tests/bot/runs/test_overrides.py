"""Settings as people type them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.runs.overrides import overrides_of, parse_overrides
from trainer_core.errors import SpotterError

VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("ab é"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab"), inner, max_size=2),
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", {}),
        ("seed=7", {"seed": 7}),
        (
            " optimizer.schedule=cosine, optimizer.average=0.999;seed = 7 ",
            {"optimizer": {"schedule": "cosine", "average": 0.999}, "seed": 7},
        ),
        ("device=cpu\nevaluation.patience=3", {"device": "cpu", "evaluation": {"patience": 3}}),
        (
            "model.arguments={“width”: 8, “act”: “a b”} seed=1",
            {"model": {"arguments": {"width": 8, "act": "a b"}}, "seed": 1},
        ),
        ("seed=1 seed=2", {"seed": 2}),
        ("compute.compile=never", {"compute": {"compile": "never"}}),
        ("optimizer.average=null", {"optimizer": {"average": None}}),
    ],
)
def test_what_is_typed_is_what_is_set(typed: str, meant: dict[str, object]) -> None:
    assert parse_overrides(typed) == meant


@settings(max_examples=30)
@given(VALUES, VALUES)
def test_json_comes_through(first: object, second: object) -> None:
    typed = f"model.first={json.dumps(first)} second={json.dumps(second)}"
    assert parse_overrides(typed) == {"model": {"first": first}, "second": second}


def test_options_and_settings_are_one_and_the_settings_count() -> None:
    options = {"batch.tokens_per_step": 512, "optimizer.learning_rate": None, "compute.workers": 2}
    found = overrides_of(options, "batch.micro_batch=4 compute.workers=1")
    assert found == {"batch": {"tokens_per_step": 512, "micro_batch": 4}, "compute": {"workers": 1}}


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("warm it up", "cannot be read"),
        ("faster seed=7", "cannot be read"),
        ("Seed", "cannot be read"),
        ("seed=", "seed: has no value"),
        ("budget=1h", "budget: has an option of its own"),
        ("tokenizer.kind=bpe", "tokenizer.kind: has an option of its own"),
        ("data.sha256=00 name=x", "name: has an option of its own"),
    ],
)
def test_what_cannot_be_set_so_is_refused_by_its_name(typed: str, says: str) -> None:
    with pytest.raises(SpotterError) as refused:
        parse_overrides(typed)
    assert says in str(refused.value)

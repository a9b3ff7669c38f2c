from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bot.runs.names import new_name
from trainer_core.spec import parse_spec


@given(st.integers(0, 10_000))
def test_a_made_name_is_one_that_a_spec_takes(seed: int) -> None:
    name = new_name((), Random(seed))
    assert parse_spec({"name": name, "data": {"dataset": "d"}, "budget": "1m"}).name == name


def test_a_taken_name_is_not_given_again() -> None:
    first = new_name((), Random(3))
    assert new_name({first}, Random(3)) != first

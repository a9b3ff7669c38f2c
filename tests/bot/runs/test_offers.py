"""What menus show of the models there are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.runs.offers import about_parameters, family_named, sizes_for
from trainer_core.models.families import FAMILIES
from trainer_core.models.sizes import SIZES
from trainer_core.models.specs import GPT2Spec


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", [*SIZES, "depth=2", "depth=8", "depth=16"]),
        ("M", ["mini", "small", "medium"]),
        ("dep", ["depth=2", "depth=8", "depth=16"]),
        ("depth=7", ["depth=7"]),
        (" 12", ["depth=12"]),
        ("65", []),
        ("huge", []),
    ],
)
def test_sizes_are_offered_while_one_is_typed(typed: str, offered: list[str]) -> None:
    assert sizes_for(typed) == offered


@settings(max_examples=30)
@given(st.text("dephtinymu=0123456789 ", max_size=9))
def test_what_is_offered_is_taken(typed: str) -> None:
    assert [GPT2Spec(size=size).size for size in sizes_for(typed)] == sizes_for(typed)


def test_a_larger_size_has_more_parameters_in_every_family() -> None:
    for family, known in FAMILIES.items():
        counts = [about_parameters(family, size) for size in SIZES]
        if family in ("pretrained", "module"):
            assert set(counts) == {None}, "theirs are not known in advance"
        else:
            assert known.sizes and counts == sorted(counts, key=lambda count: count or 0)
            assert len(set(counts)) == len(SIZES)


def test_a_family_that_is_none_is_the_usual_one() -> None:
    assert [family_named(text) for text in ("llama", None, "", "lama")] == ["llama", "gpt2", "gpt2", "gpt2"]

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_core.budget import Budget
from trainer_core.data.advice import EPOCHS, LEAST_STEPS, PATIENCE, PICTURE_EPOCHS, expected_loss, speeds_from, suggest
from trainer_core.data.card import DatasetCard, Images
from trainer_core.models.sizes import SIZES
from trainer_core.models.specs import Size

LAPTOP, GPU = speeds_from(140), speeds_from(30_000)


def card(size: int, **other: object) -> DatasetCard:
    """Of a text of so many bytes."""
    fields: dict[str, object] = {
        "name": "gym",
        "format": "txt",
        "filename": "gym.txt",
        "documents": 1,
        "characters": size,
        "bytes": size,
        "source_bytes": size,
        "sha256": "0" * 64,
        "content": "0" * 64,
        "tokens_per_byte": 0.25,
        "added_by": "7",
        "added_at": datetime.now(UTC),
    }
    return DatasetCard.model_validate({**fields, **other})


def test_a_small_text_is_read_until_it_teaches_nothing_more() -> None:
    suggestion = suggest(card(400_000), LAPTOP)
    assert (suggestion.size, suggestion.budget) == ("tiny", f"{EPOCHS} epochs")
    assert suggestion.tokens == EPOCHS * 90_000


def test_a_large_text_on_a_slow_machine_is_read_for_as_long_as_one_waits() -> None:
    suggestion = suggest(card(2_000_000_000), LAPTOP)
    assert (suggestion.size, suggestion.budget) == ("tiny", "30m")
    assert suggestion.seconds == pytest.approx(PATIENCE)


def test_a_large_text_on_a_fast_machine_fills_a_larger_model() -> None:
    large, small = suggest(card(2_000_000_000), GPU), suggest(card(400_000), GPU)
    assert list(SIZES).index(large.size) > list(SIZES).index(small.size)


def test_a_very_short_text_gets_enough_steps_to_learn_anything() -> None:
    suggestion = suggest(card(2_000), LAPTOP)
    assert suggestion.budget == f"{LEAST_STEPS} steps"
    assert suggestion.tokens == LEAST_STEPS * SIZES[suggestion.size].tokens_per_step


def pictures(each: int, side: int = 32) -> DatasetCard:
    images = Images(classes={"bench": each, "squat": each}, smallest=(side, side), largest=(side, side))
    return card(9_000, kind="images", images=images)


def test_a_few_pictures_are_looked_at_often_by_the_smallest_classifier() -> None:
    suggestion = suggest(pictures(30), LAPTOP)
    assert (suggestion.size, suggestion.budget) == ("tiny", f"{LEAST_STEPS} steps")
    assert suggestion.tokens == LEAST_STEPS * 64 and suggestion.seconds < PATIENCE


def test_more_pictures_suit_a_larger_classifier_as_far_as_time_allows() -> None:
    assert [suggest(pictures(each), GPU).size for each in (100, 2_000, 20_000)] == ["tiny", "mini", "small"]
    assert suggest(pictures(2_000), GPU).budget == f"{PICTURE_EPOCHS} epochs"
    slow = suggest(pictures(200_000), LAPTOP)
    assert (slow.size, slow.budget) == ("tiny", str(Budget.parse("30m")))
    assert slow.seconds == pytest.approx(PATIENCE)


@given(
    st.integers(1_000, 10**10),
    st.dictionaries(st.sampled_from(list(SIZES)), st.floats(0.1, 1e7), min_size=1),
)
def test_a_suggestion_can_be_followed(size: int, speeds: dict[Size, float]) -> None:
    suggestion = suggest(card(size), speeds)
    assert suggestion.size in speeds
    budget = Budget.parse(suggestion.budget)
    assert suggestion.seconds <= PATIENCE * 1.01 or budget.amount == PATIENCE
    assert suggestion.seconds == pytest.approx(suggestion.tokens / speeds[suggestion.size])
    assert suggestion.reason


@given(st.floats(1e4, 1e9), st.floats(1e3, 1e10), st.floats(1, 100))
def test_more_text_never_hurts_and_repeating_it_is_worth_less(size: float, unique: float, epochs: float) -> None:
    once, again = expected_loss(size, unique, unique), expected_loss(size, epochs * unique, unique)
    fresh = expected_loss(size, epochs * unique, epochs * unique)
    assert fresh * 0.999 <= again <= once * 1.001


@given(st.floats(1, 1e5))
def test_every_size_trains_faster_on_a_faster_machine(gflops: float) -> None:
    slow, fast = speeds_from(gflops), speeds_from(2 * gflops)
    assert list(slow) == list(SIZES)
    assert all(0 < slow[size] < fast[size] <= 2 * slow[size] for size in SIZES)

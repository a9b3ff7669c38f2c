from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_core.guard import MOST_SKIPS, WINDOW, judge, recent

numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(numbers, numbers, st.lists(st.integers(1, 100)))
def test_finite_steps_are_taken(loss: float, norm: float, skipped: list[int]) -> None:
    assert judge(100, loss, norm, skipped).action == "take"


@pytest.mark.parametrize(
    ("loss", "norm", "reason"),
    [
        (math.nan, 1.0, "the loss of step 7 is not a number"),
        (math.inf, math.nan, "the loss of step 7 is infinite"),
        (1.0, math.inf, "the gradient norm of step 7 is infinite"),
    ],
)
def test_others_are_skipped_with_the_reason(loss: float, norm: float, reason: str) -> None:
    verdict = judge(7, loss, norm, ())
    assert (verdict.action, verdict.reason) == ("skip", reason)


def test_too_many_skips_close_together_fail() -> None:
    close, spread = (90, 95), (20, 95)
    assert judge(100, math.nan, 1.0, close).action == "fail"
    assert judge(100, math.nan, 1.0, spread).action == "skip"
    assert len(close) == MOST_SKIPS - 1


@given(st.integers(0, 1000), st.lists(st.integers(0, 1000)))
def test_only_recent_skips_count(step: int, skipped: list[int]) -> None:
    assert all(step - earlier < WINDOW for earlier in recent(step, skipped))

"""How long a worker may be silent: pure, and told the time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runs.stalls import Activity
from tests.bot.chat.stories import progress, summary
from trainer_core.events import Event, JobCompleted, JobProgress, MetricsEval, MetricsProgress

FLOOR = 300.0


def at_step(step: int, elapsed: float) -> MetricsProgress:
    return progress(step).model_copy(update={"elapsed": elapsed})


def training(seconds: float, steps: int = 20) -> Activity:
    """One that has taken steps of so many seconds each; it was last heard at 0."""
    activity = Activity(FLOOR, 0.0)
    for step in range(1, steps + 1):
        activity.heard([at_step(step, step * seconds)], 0.0)
    return activity


def test_quick_steps_are_given_the_floor() -> None:
    activity = training(0.1)
    assert not activity.is_stalled(FLOOR)
    assert activity.is_stalled(FLOOR + 1)
    assert activity.step == 20


def test_slow_steps_are_given_ten_times_their_usual_length() -> None:
    activity = training(60.0)
    assert activity.limit == pytest.approx(600.0)
    assert not activity.is_stalled(599.0)
    assert activity.is_stalled(601.0)


def test_progress_that_was_coalesced_tells_the_length_of_one_step() -> None:
    activity = Activity(FLOOR, 0.0)
    activity.heard([at_step(10, 100.0), at_step(20, 1100.0)], 0.0)
    assert activity.limit == pytest.approx(1000.0)


@pytest.mark.parametrize("phase", ["reading", "tokenizer", "saving"])
def test_what_has_no_steps_is_given_longer(phase: str) -> None:
    activity = training(0.1)
    activity.heard([JobProgress.model_validate({"phase": phase})], 0.0)
    assert activity.limit == 6 * FLOOR
    activity.heard([at_step(21, 2.1)], 0.0)
    assert activity.limit == FLOOR


def test_anything_it_tells_is_a_sign_of_life() -> None:
    activity = training(0.1)
    activity.heard([MetricsEval(step=20, loss=1.0, bits_per_byte=1.0)], 200.0)
    assert not activity.is_stalled(450.0)
    assert activity.quiet(450.0) == 250.0


def test_who_waits_is_asked_again_after_twice_the_time() -> None:
    activity = training(0.1)
    activity.wait(301.0)
    assert not activity.is_stalled(301.0 + 2 * FLOOR)
    assert activity.is_stalled(302.0 + 2 * FLOOR)
    assert activity.quiet(400.0) == 400.0, "it was silent all the same"


def test_who_goes_on_is_watched_as_before() -> None:
    activity = training(0.1)
    activity.wait(301.0)
    activity.heard([at_step(21, 2.1)], 400.0)
    assert activity.limit == FLOOR


def test_who_has_told_the_end_is_expected_to_leave() -> None:
    activity = training(0.1)
    activity.heard([JobProgress(phase="saving"), JobCompleted(summary=summary())], 0.0)
    assert activity.limit == FLOOR


def test_silence_that_nobody_listened_to_does_not_count() -> None:
    activity = training(0.1)
    activity.excuse(1000.0)
    assert not activity.is_stalled(1200.0)


@given(st.lists(st.tuples(st.integers(1, 5), st.floats(0.01, 100)), min_size=2, max_size=300))
def test_the_limit_is_never_less_than_the_floor_nor_than_a_usual_step(steps: list[tuple[int, float]]) -> None:
    activity, step, elapsed = Activity(FLOOR, 0.0), 0, 0.0
    told: list[Event] = []
    for more, seconds in steps:
        step, elapsed = step + more, elapsed + more * seconds
        told.append(at_step(step, elapsed))
    activity.heard(told, 0.0)
    quickest = min(seconds for _, seconds in steps[1:])
    assert activity.limit >= max(FLOOR, 10 * quickest * 0.999)

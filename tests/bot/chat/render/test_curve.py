"""Which points of a loss curve are drawn."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.render.curve import DRAWN, plot_request, thinned, trend
from bot.runs.model import Curve

POINTS = st.lists(st.floats(-100, 100), max_size=300).map(lambda losses: list(enumerate(losses, start=1)))


@given(POINTS, st.integers(1, 50))
def test_thinning_keeps_the_mean_and_the_newest_step(points: list[tuple[int, float]], limit: int) -> None:
    thin = thinned(points, limit)
    assert len(thin) == min(len(points), limit)
    assert [step for step, _ in thin] == sorted({step for step, _ in thin})
    if points:
        assert thin[-1][0] == points[-1][0]
        low, high = min(loss for _, loss in points), max(loss for _, loss in points)
        assert all(low - 1e-9 <= loss <= high + 1e-9 for _, loss in thin)


@given(POINTS)
def test_the_trend_has_a_value_at_every_point_and_stays_within_the_losses(points: list[tuple[int, float]]) -> None:
    smooth = trend(points)
    assert len(smooth) == len(points)
    for value in smooth:
        assert min(loss for _, loss in points) - 1e-6 <= value <= max(loss for _, loss in points) + 1e-6


def test_the_trend_of_a_straight_fall_is_that_fall_at_its_start() -> None:
    points = [(step, 100.0 - step) for step in range(200)]
    assert trend(points)[:150] == pytest.approx([loss for _, loss in points][:150])


def test_one_point_is_no_curve_yet() -> None:
    assert plot_request("run", Curve(validation=((0, 8.0),))) is None
    assert plot_request("run", Curve(train=((1, 7.9),), validation=((0, 8.0),))) is not None


def test_losses_that_are_no_numbers_are_left_out_and_long_runs_thinned() -> None:
    train = tuple((step, math.nan if step % 7 == 0 else 3.0) for step in range(1, 5000))
    request = plot_request("run", Curve(train=train), steps_total=9000)
    assert request is not None
    assert len(request.train) == DRAWN
    assert all(loss == pytest.approx(3.0) for _, loss in request.train)
    assert request.steps_total == 9000

"""Places in the queue, in words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.render.queue import place
from bot.chat.render.text import roughly


@pytest.mark.parametrize(
    ("position", "starts_in", "said"),
    [
        (None, None, "starting now"),
        (1, None, "first in the queue"),
        (1, 0.0, "first in the queue, starts now"),
        (1, 20.0, "first in the queue, starts in less than a minute"),
        (2, None, "place 2 in the queue"),
        (3, 1500.0, "place 3 in the queue, starts in about 25 min"),
        (4, 3 * 3600.0, "place 4 in the queue, starts in about 3 h"),
        (5, 3 * 86400.0, "place 5 in the queue, starts in about 3 d"),
    ],
)
def test_a_place_and_when_it_is_reached(position: int | None, starts_in: float | None, said: str) -> None:
    assert place(position, starts_in) == said


@given(st.floats(0, 1e9))
def test_a_rough_time_is_a_small_number_of_one_unit(seconds: float) -> None:
    said = roughly(seconds)
    assert said == "less than a minute" or 1 <= int(said.split()[1]) <= max(120, seconds / 86400 + 1)


def test_a_time_nobody_knows_is_a_dash() -> None:
    assert roughly(math.inf) == roughly(math.nan) == "–"

"""Which bars are drawn."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.render.histogram import BARS, histogram
from trainer_core.data.card import Lengths


@pytest.mark.parametrize(
    "lengths",
    [
        Lengths(),
        Lengths(edges=(10, 11), counts=(1,), shortest=10, median=10, longest=10),
        Lengths(edges=(10, 11), counts=(9,), shortest=10, median=10, longest=10),
    ],
)
def test_there_is_no_picture_of_one_length(lengths: Lengths) -> None:
    assert histogram("talks", lengths) is None


def test_empty_bars_at_the_ends_go() -> None:
    lengths = Lengths(edges=(1, 2, 4, 8, 16, 32), counts=(0, 3, 0, 1, 0), shortest=2, median=3, longest=9)
    shown = histogram("talks", lengths)
    assert shown and (shown.edges, shown.counts) == ((2, 4, 8, 16), (3, 0, 1))


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=200).filter(lambda counts: sum(counts) > 1))
def test_joining_bars_loses_no_document(counts: list[int]) -> None:
    edges = tuple(range(0, 10 * len(counts) + 1, 10))
    shown = histogram("talks", Lengths(edges=edges, counts=tuple(counts), shortest=1, median=5, longest=99))
    assert shown
    assert sum(shown.counts) == sum(counts)
    assert len(shown.counts) == len(shown.edges) - 1 <= BARS
    assert all(left < right for left, right in pairwise(shown.edges))
    for (left, right), count in zip(pairwise(shown.edges), shown.counts, strict=True):
        assert count == sum(counts[left // 10 : right // 10])

"""Column names in sentences: a text that stands where a name should be is not said."""

from __future__ import annotations

import pytest

from trainer_core.data.headings import listed


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["text", "title"], "text, title"),
        (["text", "Dear Anna, my key is hunter2"], "text and 1 more"),
        (["Dear Anna, my key is hunter2", "yes my dear, I know that"], "2 without a name"),
        ([f"c{place}" for place in range(12)], "c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 2 more"),
    ],
)
def test_only_names_are_listed(columns: list[str], said: str) -> None:
    assert listed(columns) == said

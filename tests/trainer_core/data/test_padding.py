from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.data.padding import pad

ids = st.lists(st.integers(1, 99), max_size=30)


@settings(max_examples=30)
@given(st.lists(ids, max_size=6), st.integers(1, 20), st.sampled_from([1, 8]))
def test_texts_are_filled_up_on_the_right(texts: list[list[int]], longest: int, multiple: int) -> None:
    batch = pad([np.asarray(text, np.uint16) for text in texts], 0, longest, multiple)
    assert batch.ids.shape == batch.mask.shape
    assert batch.ids.shape[1] <= longest
    assert (batch.ids[~batch.mask] == 0).all()
    for row, mask, text in zip(batch.ids, batch.mask, texts, strict=True):
        assert row[mask].tolist() == text[:longest]
        assert mask.tolist() == sorted(mask.tolist(), reverse=True)


def test_few_lengths_come_up() -> None:
    texts = [np.arange(length, dtype=np.uint16) for length in (3, 9)]
    assert pad(texts, 0, 100).ids.shape == (2, 16)
    assert pad(texts, 0, 12).ids.shape == (2, 12)

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.data.packing import boundaries, gather


def test_gathered_sequences_carry_the_token_after() -> None:
    tokens = np.arange(50, dtype=np.uint16)
    assert gather(tokens, np.asarray([0, 7]), 3).tolist() == [[0, 1, 2, 3], [7, 8, 9, 10]]


def test_a_window_knows_its_documents() -> None:
    offsets = np.asarray([0, 4, 5, 10], np.uint64)
    found = boundaries(offsets, np.asarray([0, 3]), 6)
    assert found.documents.tolist() == [[0, 0, 0, 0, 1, 2], [0, 1, 2, 2, 2, 2]]
    assert found.positions.tolist() == [[0, 1, 2, 3, 0, 0], [0, 0, 0, 1, 2, 3]]


@settings(max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(1, 12), st.data())
def test_a_token_sees_its_own_document_up_to_itself(lengths: list[int], length: int, data: st.DataObject) -> None:
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.uint64)
    length = min(length, int(offsets[-1]))
    starts = np.asarray(data.draw(st.lists(st.integers(0, int(offsets[-1]) - length), min_size=1, max_size=4)))
    of_token = np.repeat(np.arange(len(lengths)), lengths)
    sees = boundaries(offsets, starts, length).may_attend()
    for window, start in enumerate(starts):
        mine = of_token[start : start + length]
        for row in range(length):
            assert sees[window, row].tolist() == [bool(mine[c] == mine[row] and c <= row) for c in range(length)]

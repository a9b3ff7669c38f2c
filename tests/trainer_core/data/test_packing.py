from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.data.packing import boundaries, gather

END = 9
windows = st.integers(1, 12).flatmap(
    lambda length: st.lists(st.lists(st.sampled_from([1, 2, END]), min_size=length, max_size=length), min_size=1)
)


def test_gathered_sequences_carry_the_token_after() -> None:
    tokens = np.arange(50, dtype=np.uint16)
    assert gather(tokens, np.asarray([0, 7]), 3).tolist() == [[0, 1, 2, 3], [7, 8, 9, 10]]


def test_a_window_knows_its_documents() -> None:
    found = boundaries(torch.tensor([[1, 2, END, 3, 4, END], [END, END, 5, 6, 7, 8]]), END)
    assert found.documents.tolist() == [[0, 0, 1, 1, 1, 2], [1, 2, 2, 2, 2, 2]]
    assert found.positions.tolist() == [[0, 1, 0, 1, 2, 0], [0, 0, 1, 2, 3, 4]]


@settings(max_examples=30)
@given(windows)
def test_a_token_sees_its_own_document_up_to_itself(tokens: list[list[int]]) -> None:
    found = boundaries(torch.tensor(tokens), END)
    for window, positions, sees in zip(tokens, found.positions, found.may_attend(), strict=True):
        for row in range(len(window)):
            begin = max((place for place in range(row + 1) if window[place] == END), default=0)
            assert positions[row] == row - begin
            assert sees[row].tolist() == [begin <= column <= row for column in range(len(window))]

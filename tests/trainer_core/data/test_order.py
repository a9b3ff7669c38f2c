from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trainer_core.data.order import Order

orders = st.builds(
    lambda tokens, length, seed: (tokens, length, seed), st.integers(2, 3_000), st.integers(1, 200), st.integers(0, 99)
)


@given(orders, st.integers(0, 2_000), st.integers(1, 40))
def test_every_sequence_and_its_target_lie_in_the_text(order: tuple[int, int, int], cursor: int, count: int) -> None:
    tokens, length, seed = order
    assume(length < tokens)
    starts = Order(tokens, length, seed).starts(cursor, count)
    assert starts.shape == (count,)
    assert starts.min() >= 0
    assert starts.max() + length < tokens


@given(orders)
def test_an_epoch_is_every_sequence_once(order: tuple[int, int, int]) -> None:
    tokens, length, seed = order
    assume(length < tokens)
    plan = Order(tokens, length, seed)
    starts = np.sort(plan.starts(plan.sequences, plan.sequences))
    assert (np.diff(starts) == length).all()
    assert plan.sequences * length >= tokens - 2 * length or plan.sequences == 1


@given(st.integers(0, 500), st.integers(1, 30), st.integers(1, 30))
def test_the_order_does_not_depend_on_how_it_is_asked_for(cursor: int, first: int, second: int) -> None:
    order = Order(1_000, 16, seed=3)
    together = order.starts(cursor, first + second)
    assert (together == np.concatenate([order.starts(cursor, first), order.starts(cursor + first, second)])).all()


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    order, other = Order(5_000, 16, seed=3), Order(5_000, 16, seed=4)
    first, second = order.starts(0, order.sequences), order.starts(order.sequences, order.sequences)
    assert (first != second).any()
    assert (first != other.starts(0, other.sequences)).any()


def test_a_text_shorter_than_a_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Order(10, 10, seed=1)

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from trainer_core.data.stratified import Sides, stratified

pictures = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), min_size=1, max_size=120)
"""(class, key) of each."""


def split(album: list[tuple[int, int]], fraction: float = 0.1, seed: int = 1) -> Sides:
    labels, keys = zip(*album, strict=True)
    return stratified(np.asarray(labels, np.int64), np.asarray(keys, np.uint64), fraction, seed)


def classes(count: int, each: int) -> list[tuple[int, int]]:
    return [(label, label * each + number) for label in range(count) for number in range(each)]


def labels_of(places: NDArray[np.int64], each: int) -> list[int]:
    return [int(count) for count in np.bincount(places // each)]


@settings(max_examples=30)
@given(pictures, st.floats(0.05, 0.5), st.integers(0, 9))
def test_every_picture_is_on_one_side_and_equal_ones_on_the_same(
    album: list[tuple[int, int]], fraction: float, seed: int
) -> None:
    sides = split(album, fraction, seed)
    train, held = sides.train.tolist(), sides.validation.tolist()
    assert sorted(train + held) == list(range(len(album)))
    assert {album[at][1] for at in train}.isdisjoint(album[at][1] for at in held)
    assert train, "something is left to train on"
    again = split(album, fraction, seed)
    assert (again.train.tolist(), again.validation.tolist()) == (train, held)


def test_each_class_is_held_out_alike() -> None:
    sides = split(classes(3, 100), 0.2)
    assert labels_of(sides.validation, 100) == [20, 20, 20]
    assert labels_of(sides.validation[:30], 100) != [20, 10], "the first of them are a sample of all classes"
    assert len(set((sides.validation[:30] // 100).tolist())) == 3


def test_a_rare_class_has_a_picture_on_each_side() -> None:
    rare = [(9, 1_000), (9, 1_001)]
    sides = split([*classes(1, 100), *rare], 0.1)
    assert sum(at >= 100 for at in sides.validation.tolist()) == 1 == sum(at >= 100 for at in sides.train.tolist())


def test_a_class_whose_pictures_are_all_the_same_is_not_held_out() -> None:
    same = [(1, 7)] * 20
    assert max(split([*classes(1, 5), *((1, 77),) * 20]).validation.tolist()) < 5
    assert len(split(same).validation) == 0


def test_another_seed_holds_out_others() -> None:
    album = classes(2, 50)
    assert set(split(album, seed=1).validation.tolist()) != set(split(album, seed=2).validation.tolist())


def test_what_was_held_out_stays_so_when_pictures_are_added() -> None:
    """Nearly: the share is of more pictures then."""
    before, after = split(classes(1, 100), 0.2), split([*classes(1, 100), *((0, 10_000 + n) for n in range(20))], 0.2)
    assert len(set(before.validation.tolist()) & set(after.validation.tolist())) >= 16

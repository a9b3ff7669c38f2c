from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.trainer_core.data.album import PATTERNS, add_pictures, patterns, png
from trainer_core.attended import UnwantedError
from trainer_core.data.card import DatasetCard
from trainer_core.data.intake.images import FOLDER
from trainer_core.data.pictures import Pictures, build_pictures
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def card(home: Home) -> DatasetCard:
    return add_pictures(home)


def build(home: Home, card: DatasetCard, side: int | None = None, largest: int = 64) -> Pictures:
    return build_pictures(home.dataset(card.name), card, side, largest)


def test_every_picture_is_there_once_with_its_class(home: Home, card: DatasetCard) -> None:
    made = build(home, card)
    assert made.meta.classes == PATTERNS
    assert made.pixels.shape == (36, 3, 12, 12), "as large as the pictures are"
    assert np.bincount(made.labels).tolist() == [12, 12, 12]
    assert len(set(made.keys.tolist())) == 36


@pytest.mark.parametrize(("side", "largest", "comes_to"), [(None, 10, 10), (20, 64, 20), (None, 64, 12)])
def test_the_side_is_the_one_asked_for_or_that_of_the_pictures(
    home: Home, card: DatasetCard, side: int | None, largest: int, comes_to: int
) -> None:
    assert build(home, card, side, largest).pixels.shape[2:] == (comes_to, comes_to)


def test_grey_pictures_have_one_channel(home: Home) -> None:
    grey = {
        f"a/{name}/{n}.png": png(np.full((9, 9), shade + n, np.uint8))
        for name, shade in (("x", 0), ("y", 99))
        for n in range(2)
    }
    assert build(home, add_pictures(home, grey)).pixels.shape == (4, 1, 9, 9)


def test_equal_pixels_have_equal_keys_whatever_their_files(home: Home) -> None:
    level = np.arange(144, dtype=np.uint8).reshape(12, 12)
    files = {
        "a/x/1.png": png(level),
        "a/y/1.png": png(np.repeat(level[..., None], 3, axis=2)),
        "a/y/2.png": png(level + 1),
    }
    keys = build(home, add_pictures(home, files)).keys
    assert keys[0] in keys[1:] and len(set(keys.tolist())) == 2


def test_what_differs_at_its_own_size_has_keys_of_its_own_at_every_size(home: Home) -> None:
    """A run at another size holds out the same pictures."""
    plain = np.full((32, 32), 100, np.uint8)
    speck = plain.copy()
    speck[9, 9] += 1  # which is not seen from afar
    files = {
        "a/x/1.png": png(plain),
        "a/x/2.png": png(speck),
        "a/y/1.png": png(np.zeros((32, 32), np.uint8)),
    }
    card = add_pictures(home, files)
    small, large = (build(home, card, side) for side in (8, 32))
    assert (small.pixels[0] == small.pixels[1]).all() and not (large.pixels[0] == large.pixels[1]).all()
    assert small.keys.tolist() == large.keys.tolist() and len(set(small.keys.tolist())) == 3


def test_they_are_decoded_once(home: Home, card: DatasetCard) -> None:
    first = build(home, card)
    for file in (home.dataset(card.name) / FOLDER).rglob("*.png"):
        file.write_bytes(b"")
    again = build(home, card)
    assert (again.pixels == first.pixels).all() and (again.keys == first.keys).all()


def test_a_damaged_file_of_pixels_is_written_again(home: Home, card: DatasetCard) -> None:
    first = build(home, card)
    (file,) = home.dataset(card.name).glob("pictures/*/pixels.bin")
    levels = np.array(first.pixels)
    file.write_bytes(file.read_bytes()[:-1])
    assert (build(home, card).pixels == levels).all()


def test_work_that_nobody_wants_any_more_leaves_nothing(home: Home) -> None:
    card = add_pictures(home, patterns(dict.fromkeys(PATTERNS, 30), side=8))

    def unwanted(_: float) -> None:
        raise UnwantedError

    with pytest.raises(UnwantedError):
        build_pictures(home.dataset(card.name), card, None, 64, unwanted)
    assert not any((home.dataset(card.name) / "pictures").iterdir())


def gone(folder: Path) -> None:
    next(folder.rglob("*.png")).unlink()


def damaged(folder: Path) -> None:
    next(folder.rglob("*.png")).write_bytes(b"no picture")


def other(folder: Path) -> None:
    first, second = sorted(folder.rglob("*.png"))[:2]
    second.write_bytes(first.read_bytes())


def more(folder: Path) -> None:
    next(folder.iterdir()).joinpath("new.png").write_bytes(png(np.zeros((8, 8), np.uint8)))


@pytest.mark.parametrize("change", [gone, damaged, other, more])
def test_pictures_that_are_not_what_they_were_are_refused(
    home: Home, card: DatasetCard, change: Callable[[Path], None]
) -> None:
    change(home.dataset(card.name) / FOLDER)
    with pytest.raises(SpotterError, match="patterns are gone or are not what they were") as caught:
        build(home, card)
    assert caught.value.code is Code.CORPUS_UNREADABLE
    assert not list(home.dataset(card.name).glob("pictures/*"))

"""Uploads have a place of their own, questions wait for a day, and nothing else is left lying about."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.catalog.incoming import Incoming, Pending, find_pending, is_tokenizer, keep, make_place, sweep
from trainer_core.files.layout import Home
from trainer_core.tasks.orders import AddDataset, FileSource, HubSource, LocalSource, Source

DAY = 86400


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def pending(home: Home, source: Source) -> Pending:
    return Pending(order=AddDataset(home=home.path, source=source, added_by="7"), columns=("text", "body"))


def uploaded(home: Home) -> Incoming:
    place = make_place(home, "songs.csv")
    place.path.write_text("text,body\n")
    return place


def test_a_question_waits_beside_its_file(home: Home) -> None:
    place = uploaded(home)
    asked = pending(home, FileSource(path=place.path, filename=place.filename))
    key = keep(home, asked)
    assert find_pending(home, key) == (place, asked)
    assert asked.filename == "songs.csv" and place.path.exists()


@pytest.mark.parametrize(
    ("source", "called"),
    [
        (HubSource(name="someone/songs"), "someone/songs"),
        (LocalSource(path=Path("/a/b.csv"), root=Path("/a")), "b.csv"),
    ],
)
def test_a_question_about_what_is_elsewhere_waits_too(home: Home, source: Source, called: str) -> None:
    asked = pending(home, source)
    found = find_pending(home, keep(home, asked))
    assert found is not None and found[1] == asked and asked.filename == called


@pytest.mark.parametrize("key", ["", ".." * 8, "0" * 15, "0" * 16, "../../etc/passwd", "a/b/c/d/e/f/g/h."])
def test_what_stands_for_nothing_finds_nothing(home: Home, key: str) -> None:
    uploaded(home)
    assert find_pending(home, key) is None


def test_an_order_that_nobody_can_read_any_more_is_not_found(home: Home) -> None:
    place = uploaded(home)
    key = keep(home, pending(home, FileSource(path=place.path, filename=place.filename)))
    (place.folder / "pending.json").write_text("{}")
    assert find_pending(home, key) is None


def test_after_a_day_a_question_goes_with_its_file(home: Home) -> None:
    places = [uploaded(home), uploaded(home)]
    for place in places:
        keep(home, pending(home, FileSource(path=place.path, filename=place.filename)))
    old, new = places
    os.utime(old.folder / "pending.json", times=(time.time() - DAY - 60,) * 2)
    sweep(home)
    assert not old.folder.exists() and new.path.exists()


def test_an_upload_is_swept_only_when_the_process_that_took_it_in_is_gone(home: Home) -> None:
    ours = uploaded(home)
    make = (
        "import sys, pathlib; from bot.catalog.incoming import make_place; from trainer_core.files.layout import Home;"
    )
    script = f"{make} make_place(Home(pathlib.Path(sys.argv[1])), 'songs.csv')"
    subprocess.run([sys.executable, "-c", script, str(home.path)], check=True)
    assert len(list(home.incoming.iterdir())) == 2
    sweep(home)
    assert list(home.incoming.iterdir()) == [ours.folder] and ours.path.exists()


def test_an_upload_of_which_nobody_knows_whose_it_is_stays_for_a_day(home: Home) -> None:
    home.incoming.mkdir(parents=True)
    fresh, old = home.incoming / "fresh", home.incoming / "old"
    for folder in (fresh, old):
        folder.mkdir()
    os.utime(old, times=(time.time() - DAY - 60,) * 2)
    sweep(home)
    assert list(home.incoming.iterdir()) == [fresh]


def test_without_anything_incoming_there_is_nothing_to_sweep(home: Home) -> None:
    sweep(home)
    assert not home.path.exists()


async def test_what_is_discarded_is_gone_and_may_be_discarded_again(home: Home) -> None:
    place = uploaded(home)
    await place.discard()
    await place.discard()
    assert list(home.incoming.iterdir()) == []


def test_tokenizers_are_known_by_their_names() -> None:
    assert all(map(is_tokenizer, ("tokenizer.json", "Tokenizer.JSON", "spiece.model")))
    assert not any(map(is_tokenizer, ("songs.json", "model", "my-tokenizer.json.txt")))

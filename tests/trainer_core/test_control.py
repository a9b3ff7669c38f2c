from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer_core.control import Control, ControlReader, read_control, write_control


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.json"


def test_a_request_is_heard_once(path: Path) -> None:
    reader = ControlReader(path)
    assert reader.poll() is None
    asked = write_control(path, "pause")
    assert reader.poll() == asked
    assert reader.poll() is None


def test_requests_are_numbered_and_the_newest_counts(path: Path) -> None:
    reader = ControlReader(path)
    first = write_control(path, "pause")
    asked = write_control(path, "stop")
    assert asked.seq > first.seq
    assert reader.poll() == asked


def test_a_request_that_has_its_number_is_heard_once_and_takes_the_place_of_no_newer_one(path: Path) -> None:
    reader = ControlReader(path)
    assert write_control(path, "land", seq=7) == reader.poll() == Control(seq=7, verb="land")
    assert write_control(path, "land", seq=7).seq == 7 and reader.poll() is None
    path.unlink()
    write_control(path, "land", seq=7)
    assert reader.poll() is None, "also where the file was lost"
    assert write_control(path, "checkpoint", seq=8) == reader.poll()
    stop = write_control(path, "stop")
    assert write_control(path, "land", seq=9) == stop == reader.poll()


def test_a_rate_comes_with_its_value(path: Path) -> None:
    reader = ControlReader(path)
    asked = write_control(path, "rate", 1e-3)
    assert reader.poll() == asked and asked.value == 1e-3
    for value in (None, 0.0, 2.0):
        with pytest.raises(ValueError, match="value"):
            write_control(path, "rate", value)
    with pytest.raises(ValueError, match="value"):
        write_control(path, "land", 1e-3)


def test_a_request_that_is_only_looked_at_is_still_to_be_heard(path: Path) -> None:
    reader = ControlReader(path)
    asked = write_control(path, "pause")
    assert reader.peek() == reader.peek() == asked
    assert reader.poll() == asked
    assert reader.peek() is None


UNREADABLE = [
    "",
    "{",
    '{"seq": 0, "verb": "stop"}',
    '{"seq": 1, "verb": "dance"}',
    '{"seq": 1, "verb": "rate"}',
    '{"seq": 1, "verb": "land", "value": 0.1}',
    "\udcff",
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_file_that_makes_no_sense_asks_for_nothing_and_is_kept(path: Path, text: str) -> None:
    path.write_text(text, errors="surrogateescape")
    assert ControlReader(path).poll() is None
    assert path.with_name("control.json.unreadable").read_text(errors="surrogateescape") == text
    assert not path.exists()


def test_nothing_that_was_set_aside_is_overwritten(path: Path) -> None:
    for text in ("one", "two", "three"):
        path.write_text(text)
        assert read_control(path) is None
    kept = {file.name: file.read_text() for file in path.parent.iterdir()}
    assert kept == {
        "control.json.unreadable": "one",
        "control.json.unreadable-1": "two",
        "control.json.unreadable-2": "three",
    }


@pytest.mark.parametrize("damage", [*UNREADABLE, None, '{"seq": 1, "verb": "stop"}'])
def test_the_next_request_is_heard_whatever_became_of_the_file(path: Path, damage: str | None) -> None:
    """It was garbled, removed, or edited back to an earlier number after a request was heard."""
    reader = ControlReader(path)
    write_control(path, "pause")
    assert reader.poll()
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage, errors="surrogateescape")
    assert reader.poll() is None
    asked = write_control(path, "stop")
    assert reader.poll() == asked


def test_a_request_that_was_heard_is_not_heard_again(path: Path) -> None:
    reader = ControlReader(path)
    first = write_control(path, "pause")
    second = write_control(path, "stop")
    assert reader.poll() == second
    for old in (first, second):
        path.write_text(old.model_dump_json())
        assert reader.poll() is None


def test_numbers_go_on_from_one_that_is_ahead_of_the_clock(path: Path) -> None:
    path.write_text(json.dumps({"seq": 10**15, "verb": "pause"}))
    assert write_control(path, "stop") == Control(seq=10**15 + 1, verb="stop")

from __future__ import annotations

from pathlib import Path

import pytest

from trainer_core.control import ControlReader, read_control, write_control


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
    write_control(path, "pause")
    asked = write_control(path, "stop")
    assert asked.seq == 2
    assert reader.poll() == asked


@pytest.mark.parametrize("text", ["", "{", '{"seq": 0, "verb": "stop"}', '{"seq": 1, "verb": "dance"}'])
def test_a_file_that_makes_no_sense_asks_for_nothing(path: Path, text: str) -> None:
    path.write_text(text)
    assert read_control(path) is None
    assert ControlReader(path).poll() is None


def test_an_old_request_written_again_is_not_heard_again(path: Path) -> None:
    reader = ControlReader(path)
    asked = write_control(path, "stop")
    assert reader.poll() == asked
    path.unlink()
    assert write_control(path, "stop").seq == 1
    assert reader.poll() is None

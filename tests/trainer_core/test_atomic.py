from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from trainer_core.atomic import write_atomic
from trainer_core.folders import new_folder


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(OSError, match="taken"):
        write_atomic(tmp_path / "taken", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / "parent" / "target") as folder:
        (folder / "file").write_text("text")
        assert not (tmp_path / "parent" / "target").exists()
    assert (tmp_path / "parent" / "target" / "file").read_text() == "text"
    assert len(list((tmp_path / "parent").iterdir())) == 1


def test_a_folder_that_fails_never_appears(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space"), new_folder(tmp_path / "target") as folder:
        (folder / "file").write_text("text")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_the_first_folder_of_a_name_stays(tmp_path: Path) -> None:
    with new_folder(tmp_path / "target") as folder:
        (folder / "file").write_text("first")
    with pytest.raises(FileExistsError), new_folder(tmp_path / "target") as folder:
        (folder / "file").write_text("second")
    assert (tmp_path / "target" / "file").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_another_trouble_with_the_name_is_told_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    with pytest.raises(NotADirectoryError), new_folder(tmp_path / "target"):
        pass

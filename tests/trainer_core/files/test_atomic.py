from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trainer_core.files.atomic import name_aside, write_atomic
from trainer_core.files.folders import new_folder, sweep


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


def test_many_threads_may_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    texts = [bytes([number]) * 100_000 for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_atomic(path, text), texts))
    assert path.read_bytes() in texts
    assert list(tmp_path.iterdir()) == [path]


def filled(target: Path, text: str) -> Path:
    target.mkdir(parents=True)
    (target / "file").write_text(text)
    return target


def test_a_folder_makes_way_for_a_whole_one_only(tmp_path: Path) -> None:
    target = filled(tmp_path / "target", "old")
    with pytest.raises(OSError, match="No space"), new_folder(target, makes_way=lambda _: True) as folder:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert (target / "file").read_text() == "old"
    with new_folder(target, makes_way=lambda _: True) as folder:
        (folder / "file").write_text("new")
        assert (target / "file").read_text() == "old"
    assert (target / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_need_not_make_way_stays(tmp_path: Path) -> None:
    target = filled(tmp_path / "target", "good")
    with (
        pytest.raises(FileExistsError),
        new_folder(target, makes_way=lambda folder: (folder / "file").read_text() != "good") as folder,
    ):
        (folder / "file").write_text("late")
    assert (target / "file").read_text() == "good"
    assert list(tmp_path.iterdir()) == [target]


def test_a_sweep_removes_what_the_dead_left_and_nothing_else(tmp_path: Path) -> None:
    kept = {filled(tmp_path / name, "text") for name in ("step-00000001", ".git", f".x-{'0' * 31}")}
    folder = filled(name_aside(tmp_path / "step-00000002"), "half")
    file = name_aside(tmp_path / "manifest.json")
    file.write_text("half")
    link = name_aside(tmp_path / "link")
    link.symlink_to(tmp_path / "step-00000001")
    assert sweep(tmp_path) == sorted([folder.name, file.name, link.name])
    assert set(tmp_path.iterdir()) == kept
    assert (tmp_path / "step-00000001" / "file").exists()
    assert sweep(tmp_path / "nowhere") == []


def test_a_sweep_leaves_what_may_still_be_written(tmp_path: Path) -> None:
    old, new, growing = (filled(name_aside(tmp_path / name), "half") for name in ("old", "new", "growing"))
    for path in (old / "file", old, growing):
        os.utime(path, (1_000_000, 1_000_000))
    assert sweep(tmp_path, idle=3600) == [old.name]
    assert set(tmp_path.iterdir()) == {new, growing}

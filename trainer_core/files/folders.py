"""Folders that are whole or absent: filled aside, fsynced, renamed, the parent fsynced."""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trainer_core.faults import reach
from trainer_core.files.atomic import name_aside, sync_folder

_LEFTOVER = re.compile(r"\..+-[0-9a-f]{32}")


def _never(_: Path) -> bool:
    return False


@contextmanager
def new_folder(target: Path, makes_way: Callable[[Path], object] = _never) -> Iterator[Path]:
    """An empty folder to fill; it appears as `target` when the block ends, and vanishes if the block fails.

    A folder that is there by then and not empty is removed, once the new one is in its place, if `makes_way` is
    true of it. Raises FileExistsError if it is not, another OSError if the disk does not take it.
    """
    with folder_aside(target) as aside:
        yield aside
        publish(aside, target, makes_way)


@contextmanager
def folder_aside(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, to fill and to publish; it vanishes when the block ends if it was not.

    Raises OSError.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, "a file is where the folder should be", target.parent.name) from error
    aside = name_aside(target)
    aside.mkdir()
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def publish(aside: Path, target: Path, makes_way: Callable[[Path], object] = _never) -> None:
    """Have the folder `aside` appear as `target`, all of it on the disk. Raises as `new_folder` does."""
    reach("folder.sync")
    _sync(aside)
    reach("folder.rename")
    replaced = _put_in_place(aside, target, makes_way)
    sync_folder(target.parent)
    for old in replaced:
        shutil.rmtree(old, ignore_errors=True)


def can_hold(folder: Path) -> bool:
    """Whether files can be written in `folder`, or it can be made."""
    path = nearest(folder)
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK)


def nearest(path: Path) -> Path:
    """The path itself or its nearest parent that exists."""
    path = path.absolute()
    return next(candidate for candidate in (path, *path.parents) if candidate.exists())


def sweep(folder: Path, *, idle: float = 0.0) -> list[str]:
    """Remove what processes that died while writing left aside in `folder`. Returns the names. Raises OSError.

    Only for who alone writes there; otherwise `idle` is for how many seconds nothing in it may have changed.
    """
    if not folder.is_dir():
        return []
    dead = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another sweep may be quicker
            if _LEFTOVER.fullmatch(path.name) and _changed(path) <= time.time() - idle:
                dead.append(path)
    for path in dead:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return sorted(path.name for path in dead)


def _changed(path: Path) -> float:
    """When anything in the folder last changed: a file that grows does not touch the folder it is in."""
    return max(one.lstat().st_mtime for one in (path, *path.rglob("*")))


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            _sync(path)
            continue
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    sync_folder(folder)


def _put_in_place(aside: Path, target: Path, makes_way: Callable[[Path], object]) -> list[Path]:
    """Rename `aside` to `target`. Returns where the folders are that made way for it."""
    replaced: list[Path] = []
    while True:
        try:
            _rename(aside, target)
        except FileExistsError:
            if not makes_way(target):
                raise
        else:
            return replaced
        old = name_aside(target)
        with suppress(FileNotFoundError):  # another process may have seen the same
            target.rename(old)
            replaced.append(old)


def _rename(aside: Path, target: Path) -> None:
    try:
        aside.rename(target)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:  # Linux and macOS say it in two ways
            raise FileExistsError(errno.EEXIST, "the folder is there already", target.name) from error
        raise

"""Folders that are whole or absent: filled aside, fsynced, renamed, the parent fsynced."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from trainer_core.atomic import sync_folder


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """An empty folder to fill with files; it appears as `target` when the block ends, and vanishes if the block fails.

    Raises FileExistsError if `target` is there by then and not empty, another OSError if the disk does not take it.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, "a file is where the folder should be", target.parent.name) from error
    aside = target.with_name(f".{target.name}-{uuid4().hex}")
    aside.mkdir()
    try:
        yield aside
        for file in aside.iterdir():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
        sync_folder(aside)
        _rename(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    sync_folder(target.parent)


def _rename(aside: Path, target: Path) -> None:
    try:
        aside.rename(target)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:  # Linux and macOS say it in two ways
            raise FileExistsError(errno.EEXIST, "the folder is there already", target.name) from error
        raise

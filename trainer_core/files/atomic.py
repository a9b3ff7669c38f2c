"""Files that are whole or absent: written aside, fsynced, renamed, the folder fsynced."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from trainer_core.faults import reach


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` by `data`; a crash at any point leaves the old file or the new one. Raises OSError."""
    aside = name_aside(path)
    try:
        with aside.open("wb") as file:
            file.write(data)
            reach("atomic.write")
            file.flush()
            os.fsync(file.fileno())
        reach("atomic.rename")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    sync_folder(path.parent)


def name_aside(path: Path) -> Path:
    """A hidden name beside `path` that nobody else has, for what is not yet, or no longer, `path`."""
    return path.with_name(f".{path.name}-{uuid4().hex}")


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

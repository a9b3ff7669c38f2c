"""Looks into a database without changing a byte of it, its write-ahead log or their folder."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from bot.store.interruptible import Opened
from bot.store.migrations import StoreError, newest_version

_SHOWN = 100
"""Characters of SQLite's complaint about a damaged file that go into a sentence."""


class DamagedError(StoreError):
    """The file is no database, or no longer a whole one."""


class NewerSchemaError(StoreError):
    """The database was written by a newer Spotter."""


def beside(path: Path) -> list[Path]:
    """The files that are the database at `path` together with it, whether they are there or not."""
    return [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal")]


def staged(path: Path) -> Path:
    """Where a restore puts what becomes the database at `path`; while it is there, none has been finished."""
    return path.with_name(f"{path.name}-restoring")


@contextmanager
def untouched(path: Path, opened: Opened | None = None) -> Iterator[sqlite3.Connection]:
    """A connection that only reads the database at `path`, with what its write-ahead log holds; `opened` is told of it.

    It can neither write nor checkpoint, so it may be opened while a bot runs. Raises sqlite3.Error, OSError.
    """
    wal, index, _ = beside(path)
    made = False
    if wal.exists():
        # SQLite then keeps its index of the log in memory; the file has only to be there.
        how = "mode=ro&readonly_shm=1"
        if not index.exists():
            index.touch()
            made = True
    else:
        how = "immutable=1"
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, isolation_level=None)
        try:
            if opened is not None:
                opened(connection)
            yield connection
        finally:
            connection.close()
    finally:
        if made:
            index.unlink()


def check(path: Path, *, thorough: bool = False, opened: Opened | None = None) -> int:
    """The schema version of the database at `path`, which is whole; `thorough` compares the indexes, too.

    Raises DamagedError, NewerSchemaError, OSError.
    """
    # Not opened to find out: closing it would drop the locks that this process may hold on it.
    if stat.S_ISDIR(path.stat().st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    question = "PRAGMA integrity_check(1)" if thorough else "PRAGMA quick_check(1)"
    try:
        with untouched(path, opened) as connection:
            ((version,),) = connection.execute("PRAGMA user_version").fetchall()
            ((verdict,),) = connection.execute(question).fetchall()
    except sqlite3.DatabaseError as error:
        raise DamagedError(f"{path.name} is damaged ({error})") from error
    if verdict != "ok":
        raise DamagedError(f"{path.name} is damaged ({' '.join(str(verdict).split())[:_SHOWN]})")
    if version > newest_version():
        raise NewerSchemaError(
            f"{path.name} was written by a newer Spotter (schema {version}, this one knows {newest_version()})"
        )
    return int(version)

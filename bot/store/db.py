"""SQLite behind one writer.

One connection writes, in one process: aiosqlite serialises calls, not transactions, so a lock does that; and SQLite
before 3.51.3 can corrupt a WAL database that several connections write. A second connection only reads, so that a
reader never sees half of a transaction; and a backup is read by one more, while it is made.
"""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self

import aiosqlite

from bot.store import backup, integrity
from bot.store.migrations import StoreError, migrate, newest_version
from trainer_core.errors import Code, SpotterError
from trainer_core.faults import reach

Value = str | int | float | bytes | None
Row = sqlite3.Row

_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA mmap_size=0;"
_CACHED_KIB = 2048

_MAKE_ROOM = "Free some space on the machine that trains, then try again."
_UNLOCK = "Make SPOTTER_HOME writable again on the machine that trains, then try again."


class DiskError(SpotterError, sqlite3.OperationalError):
    """The disk takes nothing more: DISK_FULL for who asked, an error of the database for who waits until it is over."""


class Transaction:
    """The store inside one transaction: what is written here is kept or lost together."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self.after_commit: dict[object, Callable[[], None]] = {}
        """Called once the transaction is kept; keyed, so that saying it twice does it once."""

    async def execute(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Run one statement. Returns how many rows it changed."""
        async with self._connection.execute(sql, parameters) as cursor:
            return cursor.rowcount

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        async with self._connection.executemany(sql, rows):
            pass

    async def all(self, sql: str, parameters: Sequence[Value] | Mapping[str, Value] = ()) -> list[Row]:
        return list(await self._connection.execute_fetchall(sql, parameters))

    async def one(self, sql: str, parameters: Sequence[Value] | Mapping[str, Value] = ()) -> Row | None:
        rows = await self.all(sql, parameters)
        return rows[0] if rows else None


class Database:
    """The open store. Make one with `Database.open`."""

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._lock = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._works = True

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open the database at `path`, made or migrated as needed, once it has been found whole.

        Raises StoreError, and leaves every file as it was, if it is damaged or newer than this Spotter; sqlite3.Error,
        OSError.
        """
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        version = await asyncio.to_thread(_examine, path)
        if 0 < version < newest_version():
            await backup.back_up(path, backup.folder_of(path) / f"before-schema-{newest_version()}.db")
        async with AsyncExitStack() as opened:
            writer = await aiosqlite.connect(path, isolation_level=None)
            opened.push_async_callback(writer.close)
            writer.row_factory = sqlite3.Row
            await writer.executescript(_PRAGMAS + f"PRAGMA cache_size=-{_CACHED_KIB};")
            reader = await aiosqlite.connect(path, isolation_level=None)
            opened.push_async_callback(reader.close)
            reader.row_factory = sqlite3.Row
            await reader.executescript(f"PRAGMA query_only=ON; PRAGMA mmap_size=0; PRAGMA cache_size=-{_CACHED_KIB};")
            database = cls(writer, reader)
            await migrate(writer)
            opened.pop_all()
        return database

    @property
    def works(self) -> bool:
        """Whether it is open and took the last transaction it was given: a full disk refuses them, say."""
        return self._works

    async def close(self) -> None:
        """Close after the transaction under way. The writer goes last: whoever closes last checkpoints."""
        async with self._lock, self._reading:
            self._works = False
            await self._reader.close()
            await self._writer.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Write: everything inside is committed at the end, or rolled back if anything is raised or cancelled.

        Raises DiskError if the disk takes nothing more, other sqlite3.Error.
        """
        async with self._lock:
            transaction = Transaction(self._writer)
            try:
                reach("store.begin")
                await _settled(self._writer.execute("BEGIN IMMEDIATE"))
                yield transaction
                reach("store.commit")
                await _settled(self._writer.commit())
                self._works = True
            except BaseException as error:
                # Cancelled, too: the connection is shared, and the next transaction must find none open.
                if self._writer.in_transaction:
                    await _settled(self._writer.rollback())
                refusal = _refusal_of_disk(error)
                if isinstance(error, sqlite3.Error) or refusal is not None:
                    self._works = False
                if refusal is not None:
                    raise refusal from error
                raise
        reach("store.committed")
        for call in transaction.after_commit.values():
            call()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """Read: every query inside sees the same committed state. Not for long work; it holds other readers up."""
        transaction = Transaction(self._reader)
        async with self._reading:
            try:
                await _settled(self._reader.execute("BEGIN"))
                yield transaction
            finally:
                await _settled(self._reader.rollback())


def _examine(path: Path) -> int:
    """The schema version of the database at `path`, 0 if there is none yet. Raises StoreError, OSError."""
    if integrity.staged(path).exists():
        raise StoreError("a restore was cut short; do it again: `spotter restore` names the backups there are")
    if not path.exists() or not path.stat().st_size:
        if integrity.beside(path)[0].exists():
            raise StoreError(f"{path.name} is missing, but its log {path.name}-wal is there; {_remedy(path)}")
        return 0
    try:
        return integrity.check(path)
    except integrity.NewerSchemaError as error:
        raise StoreError(f"{error}; nothing was changed. Install that version again, or {_remedy(path)}") from error
    except integrity.DamagedError as error:
        raise StoreError(f"{error}; nothing was changed. To go on, {_remedy(path)}") from error


def _remedy(path: Path) -> str:
    good = backup.newest_good(backup.folder_of(path))
    if good is None:
        return "put a good copy in its place, or set another SPOTTER_HOME: there is no good backup"
    return f"go back to the newest good backup ({good.made:%Y-%m-%d %H:%M} UTC) with `spotter restore {good.path.name}`"


def _refusal_of_disk(error: BaseException) -> DiskError | None:
    """What to say if `error` means that the disk does not take what is written."""
    if isinstance(error, OSError):
        full, locked = error.errno in (errno.ENOSPC, errno.EDQUOT), error.errno == errno.EROFS
    elif isinstance(error, sqlite3.Error):
        # Its extended codes have the plain one in their last byte. Only one that SQLite itself raised has any.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
        full, locked = code == sqlite3.SQLITE_FULL, code == sqlite3.SQLITE_READONLY
    else:
        return None
    if full:
        return DiskError(Code.DISK_FULL, "The disk is full: nothing can be noted down.", next_step=_MAKE_ROOM)
    if locked:
        return DiskError(Code.DISK_FULL, "The disk can only be read: nothing can be noted down.", next_step=_UNLOCK)
    return None


async def _settled(work: Awaitable[object]) -> None:
    """Await `work` to its end even if the caller is cancelled meanwhile: half a commit must not be left behind."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise

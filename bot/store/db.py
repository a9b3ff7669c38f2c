"""SQLite behind one writer.

One connection writes, in one process: aiosqlite serialises calls, not transactions, so a lock does that; and SQLite
before 3.51.3 can corrupt a WAL database that several connections write. A second connection only reads, so that a
reader never sees half of a transaction.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self

import aiosqlite

from bot.store.migrations import migrate

Value = str | int | float | bytes | None
Row = sqlite3.Row

_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA mmap_size=0;"
_CACHED_KIB = 2048


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
        """Open the database at `path`, made or migrated as needed. Raises StoreError, sqlite3.Error."""
        path.parent.mkdir(parents=True, exist_ok=True)
        async with AsyncExitStack() as opened:
            writer = await aiosqlite.connect(path, isolation_level=None)
            opened.push_async_callback(writer.close)
            writer.row_factory = sqlite3.Row
            await writer.executescript(_PRAGMAS + f"PRAGMA cache_size=-{_CACHED_KIB};")
            await migrate(writer, path)
            reader = await aiosqlite.connect(path, isolation_level=None)
            opened.push_async_callback(reader.close)
            reader.row_factory = sqlite3.Row
            await reader.executescript(f"PRAGMA query_only=ON; PRAGMA mmap_size=0; PRAGMA cache_size=-{_CACHED_KIB};")
            opened.pop_all()
        return cls(writer, reader)

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
        """Write: everything inside is committed at the end, or rolled back if anything is raised or cancelled."""
        async with self._lock:
            transaction = Transaction(self._writer)
            try:
                await _settled(self._writer.execute("BEGIN IMMEDIATE"))
                yield transaction
                await _settled(self._writer.commit())
                self._works = True
            except BaseException as error:
                # Cancelled, too: the connection is shared, and the next transaction must find none open.
                if self._writer.in_transaction:
                    await _settled(self._writer.rollback())
                if isinstance(error, sqlite3.Error):
                    self._works = False
                raise
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


async def _settled(work: Awaitable[object]) -> None:
    """Await `work` to its end even if the caller is cancelled meanwhile: half a commit must not be left behind."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise

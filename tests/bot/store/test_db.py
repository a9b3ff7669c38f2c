from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store import marks
from bot.store.db import Database
from bot.store.migrations import StoreError


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "home" / "spotter.db")
    yield database
    await database.close()


async def count(database: Database) -> int:
    async with database.snapshot() as tx:
        row = await tx.one("SELECT count(*) AS n FROM marks")
    return int(row["n"]) if row else -1


INSERT = "INSERT INTO marks (key, value) VALUES (?, ?)"


async def test_a_transaction_is_kept_whole(database: Database) -> None:
    said = []
    async with database.transaction() as tx:
        await tx.execute_many(INSERT, [("a", "1"), ("b", "2")])
        tx.after_commit["x"] = lambda: said.append("kept")
        assert await count(database) == 0, "readers see nothing of it before its end"
    assert await count(database) == 2 and said == ["kept"]


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    said = []
    with pytest.raises(sqlite3.IntegrityError):
        async with database.transaction() as tx:
            tx.after_commit["x"] = lambda: said.append("kept")
            await tx.execute(INSERT, ("a", "1"))
            await tx.execute(INSERT, ("a", "2"))
    assert await count(database) == 0 and said == []
    await marks.write(database, "a", "3")
    assert await marks.read(database, "a") == "3"


async def test_a_cancelled_transaction_leaves_nothing_and_holds_nobody_up(database: Database) -> None:
    inside = asyncio.Event()

    async def slow() -> None:
        async with database.transaction() as tx:
            await tx.execute(INSERT, ("a", "1"))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(slow())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await count(database) == 0
    await marks.write(database, "b", "1")
    assert await count(database) == 1


async def test_cancelling_at_any_point_commits_all_or_nothing(database: Database) -> None:
    """Cancelled after every number of turns of the loop: both rows or none, and the next writer works."""
    for turns in range(40):
        task = asyncio.create_task(two_rows(database, turns))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with database.snapshot() as tx:
            assert len(await tx.all("SELECT 1 FROM marks WHERE value = ?", (str(turns),))) in (0, 2)
    assert await count(database) % 2 == 0


async def two_rows(database: Database, number: int) -> None:
    async with database.transaction() as tx:
        await tx.execute(INSERT, (f"a{number}", str(number)))
        await tx.execute(INSERT, (f"b{number}", str(number)))


async def test_writers_take_turns(database: Database) -> None:
    await asyncio.gather(*(two_rows(database, number) for number in range(20)))
    assert await count(database) == 40


async def test_a_reader_cannot_write(database: Database) -> None:
    async with database.snapshot() as tx:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await tx.execute(INSERT, ("a", "1"))


async def test_it_works_again_once_a_transaction_is_taken(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError):
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO nowhere VALUES (1)")
    assert not database.works
    await marks.write(database, "a", "1")
    assert database.works


async def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "spotter.db"
    first = await Database.open(path)
    await marks.write(first, "a", "1")
    await marks.write(first, "a", "2")
    before = first.works
    await first.close()
    assert (before, first.works) == (True, False)
    second = await Database.open(path)
    assert await marks.read(second, "a") == "2"
    assert await marks.read(second, "b") is None
    await second.close()


async def test_a_newer_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "spotter.db"
    await (await Database.open(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreError, match=r"spotter\.db was written by a newer Spotter \(schema 999"):
        await Database.open(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (999,)


async def test_the_settings_that_keep_data_safe_are_on(database: Database) -> None:
    async with database.transaction() as tx:
        found = {
            name: (await tx.all(f"PRAGMA {name}"))[0][0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "mmap_size")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "mmap_size": 0}

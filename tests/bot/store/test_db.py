from __future__ import annotations

import asyncio
import errno
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.store import backup, marks
from bot.store.db import Database
from bot.store.migrations import StoreError
from trainer_core.errors import Code, SpotterError


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


async def test_a_full_disk_is_told_as_such_and_leaves_nothing_behind(database: Database) -> None:
    """SQLite's own answer: the file may have no more pages."""
    async with database.transaction() as tx:
        await tx.all("PRAGMA max_page_count=1")
    with pytest.raises(SpotterError, match="The disk is full") as full:
        async with database.transaction() as tx:
            await tx.execute(INSERT, ("a", "x" * 100_000))
    assert (full.value.code, database.works) == (Code.DISK_FULL, False)
    assert isinstance(full.value, sqlite3.OperationalError), "whoever waits such errors out waits this one out"
    async with database.transaction() as tx:
        await tx.all("PRAGMA max_page_count=1000000")
    await marks.write(database, "a", "x" * 100_000)
    assert (await count(database), database.works) == (1, True)


@pytest.mark.parametrize("point", ["store.begin", "store.commit"])
@pytest.mark.parametrize(("number", "says"), [(errno.ENOSPC, "is full"), (errno.EROFS, "can only be read")])
async def test_a_disk_that_takes_nothing_at_any_point(
    database: Database, monkeypatch: pytest.MonkeyPatch, point: str, number: int, says: str
) -> None:
    def reach(here: str) -> None:
        if here == point:
            raise OSError(number, "")

    with monkeypatch.context() as faulty:
        faulty.setattr("bot.store.db.reach", reach)
        with pytest.raises(SpotterError, match=says):
            await marks.write(database, "a", "1")
    assert (await count(database), database.works) == (0, False)
    await marks.write(database, "a", "1")
    assert (await count(database), database.works) == (1, True)


async def test_what_a_person_did_wrong_says_nothing_about_the_store(database: Database) -> None:
    with pytest.raises(SpotterError):
        async with database.transaction():
            raise SpotterError(Code.RUN_NOT_FOUND)
    assert database.works


def untouched_by(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir() if path.is_file()}


async def left_by_a_kill(folder: Path) -> Path:
    """A database with its log, as a bot that was killed leaves them."""
    await (await Database.open(folder / "open" / "spotter.db")).close()
    database = await Database.open(folder / "open" / "spotter.db")
    await marks.write(database, "a", "1")
    for path in (folder / "open").iterdir():
        shutil.copy(path, folder)
    await database.close()
    return folder / "spotter.db"


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-6000])


def scribble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 200] = b"\xff" * 200
    path.write_bytes(data)


def not_one(path: Path) -> None:
    path.write_bytes(b"not a database, " * 400)


@pytest.mark.parametrize("harm", [tear, scribble, not_one])
@pytest.mark.parametrize("killed", [True, False], ids=["with its log", "closed"])
async def test_a_damaged_database_is_refused_and_left_to_the_last_byte(
    tmp_path: Path, harm: Callable[[Path], None], killed: bool
) -> None:
    path = await left_by_a_kill(tmp_path)
    if not killed:
        await (await Database.open(path)).close()
    good = backup.folder_of(path) / "spotter-20260329-120000.db"
    good.parent.mkdir()
    shutil.copy(tmp_path / "open" / "spotter.db", good)
    harm(path)
    before = untouched_by(tmp_path)
    with pytest.raises(
        StoreError, match=r"damaged.*nothing was changed.*2026-03-29 12:00 UTC.*`spotter restore spotter-"
    ):
        await Database.open(path)
    assert untouched_by(tmp_path) == before
    good.unlink()
    with pytest.raises(StoreError, match="there is no good backup"):
        await Database.open(path)
    assert untouched_by(tmp_path) == before


async def test_a_newer_database_with_its_log_is_left_to_the_last_byte(tmp_path: Path) -> None:
    """The schema's number is still in the log alone."""
    database = await Database.open(tmp_path / "open" / "spotter.db")
    async with database.transaction() as tx:
        await tx.all("PRAGMA user_version = 999")
    for path in (tmp_path / "open").iterdir():
        if not path.name.endswith("-shm"):  # it can be made from the log
            shutil.copy(path, tmp_path)
    await database.close()
    before = untouched_by(tmp_path)
    with pytest.raises(StoreError, match=r"newer Spotter.*Install that version again"):
        await Database.open(tmp_path / "spotter.db")
    assert untouched_by(tmp_path) == before


async def test_a_log_without_its_database_is_not_thrown_away(tmp_path: Path) -> None:
    path = await left_by_a_kill(tmp_path)
    path.unlink()
    before = untouched_by(tmp_path)
    with pytest.raises(StoreError, match=r"spotter\.db is missing, but its log spotter\.db-wal is there"):
        await Database.open(path)
    assert untouched_by(tmp_path) == before


async def test_what_a_killed_bot_left_in_the_log_is_there_again(tmp_path: Path) -> None:
    database = await Database.open(await left_by_a_kill(tmp_path))
    assert await marks.read(database, "a") == "1"
    await database.close()

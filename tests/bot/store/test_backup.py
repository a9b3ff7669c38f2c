"""Backups: what is kept, what counts as one, and that making one is all or nothing."""

from __future__ import annotations

import asyncio
import itertools
import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.store import backup, marks
from bot.store.backup import Backup, HourlyBackup, surplus
from bot.store.db import Database
from bot.store.interruptible import Opened
from bot.store.migrations import StoreError, newest_version

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
MOMENTS = st.sets(
    st.integers(0, 40 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes)), min_size=1, max_size=120
)


@given(MOMENTS)
def test_the_newest_of_each_hour_and_day_are_kept(made: set[datetime]) -> None:
    kept = made - surplus(made)
    assert max(made) in kept
    assert len(kept) <= backup.HOURS + backup.DAYS
    newest_of_hours = {
        max(m for m in made if m.replace(minute=0) == hour) for hour in {m.replace(minute=0) for m in made}
    }
    assert set(sorted(newest_of_hours)[-backup.HOURS :]) <= kept
    newest_of_days = {max(m for m in made if m.date() == day) for day in {m.date() for m in made}}
    assert set(sorted(newest_of_days)[-backup.DAYS :]) <= kept


@given(MOMENTS)
def test_what_was_let_go_is_not_missed_later(made: set[datetime]) -> None:
    """Pruning after each backup keeps the same as pruning once at the end."""
    kept: set[datetime] = set()
    for moment in sorted(made):
        kept |= {moment}
        kept -= surplus(kept)
    assert kept == made - surplus(made)


def test_a_week_of_hours() -> None:
    made = {NOON - timedelta(hours=hours) for hours in range(24 * 10)}
    kept = sorted(made - surplus(made), reverse=True)
    assert kept[:24] == [NOON - timedelta(hours=hours) for hours in range(24)]
    assert [moment.hour for moment in kept[24:]] == [23] * 5, "yesterday's last is among the hours"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "spotter.db")
    await marks.write(database, "a", "1")
    yield database
    await database.close()


def value(path: Path) -> str:
    with sqlite3.connect(path) as connection:
        return str(connection.execute("SELECT value FROM marks WHERE key = 'a'").fetchone()[0])


async def test_a_backup_holds_what_was_committed_when_it_was_made(tmp_path: Path, database: Database) -> None:
    target = tmp_path / "backups" / backup.name_at(NOON)
    await backup.back_up(tmp_path / "spotter.db", target)
    await marks.write(database, "a", "2")
    assert (target.name, value(target)) == ("spotter-20260329-120000.db", "1")
    assert backup.backups(target.parent) == [Backup(NOON, target)]


async def test_nobody_waits_for_a_backup(tmp_path: Path, database: Database) -> None:
    """What is written while it is made goes on at once, and is not in it."""
    copying, written = threading.Event(), threading.Event()
    instructions = itertools.count()

    def pause() -> int:
        if next(instructions) == 1000:  # about half of the copy
            copying.set()
            written.wait(20)
        return 0

    def watched(connection: sqlite3.Connection) -> None:
        connection.set_progress_handler(pause, 1)

    target = tmp_path / "copy.db"
    making = asyncio.create_task(
        asyncio.to_thread(backup.copy_untouched, tmp_path / "spotter.db", target, opened=watched)
    )
    assert await asyncio.to_thread(copying.wait, 20)
    async with asyncio.timeout(20):
        await marks.write(database, "a", "2")
    assert not making.done()
    written.set()
    await making
    assert value(target) == "1"


def endless(opened: Opened, path: Path) -> None:
    """A copy that was begun and never ends."""
    path.write_bytes(b"half")
    with closing(sqlite3.connect(":memory:")) as connection:
        opened(connection)
        connection.execute("WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n")


async def test_a_backup_that_is_cancelled_is_broken_off_and_leaves_nothing(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def copy(_: Path, target: Path, opened: Opened) -> None:
        begun.set()
        endless(opened, target)

    monkeypatch.setattr(backup, "copy_untouched", copy)
    making = asyncio.create_task(HourlyBackup(tmp_path / "spotter.db")())
    assert await asyncio.to_thread(begun.wait, 20)
    making.cancel()
    async with asyncio.timeout(20):
        with pytest.raises(asyncio.CancelledError):
            await making
    assert list((tmp_path / "backups").iterdir()) == []


async def test_a_copy_beside_a_running_bot_has_what_only_the_log_holds(tmp_path: Path, database: Database) -> None:
    files = [tmp_path / "spotter.db", tmp_path / "spotter.db-wal"]
    before = [(path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    backup.copy_untouched(tmp_path / "spotter.db", tmp_path / "copy.db")
    assert value(tmp_path / "copy.db") == "1"
    assert [(path.stat().st_size, path.stat().st_mtime_ns) for path in files] == before
    await marks.write(database, "a", "2")
    assert await marks.read(database, "a") == "2"


async def test_a_copy_that_is_not_whole_never_counts(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = backup.copy_untouched

    def tear(source: Path, target: Path, opened: Opened) -> None:
        whole(source, target, opened)
        target.write_bytes(target.read_bytes()[:-5000])

    monkeypatch.setattr(backup, "copy_untouched", tear)
    target = tmp_path / "backups" / backup.name_at(NOON)
    with pytest.raises(StoreError, match="damaged"):
        await backup.back_up(tmp_path / "spotter.db", target)
    assert list(target.parent.iterdir()) == []


async def test_too_little_room_is_found_before_the_disk_is_full(tmp_path: Path) -> None:
    large = tmp_path / "large.db"
    with large.open("wb") as file:
        file.truncate(2**43)
    with pytest.raises(OSError, match="too little room"):
        await backup.back_up(large, tmp_path / "backups" / "x.db")


def fill(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        with sqlite3.connect(folder / name) as connection:
            connection.execute(f"PRAGMA user_version = {newest_version()}")


def test_pruning_leaves_the_newest_and_what_is_not_its_own(tmp_path: Path) -> None:
    """The newest may look old: the clock was set back after the others were made."""
    newest = backup.name_at(NOON - timedelta(days=30))
    others = [backup.name_at(NOON + timedelta(days=day)) for day in range(40)]
    strange = ["before-schema-2.db", "mine.db", "spotter-20269999-000000.db", ".spotter-20260101-000000.db-x"]
    fill(tmp_path, newest, *others, *strange)
    removed = backup.prune(tmp_path, tmp_path / newest)
    assert {path.name for path in removed} == set(others[: -backup.HOURS])
    assert {path.name for path in tmp_path.iterdir()} == {newest, *others[-backup.HOURS :], *strange}


def test_the_newest_good_one_is_found_among_bad_ones(tmp_path: Path) -> None:
    good, newer, torn = (backup.name_at(NOON + timedelta(hours=hour)) for hour in range(3))
    fill(tmp_path, good, newer)
    with sqlite3.connect(tmp_path / newer) as connection:
        connection.execute("PRAGMA user_version = 999")
    (tmp_path / torn).write_bytes(b"torn" * 2000)
    found = backup.newest_good(tmp_path)
    assert found is not None and found.path.name == good
    (tmp_path / good).unlink()
    assert backup.newest_good(tmp_path) is None
    assert backup.newest_good(tmp_path / "nowhere") is None


def test_a_copy_from_before_a_migration_is_as_old_as_its_file(tmp_path: Path) -> None:
    fill(tmp_path, "before-schema-2.db", backup.name_at(NOON))
    os.utime(tmp_path / "before-schema-2.db", (NOON.timestamp() + 1,) * 2)
    assert [found.path.name for found in backup.backups(tmp_path)] == ["before-schema-2.db", backup.name_at(NOON)]


async def test_the_bots_backups_are_an_hour_apart_however_often_it_is_asked(tmp_path: Path, database: Database) -> None:
    clock = [NOON + timedelta(minutes=minutes) for minutes in (0, 10, 50, 60, 61, -600)]
    hourly = HourlyBackup(tmp_path / "spotter.db", now=map(datetime.timestamp, clock).__next__)
    for _ in range(6):
        await hourly()
    made = [one.made for one in backup.backups(tmp_path / "backups")]
    assert made == [NOON + timedelta(minutes=minutes) for minutes in (60, 0, -600)], (
        "the last after the clock was set back"
    )


async def test_a_backup_that_fails_shows_until_one_is_made(tmp_path: Path, database: Database) -> None:
    in_the_way = tmp_path / "backups"
    in_the_way.write_text("a file, not a folder")
    hourly = HourlyBackup(tmp_path / "spotter.db", now=NOON.timestamp)
    with pytest.raises(FileExistsError):
        await hourly()
    states = [hourly.works]
    in_the_way.unlink()
    await hourly()
    assert [*states, hourly.works] == [False, True]

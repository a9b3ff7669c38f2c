"""Restoring: the backup is in place and what was there is set aside, or everything is as it was."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.runs.model import Run, RunState
from bot.store import backup, marks
from bot.store import runs as rows
from bot.store.db import Database
from bot.store.integrity import staged
from bot.store.migrations import StoreError
from bot.store.restore import restore
from tests.bot.chat import stories
from tests.bot.storing import keep
from trainer_core.files.layout import Home

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
ASIDE = "before-restore-20260329-120000"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


async def write(home: Home, value: str, *runs: Run) -> None:
    database = await Database.open(home.database)
    await marks.write(database, "a", value)
    for run in runs:
        await keep(database, run)
    await database.close()


async def read(home: Home) -> str | None:
    database = await Database.open(home.database)
    try:
        return await marks.read(database, "a")
    finally:
        await database.close()


def copied(home: Home) -> Path:
    """A backup of the home's database as it is now."""
    target = backup.folder_of(home.database) / "good.db"
    target.parent.mkdir(exist_ok=True)
    backup.copy_untouched(home.database, target)
    return target


def killed_while_open(path: Path) -> None:
    """Leave the log of a bot that was killed, with something in it."""
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute(\"UPDATE marks SET value = 'in the log'\"); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the lock, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "spotter.lock"
    }


async def test_the_backup_takes_the_place_of_what_is_set_aside_whole(home: Home) -> None:
    await write(home, "1")
    source = copied(home)
    killed_while_open(home.database)
    before = contents(home.path)
    done = restore(home, source, NOW)
    assert done.aside == backup.folder_of(home.database) / ASIDE
    assert contents(done.aside) == {name: data for name, data in before.items() if "/" not in name}
    assert await read(home) == "1"
    restore(home, done.aside / "spotter.db", NOW.replace(hour=13))
    assert await read(home) == "in the log", "what was set aside can be had again, its log included"


async def test_a_database_that_is_gone_or_damaged_is_replaced(home: Home) -> None:
    await write(home, "1")
    source = copied(home)
    home.database.unlink()
    assert restore(home, source, NOW).aside is None
    assert await read(home) == "1"
    home.database.write_bytes(b"damaged" * 999)
    done = restore(home, source, NOW)
    assert done.aside is not None and (done.aside / "spotter.db").read_bytes() == b"damaged" * 999
    assert await read(home) == "1"


def make_folder(path: Path) -> None:
    path.mkdir()


def make_newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")


def make_foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (cake TEXT)")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "No such file"),
        (make_folder, "Is a directory"),
        (lambda path: path.write_bytes(b""), "is no database of Spotter"),
        (lambda path: path.write_bytes(b"text, " * 999), "is damaged"),
        (make_newer, "newer Spotter"),
        (make_foreign, "is no database of Spotter"),
    ],
    ids=["missing", "a folder", "empty", "no database", "newer", "another program's"],
)
async def test_what_cannot_be_restored_leaves_everything(
    home: Home, tmp_path: Path, make: Callable[[Path], object], says: str
) -> None:
    await write(home, "1")
    killed_while_open(home.database)
    make(tmp_path / "source.db")
    before = contents(home.path)
    with pytest.raises((StoreError, OSError), match=says):
        restore(home, tmp_path / "source.db", NOW)
    assert contents(home.path) == before


async def test_a_backup_with_a_flipped_bit_is_refused(home: Home) -> None:
    await write(home, "1")
    source = copied(home)
    data = bytearray(source.read_bytes())
    for position in range(4096, len(data), 4096):
        data[position] ^= 0xFF
    source.write_bytes(data)
    with pytest.raises(StoreError, match=r"good\.db is damaged"):
        restore(home, source, NOW)


async def test_a_failure_while_files_move_puts_them_back(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    await write(home, "1")
    source = copied(home)
    killed_while_open(home.database)
    before = contents(home.path)
    move = shutil.move

    def full(source: Path, target: Path) -> object:
        if source.name == "spotter.db-shm":
            raise OSError(28, "No space left on device")
        return move(source, target)

    monkeypatch.setattr("bot.store.restore.shutil.move", full)
    with pytest.raises(OSError, match="No space"):
        restore(home, source, NOW)
    assert contents(home.path) == before


async def test_a_restore_that_was_cut_short_is_finished_by_the_next(home: Home) -> None:
    """Killed while the old files move: no bot starts, and the next restore loses nothing."""
    await write(home, "1")
    source = copied(home)
    killed_while_open(home.database)
    shutil.copy(source, staged(home.database))
    half = backup.folder_of(home.database) / "before-restore-20260329-115959"
    half.mkdir()
    log = home.database.with_name("spotter.db-wal").read_bytes()
    shutil.move(home.database, half)
    with pytest.raises(StoreError, match=r"cut short.*`spotter restore`"):
        await Database.open(home.database)
    done = restore(home, source, NOW)
    assert done.aside is not None and (done.aside / "spotter.db-wal").read_bytes() == log
    assert await read(home) == "1"


async def test_a_journal_that_a_killed_restore_left_is_not_played_into_the_next(home: Home) -> None:
    """Killed while it told the copy of later attempts, of which some had reached the file already."""
    await write(home, "1")
    source = copied(home)
    shutil.copy(source, staged(home.database))
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA cache_size = 1'); c.execute('PRAGMA cache_spill = 1'); c.execute('BEGIN');"
        "c.executemany('INSERT INTO marks VALUES (?, ?)', ((str(n), 'x' * 500) for n in range(500)));"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(staged(home.database))], check=False)
    journal = staged(home.database).with_name("spotter.db-restoring-journal")
    assert journal.stat().st_size
    await write(home_of_another(home), "2", stories.run(RunState.SUCCEEDED, name="swans"))
    restore(home, copied(home_of_another(home)), NOW)
    assert await read(home) == "2" and not journal.exists()


def home_of_another(home: Home) -> Home:
    return Home(home.path.with_name("another"))


async def test_a_running_bot_is_not_robbed(home: Home) -> None:
    await write(home, "1")
    source = copied(home)
    script = (
        "import sys; from pathlib import Path; from trainer_core.process import Lock;"
        "lock = Lock.take(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(home.lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as bot:
        assert bot.stdout is not None and bot.stdin is not None and bot.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match="a Spotter is using"):
            restore(home, source, NOW)
        bot.stdin.close()
    assert restore(home, source, NOW).aside is not None


async def test_a_home_that_is_not_there_is_named(home: Home, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no folder"):
        restore(home, tmp_path / "any.db", NOW)


async def test_runs_that_went_on_after_the_backup_are_followed_where_they_are(home: Home) -> None:
    swans = stories.run(RunState.RUNNING, name="swans")
    geese = stories.run(RunState.SUCCEEDED, name="geese")
    await write(home, "1", swans, geese)
    source = copied(home)
    source = source.rename(source.with_name(backup.name_at(datetime.fromtimestamp(1000, UTC))))
    os.utime(source, (10**9, 10**9))
    for name, attempts in (("swans", 3), ("geese", 1), ("ducks", 1)):
        for number in range(1, attempts + 1):
            home.run(name).attempt(number).path.mkdir(parents=True)
        home.run(name).spec.write_text("{}")
        os.utime(home.run(name).spec, (2000, 2000))
    done = restore(home, source, NOW)
    assert (done.unfinished, done.unknown) == (("swans",), ("ducks",))
    database = await Database.open(home.database)
    async with database.transaction() as tx:
        found = await rows.find(tx, "swans")
        numbers = [row["number"] for row in await tx.all("SELECT number FROM attempts WHERE run = 'swans'")]
    await database.close()
    assert found is not None and (found.state, found.attempt) == (RunState.STARTING, 3)
    assert numbers == [1, 2, 3]

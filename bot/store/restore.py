"""Puts a backup in the database's place. What was there is set aside, whole, and nothing is half done.

The copy is first made and verified beside the database; its presence marks a restore that is under way, and no bot
starts then. Only after that the old files move, and the copy is renamed.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.runs.model import RunState
from bot.store import backup, marks
from bot.store.integrity import DamagedError, beside, check, staged
from bot.store.migrations import StoreError
from trainer_core.files.atomic import name_aside, sync_folder
from trainer_core.files.layout import Home
from trainer_core.process import Lock


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did."""

    aside: Path | None
    """The folder that holds what was there before."""
    unfinished: tuple[str, ...]
    """Runs that the next bot takes up."""
    unknown: tuple[str, ...]
    """Runs that were begun after the backup: only their folders are left."""


def restore(home: Home, source: Path, now: datetime) -> Restored:
    """Have the backup `source` be the database, as of `now` (UTC).

    Raises StoreError or OSError, with everything left as it was, if a bot uses the home folder or `source` is no whole
    database of a Spotter like this one.
    """
    if not home.path.is_dir():
        raise StoreError(f"there is no folder {home.path}; set SPOTTER_HOME")
    lock = Lock.take(home.lock)
    if lock is None:
        raise StoreError(f"a Spotter is using {home.path}; stop it first")
    try:
        copy = staged(home.database)
        _stage(source, copy)
        try:
            unfinished, unknown = _compare(home, copy, backup.made(source), now)
            check(copy, thorough=True)
            aside = _put_in_place(home, now)
        except BaseException:
            # An interrupt, too: what is staged would keep every bot from starting.
            for path in (copy, *beside(copy)):
                path.unlink(missing_ok=True)
            raise
    finally:
        lock.release()
    return Restored(aside, unfinished, unknown)


def _stage(source: Path, target: Path) -> None:
    """Make a whole, verified copy of `source`, with what its log holds, at `target`."""
    if not check(source, thorough=True):
        raise DamagedError(f"{source.name} is no database of Spotter")
    aside = name_aside(target)
    try:
        backup.copy_untouched(source, aside)
        check(aside, thorough=True)
        # A restore that was killed may have left its journal, which SQLite would undo this copy by.
        for path in beside(target):
            path.unlink(missing_ok=True)
        aside.replace(target)
    except sqlite3.Error as error:
        raise StoreError(f"{source.name} cannot be copied ({error})") from error
    finally:
        aside.unlink(missing_ok=True)


def _compare(home: Home, database: Path, made: datetime, now: datetime) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tell the copy of attempts that were begun after it was made, so that the next bot follows the newest one.

    On which slot one was trained no folder says; the column's default has to do. The copy is also told that messages
    may have gone out of which it does not know. Returns the runs it holds that have not ended, and those begun later,
    which it does not know.
    """
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        runs = {
            name: (RunState(state), attempt)
            for name, state, attempt in connection.execute("SELECT name, state, attempt FROM runs")
        }
        unfinished = sorted(name for name, (state, _) in runs.items() if not state.is_terminal)
        connection.execute("BEGIN")
        for name in unfinished:
            known, newest = runs[name][1], _newest_attempt(home, name)
            for number in range(known + 1, newest + 1):
                connection.execute(
                    "INSERT INTO attempts (run, number, started_at) VALUES (?, ?, ?)", (name, number, made.timestamp())
                )
            if newest > known:
                connection.execute(
                    "INSERT INTO transitions (run, attempt, from_state, to_state, at) VALUES (?, ?, ?, ?, ?)",
                    (name, newest, runs[name][0], RunState.STARTING, made.timestamp()),
                )
                connection.execute(
                    "UPDATE runs SET state = ?, attempt = ? WHERE name = ?", (RunState.STARTING, newest, name)
                )
        connection.execute("UPDATE outbox SET attempted = 1 WHERE state = 'open' AND message_id IS NULL")
        connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (marks.RESTORED, str(now.timestamp())))
        connection.execute("COMMIT")
    with database.open("rb") as file:
        os.fsync(file.fileno())
    later = (name for name in home.run_names() - runs.keys() if _begun(home, name) > made.timestamp())
    return tuple(unfinished), tuple(sorted(later))


def _newest_attempt(home: Home, run: str) -> int:
    folders = (home.run(run).path / "attempts").glob("*")
    return max((int(folder.name) for folder in folders if folder.name.isdecimal()), default=0)


def _begun(home: Home, run: str) -> float:
    try:
        return home.run(run).spec.stat().st_mtime
    except (OSError, ValueError):  # a folder that is no run's
        return 0.0


def _put_in_place(home: Home, now: datetime) -> Path | None:
    """Set aside what is there and rename the copy. Returns the folder with what was there, None if nothing was."""
    present = [path for path in (home.database, *beside(home.database)) if path.exists()]
    aside = backup.folder_of(home.database) / f"before-restore-{now.strftime(backup.TIME)}" if present else None
    moved: list[tuple[Path, Path]] = []
    try:
        if aside is not None:
            aside.mkdir(parents=True)
        for path in present:
            assert aside is not None, "there is one for what is present"
            shutil.move(path, aside / path.name)
            moved.append((path, aside / path.name))
        staged(home.database).replace(home.database)
    except BaseException:
        # An interrupt, too: what was there goes back.
        for path, elsewhere in reversed(moved):
            shutil.move(elsewhere, path)
        if aside is not None and aside.is_dir():
            aside.rmdir()
        raise
    if aside is not None:
        sync_folder(aside)
    sync_folder(home.path)
    return aside

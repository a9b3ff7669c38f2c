"""Backups: whole copies of the database, made while it is in use and verified before they count.

`backups/` holds them by the time they were made, in UTC: `spotter-20260131-235900.db`. What stood there before a
change of the schema (`before-schema-3.db`) or a restore (`before-restore-…/`) lies beside them until somebody removes
it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from bot.store.integrity import check, untouched
from bot.store.interruptible import Opened, interruptible
from bot.store.migrations import StoreError
from trainer_core.files.atomic import name_aside, sync_folder
from trainer_core.files.folders import sweep
from trainer_core.files.layout import Home
from trainer_core.process import Lock

HOURS, DAYS = 24, 7
"""The newest backup of each of so many hours, and of each of so many days, is kept."""
TIME = "%Y%m%d-%H%M%S"
_REGULAR = re.compile(r"spotter-(\d{8}-\d{6})\.db")
_ABANDONED = 3600.0
"""Seconds after which a copy that is still unfinished is nobody's."""
_FRESH = timedelta(minutes=55)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Backup:
    """One file in `backups/`."""

    made: datetime
    """UTC."""
    path: Path


def folder_of(database: Path) -> Path:
    """Where the backups of `database` are."""
    return database.parent / "backups"


def name_at(now: datetime) -> str:
    """The name of a backup made at `now` (UTC)."""
    return f"spotter-{now.strftime(TIME)}.db"


def backups(folder: Path) -> list[Backup]:
    """Those there are in `folder`, newest first."""
    found = []
    for path in folder.glob("*.db"):
        with suppress(FileNotFoundError):  # removed meanwhile
            if not path.name.startswith("."):
                found.append(Backup(made(path), path))
    return sorted(found, reverse=True)


def made(path: Path) -> datetime:
    """When the backup was made (UTC), as its name says; another file is as old as its content. Raises OSError."""
    return _made_by_name(path) or datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _made_by_name(path: Path) -> datetime | None:
    named = _REGULAR.fullmatch(path.name)
    with suppress(ValueError):  # a time that is none
        return datetime.strptime(named[1], TIME).replace(tzinfo=UTC) if named else None
    return None


def newest_good(folder: Path) -> Backup | None:
    """The newest backup that verifies and that this Spotter can read."""
    for backup in backups(folder):
        with suppress(StoreError, OSError):
            check(backup.path)
            return backup
    return None


def surplus(moments: Collection[datetime]) -> set[datetime]:
    """Which of the backups, known by when each was made, are no longer kept."""
    newest_first = sorted(moments, reverse=True)
    kept: set[datetime] = set()
    for count, period in ((HOURS, "%Y%m%d%H"), (DAYS, "%Y%m%d")):
        newest: dict[str, datetime] = {}
        for moment in newest_first:
            newest.setdefault(moment.strftime(period), moment)
        kept.update(islice(newest.values(), count))
    return set(moments) - kept


class HourlyBackup:
    """The bot's own backups: whenever it is called and the newest is about an hour old."""

    def __init__(self, database: Path, *, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now
        self.works = True
        """Whether the last one that was due was made."""

    async def __call__(self) -> None:
        """Raises StoreError, sqlite3.Error, OSError."""
        now = datetime.fromtimestamp(self._now(), UTC)
        folder = folder_of(self._database)
        newest = next(iter(await asyncio.to_thread(backups, folder)), None)
        # One from the future says that the clock was set back, not that there is no hurry.
        if newest is not None and timedelta() <= now - newest.made < _FRESH:
            return
        self.works = False
        target = folder / name_at(now)
        await back_up(self._database, target)
        removed = await asyncio.to_thread(prune, folder, target)
        self.works = True
        log.info("backed up to %s, %d older ones removed", target.name, len(removed))


async def back_up(source: Path, target: Path) -> None:
    """Copy what is committed to the database at `source`; the copy becomes `target` if it verifies.

    It is read by a connection of its own, which can neither write nor checkpoint: the bot's writer goes on meanwhile,
    and does not wait for seconds as it would if it had to make the copy. Raises StoreError, sqlite3.Error, OSError;
    then, and when it is cancelled, there is nothing new.
    """
    aside = await asyncio.to_thread(_prepare, source, target)

    def make(opened: Opened) -> None:
        copy_untouched(source, aside, opened)
        _accept(aside, target, opened)

    try:
        await interruptible(make)
    finally:
        aside.unlink(missing_ok=True)


async def back_up_beside_bot(home: Home, now: datetime) -> Path:
    """Make a backup as of `now` (UTC) from a process that is not the bot. Returns it.

    Raises StoreError, sqlite3.Error, OSError.
    """
    if not home.database.exists():
        raise StoreError(f"there is no database {home.database} yet")
    target = folder_of(home.database) / name_at(now)
    # Either a bot has the home folder, and with it the log that tells of it, or none starts meanwhile.
    lock = Lock.take(home.lock)
    try:
        await back_up(home.database, target)
    finally:
        if lock is not None:
            lock.release()
    prune(target.parent, target)
    return target


def copy_untouched(source: Path, target: Path, opened: Opened | None = None) -> None:
    """Copy the database at `source`, with its log, to `target` without writing to it: a bot may be using it."""
    with untouched(source, opened) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def prune(folder: Path, newest: Path) -> list[Path]:
    """Remove the regular backups that are no longer kept, `newest` never. Returns them."""
    regular = {backup.made: backup.path for backup in backups(folder) if _made_by_name(backup.path)}
    # A clock that was set back makes the newest look old.
    removed = [path for path in map(regular.__getitem__, surplus(regular)) if path != newest]
    for path in removed:
        path.unlink(missing_ok=True)
    return removed


def _prepare(source: Path, target: Path) -> Path:
    """A free path beside `target`. Raises OSError if the copy would leave the disk too little room."""
    target.parent.mkdir(exist_ok=True)
    sweep(target.parent, idle=_ABANDONED)
    if shutil.disk_usage(target.parent).free < 2 * source.stat().st_size:
        raise OSError(errno.ENOSPC, "there is too little room for a copy of the database", str(target.parent))
    return name_aside(target)


def _accept(aside: Path, target: Path, opened: Opened) -> None:
    check(aside, opened=opened)
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.replace(target)
    sync_folder(target.parent)

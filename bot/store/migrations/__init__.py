"""Ordered SQL files, each applied once, in one transaction, after a backup."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import aiosqlite

_FILE = re.compile(r"V(\d+)__\w+\.sql")


class StoreError(Exception):
    """The database cannot be used as it is; the message names the file and what to do."""


def shipped() -> list[tuple[int, str]]:
    """(version, SQL) of every migration, in order."""
    found = [
        (int(m[1]), entry.read_text()) for entry in files(__name__).iterdir() if (m := _FILE.fullmatch(entry.name))
    ]
    return sorted(found)


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


async def migrate(
    connection: aiosqlite.Connection, path: Path, scripts: Sequence[tuple[int, str]] | None = None
) -> None:
    """Bring the database at `path` to the newest schema: by `scripts` (version, SQL), else by those in this folder.

    Raises StoreError if it is newer than this Spotter.
    """
    scripts = scripts or shipped()
    (row,) = await connection.execute_fetchall("PRAGMA user_version")
    version, newest = int(row[0]), scripts[-1][0]
    if version > newest:
        raise StoreError(
            f"{path.name} was written by a newer Spotter (schema {version}, this one knows {newest}): "
            f"install that version again, or start with another SPOTTER_HOME"
        )
    if 0 < version < newest:
        backups = path.parent / "backups"
        backups.mkdir(exist_ok=True)
        aside = backups / ".unfinished.db"
        aside.unlink(missing_ok=True)
        await connection.execute("VACUUM INTO ?", (str(aside),))
        aside.replace(backups / f"before-schema-{newest}.db")
    for number, script in scripts:
        if number <= version:
            continue
        await connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in _statements(script):
                await connection.execute(statement)
            await connection.execute(f"PRAGMA user_version={number}")
        except BaseException:
            # Cancelled, too: a migration is whole or absent.
            await connection.rollback()
            raise
        await connection.commit()

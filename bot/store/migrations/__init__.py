"""Ordered SQL files, each applied once, in one transaction."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from importlib.resources import files

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


def newest_version() -> int:
    return shipped()[-1][0]


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


async def migrate(connection: aiosqlite.Connection, scripts: Sequence[tuple[int, str]] | None = None) -> None:
    """Bring the database to the newest schema: by `scripts` (version, SQL), else by those in this folder.

    It is not newer than that: whoever opens it has looked.
    """
    scripts = scripts or shipped()
    (row,) = await connection.execute_fetchall("PRAGMA user_version")
    version = int(row[0])
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

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import aiosqlite
import pytest

from bot.store import migrations
from bot.store.db import Database

FIRST = [(1, "CREATE TABLE one (a TEXT) STRICT;\nINSERT INTO one VALUES ('kept; with a semicolon');\n")]
SECOND = [*FIRST, (2, "CREATE TABLE two (b TEXT) STRICT;\nCREATE INDEX i ON two (b);\n")]
BROKEN = [*FIRST, (2, "CREATE TABLE two (b TEXT) STRICT;\nCREATE TABLE two (b TEXT) STRICT;\n")]


async def migrated(path: Path, scripts: list[tuple[int, str]]) -> None:
    connection = await aiosqlite.connect(path, isolation_level=None)
    try:
        await migrations.migrate(connection, scripts)
    finally:
        await connection.close()


def tables(path: Path) -> tuple[int, list[str]]:
    with sqlite3.connect(path) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
        return connection.execute("PRAGMA user_version").fetchone()[0], [name for (name,) in names]


async def test_each_migration_is_applied_once(tmp_path: Path) -> None:
    path = tmp_path / "spotter.db"
    for scripts in (FIRST, SECOND, SECOND):
        await migrated(path, scripts)
    assert tables(path) == (2, ["one", "two"])


async def test_what_was_there_before_a_migration_is_kept(tmp_path: Path) -> None:
    path, newest = tmp_path / "spotter.db", migrations.newest_version()
    await migrated(path, migrations.shipped()[:1])
    before = tables(path)
    await (await Database.open(path)).close()
    assert tables(path)[0] == newest
    assert tables(tmp_path / "backups" / f"before-schema-{newest}.db") == before
    assert len(list((tmp_path / "backups").iterdir())) == 1


async def test_what_was_asked_before_requests_had_numbers_gets_some(tmp_path: Path) -> None:
    path = tmp_path / "spotter.db"
    await migrated(path, migrations.shipped()[:4])
    asked: list[dict[str, str | float | None]] = [{"verb": "rate", "value": 0.001}, {"verb": "land", "value": None}]
    row = (
        "INSERT INTO runs (name, owner_id, state, spec, created_at, queued_at, requests)"
        " VALUES (?, 1, 'running', '{}', 0, 0, ?)"
    )
    with sqlite3.connect(path) as connection:
        connection.execute(row, ("a", json.dumps(asked)))
        connection.execute(row, ("b", "[]"))
    await (await Database.open(path)).close()
    with sqlite3.connect(path) as connection:
        (requests, newest), none = connection.execute("SELECT requests, asked FROM runs ORDER BY name").fetchall()
    first, second = json.loads(requests)
    assert [{**request, "seq": 0} for request in (first, second)] == [{**request, "seq": 0} for request in asked]
    assert 1_000_000_000_000 < first["seq"] < second["seq"] < newest and none == ("[]", 0)


async def test_a_new_database_has_nothing_to_keep(tmp_path: Path) -> None:
    await (await Database.open(tmp_path / "spotter.db")).close()
    assert not (tmp_path / "backups").exists()


async def test_a_migration_that_fails_leaves_the_schema_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "spotter.db"
    await migrated(path, FIRST)
    with pytest.raises(sqlite3.OperationalError):
        await migrated(path, BROKEN)
    assert tables(path) == (1, ["one"])


async def test_the_migrations_there_are_make_the_schema(tmp_path: Path) -> None:
    await (await Database.open(tmp_path / "spotter.db")).close()
    version, names = tables(tmp_path / "spotter.db")
    assert version == len(migrations.shipped())
    assert {"runs", "attempts", "events", "watches", "outbox", "people", "transitions"} <= set(names)

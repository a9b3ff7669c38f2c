"""Small facts the bot remembers between starts, by key."""

from __future__ import annotations

from bot.store.db import Database

RESTORED = "restored_at"
"""When this database came back from a backup, in seconds since the epoch: what happened between is not in it."""


async def read(database: Database, key: str) -> str | None:
    async with database.snapshot() as tx:
        row = await tx.one("SELECT value FROM marks WHERE key = ?", (key,))
    return row["value"] if row else None


async def write(database: Database, key: str, value: str) -> None:
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO marks (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, value),
        )

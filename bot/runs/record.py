"""What the catalog has to know of runs: which of them need a data set, and how fast they were."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from bot.runs.model import RunState
from bot.store.db import Database
from bot.store.integrity import untouched
from trainer_core.files.layout import Home
from trainer_core.models.sizes import SIZES
from trainer_core.models.specs import Size

_GOING = ", ".join(f"'{state}'" for state in RunState if not state.is_terminal)
_TRAINING_ON = (
    f"SELECT name FROM runs WHERE state IN ({_GOING}) AND json_extract(spec, '$.data.dataset') = ?"  # noqa: S608 our own words
    " ORDER BY created_at LIMIT 1"
)
_SPEEDS = (
    "SELECT json_extract(spec, '$.model.size') AS size,"
    " json_extract(summary, '$.tokens') / json_extract(summary, '$.seconds') AS speed"
    " FROM runs WHERE json_extract(summary, '$.seconds') >= ? AND json_extract(spec, '$.model.family') = 'gpt2'"
    " ORDER BY ended_at"
)
_LONG_ENOUGH = 20.0
"""Seconds of training, less than which tell of the start rather than of the speed."""


class Record:
    """For the bot, whose database is open."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def training_on(self, dataset: str) -> AsyncIterator[str | None]:
        """A run that has not ended and trains on the data set. None is queued while the block lasts."""
        async with self._database.transaction() as tx:
            row = await tx.one(_TRAINING_ON, (dataset,))
            yield row["name"] if row else None

    async def speeds(self) -> Mapping[Size, float]:
        """Tokens a second, as the newest GPT-2 of each size came to."""
        async with self._database.snapshot() as tx:
            return _by_size((row["size"], row["speed"]) for row in await tx.all(_SPEEDS, (_LONG_ENOUGH,)))


class RecordBeside:
    """For a process that is not the bot, which only reads. Raises sqlite3.Error, OSError."""

    def __init__(self, home: Home) -> None:
        self._home = home

    @asynccontextmanager
    async def training_on(self, dataset: str) -> AsyncIterator[str | None]:
        """A run that has not ended and trains on the data set."""
        rows = await asyncio.to_thread(self._read, _TRAINING_ON, dataset)
        yield rows[0][0] if rows else None

    async def speeds(self) -> Mapping[Size, float]:
        """Tokens a second, as the newest GPT-2 of each size came to."""
        return _by_size(await asyncio.to_thread(self._read, _SPEEDS, _LONG_ENOUGH))

    def _read(self, question: str, value: str | float) -> list[tuple[Any, ...]]:
        if not self._home.database.exists():
            return []
        with untouched(self._home.database) as connection:
            return connection.execute(question, (value,)).fetchall()


def _by_size(rows: Iterable[tuple[str, float | None]]) -> dict[Size, float]:
    """The last of each size; `rows` are in the order in which the runs ended."""
    return {size: speed for size, speed in rows if size in SIZES and speed}

"""The store as somebody else reads it while the bot has it: one connection a question, and never one that writes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from trainer_core.files.layout import Home


def ask(home: Home, sql: str, *parameters: str | int | float) -> list[dict[str, Any]]:  # Any: a column's value
    """The rows that answer the query. Raises sqlite3.Error: there is no store, say."""
    with closing(sqlite3.connect(f"{home.database.as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, parameters)]


def is_at_rest(home: Home) -> bool:
    """Whether every run has ended, every worker is gone, and everybody was told all that there is to tell."""
    return not any(
        ask(home, query)
        # Whatever ends a run puts its messages into the outbox at once: so that is asked last.
        for query in (
            "SELECT 1 FROM runs WHERE state NOT IN ('succeeded', 'failed', 'stopped')",
            "SELECT 1 FROM attempts WHERE ended_at IS NULL",
            "SELECT 1 FROM outbox WHERE state = 'open' AND sent_revision < revision",
        )
    )

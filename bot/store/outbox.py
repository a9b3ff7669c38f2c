"""The outbox: every message a person should have is a row, written in the transaction of its cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.store.db import Row, Transaction


@dataclass(frozen=True, slots=True)
class Letter:
    """One row: a message that is due, or was."""

    id: int
    key: str
    kind: str
    user_id: int
    run: str
    revision: int
    channel_id: int | None
    message_id: int | None
    attempted: bool
    """Whether its first sending was begun: Discord may have it although no id is known."""
    tries: int
    created_at: float
    sent_at: float | None


def _letter(row: Row) -> Letter:
    return Letter(
        id=row["id"],
        key=row["key"],
        kind=row["kind"],
        user_id=row["user_id"],
        run=row["run"],
        revision=row["revision"],
        channel_id=row["channel_id"],
        message_id=row["message_id"],
        attempted=bool(row["attempted"]),
        tries=row["tries"],
        created_at=row["created_at"],
        sent_at=row["sent_at"],
    )


async def put(tx: Transaction, key: str, kind: str, user_id: int, run: str, priority: int, at: float) -> None:
    """A message should exist and show the run as it is now. A message already there is due for an edit."""
    await tx.execute(
        "INSERT INTO outbox (key, user_id, run, kind, priority, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET revision = revision + 1 WHERE state = 'open'",
        (key, user_id, run, kind, priority, at),
    )


async def put_once(tx: Transaction, key: str, kind: str, user_id: int, run: str, priority: int, at: float) -> bool:
    """A message should exist. One already there is left as it is, and False returned."""
    changed = await tx.execute(
        "INSERT INTO outbox (key, user_id, run, kind, priority, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key) DO NOTHING",
        (key, user_id, run, kind, priority, at),
    )
    return changed > 0


async def hasten(tx: Transaction, key: str) -> None:
    """Let this go as soon as it can, whatever pause it is in."""
    await tx.execute("UPDATE outbox SET urgent_revision = revision WHERE key = ?", (key,))


async def supersede(tx: Transaction, kind: str, run: str, current: Iterable[str]) -> None:
    """Have every open message of that kind about the run, except `current`, put away as soon as possible."""
    rows = await tx.all("SELECT key FROM outbox WHERE kind = ? AND run = ? AND state = 'open'", (kind, run))
    for key in {row["key"] for row in rows} - set(current):
        await tx.execute("UPDATE outbox SET revision = revision + 1 WHERE key = ?", (key,))
        await hasten(tx, key)


async def overtake(tx: Transaction, kind: str, run: str, user_id: int, key: str) -> None:
    """Close what was not sent yet of that kind, about the run, for the person, except `key`."""
    await tx.execute(
        "UPDATE outbox SET state = 'closed', error = 'overtaken'"
        " WHERE run = ? AND kind = ? AND user_id = ? AND key <> ? AND state = 'open' AND sent_revision = 0",
        (run, kind, user_id, key),
    )


_WAITS = "state = 'open' AND sent_revision < revision"
_FROM = "CASE WHEN urgent_revision > sent_revision THEN 0 ELSE not_before END"


async def next_due(tx: Transaction, now: float) -> Letter | None:
    """The message to send or edit next, if one is due."""
    row = await tx.one(f"SELECT * FROM outbox WHERE {_WAITS} AND {_FROM} <= ? ORDER BY priority, id LIMIT 1", (now,))  # noqa: S608 constants
    return _letter(row) if row else None


async def next_time(tx: Transaction) -> float | None:
    """When the next message comes due; None if none waits."""
    row = await tx.one(f"SELECT min({_FROM}) AS time FROM outbox WHERE {_WAITS}")  # noqa: S608 constants
    return row["time"] if row else None


async def attempt(tx: Transaction, letter: Letter) -> None:
    """Its first sending begins."""
    await tx.execute("UPDATE outbox SET attempted = 1 WHERE id = ?", (letter.id,))


async def delivered(
    tx: Transaction, letter: Letter, message_id: int, channel_id: int, at: float, *, not_before: float, last: bool
) -> None:
    """The person has the message at the revision of `letter`; with `last` it never changes again."""
    await tx.execute(
        "UPDATE outbox SET sent_revision = ?, message_id = ?, channel_id = ?, tries = 0, error = NULL, not_before = ?,"
        " sent_at = coalesce(sent_at, ?), state = CASE WHEN ? THEN 'closed' ELSE state END WHERE id = ?",
        (letter.revision, message_id, channel_id, not_before, at, last, letter.id),
    )


async def postpone(tx: Transaction, letter: Letter, error: str, not_before: float) -> None:
    """Not before then, however urgent."""
    await tx.execute(
        "UPDATE outbox SET tries = tries + 1, error = ?, not_before = ?, urgent_revision = 0 WHERE id = ?",
        (error, not_before, letter.id),
    )


async def forget_message(tx: Transaction, letter: Letter, *, channel_too: bool) -> None:
    """The message, or its channel, is gone from Discord: it is made anew."""
    if channel_too:
        await tx.execute("UPDATE people SET dm_channel_id = NULL WHERE user_id = ?", (letter.user_id,))
    await tx.execute("UPDATE outbox SET message_id = NULL, channel_id = NULL, attempted = 0 WHERE id = ?", (letter.id,))


async def drop(tx: Transaction, letter: Letter, error: str, *, dead: bool) -> None:
    """Never send this: it is `dead` if the person should have had it, else it is no longer worth sending."""
    await tx.execute(
        "UPDATE outbox SET state = ?, error = ? WHERE id = ?", ("dead" if dead else "closed", error, letter.id)
    )


async def dm_channel(tx: Transaction, user_id: int) -> int | None:
    row = await tx.one("SELECT dm_channel_id FROM people WHERE user_id = ?", (user_id,))
    return row["dm_channel_id"] if row else None


async def remember_dm_channel(tx: Transaction, user_id: int, channel_id: int) -> None:
    await tx.execute(
        "INSERT INTO people (user_id, dm_channel_id) VALUES (?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET dm_channel_id = excluded.dm_channel_id",
        (user_id, channel_id),
    )

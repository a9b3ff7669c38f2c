"""The outbox: every message a person should have is a row, written in the transaction of its cause.

`open` rows are the sender's work, `closed` ones are done with, and `dead` ones did not arrive although they should
have. When an open row may go is the sender's to know; only who goes first is said here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.store import marks
from bot.store.db import Row, Transaction

_OLDER_THAN_RESTORE = (
    "(SELECT r.name FROM runs AS r, marks AS m WHERE m.key = ? AND r.created_at <= CAST(m.value AS REAL))"
)
"""The runs of which messages may have gone out that a restored store does not know of. Takes the key of its mark."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A letter that is to be sent, or whose message is to be edited, as far as its turn depends on it."""

    id: int
    kind: str
    user_id: int
    priority: int
    """Lower goes first."""
    urgent: bool
    """Whether it waits for no pause between edits."""
    is_new: bool
    """Whether nothing is there yet that could be edited."""
    held: bool
    """Whether it would be a new message to somebody who takes none."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One row: a message that is due, or was. Times are seconds since the epoch."""

    id: int
    key: str
    kind: str
    user_id: int
    run: str
    revision: int
    channel_id: int | None
    message_id: int | None
    attempted: bool
    """Whether its first sending was begun, or may have been: Discord may have it although no id is known."""
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
        "INSERT INTO outbox (key, user_id, run, kind, priority, created_at, attempted)"  # noqa: S608 a constant
        f" VALUES (?, ?, ?, ?, ?, ?, ? IN {_OLDER_THAN_RESTORE})"
        " ON CONFLICT (key) DO UPDATE SET revision = revision + 1 WHERE state = 'open'",
        (key, user_id, run, kind, priority, at, run, marks.RESTORED),
    )


async def put_once(tx: Transaction, key: str, kind: str, user_id: int, run: str, priority: int, at: float) -> bool:
    """A message should exist, which is news in any case. One already there is left as it is, and False returned."""
    changed = await tx.execute(
        "INSERT INTO outbox (key, user_id, run, kind, priority, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key) DO NOTHING",
        (key, user_id, run, kind, priority, at),
    )
    return changed > 0


async def told_at(tx: Transaction, kind: str, user_id: int, run: str) -> float | None:
    """When the person was last to be told something of that kind about the run; None if never."""
    row = await tx.one(
        "SELECT created_at FROM outbox WHERE run = ? AND kind = ? AND user_id = ? ORDER BY id DESC LIMIT 1",
        (run, kind, user_id),
    )
    return row["created_at"] if row else None


async def hasten(tx: Transaction, key: str) -> None:
    """Let this go as soon as it can, whatever pause between edits it is in."""
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


async def waiting(tx: Transaction, limit: int = 10_000) -> list[Waiting]:
    """What is to be sent or edited, the most important first, then the oldest."""
    rows = await tx.all(
        "SELECT o.id, o.kind, o.user_id, o.priority, o.urgent_revision > o.sent_revision AS urgent,"
        " o.message_id IS NULL AS is_new, o.message_id IS NULL AND p.dms_closed_at IS NOT NULL AS held"
        " FROM outbox AS o LEFT JOIN people AS p ON p.user_id = o.user_id"
        " WHERE o.state = 'open' AND o.sent_revision < o.revision ORDER BY o.priority, o.id LIMIT ?",
        (limit,),
    )
    return [Waiting(*row[:4], *map(bool, row[4:])) for row in rows]


async def find(tx: Transaction, letter_id: int) -> Letter | None:
    """The letter as it stands, if it still waits."""
    row = await tx.one(
        "SELECT * FROM outbox WHERE id = ? AND state = 'open' AND sent_revision < revision", (letter_id,)
    )
    return _letter(row) if row else None


async def known_messages(tx: Transaction, user_id: int) -> set[int]:
    """The ids of all messages to the person that are known to have arrived."""
    rows = await tx.all("SELECT message_id FROM outbox WHERE user_id = ? AND message_id IS NOT NULL", (user_id,))
    return {row["message_id"] for row in rows}


async def attempt(tx: Transaction, letter: Letter) -> None:
    """Its first sending begins."""
    await tx.execute("UPDATE outbox SET attempted = 1 WHERE id = ?", (letter.id,))


async def delivered(
    tx: Transaction, letter: Letter, message_id: int, channel_id: int, at: float, *, last: bool
) -> None:
    """The person has the message at the revision of `letter`; with `last` it never changes again."""
    await tx.execute(
        "UPDATE outbox SET sent_revision = ?, message_id = ?, channel_id = ?, tries = 0, error = NULL,"
        " sent_at = coalesce(sent_at, ?), state = CASE WHEN ? THEN 'closed' ELSE state END WHERE id = ?",
        (letter.revision, message_id, channel_id, at, last, letter.id),
    )


async def failed(tx: Transaction, letter: Letter, error: str) -> None:
    """One more try came to nothing."""
    await tx.execute("UPDATE outbox SET tries = tries + 1, error = ? WHERE id = ?", (error, letter.id))


async def forget_message(tx: Transaction, letter: Letter) -> None:
    """The message is gone from Discord: it is made anew."""
    await tx.execute("UPDATE outbox SET message_id = NULL, channel_id = NULL, attempted = 0 WHERE id = ?", (letter.id,))


async def drop(tx: Transaction, letter_id: int, error: str, *, dead: bool) -> None:
    """Never send this: it is `dead` if the person should have had it, else it is no longer worth sending."""
    await tx.execute(
        "UPDATE outbox SET state = ?, error = ? WHERE id = ?", ("dead" if dead else "closed", error, letter_id)
    )


async def untold(tx: Transaction, user_id: int, error: str) -> list[Letter]:
    """What died of `error` and the person does not know of, oldest first."""
    rows = await tx.all(
        "SELECT * FROM outbox WHERE user_id = ? AND state = 'dead' AND error = ? AND told = 0 ORDER BY id",
        (user_id, error),
    )
    return [_letter(row) for row in rows]


async def told(tx: Transaction, letters: Iterable[Letter]) -> None:
    """The person knows that these did not arrive, whatever becomes of them."""
    for letter in letters:
        await tx.execute("UPDATE outbox SET told = 1 WHERE id = ?", (letter.id,))


async def revive(tx: Transaction, user_id: int, error: str, limit: int = -1) -> int:
    """Have what died of `error` sent after all: the `limit` oldest, or all. Returns how many."""
    return await tx.execute(
        f"UPDATE outbox SET state = 'open', attempted = run IN {_OLDER_THAN_RESTORE}, tries = 0 WHERE id IN"  # noqa: S608 a constant
        " (SELECT id FROM outbox WHERE user_id = ? AND state = 'dead' AND error = ? ORDER BY id LIMIT ?)",
        (marks.RESTORED, user_id, error, limit),
    )

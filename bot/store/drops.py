"""Files that people dropped: each is a row from when it is seen, open until its answer has arrived."""

from __future__ import annotations

from dataclasses import dataclass

from bot.store.db import Transaction


@dataclass(frozen=True, slots=True)
class Drop:
    """One file of one message, by Discord's ids."""

    file_id: int
    message_id: int
    channel_id: int
    user_id: int
    reply_id: int | None = None
    """The message of ours that says how far it is, if it is known."""


async def put(tx: Transaction, drop: Drop) -> bool:
    """Have the file answered. False if it is known already, answered or not."""
    changed = await tx.execute(
        "INSERT INTO drops (file_id, message_id, channel_id, user_id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (drop.file_id, drop.message_id, drop.channel_id, drop.user_id),
    )
    return changed > 0


async def replied(tx: Transaction, file_id: int, reply_id: int) -> None:
    """The person sees that it is being worked on, in that message."""
    await tx.execute("UPDATE drops SET reply_id = ? WHERE file_id = ?", (reply_id, file_id))


async def close(tx: Transaction, file_id: int) -> None:
    """Nothing is left to be said of it."""
    await tx.execute("UPDATE drops SET open = 0 WHERE file_id = ?", (file_id,))


async def still_open(tx: Transaction) -> list[Drop]:
    """The oldest first."""
    rows = await tx.all(
        "SELECT file_id, message_id, channel_id, user_id, reply_id FROM drops WHERE open ORDER BY file_id"
    )
    return [Drop(*row) for row in rows]


async def replies(tx: Transaction, message_id: int) -> set[int]:
    """The messages of ours that are known to be about files of that message."""
    rows = await tx.all("SELECT reply_id FROM drops WHERE message_id = ? AND reply_id IS NOT NULL", (message_id,))
    return {row["reply_id"] for row in rows}

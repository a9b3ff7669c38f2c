"""What is known of the people Spotter writes to: their direct messages' channel, how far it is read, and whether they
take any.
"""

from __future__ import annotations

from bot.store.db import Transaction


async def dm_channel(tx: Transaction, user_id: int) -> int | None:
    row = await tx.one("SELECT dm_channel_id FROM people WHERE user_id = ?", (user_id,))
    return row["dm_channel_id"] if row else None


async def remember_dm_channel(tx: Transaction, user_id: int, channel_id: int) -> None:
    await tx.execute(
        "INSERT INTO people (user_id, dm_channel_id) VALUES (?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET dm_channel_id = excluded.dm_channel_id",
        (user_id, channel_id),
    )


async def forget_dm_channel(tx: Transaction, user_id: int) -> None:
    await tx.execute("UPDATE people SET dm_channel_id = NULL WHERE user_id = ?", (user_id,))


async def dms_closed_at(tx: Transaction, user_id: int) -> float | None:
    """Since when the person takes no direct messages; None while they do, as far as is known."""
    row = await tx.one("SELECT dms_closed_at FROM people WHERE user_id = ?", (user_id,))
    return row["dms_closed_at"] if row else None


async def close_dms(tx: Transaction, user_id: int, at: float) -> None:
    """The person takes no direct messages, from `at` on or from when that was first seen."""
    await tx.execute(
        "INSERT INTO people (user_id, dms_closed_at) VALUES (?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET dms_closed_at = coalesce(dms_closed_at, excluded.dms_closed_at)",
        (user_id, at),
    )


async def open_dms(tx: Transaction, user_id: int) -> None:
    """The person takes direct messages again, or it is worth a try."""
    await tx.execute("UPDATE people SET dms_closed_at = NULL WHERE user_id = ?", (user_id,))


async def read_up_to(tx: Transaction, user_id: int) -> int | None:
    """The newest message up to which their direct messages were read for files; None if they never were."""
    row = await tx.one("SELECT read_up_to FROM people WHERE user_id = ?", (user_id,))
    return row["read_up_to"] if row else None


async def remember_read(tx: Transaction, user_id: int, message_id: int) -> None:
    await tx.execute(
        "INSERT INTO people (user_id, read_up_to) VALUES (?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET read_up_to = excluded.read_up_to",
        (user_id, message_id),
    )

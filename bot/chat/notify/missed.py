"""What somebody missed while they took no direct messages: told once, when they next turn to Spotter."""

from __future__ import annotations

from collections.abc import Callable

from bot.chat.notify.delivery import DMS_CLOSED
from bot.chat.notify.kinds import Kind
from bot.chat.render import answers
from bot.chat.render.message import Message
from bot.store import outbox, people
from bot.store.db import Database


async def missed(database: Database, user_id: int, wake: Callable[[], None]) -> Message | None:
    """What to tell the person, if anything did not arrive that they do not know of.

    One message is tried again: if it arrives, all that is still worth having follows. `wake` tells the sender.
    """
    async with database.snapshot() as tx:
        if await people.dms_closed_at(tx, user_id) is None:
            return None
    async with database.transaction() as tx:
        letters = await outbox.untold(tx, user_id, DMS_CLOSED)
        await people.open_dms(tx, user_id)
        await outbox.revive(tx, user_id, DMS_CLOSED, limit=1)
        tx.after_commit["send"] = wake
    return answers.missed([(letter.run, Kind(letter.kind)) for letter in letters]) if letters else None

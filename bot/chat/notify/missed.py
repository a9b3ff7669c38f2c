"""What somebody missed while they took no direct messages: told once, when they next turn to Spotter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.chat.notify.delivery import DMS_CLOSED
from bot.chat.notify.kinds import Kind
from bot.chat.render import answers
from bot.chat.render.message import Message
from bot.store import outbox, people
from bot.store.db import Database

Tell = Callable[[Message], Awaitable[None]]
"""Says something to the person; raises what kept it from them."""


async def tell_missed(database: Database, user_id: int, wake: Callable[[], None], tell: Tell) -> None:
    """Tell the person what did not arrive, if they do not know of it. If `tell` raises, they hear of it another time.

    One message is tried again: if it arrives, all that is still worth having follows. `wake` tells the sender.
    """
    async with database.snapshot() as tx:
        if await people.dms_closed_at(tx, user_id) is None:
            return
    async with database.transaction() as tx:
        letters = await outbox.untold(tx, user_id, DMS_CLOSED)
        await people.open_dms(tx, user_id)
        await outbox.revive(tx, user_id, DMS_CLOSED, limit=1)
        tx.after_commit["send"] = wake
    if letters:
        await tell(answers.missed([(letter.run, Kind(letter.kind)) for letter in letters]))
        async with database.transaction() as tx:
            await outbox.told(tx, letters)

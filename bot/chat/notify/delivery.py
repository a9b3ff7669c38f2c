"""One letter's way to the person: what it says now, whether Discord has it already, sending or editing, noting it down.

A message is made from the run as it stands at the moment of sending, so nothing stale ever goes out. The nonce is
made from the outbox key: Discord knows a second try for what it is, for some minutes. After that, and whenever a first
try may have come through, the person's direct messages are looked through before anything is sent again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import discord

from bot.chat.notify import history, policy
from bot.chat.notify.contents import contents, is_final, plainly, text_as_sent
from bot.chat.notify.kinds import Kind
from bot.chat.notify.pictures import Pictures
from bot.chat.notify.rate import Rate
from bot.chat.outgoing import Outgoing
from bot.chat.plot import Plotter
from bot.chat.render.message import Message
from bot.runs.model import RunStatus
from bot.store import outbox, people
from bot.store.db import Database
from bot.store.outbox import Letter
from trainer_core.faults import reach

log = logging.getLogger(__name__)

_PATIENCE = 90.0
"""Seconds for one request, in which the library tries again by itself and waits as long as Discord tells it to."""
_EDIT_PATIENCE = 10.0
"""The same for an edit, which can be made later, and must not hold up word of how the run ended."""

DMS_CLOSED = "direct messages are closed"
"""What the dead letters of somebody who takes no direct messages died of. It is stored, and compared with what is
stored: it never changes.
"""

View = Callable[[str], Awaitable[RunStatus | None]]
"""Reads a run as it stands; None if there is no such run."""


class Delivery:
    def __init__(
        self,
        database: Database,
        client: discord.Client,
        plotter: Plotter,
        view: View,
        rate: Rate,
        serves: Callable[[int], bool],
        answered: Callable[[], None],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`answered` is called when Discord answers what is asked on the way, before the message itself is sent."""
        self._database = database
        self._client = client
        self._pictures = Pictures(plotter)
        self._view = view
        self._rate = rate
        self._serves = serves
        self._answered = answered
        self._now = now

    async def deliver(self, letter: Letter) -> Letter | None:
        """Send or edit the letter's message, and note it down. Returns the letter as it is then.

        None if it never goes out again: it showed its last state, or is not worth sending any more. Raises
        discord.HTTPException, discord.RateLimited, and broken connections as they are.
        """
        status = await self._view(letter.run)
        if status is None or not self._serves(letter.user_id):
            await self.drop(letter, "nobody to tell, or nothing to tell of", dead=False)
            return None
        there = letter
        if letter.attempted and letter.message_id is None:
            there = await self._look_up(letter, text_as_sent(letter, status, self._now()))
        message, last = contents(there, status, self._now())
        if message is None:
            await self.drop(letter, "no longer worth sending", dead=False)
            return None
        late = False
        found_as_it_is = there.message_id != letter.message_id and is_final(Kind(letter.kind))
        if not found_as_it_is:
            outgoing, late = await self._drawn(there, message, last=last)
            if there.message_id is None:
                there = await self._send(there, outgoing)
            elif late:
                return there
            else:
                await self._edit(there, outgoing)
        reach("sender.sent")
        await self._note(there, is_new=letter.message_id is None, last=last, late=late)
        reach("sender.noted")
        return None if last and not late else there

    async def deliver_plainly(self, letter: Letter) -> None:
        """The last of a letter that is no good: the least that can be said, unless it is there. Raises as `deliver`."""
        message = plainly(letter)
        if message is None or letter.message_id is not None or not self._serves(letter.user_id):
            await self.drop(letter, "cannot be made", dead=True)
            return
        there = await self._look_up(letter, message.content) if letter.attempted else letter
        if there.message_id is None:
            there = await self._send(there, Outgoing(message))
        await self._note(there, is_new=True, last=True, late=False)

    async def drop(self, letter: Letter, why: str, *, dead: bool) -> None:
        """Never send it, again."""
        async with self._database.transaction() as tx:
            await outbox.drop(tx, letter.id, why, dead=dead)
        self._pictures.forget(letter.id)

    async def _drawn(self, letter: Letter, message: Message, *, last: bool) -> tuple[Outgoing, bool]:
        """The message with its picture, and whether that is late."""
        if last:
            return await self._pictures.for_last(message)
        return await self._pictures.for_card(message, letter.id, is_edit=letter.message_id is not None), False

    async def _look_up(self, letter: Letter, content: str | None) -> Letter:
        """The letter with the message that Discord has of an earlier try, which said `content`; without it, if it has
        none.
        """
        own = self._client.user
        if own is None:
            return letter
        channel_id = await self._channel(letter)
        async with self._database.snapshot() as tx:
            known = await outbox.known_messages(tx, letter.user_id)
        await self._turn(letter)
        async with asyncio.timeout(_PATIENCE):
            seen = await history.own_messages(self._messageable(channel_id), own.id)
        self._answered()
        message_id = history.matching(seen, letter, content, known)
        if message_id is None:
            return letter
        log.info("%s had arrived already", letter.key)
        return replace(letter, message_id=message_id, channel_id=channel_id)

    async def _send(self, letter: Letter, outgoing: Outgoing) -> Letter:
        """Returns the letter with its message."""
        channel_id = await self._channel(letter)
        async with self._database.transaction() as tx:
            await outbox.attempt(tx, letter)
        reach("sender.attempted")
        await self._turn(letter)
        async with asyncio.timeout(_PATIENCE):
            sent = await self._messageable(channel_id).send(**outgoing.for_send(policy.nonce(letter.key)))
        return replace(letter, message_id=sent.id, channel_id=channel_id)

    async def _edit(self, letter: Letter, outgoing: Outgoing) -> None:
        assert letter.channel_id is not None and letter.message_id is not None, "there is something to edit"
        await self._turn(letter)
        async with asyncio.timeout(_EDIT_PATIENCE):
            message = self._messageable(letter.channel_id).get_partial_message(letter.message_id)
            await message.edit(**outgoing.for_edit())

    async def _channel(self, letter: Letter) -> int:
        """The direct messages with the person. Opening them is rate-limited, so the id is kept."""
        async with self._database.snapshot() as tx:
            known = await people.dm_channel(tx, letter.user_id)
        if known is not None:
            return known
        await self._turn(letter)
        async with asyncio.timeout(_PATIENCE):
            channel = await self._client.create_dm(discord.Object(letter.user_id))
        self._answered()
        async with self._database.transaction() as tx:
            await people.remember_dm_channel(tx, letter.user_id, channel.id)
        return channel.id

    def _messageable(self, channel_id: int) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(channel_id, type=discord.ChannelType.private)

    async def _turn(self, letter: Letter) -> None:
        await self._rate.turn(first=Kind(letter.kind).lasts)

    async def _note(self, letter: Letter, *, is_new: bool, last: bool, late: bool) -> None:
        """A message whose picture is late stays due for an edit."""
        assert letter.channel_id is not None and letter.message_id is not None, "Discord has it"
        shown = replace(letter, revision=letter.revision - late)
        async with self._database.transaction() as tx:
            await outbox.delivered(tx, shown, letter.message_id, letter.channel_id, self._now(), last=last and not late)
            if is_new:
                # Direct messages arrive: what did not while they were closed goes out now.
                await people.open_dms(tx, letter.user_id)
                await outbox.revive(tx, letter.user_id, DMS_CLOSED)
        if last:
            self._pictures.forget(letter.id)

"""What happened in the direct messages while nobody listened: answers that were cut short, and files dropped meanwhile.

Each file is a row in the store before anything is done about it, so whatever is read twice is answered once.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from typing import TYPE_CHECKING

import discord

from bot.chat.drops import Drops, doing_with
from bot.chat.reply import UNREACHABLE, described
from bot.store import drops as rows
from bot.store import people
from bot.store.db import Database

if TYPE_CHECKING:
    from bot.chat.client import SpotterClient

_log = logging.getLogger(__name__)

_TROUBLE = (discord.HTTPException, *UNREACHABLE, sqlite3.Error)
"""What ends one look, and not the others: the next connection brings the next."""


class Absence:
    def __init__(self, client: SpotterClient, drops: Drops, database: Database) -> None:
        self._client = client
        self._drops = drops
        self._database = database
        self._looking: asyncio.Task[None] | None = None

    async def catch_up(self) -> None:
        """Begin to answer for every file that should have been answered: after each connection that is a new one.

        One that is resumed brings what it missed by itself.
        """
        await self.close()
        self._looking = asyncio.create_task(self._look(), name="absence")
        await self._looking

    async def close(self) -> None:
        """Look no further."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look(self) -> None:
        async with self._database.snapshot() as tx:
            unanswered = await rows.still_open(tx)
        for drop in unanswered:
            if self._drops.is_under_way(drop.file_id):
                continue
            try:
                await self._go_on(drop)
            except _TROUBLE as error:
                _log.warning("a dropped file is not gone on with yet: %s", described(error))
        for user_id in sorted(self._client.access.user_ids):
            try:
                await self._read(user_id)
            except _TROUBLE as error:
                _log.warning("messages of user %d could not be read yet: %s", user_id, described(error))

    async def _go_on(self, drop: rows.Drop) -> None:
        """Take the file in again: half of it is of no use, and the message brings a link that is good."""
        person = self._client.access.person(drop.user_id)
        channel = self._channel(drop.channel_id)
        reply = channel.get_partial_message(drop.reply_id) if drop.reply_id else None
        try:
            message = await channel.fetch_message(drop.message_id)
            file = discord.utils.get(message.attachments, id=drop.file_id)
        except discord.NotFound:
            file = None
        if person is None or file is None:
            if reply is not None:
                await reply.delete()
            await self._drops.forget(drop.file_id)
            return
        self._drops.begin(person, message, file, reply or await self._unnoted_reply(message, file))

    async def _unnoted_reply(self, message: discord.Message, file: discord.Attachment) -> discord.Message | None:
        """The reply about the file, if it was sent and the bot ended before its id was noted."""
        async with self._database.snapshot() as tx:
            known = await rows.replies(tx, message.id)
        async for seen in message.channel.history(after=message, oldest_first=True):
            if (
                self._answered(seen) == message.id
                and seen.id not in known
                and seen.content.startswith(doing_with(file))
            ):
                return seen
        return None

    async def _read(self, user_id: int) -> None:
        """Take what was dropped since the last look. The first look only notes where the next one begins."""
        async with self._database.snapshot() as tx:
            since = await people.read_up_to(tx, user_id)
        channel = self._channel(await self._direct_messages(user_id))
        if since is None:
            newest = [message.id async for message in channel.history(limit=1)]
            await self._remember(user_id, *newest or [0])
            return
        dropped, answered, up_to = list[discord.Message](), set[int | None](), since
        async for message in channel.history(after=discord.Object(since), limit=None, oldest_first=True):
            up_to = message.id
            answered.add(self._answered(message))
            if message.author.id == user_id and message.attachments:
                dropped.append(message)
        for message in dropped:
            # Where a backup was restored, the chat knows of answers that the store does not.
            if message.id not in answered:
                await self._drops.take(message)
        await self._remember(user_id, up_to)

    def _answered(self, message: discord.Message) -> int | None:
        """The message that `message` is our reply to; None if it is none."""
        own = self._client.user
        is_ours = own is not None and message.author.id == own.id
        return message.reference.message_id if is_ours and message.reference else None

    async def _direct_messages(self, user_id: int) -> int:
        """The id of the channel. Opening it is rate-limited, so it is kept."""
        async with self._database.snapshot() as tx:
            known = await people.dm_channel(tx, user_id)
        if known is not None:
            return known
        channel = await self._client.create_dm(discord.Object(user_id))
        async with self._database.transaction() as tx:
            await people.remember_dm_channel(tx, user_id, channel.id)
        return channel.id

    async def _remember(self, user_id: int, message_id: int) -> None:
        async with self._database.transaction() as tx:
            await people.remember_read(tx, user_id, message_id)

    def _channel(self, channel_id: int) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(channel_id, type=discord.ChannelType.private)

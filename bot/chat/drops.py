"""Files dropped into the direct messages: each is taken in, and answered in a reply to its message.

Each is a row in the store from when it is seen until its answer has arrived; `absence` goes on with those left open.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import discord

from bot.catalog.incoming import is_tokenizer
from bot.catalog.tasks import Told
from bot.chat.places import ReplyPlace, respond
from bot.chat.render.message import Message
from bot.chat.render.problems import problem, refusal
from bot.chat.render.working import making_tokenizer, reading
from bot.chat.reply import UNREACHABLE, described
from bot.chat.taking_in import take_in
from bot.person import Person
from bot.store import drops as rows
from bot.store.db import Database, Transaction
from trainer_core.errors import SpotterError

if TYPE_CHECKING:
    from bot.chat.client import SpotterClient

_log = logging.getLogger(__name__)

_GRACE = 1.0
"""Seconds, at the end, for what is being noted."""


class Drops:
    def __init__(self, client: SpotterClient, database: Database) -> None:
        self._client = client
        self._database = database
        self._under_way: dict[int, asyncio.Task[None]] = {}

    async def take(self, message: discord.Message) -> None:
        """Begin to answer for every file of the message that is not known yet.

        One without files, or not a person's, is none of our business. None but direct messages are heard.
        """
        if message.author.bot or not message.attachments:
            return
        person = self._client.access.person(message.author.id)
        if person is None:
            _log.info("refused user %d", message.author.id)
            await self._say(message, refusal())
            return
        try:
            new = await self._put(message)
        except SpotterError as error:
            _log.warning("a dropped file could not be noted: %s", error)
            await self._say(message, problem(error))
            return
        for file in new:
            self.begin(person, message, file)

    def begin(
        self,
        person: Person,
        message: discord.Message,
        file: discord.Attachment,
        reply: discord.Message | discord.PartialMessage | None = None,
    ) -> None:
        """Take the file in, and put what comes of it into `reply`, or a new one."""
        task = asyncio.create_task(self._answer(person, message, file, reply), name=f"drop {file.id}")
        self._under_way[file.id] = task
        task.add_done_callback(lambda _: self._under_way.pop(file.id))

    def is_under_way(self, file_id: int) -> bool:
        return file_id in self._under_way

    async def close(self) -> None:
        """Let what is told by now be noted. The client's errands are closed before."""
        if self._under_way:
            _, pending = await asyncio.wait(self._under_way.values(), timeout=_GRACE)
            for task in pending:
                task.cancel()

    async def forget(self, file_id: int) -> None:
        """Nothing is left to be said of the file."""
        await self._note(lambda tx: rows.close(tx, file_id))

    async def _put(self, message: discord.Message) -> list[discord.Attachment]:
        """The files that nobody has taken up yet."""
        user_id, channel_id = message.author.id, message.channel.id
        async with self._database.transaction() as tx:
            return [
                file
                for file in message.attachments
                if await rows.put(tx, rows.Drop(file.id, message.id, channel_id, user_id))
            ]

    async def _answer(
        self,
        person: Person,
        message: discord.Message,
        file: discord.Attachment,
        reply: discord.Message | discord.PartialMessage | None,
    ) -> None:
        doing = doing_with(file)
        plotter = self._client.plotter
        try:
            if reply is not None:
                place = ReplyPlace(message, reply, doing, plotter)
            else:
                place = await ReplyPlace.open(message, f"drop:{file.id}", doing, plotter)
        except (TimeoutError, *UNREACHABLE) as error:
            _log.warning("a dropped file could not be answered yet: %s", described(error))
            return
        except discord.HTTPException as error:
            _log.warning("a dropped file could not be answered: %s", described(error))
            await self.forget(file.id)
            return
        await self._note(lambda tx: rows.replied(tx, file.id, place.reply_id))

        async def work(told: Told) -> Message:
            return await take_in(self._client.catalog, person, file, told)

        if await self._client.errands.run(place, doing, work):
            await self.forget(file.id)

    async def _say(self, message: discord.Message, said: Message) -> None:
        try:
            await respond(message, said, f"drop:{message.id}", self._client.plotter)
        except (discord.HTTPException, TimeoutError, *UNREACHABLE) as error:
            _log.warning("user %d could not be answered: %s", message.author.id, described(error))

    async def _note(self, write: Callable[[Transaction], Awaitable[None]]) -> None:
        try:
            async with self._database.transaction() as tx:
                await write(tx)
        except sqlite3.Error as error:
            _log.warning("how far a dropped file is could not be noted; it is taken up again: %s", error)


def doing_with(file: discord.Attachment) -> str:
    """What is being done with the file, for the person."""
    return making_tokenizer(file.filename) if is_tokenizer(file.filename) else reading(file.filename)

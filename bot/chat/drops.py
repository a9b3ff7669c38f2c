"""Files dropped into the direct messages: each is taken in, and answered in a reply to its message."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING

import discord

from bot.catalog.incoming import is_tokenizer
from bot.catalog.tasks import Told
from bot.chat.notify.policy import nonce
from bot.chat.outgoing import Outgoing
from bot.chat.places import ReplyPlace
from bot.chat.render.message import Message
from bot.chat.render.problems import refusal
from bot.chat.render.working import making_tokenizer, reading
from bot.chat.reply import UNREACHABLE, described, insist
from bot.chat.taking_in import take_in
from bot.person import Person

if TYPE_CHECKING:
    from bot.chat.client import SpotterClient

_log = logging.getLogger(__name__)

_REMEMBERED = 1000
"""Messages that are known to be answered: the gateway may bring one a second time."""


class Drops:
    def __init__(self, client: SpotterClient) -> None:
        self._client = client
        self._answered: OrderedDict[int, None] = OrderedDict()

    async def take(self, message: discord.Message) -> None:
        """Answer for every file of the message; one without files, or not a person's, is none of our business."""
        if message.author.bot or message.guild is not None or not message.attachments or self._is_repeat(message.id):
            return
        person = self._client.access.person(message.author.id)
        if person is None:
            _log.info("refused user %d", message.author.id)
            await self._refuse(message)
            return
        under_way = []
        for number, file in enumerate(message.attachments):
            doing = making_tokenizer(file.filename) if is_tokenizer(file.filename) else reading(file.filename)
            place = await self._open(message, number, doing)
            if place is not None:
                task = asyncio.create_task(self._take_in(person, file, place, doing), name=f"drop {message.id}")
                under_way.append(task)
        await asyncio.gather(*under_way)

    async def _open(self, message: discord.Message, number: int, doing: str) -> ReplyPlace | None:
        """Where the answer about that file will be; None if nothing can be said there, which is logged."""
        try:
            return await ReplyPlace.open(message, f"drop:{message.id}:{number}", doing, self._client.plotter)
        except (discord.HTTPException, *UNREACHABLE) as error:
            _log.warning("a dropped file could not be answered: %s", described(error))
            return None

    async def _take_in(self, person: Person, file: discord.Attachment, place: ReplyPlace, doing: str) -> None:
        async def work(told: Told) -> Message:
            return await take_in(self._client.catalog, person, file, told)

        await self._client.errands.run(place, doing, work)

    async def _refuse(self, message: discord.Message) -> None:
        reference = message.to_reference(fail_if_not_exists=False)
        arguments = Outgoing(refusal()).for_send(nonce(f"drop:{message.id}"))
        try:
            await insist(lambda: message.channel.send(reference=reference, **arguments))
        except (discord.HTTPException, *UNREACHABLE) as error:
            _log.warning("user %d could not be refused: %s", message.author.id, described(error))

    def _is_repeat(self, message_id: int) -> bool:
        if message_id in self._answered:
            return True
        self._answered[message_id] = None
        if len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)
        return False

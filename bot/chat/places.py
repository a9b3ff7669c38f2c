"""Where something that takes a while is shown: how far it is at first, then what came of it."""

from __future__ import annotations

from typing import Protocol

import discord

from bot.chat.notify.policy import nonce
from bot.chat.outgoing import Outgoing, compose
from bot.chat.plot import Plotter
from bot.chat.render.message import Message
from bot.chat.render.working import progress, takes_long
from bot.chat.reply import Interaction, answer, insist

_TAKES_LONG = 600.0
"""Seconds after which an answer goes elsewhere: an interaction's place takes nothing more after fifteen minutes."""


class Place(Protocol):
    """Each method raises discord.HTTPException and what is in `reply.UNREACHABLE`."""

    async def show(self, message: Message) -> None:
        """Say how far it is. What comes next replaces it."""
        ...

    async def finish(self, message: Message) -> None:
        """Say what came of it."""
        ...

    async def fail(self, message: Message) -> None:
        """Say why nothing came of it."""
        ...


class AnswerPlace:
    """An acknowledged interaction's answer; a direct message, if it takes too long for that."""

    def __init__(self, interaction: Interaction, doing: str) -> None:
        self._interaction = interaction
        self._doing = doing
        self._left = False
        """Whether the person knows that the answer comes as a direct message."""

    async def show(self, message: Message) -> None:
        if self._left:
            return
        self._left = self._is_late
        shown = takes_long(self._doing) if self._left else message
        await self._interaction.edit_original_response(**Outgoing(shown).for_edit())

    async def finish(self, message: Message) -> None:
        if not self._is_late:
            await answer(self._interaction, message)
            return
        user, key = self._interaction.user, nonce(f"answer:{self._interaction.id}")
        outgoing = await compose(message, self._interaction.client.plotter)
        await insist(lambda: user.send(**outgoing.for_send(key)))

    async def fail(self, message: Message) -> None:
        await self.finish(message)

    @property
    def _is_late(self) -> bool:
        return self._interaction.client.now() - self._interaction.created_at.timestamp() > _TAKES_LONG


class QuestionPlace(AnswerPlace):
    """The message whose button answered it. Its buttons stay until something came of that, to choose again."""

    def __init__(self, interaction: Interaction, doing: str) -> None:
        super().__init__(interaction, doing)
        self._question = interaction.message.content if interaction.message else ""
        self._is_covered = False

    async def show(self, message: Message) -> None:
        if not self._is_late:
            self._is_covered = True
            await self._interaction.edit_original_response(content=message.content)

    async def fail(self, message: Message) -> None:
        if self._is_late:
            await super().fail(message)
            return
        await self._interaction.followup.send(message.content or "", ephemeral=True)
        if self._is_covered:
            await self._interaction.edit_original_response(content=self._question)


class ReplyPlace:
    """A message of ours in reply to a person's."""

    def __init__(self, reply: discord.Message, plotter: Plotter) -> None:
        self._reply = reply
        self._plotter = plotter

    @classmethod
    async def open(cls, to: discord.Message, key: str, doing: str, plotter: Plotter) -> ReplyPlace | None:
        """Reply at once, with what is being done; the same `key` again is the same reply. None if it is given up.

        Raises discord.HTTPException and what is in `reply.UNREACHABLE`.
        """
        reference = to.to_reference(fail_if_not_exists=False)
        arguments = Outgoing(progress(doing)).for_send(nonce(key))
        reply = await insist(lambda: to.channel.send(reference=reference, **arguments))
        return None if reply is None else cls(reply, plotter)

    async def show(self, message: Message) -> None:
        await self._reply.edit(**Outgoing(message).for_edit())

    async def finish(self, message: Message) -> None:
        outgoing = await compose(message, self._plotter)
        await insist(lambda: self._reply.edit(**outgoing.for_edit()))

    async def fail(self, message: Message) -> None:
        await self.finish(message)

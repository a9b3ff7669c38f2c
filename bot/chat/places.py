"""Where something that takes a while is shown: how far it is at first, then what came of it."""

from __future__ import annotations

from contextlib import suppress
from typing import Protocol

import discord

from bot.chat.notify.policy import nonce
from bot.chat.outgoing import Outgoing, compose
from bot.chat.plot import Plotter
from bot.chat.render.message import Message
from bot.chat.render.working import failed, interrupted, postponed, progress, takes_long
from bot.chat.reply import UNREACHABLE, Interaction, answer, insist

_TAKES_LONG = 600.0
"""Seconds after which an answer goes elsewhere: an interaction's place takes nothing more after fifteen minutes."""


class Place(Protocol):
    """Each method raises discord.HTTPException, TimeoutError and what is in `reply.UNREACHABLE`."""

    async def show(self, message: Message) -> None:
        """Say how far it is. What comes next replaces it."""
        ...

    async def finish(self, message: Message) -> None:
        """Say what came of it."""
        ...

    async def fail(self, message: Message) -> None:
        """Say why nothing came of it, and of what."""
        ...

    async def interrupt(self) -> None:
        """Say that it was cut short."""
        ...


class AnswerPlace:
    """An acknowledged interaction's answer; a direct message, if it takes too long for that."""

    def __init__(self, interaction: Interaction, doing: str) -> None:
        self._interaction = interaction
        self._doing = doing
        self._left = False
        """Whether the person knows that the answer comes as a direct message."""

    async def show(self, message: Message) -> None:
        if self._is_late:
            await self._leave()
        else:
            await self._interaction.edit_original_response(**Outgoing(message).for_edit())

    async def finish(self, message: Message) -> None:
        if not self._is_late:
            await answer(self._interaction, message)
            return
        with suppress(discord.HTTPException):  # it may be so late that nothing changes there any more
            await self._leave()
        await self._write(message)

    async def fail(self, message: Message) -> None:
        # Beside the command that was typed, it is clear what failed.
        await self.finish(failed(self._doing, message) if self._is_late else message)

    async def interrupt(self) -> None:
        await self.finish(failed(self._doing, interrupted()))

    async def _leave(self) -> None:
        """Have nothing stand here that looks as if it went on."""
        if not self._left:
            self._left = True
            await self._interaction.edit_original_response(**Outgoing(takes_long(self._doing)).for_edit())

    async def _write(self, message: Message) -> None:
        user, key = self._interaction.user, nonce(f"answer:{self._interaction.id}")
        outgoing = await compose(message, self._interaction.client.plotter)
        await insist(lambda: user.send(**outgoing.for_send(key)))

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
        about, _, _ = self._question.partition("\n")  # it names the file
        said = failed(about, message)
        if self._is_late:
            await self._write(said)
        else:
            await self._interaction.followup.send(said.content or "", ephemeral=True)
        if self._is_covered:
            await self._interaction.edit_original_response(content=self._question)

    async def interrupt(self) -> None:
        await self.fail(interrupted())


class ReplyPlace:
    """A message of ours in reply to a person's."""

    def __init__(
        self, to: discord.Message, reply: discord.Message | discord.PartialMessage, doing: str, plotter: Plotter
    ) -> None:
        self._to = to
        self._reply = reply
        self._doing = doing
        self._plotter = plotter

    @classmethod
    async def open(cls, to: discord.Message, key: str, doing: str, plotter: Plotter) -> ReplyPlace:
        """Reply at once, with what is being done; the same `key` again is the same reply.

        Raises discord.HTTPException, TimeoutError and what is in `reply.UNREACHABLE`.
        """
        return cls(to, await respond(to, progress(doing), key, plotter), doing, plotter)

    @property
    def reply_id(self) -> int:
        return self._reply.id

    async def show(self, message: Message) -> None:
        await self._reply.edit(**Outgoing(message).for_edit())

    async def finish(self, message: Message) -> None:
        if message.silent:
            outgoing = await compose(message, self._plotter)
            _arrived(await insist(lambda: self._reply.edit(**outgoing.for_edit())))
            return
        # An edit makes no sound.
        await respond(self._to, message, f"instead:{self._reply.id}", self._plotter)
        with suppress(discord.HTTPException, *UNREACHABLE):  # what counts is said
            await self._reply.delete()

    async def fail(self, message: Message) -> None:
        await self.finish(failed(self._doing, message))

    async def interrupt(self) -> None:
        await self.finish(failed(self._doing, postponed()))


async def respond(to: discord.Message, message: Message, key: str, plotter: Plotter) -> discord.Message:
    """Send a reply; the same `key` again is the same reply.

    Raises discord.HTTPException, TimeoutError and what is in `reply.UNREACHABLE`.
    """
    reference = to.to_reference(fail_if_not_exists=False)
    outgoing = await compose(message, plotter)
    return _arrived(await insist(lambda: to.channel.send(reference=reference, **outgoing.for_send(nonce(key)))))


def _arrived(message: discord.Message | None) -> discord.Message:
    """Raises TimeoutError if it was given up."""
    if message is None:
        raise TimeoutError
    return message

"""Answering an interaction: acknowledge at once, then put the answer in its place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import aiohttp
import discord

from bot.chat.outgoing import Outgoing, compose
from bot.chat.render.message import Message
from bot.chat.render.problems import refusal
from bot.person import Person
from trainer_core.errors import Code, SpotterError

if TYPE_CHECKING:
    from bot.chat.client import SpotterClient

Interaction: TypeAlias = "discord.Interaction[SpotterClient]"
Asked = TypeVar("Asked")

_log = logging.getLogger(__name__)

UNREACHABLE = (discord.DiscordServerError, discord.RateLimited, aiohttp.ClientError, ConnectionError)
"""Discord did not answer, not sensibly, or wants us to wait for long: the library lets broken connections through as
they are."""
_PAUSES = (0.5, 2.0)
"""Seconds before each further try."""
_PATIENCE = 60.0
"""Seconds for all tries of an answer: told to wait, the library would sleep in between for as long as it is told."""


def described(error: Exception) -> str:
    """The error's type and HTTP status, for the log. Its own words may hold an address with an interaction's token,
    and aiohttp's hold the headers of the request with the bot's.
    """
    status = getattr(error, "status", None)
    return type(error).__name__ if status is None else f"{type(error).__name__} {status}"


async def admit(interaction: Interaction) -> bool:
    """Whether the person is served. One who is not gets one sentence, or no suggestions, and learns nothing."""
    if interaction.client.access.person(interaction.user.id) is not None:
        return True
    _log.info("refused user %d", interaction.user.id)
    if interaction.type is discord.InteractionType.autocomplete:
        await interaction.response.autocomplete([])
    else:
        await interaction.response.send_message(refusal().content, ephemeral=True)
    return False


def person_of(interaction: Interaction) -> Person:
    """Who asks. Raises SpotterError (UNAUTHORIZED) if they are not served."""
    person = interaction.client.access.person(interaction.user.id)
    if person is None:
        raise SpotterError(Code.UNAUTHORIZED)
    return person


async def acknowledge(interaction: Interaction) -> None:
    """Say that an answer is coming; outside of the bot's own direct messages only the person sees it."""
    await interaction.response.defer(ephemeral=not interaction.context.dm_channel, thinking=True)


async def answer(interaction: Interaction, message: Message) -> None:
    """Put `message` where the acknowledgement stands, or where the pressed button's message does.

    Who could not be sent direct messages is told beside it what they missed.
    """
    await deliver(interaction, await compose(message, interaction.client.plotter))

    async def tell(missed: Message) -> None:
        await interaction.followup.send(missed.content or "", ephemeral=True)

    try:
        await interaction.client.tell_missed(interaction.user.id, tell)
    except (discord.HTTPException, *UNREACHABLE) as error:
        _log.warning("user %d could not be told what they missed: %s", interaction.user.id, described(error))


async def deliver(interaction: Interaction, outgoing: Outgoing) -> None:
    """Raises as `insist`."""
    await insist(lambda: interaction.edit_original_response(**outgoing.for_edit()))


async def insist(ask: Callable[[], Awaitable[Asked]]) -> Asked | None:
    """What Discord answers, asked again while it cannot be reached; None, if that takes too long and is given up.

    Raises discord.HTTPException and, after the last try, what is in UNREACHABLE.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            return await _tried(ask)
    except TimeoutError:
        _log.warning("an answer was not taken within %.0f s and is given up", _PATIENCE)
        return None


async def _tried(ask: Callable[[], Awaitable[Asked]]) -> Asked:
    for pause in _PAUSES:
        try:
            return await ask()
        except UNREACHABLE as error:
            _log.warning("an answer was not taken, trying again: %s", described(error))
            await asyncio.sleep(pause)
    return await ask()

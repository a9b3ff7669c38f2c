"""What becomes of an error raised while answering somebody.

| error                                   | the person reads                          | the log gets |
|-----------------------------------------|-------------------------------------------|--------------|
| `SpotterError`                          | the field, what is wrong, what to do      | a line       |
| a command this version does not have    | that it has changed                       | a line       |
| interaction expired or answered already | nothing: Discord takes no more words      | a line       |
| Discord unreachable, or limiting us     | nothing                                   | a line       |
| anything else                           | that something went wrong, and a short id | the id and the traceback |
"""

from __future__ import annotations

import logging
import secrets

import discord
from discord import app_commands

from bot.chat.outgoing import Outgoing
from bot.chat.render.message import Message
from bot.chat.render.problems import mishap, outdated, problem
from bot.chat.reply import UNREACHABLE, Interaction, described
from trainer_core.errors import SpotterError

_log = logging.getLogger(__name__)

_OVER = frozenset({10062, 40060, 50027})
"""Discord's codes for an interaction that is unknown by now, answered already, or whose token has run out."""


async def report(interaction: Interaction, error: Exception) -> None:
    """Tell the person and the log about `error`. Raises nothing: there is nobody left to tell."""
    message = explained(_cause(error))
    if message is None or interaction.type is discord.InteractionType.autocomplete:
        return
    try:
        await _tell(interaction, message)
    except (discord.HTTPException, *UNREACHABLE) as failure:
        _log.warning("could not tell user %d: %s", interaction.user.id, described(failure))


def _cause(error: Exception) -> Exception:
    return error.original if isinstance(error, app_commands.CommandInvokeError) else error


def explained(error: Exception) -> Message | None:
    """The message for the person, None if none would arrive; the log gets its part."""
    match error:
        case SpotterError():
            _log.info("%s: %s", error.code, error)
            return problem(error)
        case app_commands.CommandNotFound() | app_commands.CommandSignatureMismatch():
            _log.warning("outdated command: %s", error)
            return outdated()
        case discord.HTTPException() if error.code in _OVER:
            _log.warning("an interaction was over before its answer: %s", error)
            return None
        case _ if isinstance(error, UNREACHABLE):
            _log.warning("Discord could not be reached with an answer: %s", described(error))
            return None
        case _:
            reference = secrets.token_hex(3)
            _log.error("unexpected error %s", reference, exc_info=error)
            return mishap(reference)


async def _tell(interaction: Interaction, message: Message) -> None:
    if not interaction.response.is_done():
        await interaction.response.send_message(message.content, ephemeral=True)
    elif interaction.response.type is discord.InteractionResponseType.deferred_channel_message:
        await interaction.edit_original_response(**Outgoing(message).for_edit())
    else:  # the answer's place is taken by the message whose button was pressed
        await interaction.followup.send(message.content or "", ephemeral=True)

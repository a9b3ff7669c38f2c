"""`/trainer help`."""

from __future__ import annotations

from discord import app_commands

from bot.chat.render.guide import help_card
from bot.chat.reply import Interaction, acknowledge, answer


@app_commands.command(name="help", description="What Spotter does, with examples")
async def help_(interaction: Interaction) -> None:
    await acknowledge(interaction)
    await answer(interaction, help_card())

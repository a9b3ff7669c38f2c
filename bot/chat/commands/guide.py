"""`/trainer models` and `help`."""

from __future__ import annotations

from discord import app_commands

from bot.chat.render.guide import help_card
from bot.chat.render.models import models_card
from bot.chat.reply import Interaction, acknowledge, answer


@app_commands.command(name="help", description="What Spotter does, with examples")
async def help_(interaction: Interaction) -> None:
    await acknowledge(interaction)
    await answer(interaction, help_card())


@app_commands.command(description="What there is to train, and how large it gets")
async def models(interaction: Interaction) -> None:
    await acknowledge(interaction)
    service = interaction.client.service
    await answer(interaction, models_card(await service.modules(), await service.model_folders()))

"""What the commands' options have in common: suggestions while the person types, and blank values."""

from __future__ import annotations

from collections.abc import Collection

from discord.app_commands import Choice

from bot.chat.render import text
from bot.chat.render.steering import PAUSABLE
from bot.chat.reply import Interaction, person_of
from bot.runs.again import RETRYABLE
from bot.runs.model import RunState
from bot.runs.service import GOING
from trainer_core.errors import Code, SpotterError

CHOICES = 25
CHOICE_NAME = 100


async def any_run(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The person's runs."""
    return await _runs(interaction, typed, frozenset(RunState))


async def going_run(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The person's runs that have not ended."""
    return await _runs(interaction, typed, GOING)


async def pausable_run(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The person's runs that wait for a slot or have one."""
    return await _runs(interaction, typed, PAUSABLE)


async def paused_run(interaction: Interaction, typed: str) -> list[Choice[str]]:
    return await _runs(interaction, typed, (RunState.PAUSED,))


async def ended_short_run(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The person's runs that failed or were stopped."""
    return await _runs(interaction, typed, RETRYABLE)


async def _runs(interaction: Interaction, typed: str, states: Collection[RunState]) -> list[Choice[str]]:
    names = await interaction.client.service.run_names(person_of(interaction), typed, states=states, limit=CHOICES)
    return [Choice(name=name, value=name) for name in names]


async def dataset(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The data sets the person may train on."""
    cards = await interaction.client.service.datasets(person_of(interaction))
    wanted = typed.strip().lower()
    return [
        Choice(name=text.clip(f"{card.name} · {text.size(card.bytes)}", CHOICE_NAME), value=card.name)
        for card in cards
        if wanted in card.name
    ][:CHOICES]


def given(value: str | None) -> str | None:
    """The value without blanks around it; None if nothing is left."""
    return (value or "").strip() or None


def named_run(value: str) -> str:
    """The run's name. Raises SpotterError if it is blank."""
    name = given(value)
    if name is None:
        raise SpotterError(
            Code.CONFIG_INVALID, "name the run", field="run", next_step="`/trainer runs` lists your runs."
        )
    return name

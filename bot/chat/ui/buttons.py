"""A run's buttons. What they do is in their `custom_id`, so they work after a restart and on old messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import discord

from bot.chat.render.message import Act, Button

if TYPE_CHECKING:
    from bot.chat.client import SpotterClient


class Look(NamedTuple):
    label: str
    style: discord.ButtonStyle = discord.ButtonStyle.secondary


_LOOKS = {
    Act.STOP: Look("Stop"),
    Act.STOP_NOW: Look("Stop it", discord.ButtonStyle.danger),
    Act.KEEP: Look("Keep going"),
    Act.REFRESH: Look("Refresh"),
    Act.WATCH: Look("Watch"),
    Act.UNWATCH: Look("Stop watching"),
    Act.PAUSE: Look("Pause"),
    Act.RESUME: Look("Resume", discord.ButtonStyle.success),
    Act.RETRY: Look("Try again"),
    Act.GO_ON: Look("Go on", discord.ButtonStyle.primary),
    Act.WAIT: Look("Wait"),
    Act.RESTART: Look("Kill & resume", discord.ButtonStyle.primary),
}
_ACTS = "|".join(Act)


class RunButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=rf"run:(?P<run>[a-z0-9-]+):(?P<act>{_ACTS})",
):
    """One act on one run. The client decides what a press does, and for whom."""

    def __init__(self, button: Button) -> None:
        look = _LOOKS[button.act]
        custom_id = f"run:{button.run}:{button.act}"
        super().__init__(discord.ui.Button(label=look.label, style=look.style, custom_id=custom_id))
        self.button = button

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],  # Any: the library leaves the client's type to each call
        item: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        return cls(Button(match["run"], Act(match["act"])))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:  # Any: as above
        client: SpotterClient = interaction.client
        await client.pressed(interaction, self.button)

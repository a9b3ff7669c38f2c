"""The command tree: where the app can be used, who is served, and where errors go."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from discord import app_commands

from bot.chat.commands import TRAINER
from bot.chat.errors import report
from bot.chat.reply import Interaction, admit

if TYPE_CHECKING:
    from bot.chat.client import SpotterClient


class SpotterTree(app_commands.CommandTree["SpotterClient"]):
    def __init__(self, client: SpotterClient, *, guilds: bool) -> None:
        super().__init__(
            client,
            allowed_installs=app_commands.AppInstallationType(user=True, guild=True),
            allowed_contexts=app_commands.AppCommandContext(dm_channel=True, guild=guilds, private_channel=False),
        )
        self.add_command(TRAINER)

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        return await admit(interaction)

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        await report(interaction, error)

    def digest(self) -> str:
        """Changes whenever the commands as Discord knows them would."""
        payload = [command.to_dict(self) for command in self.get_commands()]
        return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()

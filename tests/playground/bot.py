"""A bot on the real discord.py, connected to a playground; tests give it the behaviour that they look at."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import discord
import yarl
from discord import app_commands

from playground.server import Playground

Handler: TypeAlias = Callable[[discord.Interaction], Awaitable[object]]


class Bot(discord.Client):
    """`tree` is for commands; `handle` sees every component and modal, as a persistent view would."""

    def __init__(self, playground: Playground) -> None:
        super().__init__(intents=discord.Intents(dm_messages=True), guild_ready_timeout=0, heartbeat_timeout=5)
        self.playground = playground
        self.tree = app_commands.CommandTree(self)
        self.handle: Handler | None = None
        self._heard: asyncio.Queue[discord.Message] = asyncio.Queue()
        self.resumed = asyncio.Event()
        self.readies = 0

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """discord.py would wait five seconds here."""

    async def on_ready(self) -> None:
        self.readies += 1

    async def on_resumed(self) -> None:
        self.resumed.set()

    async def on_message(self, message: discord.Message) -> None:
        if message.author != self.user:
            self._heard.put_nowait(message)

    async def until_heard(self) -> discord.Message:
        """The next message of a person."""
        return await asyncio.wait_for(self._heard.get(), 10)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        if self.handle is not None and interaction.type in (
            discord.InteractionType.component,
            discord.InteractionType.modal_submit,
        ):
            await self.handle(interaction)

    async def dm(self, user_id: int) -> discord.DMChannel:
        return await self.create_dm(discord.Object(user_id))

    def command(self, name: str, respond: Handler) -> None:
        """Register a command without options. It is there after the next sync."""

        async def callback(interaction: discord.Interaction) -> None:
            await respond(interaction)

        self.tree.add_command(app_commands.Command(name=name, description=f"The {name}", callback=callback))


def point_at(playground: Playground, monkeypatch_setattr: Callable[[object, str, object], None]) -> None:
    """Give discord.py the playground's addresses."""
    monkeypatch_setattr(discord.http.Route, "BASE", playground.api_url)
    gateway = yarl.URL(playground.gateway_url)
    monkeypatch_setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", gateway)

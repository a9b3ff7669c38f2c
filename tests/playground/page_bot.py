"""A small bot on the real discord.py, with one of everything that the chat page has to show."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from io import BytesIO

import discord
import yarl
from discord import app_commands

from playground.server import Playground

CORPORA = ("alice", "python-docs", "tiny-stories")


def png(width: int, height: int, grey: int) -> bytes:
    """A picture of one shade."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([grey]) * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def card(step: int) -> discord.Embed:
    """A report as a training bot would send it, with the picture `loss.png`."""
    embed = discord.Embed(title="brisk-otter-42 is training", description="**half** way", colour=0x5865F2)
    embed.set_author(name="python-docs")
    for name, value in (("Step", str(step)), ("Loss", "3.41"), ("Speed", "12 k/s"), ("Time left", "4 min")):
        embed.add_field(name=name, value=value)
    embed.add_field(name="Note", value="a field of its own row", inline=False)
    embed.set_image(url="attachment://loss.png").set_footer(text="attempt 1")
    return embed


class Reason(discord.ui.Modal, title="Why stop?"):
    why: discord.ui.Label["Reason"] = discord.ui.Label(
        text="Reason", description="It is kept with the run", component=discord.ui.TextInput(min_length=3)
    )
    note: discord.ui.Label["Reason"] = discord.ui.Label(
        text="Note", component=discord.ui.TextInput(style=discord.TextStyle.paragraph, required=False)
    )
    keep: discord.ui.Label["Reason"] = discord.ui.Label(
        text="Keep",
        component=discord.ui.Select(
            options=[discord.SelectOption(label="Best", value="best"), discord.SelectOption(label="Last", value="last")]
        ),
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        why, keep = self.why.component, self.keep.component
        assert isinstance(why, discord.ui.TextInput)
        assert isinstance(keep, discord.ui.Select)
        await interaction.response.send_message(f"Stopped: {why.value}. Kept: {keep.values[0]}.")


class Survey(discord.ui.Modal, title="Survey"):
    """The kinds of field that Reason has not."""

    proof: discord.ui.Label["Survey"] = discord.ui.Label(
        text="Proof", description="A log, or two", component=discord.ui.FileUpload(custom_id="proof", max_values=2)
    )
    mood: discord.ui.Label["Survey"] = discord.ui.Label(
        text="Mood",
        component=discord.ui.RadioGroup(
            custom_id="mood",
            options=[
                discord.RadioGroupOption(label="Up", value="up", description="It learns"),
                discord.RadioGroupOption(label="Down", value="down"),
            ],
        ),
    )
    wishes: discord.ui.Label["Survey"] = discord.ui.Label(
        text="Wishes",
        component=discord.ui.CheckboxGroup(
            custom_id="wishes",
            required=False,
            min_values=0,
            max_values=2,
            options=[
                discord.CheckboxGroupOption(label="Data", value="data", default=True),
                discord.CheckboxGroupOption(label="Time", value="time"),
            ],
        ),
    )
    again: discord.ui.Label["Survey"] = discord.ui.Label(
        text="Ask me again", component=discord.ui.Checkbox(custom_id="again")
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        proof, mood, wishes, again = (label.component for label in (self.proof, self.mood, self.wishes, self.again))
        assert isinstance(proof, discord.ui.FileUpload)
        assert isinstance(mood, discord.ui.RadioGroup)
        assert isinstance(wishes, discord.ui.CheckboxGroup)
        assert isinstance(again, discord.ui.Checkbox)
        logs = [(await file.read()).decode() for file in proof.values]
        await interaction.response.send_message(f"{logs} {mood.value} {wishes.values} {again.value}")


class Board(discord.ui.View):
    """Buttons of every style, and a select."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.add_item(discord.ui.Button(label="Manual", url="https://example.org/manual"))
        self.add_item(discord.ui.Button(label="Locked", custom_id="locked", disabled=True))

    @discord.ui.button(label="More", style=discord.ButtonStyle.primary, custom_id="more")
    async def more(self, interaction: discord.Interaction, button: discord.ui.Button["Board"]) -> None:
        await interaction.response.edit_message(content="There is more now")

    @discord.ui.button(label="Stop", style=discord.ButtonStyle.danger, custom_id="stop")
    async def stop_run(self, interaction: discord.Interaction, button: discord.ui.Button["Board"]) -> None:
        await interaction.response.send_modal(Reason())

    @discord.ui.select(
        placeholder="Size",
        custom_id="size",
        options=[discord.SelectOption(label="Tiny", value="tiny"), discord.SelectOption(label="Small", value="small")],
    )
    async def size(self, interaction: discord.Interaction, select: discord.ui.Select["Board"]) -> None:
        await interaction.response.edit_message(content=f"Size is {select.values[0]}")

    @discord.ui.select(
        placeholder="Notes",
        custom_id="notes",
        max_values=2,
        options=[discord.SelectOption(label="Loss", value="loss"), discord.SelectOption(label="Speed", value="speed")],
    )
    async def notes(self, interaction: discord.Interaction, select: discord.ui.Select["Board"]) -> None:
        await interaction.response.edit_message(content=f"Notes on {' and '.join(select.values)}")


class PageBot(discord.Client):
    """`/gym train` goes on once `carry_on` is set; what is written to the bot is answered."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents(dm_messages=True))
        self.tree = app_commands.CommandTree(
            self,
            allowed_contexts=app_commands.AppCommandContext(dm_channel=True),
            allowed_installs=app_commands.AppInstallationType(user=True),
        )
        self.carry_on = asyncio.Event()
        self.left_unanswered = asyncio.Event()
        self.report: discord.InteractionMessage | None = None
        self.tree.add_command(_gym(self))

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def on_message(self, message: discord.Message) -> None:
        if message.author.bot or message.content.startswith("(to myself)"):
            return
        names = ", ".join(file.filename for file in message.attachments)
        if message.content == "type":
            await message.channel.typing()
        elif message.content == "again" and self.report is not None:
            await self.report.edit(embed=card(999), attachments=[discord.File(BytesIO(png(600, 300, 90)), "loss.png")])
        elif message.content == "answer me":
            await message.reply("**Here** I am")
        elif message.content == "quiet":
            await message.channel.send("hush", silent=True)
        else:
            await message.channel.send(f"You wrote {message.content} {names}".strip())


def _gym(bot: PageBot) -> app_commands.Group:
    gym = app_commands.Group(name="gym", description="Training")

    @gym.command(description="Train a model")
    @app_commands.describe(data="What to train on", file="A text of your own", size="How large", steps="How long")
    @app_commands.choices(size=[app_commands.Choice(name=name, value=name) for name in ("tiny", "small")])
    async def train(
        interaction: discord.Interaction,
        data: str,
        file: discord.Attachment | None = None,
        size: str = "tiny",
        steps: app_commands.Range[int, 1, 1000] = 100,
    ) -> None:
        await interaction.response.defer()
        await bot.carry_on.wait()
        text = "" if file is None else (await file.read()).decode()
        bot.report = await interaction.edit_original_response(
            content=f"data={data} size={size} steps={steps} file={text}",
            embed=card(steps),
            attachments=[discord.File(BytesIO(png(600, 300, 200)), "loss.png")],
        )

    @train.autocomplete("data")
    async def corpora(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"{name} (built in)", value=name) for name in CORPORA if typed in name]

    data = app_commands.Group(name="dataset", description="Texts", parent=gym)

    @data.command(description="Take a text in")
    async def add(interaction: discord.Interaction, file: discord.Attachment) -> None:
        await interaction.response.send_message(f"{file.filename} has {file.size} bytes")

    @gym.command(description="Show the board")
    async def board(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("Choose", view=Board())

    @gym.command(description="Tell you alone")
    async def secret(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("between us", ephemeral=True)

    @gym.command(description="Ask you some things")
    async def survey(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Survey())

    @gym.command(description="Never answers")
    async def silence(interaction: discord.Interaction) -> None:
        bot.left_unanswered.set()

    return gym


@asynccontextmanager
async def connected(playground: Playground) -> AsyncIterator[PageBot]:
    """The bot, logged in and ready. discord.py's addresses are put back afterwards."""
    route, gateway = discord.http.Route, discord.gateway.DiscordWebSocket
    before = route.BASE, gateway.DEFAULT_GATEWAY
    route.BASE, gateway.DEFAULT_GATEWAY = playground.api_url, yarl.URL(playground.gateway_url)
    bot = PageBot()
    running = asyncio.create_task(bot.start(playground.token))
    try:
        await playground.until_connected()
        yield bot
    finally:
        await bot.close()
        with suppress(asyncio.CancelledError):
            await running
        route.BASE, gateway.DEFAULT_GATEWAY = before

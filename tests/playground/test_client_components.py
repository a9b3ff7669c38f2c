"""Buttons, selects and modals with the real discord.py."""

import discord
import pytest

from playground.commands import Refused
from playground.people import Person
from tests.playground.bot import Bot


async def test_buttons_and_selects(ada: Person, bot: Bot) -> None:
    async def on_press(interaction: discord.Interaction) -> None:
        assert interaction.data is not None
        assert interaction.message is not None
        match interaction.data.get("custom_id"):
            case "stop":
                await interaction.response.edit_message(content=f"stopped {interaction.message.content}", view=None)
            case "later":
                await interaction.response.defer()
                await interaction.message.edit(content="later")
            case "tell":
                await interaction.response.defer()
                await interaction.followup.send("told", ephemeral=True)
            case "quiet":
                await interaction.response.defer()
            case "size":
                await interaction.response.send_message(repr(interaction.data.get("values")))

    bot.handle = on_press
    view = discord.ui.View()
    for name in ("stop", "later", "tell", "quiet"):
        view.add_item(discord.ui.Button(label=name.title(), custom_id=name))
    view.add_item(discord.ui.Button(label="Docs", url="https://example.org/"))
    options = [discord.SelectOption(label=size.title(), value=size) for size in ("tiny", "mini", "small")]
    view.add_item(discord.ui.Select(custom_id="size", options=options, max_values=2))
    await (await bot.dm(ada.id)).send("run", view=view)
    message = await ada.until(lambda message: message.content == "run")

    assert (await ada.select(message, "size", ["tiny", "small"])).text == "['tiny', 'small']"
    with pytest.raises(Refused, match="huge is not offered"):
        await ada.select(message, "size", ["huge"])
    with pytest.raises(Refused, match="choose between 1 and 2"):
        await ada.select(message, "size", [])
    with pytest.raises(Refused, match=r"opens https://example\.org/"):
        await ada.click(message, "Docs")
    with pytest.raises(Refused, match="shows nothing of that name"):
        await ada.click(message, "Start")

    assert (await ada.click(message, "Tell")).text == "told"
    assert (await ada.click(message, "Later")).text == "later"
    ada.grace = 0.05
    assert (await ada.click(message, "Quiet")).text == "later"
    stopped = await ada.click(message, "stop")
    assert stopped.text == "stopped later"
    with pytest.raises(Refused, match="nothing of that name"):
        await ada.click(stopped, "Stop")


async def test_a_view_sent_with_an_answer_hears_its_buttons(ada: Person, bot: Bot) -> None:
    class Confirm(discord.ui.View):
        @discord.ui.button(label="Yes")
        async def yes(self, interaction: discord.Interaction, button: discord.ui.Button["Confirm"]) -> None:
            await interaction.response.defer()
            await interaction.edit_original_response(content="confirmed", view=None)

    async def respond(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await interaction.followup.send("sure?", view=Confirm())

    bot.command("ask", respond)
    await bot.tree.sync()
    asked = await ada.slash("ask")
    assert (await ada.click(asked, "Yes")).text == asked.text == "confirmed"


async def test_a_modal_is_shown_filled_in_and_answered(ada: Person, bot: Bot) -> None:
    class Snooze(discord.ui.Modal, title="Snooze"):
        minutes = discord.ui.TextInput[discord.ui.Modal](
            label="Minutes", custom_id="minutes", min_length=1, max_length=3
        )
        why = discord.ui.Label[discord.ui.Modal](
            text="Why?", component=discord.ui.TextInput(custom_id="why", required=False, default="tired")
        )
        mood = discord.ui.Label[discord.ui.Modal](
            text="Mood",
            component=discord.ui.Select(
                custom_id="mood", options=[discord.SelectOption(label=word) for word in ("up", "down")]
            ),
        )
        proof = discord.ui.Label[discord.ui.Modal](
            text="Proof", component=discord.ui.FileUpload(custom_id="proof", required=False)
        )

        async def on_submit(self, interaction: discord.Interaction) -> None:
            why, mood, proof = self.why.component, self.mood.component, self.proof.component
            assert isinstance(why, discord.ui.TextInput)
            assert isinstance(mood, discord.ui.Select)
            assert isinstance(proof, discord.ui.FileUpload)
            files = [(file.filename, await file.read()) for file in proof.values]
            await interaction.response.send_message(repr([self.minutes.value, why.value, mood.values, files]))

    async def open_form(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Snooze())

    bot.command("snooze", open_form)
    await bot.tree.sync()
    reply = await ada.slash("snooze")
    assert reply.modal is not None
    assert (reply.message, reply.modal.title) == (None, "Snooze")
    for values, sentence in [
        ({"minutes": "5"}, "Mood: choose between 1 and 1"),
        ({"mood": "up"}, "Minutes: This field is required"),
        ({"minutes": "1234", "mood": "up"}, "Minutes: Enter between 1 and 3 characters"),
        ({"minutes": "5", "mood": "sideways"}, "Mood: sideways is not offered"),
        ({"minutes": "5", "mood": "up", "colour": "red"}, "colour: the form has no such field"),
    ]:
        with pytest.raises(Refused, match=sentence):
            await ada.fill(reply.modal, values)
    answer = await ada.fill(reply.modal, {"Why?": "late"}, minutes=5, mood=["down"], proof=[("p.txt", b"proof")])
    assert answer.text == repr(["5", "late", ["down"], [("p.txt", b"proof")]])
    reply = await ada.slash("snooze")
    assert reply.modal is not None
    again = await ada.fill(reply.modal, minutes="7", mood="up")
    assert again.text == repr(["7", "tired", ["up"], []])


async def test_a_modal_from_a_button_updates_the_buttons_message(ada: Person, bot: Bot) -> None:
    class Rename(discord.ui.Modal, title="Rename"):
        name = discord.ui.TextInput[discord.ui.Modal](label="Name")

        async def on_submit(self, interaction: discord.Interaction) -> None:
            await interaction.response.edit_message(content=f"now {self.name.value}")

    async def on_press(interaction: discord.Interaction) -> None:
        if interaction.type is discord.InteractionType.component:
            await interaction.response.send_modal(Rename())

    bot.handle = on_press
    view = discord.ui.View().add_item(discord.ui.Button(label="Rename", custom_id="rename"))
    await (await bot.dm(ada.id)).send("old", view=view)
    reply = await ada.click(ada.inbox()[0], "Rename")
    assert reply.modal is not None
    assert (await ada.fill(reply.modal, Name="brisk-otter")).text == "now brisk-otter"
    assert len(ada.inbox()) == 1

"""A data set's buttons: under any card, after a restart, twice, and for nobody who is not served."""

from __future__ import annotations

import asyncio

import discord
import pytest

from bot.catalog import incoming as inbox
from bot.chat.client import SpotterClient
from bot.chat.outgoing import Outgoing
from bot.chat.render.dataset import dataset_card
from bot.chat.render.dataset_answers import confirm_delete, which_column
from bot.chat.render.message import AnyButton, ColumnButton, DatasetAct, DatasetButton, TrainButton
from bot.chat.render.message import Message as Said
from bot.chat.ui.view import buttons_view
from playground.messages import Message
from playground.people import Person
from tests.bot.chat import cards
from tests.bot.chat.conftest import Chat, Running
from trainer_core.data import catalog as folders
from trainer_core.tasks.orders import AddDataset, FileSource

EVERY: tuple[AnyButton, ...] = (
    TrainButton("talks", "mini", "10 epochs"),
    *(DatasetButton("talks", act) for act in DatasetAct),
    ColumnButton("0123456789abcdef", 1, "body"),
)


def custom_id(button: AnyButton) -> str:
    view = buttons_view([button])
    assert view is not None
    [item] = view.walk_children()
    assert isinstance(item, discord.ui.DynamicItem)
    return item.custom_id


def test_what_a_button_in_an_old_message_means_never_changes() -> None:
    """Each is written into messages that people still have."""
    assert list(map(custom_id, EVERY)) == [
        "train:talks:mini:10 epochs",
        *("data:talks:delete", "data:talks:delete_now", "data:talks:keep"),
        "column:0123456789abcdef:1",
    ]
    assert len(custom_id(TrainButton("x" * 64, "medium", "9" * 20))) <= 100


def test_a_column_without_a_name_has_a_label() -> None:
    view = buttons_view(
        [ColumnButton("0123", 0, ""), ColumnButton("0123", 1, "\u200b \n"), ColumnButton("0123", 2, "x" * 99)]
    )
    assert view is not None
    labels = [item.item.label for item in view.walk_children() if isinstance(item, discord.ui.DynamicItem)]
    assert labels == ["choice 1", "choice 2", "x" * 79 + "…"]


async def posted(chat: Chat, client: SpotterClient, message: Said, to: Person | None = None) -> Message:
    """A message of the bot's own."""
    channel = await client.create_dm(discord.Object((to or chat.owner).id))
    sent = await channel.send(**Outgoing(message).for_send())
    return next(message for message in chat.playground.world.messages(channel.id) if message.id == sent.id)


async def carded(chat: Chat, client: SpotterClient) -> Message:
    """The card of a data set of the owner's."""
    return await posted(chat, client, dataset_card(chat.added(cards.dataset()), cards.SUGGESTION))


async def test_train_starts_what_the_card_suggests(chat: Chat, spotter: SpotterClient) -> None:
    reply = await chat.owner.click(await carded(chat, spotter), "Train mini · 10 epochs")
    [run] = await chat.runs()
    spec = run.spec
    assert (spec.data.dataset, spec.model.label, str(spec.budget)) == ("talks", "gpt2 mini", "10 epochs")
    assert reply.text.startswith(
        f"🏋️ **{run.name}** is first in the queue, starts now.\n`talks` (1.2 MB, 1,204 documents)"
    )
    assert not reply.ephemeral


async def test_a_double_click_trains_once(chat: Chat, spotter: SpotterClient) -> None:
    card = await carded(chat, spotter)
    presses = (chat.owner.click(card, "Train mini · 10 epochs") for _ in range(2))
    replies = await asyncio.gather(*presses)
    assert len(await chat.runs()) == 1
    assert sorted(reply.text.splitlines()[-1] for reply in replies) == [
        "-# I write to you here as it goes, and when it is done.",
        "-# You asked for this twice: it is one run.",
    ]


async def test_delete_asks_first_and_deletes_on_yes_also_after_a_restart(chat: Chat) -> None:
    async with Running(chat.client(), chat.playground.token) as client:
        card = await carded(chat, client)
    async with Running(chat.client(), chat.playground.token):
        question = await chat.owner.click(card, "Delete")
        assert question.text.startswith("Delete **talks** (1.2 MB, 1,204 documents)?") and question.ephemeral
        assert folders.find_card(chat.home, "talks")
        await chat.owner.click(question, "Delete it")
        assert question.text == "🗑️ **talks** is deleted."
        assert folders.find_card(chat.home, "talks") is None
        late = await chat.owner.click(card, "Train mini · 10 epochs")
    assert late.text.startswith("⚠️ **data**: there is no data set 'talks'")
    assert await chat.runs() == []


async def test_keep_keeps(chat: Chat, spotter: SpotterClient) -> None:
    question = await chat.owner.click(await carded(chat, spotter), "Delete")
    await chat.owner.click(question, "Keep")
    assert question.text == "**talks** stays."
    assert folders.find_card(chat.home, "talks")


async def test_what_a_run_trains_on_is_not_deleted(chat: Chat, spotter: SpotterClient) -> None:
    card = await carded(chat, spotter)
    await chat.owner.click(card, "Train mini · 10 epochs")
    question = await chat.owner.click(card, "Delete")
    refused = await chat.owner.click(question, "Delete it")
    assert "trains on `talks` and has not ended" in "".join(message.content for message in chat.owner.inbox())
    assert folders.find_card(chat.home, "talks"), refused.text


@pytest.mark.parametrize("button", EVERY, ids=custom_id)
async def test_a_stranger_is_refused_at_every_button(chat: Chat, spotter: SpotterClient, button: AnyButton) -> None:
    chat.added(cards.dataset(), chat.stranger)
    message = await posted(chat, spotter, Said(content="old message", buttons=(button,)), chat.stranger)
    reply = await chat.stranger.click(message, custom_id(button))
    assert reply.text.startswith("🔒 This bot trains for its owner only.") and reply.ephemeral
    assert await chat.runs() == [] and folders.find_card(chat.home, "talks")


async def test_a_button_on_somebody_elses_data_set_tells_nothing(chat: Chat, spotter: SpotterClient) -> None:
    chat.added(cards.dataset(), chat.owner)
    buttons = (*confirm_delete(cards.dataset()).buttons[:1], TrainButton("talks", "mini", "10 epochs"))
    message = await posted(chat, spotter, Said(content="old message", buttons=buttons), chat.friend)
    for button in buttons:
        reply = await chat.friend.click(message, custom_id(button))
        assert reply.text.startswith("⚠️ **data**: there is no data set 'talks'"), button
    assert await chat.runs() == [] and folders.find_card(chat.home, "talks")


async def test_a_question_that_nobody_asked_keeps_its_place(chat: Chat, spotter: SpotterClient) -> None:
    """A press that comes to nothing is told beside the question, whose buttons stay."""
    message = await posted(chat, spotter, Said(content="Which?", buttons=(EVERY[-1],)))
    await chat.owner.click(message, "body")
    told = chat.owner.inbox()[-1]
    assert told.ephemeral and told.content.startswith("Which?\n⚠️ **column**: the file is no longer here")
    kept = next(known for known in chat.owner.inbox() if known.id == message.id)
    assert kept.content == "Which?" and kept.components


async def test_a_question_is_asked_again_when_the_column_turns_out_to_hold_no_text(
    chat: Chat, spotter: SpotterClient
) -> None:
    """Progress stands where the question does, until it is known that nothing came of it."""
    source = inbox.make_place(chat.home, "talks.csv")
    source.path.write_text("body,notes\n" + "\n".join(f'"Swan {n} spends the winter on the lake.",' for n in range(40)))
    order = AddDataset(
        home=chat.home.path,
        source=FileSource(path=source.path, filename="talks.csv"),
        added_by=str(chat.owner.id),
    )
    pending = inbox.keep(chat.home, inbox.Pending(order=order, columns=("body", "notes")))
    asked = which_column(pending, ("body", "notes"), "talks.csv")
    question = await posted(chat, spotter, asked)
    covered = asyncio.create_task(chat.owner.until(lambda m: m.id == question.id and m.content.startswith("📥"), 60))
    await asyncio.gather(covered, chat.owner.click(question, "notes"))
    told = await chat.owner.until(lambda m: m.ephemeral, 60)
    assert told.content.startswith("❓ Which column of `talks.csv` holds the text?\n⚠️ ")
    again = await chat.owner.until(lambda m: m.id == question.id and m.content == asked.content, 60)
    assert again.components


async def test_what_reads_like_a_text_is_no_name_of_a_column(chat: Chat, spotter: SpotterClient) -> None:
    """A table without a header begins with the first of its texts."""
    swans = "How many swans are there?"
    question = await posted(chat, spotter, which_column("0123456789abcdef", (swans, "body"), "talks.csv"))
    assert swans not in str(question.to_dict())
    await chat.owner.click(question, "choice 1")

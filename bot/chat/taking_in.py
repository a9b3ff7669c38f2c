"""Files that become data sets and tokenizers, and what is said of them: for commands, dropped files and buttons."""

from __future__ import annotations

import discord

from bot.catalog.catalog import Catalog
from bot.catalog.incoming import is_tokenizer
from bot.catalog.tasks import Told
from bot.catalog.wanted import Asked, TokenizerWish, Wanted
from bot.chat.attachments import fetch
from bot.chat.render.dataset import dataset_card
from bot.chat.render.dataset_answers import which_column
from bot.chat.render.message import Message
from bot.chat.render.tokenizer import tokenizer_card
from bot.person import Person
from trainer_core.tasks.orders import Added


async def take_in(catalog: Catalog, person: Person, file: discord.Attachment, told: Told) -> Message:
    """Whatever the file is: a tokenizer by its name, else a text. Raises SpotterError."""
    incoming = await fetch(file, catalog, told)
    if is_tokenizer(file.filename):
        return tokenizer_card(await catalog.make_tokenizer(person, TokenizerWish("upload", file=incoming), told))
    return await add(catalog, person, Wanted(incoming), told)


async def add(catalog: Catalog, person: Person, wanted: Wanted, told: Told) -> Message:
    """The new data set's card, or the question which column is the text. Raises SpotterError."""
    outcome = await catalog.add_dataset(person, wanted, told)
    if isinstance(outcome, Asked):
        return which_column(outcome.pending, outcome.columns, outcome.filename)
    return await card_of(catalog, person, outcome)


async def card_of(catalog: Catalog, person: Person, added: Added) -> Message:
    card, suggestion = await catalog.dataset(person, added.card.name)
    return dataset_card(card, suggestion, is_new=added.new)

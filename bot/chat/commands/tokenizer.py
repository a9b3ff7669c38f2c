"""`/trainer tokenizer train`, `list` and `show`."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from bot.catalog.tasks import Told
from bot.catalog.wanted import TokenizerWish
from bot.chat.attachments import fetch
from bot.chat.commands.options import dataset, family, given, saved_tokenizer
from bot.chat.places import AnswerPlace
from bot.chat.render.message import Message
from bot.chat.render.tokenizer import tokenizer_card, tokenizer_list
from bot.chat.render.working import making_tokenizer
from bot.chat.reply import Interaction, acknowledge, answer, person_of
from trainer_core.errors import Code, SpotterError
from trainer_core.tokenizers.card import TokenizerKind

_KINDS: tuple[tuple[str, TokenizerKind], ...] = (
    ("byte-level BPE: never an unknown character", "bpe"),
    ("Unigram", "unigram"),
    ("WordPiece", "wordpiece"),
    ("SentencePiece", "sentencepiece"),
    ("characters: needs no training", "characters"),
    ("pretrained: of a known model family", "pretrained"),
    ("upload: a tokenizer.json or .model of yours", "upload"),
)


@app_commands.command(description="Train a tokenizer on a data set, or take one in")
@app_commands.describe(
    kind="Which kind; it follows from what else you give if you leave it out",
    data="The data set to train it on, and to measure it on",
    vocabulary="How many tokens, 100 to 500,000; what suits the text if you leave it out",
    family="Of a pretrained one: the model family, like gpt2",
    file="A tokenizer.json or .model of your own",
    name="What to call it; a name is made if you leave it out",
    strict="Whether to refuse one that has problems on text it was not trained on",
)
@app_commands.choices(kind=[Choice(name=label, value=kind) for label, kind in _KINDS])
@app_commands.autocomplete(data=dataset, family=family)
async def train(
    interaction: Interaction,
    kind: str | None = None,
    data: str | None = None,
    vocabulary: Range[int, 100, 500_000] | None = None,
    family: str | None = None,
    file: discord.Attachment | None = None,
    name: Range[str, 1, 64] | None = None,
    strict: bool = False,
) -> None:
    await acknowledge(interaction)
    client, person = interaction.client, person_of(interaction)
    chosen = _kind(kind, file is not None, given(family) is not None)
    doing = making_tokenizer(_source(chosen, given(data), given(family), file))

    async def work(told: Told) -> Message:
        wish = TokenizerWish(
            kind=chosen,
            name=(given(name) or "").lower() or None,  # phones begin with a capital letter
            dataset=given(data),
            vocabulary=vocabulary,
            family=given(family),
            file=await fetch(file, client.catalog, told) if file else None,
            strict=strict,
        )
        return tokenizer_card(await client.catalog.make_tokenizer(person, wish, told))

    await client.errands.run(AnswerPlace(interaction, doing), doing, work)


@app_commands.command(name="list", description="Your tokenizers")
async def list_(interaction: Interaction) -> None:
    await acknowledge(interaction)
    cards = await interaction.client.catalog.tokenizers(person_of(interaction))
    await answer(interaction, tokenizer_list(cards, interaction.client.now()))


@app_commands.command(description="What a tokenizer is, and how it does on text it was not trained on")
@app_commands.describe(name="Which tokenizer")
@app_commands.autocomplete(name=saved_tokenizer)
async def show(interaction: Interaction, name: str) -> None:
    await acknowledge(interaction)
    card = await interaction.client.catalog.tokenizer(person_of(interaction), name)
    await answer(interaction, tokenizer_card(card))


def _kind(asked: str | None, has_file: bool, has_family: bool) -> TokenizerKind:
    """The kind that was asked for, or that follows from what was given."""
    for _, kind in _KINDS:
        if kind == asked:
            return kind
    return "upload" if has_file else "pretrained" if has_family else "bpe"


def _source(kind: TokenizerKind, data: str | None, family: str | None, file: discord.Attachment | None) -> str:
    """What a tokenizer of that kind is made of, in a word. Raises SpotterError if it is missing."""
    match kind:
        case "upload":
            made_of, field, says = file.filename if file else None, "file", "attach the tokenizer.json or .model"
        case "pretrained":
            made_of, field, says = family, "family", "name the model family, like gpt2"
        case "characters":
            made_of, field, says = "characters", "", ""
        case _:
            made_of, field, says = data, "data", "name the data set to train it on"
    if made_of is None:
        raise SpotterError(Code.CONFIG_INVALID, says, field=field)
    return made_of

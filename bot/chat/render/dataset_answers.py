"""What Spotter answers about data sets besides their cards: the list, what is asked back, and deletion. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.render import text
from bot.chat.render.columns import column_name
from bot.chat.render.dataset import documents
from bot.chat.render.embeds import Colour, content, embed, listing
from bot.chat.render.message import ColumnButton, DatasetAct, DatasetButton, Message
from trainer_core.data.card import DatasetCard

_COLUMNS = 10
"""Columns to choose from: two rows of buttons. A file may have hundreds, and the likeliest come first."""


def dataset_list(cards: Sequence[DatasetCard], now: float) -> Message:
    """One line a data set, in the order given; `now` in seconds since the epoch."""
    if not cards:
        return Message(content="You have no data sets yet. Drop a file here, or use `/trainer dataset add`.")
    return Message(
        embed=embed(
            title="Data sets",
            colour=Colour.QUIET,
            description=listing([_line(card, now) for card in cards]),
            footer="/trainer dataset show has the card and a button that trains",
        )
    )


def _line(card: DatasetCard, now: float) -> str:
    if card.images:
        parts = [f"🖼️ **{card.name}**", f"{text.number(card.documents)} pictures, {len(card.images.classes)} classes"]
    else:
        parts = [f"📚 **{card.name}**", text.size(card.bytes), documents(card.documents)]
        parts += [f"about {text.short(card.tokens)} tokens"] if card.tokens else []
    age = max(now - card.added_at.timestamp(), 0)
    parts.append("built in" if card.builtin else f"{text.age(age)} ago")
    return " · ".join(parts)


def which_column(pending: str, columns: Sequence[str], filename: str) -> Message:
    """Several columns could be the text: the person says which."""
    note = "-# I keep it for a day."
    if len(columns) > _COLUMNS:
        note = (
            f"-# These are the likeliest of {len(columns)}. For another one, `/trainer dataset add` takes a `column`."
        )
    shown = enumerate(columns[:_COLUMNS])
    return Message(
        content=content(f"❓ Which column of {text.code(text.clip(filename, 100))} holds the text?\n{note}"),
        buttons=tuple(ColumnButton(pending, index, column_name(column, index)) for index, column in shown),
        silent=False,
    )


def confirm_delete(card: DatasetCard) -> Message:
    """Ask first: nothing brings it back."""
    if card.builtin:
        return Message(content=f"**{card.name}** is built in, and stays.")
    return Message(
        content=f"Delete **{card.name}** ({text.size(card.bytes)}, {documents(card.documents)})? It goes from this"
        " machine, with what was made of it for training. Models trained on it stay.",
        buttons=(DatasetButton(card.name, DatasetAct.DELETE_NOW), DatasetButton(card.name, DatasetAct.KEEP)),
    )


def deleted(card: DatasetCard) -> Message:
    return Message(content=f"🗑️ **{card.name}** is deleted.")


def kept(name: str) -> Message:
    return Message(content=f"**{name}** stays.")

"""Data sets as a home folder holds them, by their cards alone: who only lists and chooses needs no text."""

from __future__ import annotations

from tests.bot.chat import cards
from trainer_core.data.card import DatasetCard
from trainer_core.data.catalog import BUILTIN, CARD
from trainer_core.layout import Home


def lay(home: Home, card: DatasetCard) -> DatasetCard:
    folder = home.dataset(card.name)
    folder.mkdir(parents=True)
    (folder / CARD).write_text(card.model_dump_json())
    return card


def lay_builtin(home: Home) -> DatasetCard:
    """What ships with Spotter, as if it had been made."""
    return lay(home, cards.dataset(name=BUILTIN, filename=BUILTIN, format="builtin", added_by="", builtin=True))

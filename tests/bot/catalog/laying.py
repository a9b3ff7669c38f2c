"""Data sets as a home folder holds them; by their cards alone, too, since who only lists and chooses needs no text."""

from __future__ import annotations

import shutil

from bot.catalog.incoming import make_place
from tests.bot.chat import cards
from trainer_core.data.card import DatasetCard
from trainer_core.data.catalog import BUILTIN, CARD
from trainer_core.data.intake.ingest import ingest
from trainer_core.files.layout import Home
from trainer_core.tasks.orders import AddDataset, Added, FileSource


def lay(home: Home, card: DatasetCard) -> DatasetCard:
    folder = home.dataset(card.name)
    folder.mkdir(parents=True)
    (folder / CARD).write_text(card.model_dump_json())
    return card


def lay_builtin(home: Home) -> DatasetCard:
    """What ships with Spotter, as if it had been made."""
    return lay(home, cards.dataset(name=BUILTIN, filename=BUILTIN, format="builtin", added_by="", builtin=True))


def take_in(home: Home, filename: str, data: bytes, added_by: str) -> DatasetCard:
    """A data set of a file, taken in as a task would do it."""
    place = make_place(home, filename)
    place.path.write_bytes(data)
    source = FileSource(path=place.path, filename=filename)
    added = ingest(AddDataset(home=home.path, source=source, added_by=added_by), lambda _: None)
    assert isinstance(added, Added)
    shutil.rmtree(place.folder)
    return added.card

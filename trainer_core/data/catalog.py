"""The data sets that are there: their cards, and taking one away. Needs pydantic only."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from trainer_core.data.card import DatasetCard
from trainer_core.errors import Code, SpotterError
from trainer_core.files.atomic import name_aside, sync_folder
from trainer_core.files.layout import Home

BUILTIN = "python-docs"
BUILTINS: tuple[str, ...] = (BUILTIN,)
"""Names of the texts that ship with Spotter. Nobody else's data set gets one of them."""

CARD = "dataset.json"


def list_cards(home: Home) -> list[DatasetCard]:
    """Every data set that is there, by name."""
    if not home.datasets.is_dir():
        return []
    cards = (_load(folder) for folder in sorted(home.datasets.iterdir()) if not folder.name.startswith("."))
    return [card for card in cards if card]


def find_card(home: Home, name: str) -> DatasetCard | None:
    """The card of one data set; None if there is none, or `name` cannot be one's."""
    try:
        return _load(home.dataset(name))
    except ValueError:
        return None


def read_card(home: Home, name: str) -> DatasetCard:
    """The card of one data set. Raises CORPUS_NOT_FOUND, with the nearest name if one is near."""
    card = find_card(home, name)
    if card is None:
        raise not_found(name, [*BUILTINS, *(known.name for known in list_cards(home))])
    return card


def delete(home: Home, name: str) -> None:
    """Take a data set away, with its tokens. Raises CORPUS_NOT_FOUND, OSError.

    It is gone at once, however long its files take; what a crash leaves of them lies aside, for the next sweep.
    """
    folder = home.dataset(read_card(home, name).name)
    aside = name_aside(folder)
    try:
        folder.rename(aside)
    except FileNotFoundError as error:
        raise not_found(name, [card.name for card in list_cards(home)]) from error
    sync_folder(folder.parent)
    shutil.rmtree(aside, ignore_errors=True)


def not_found(name: str, known: Iterable[str]) -> SpotterError:
    """The error for a name that is none of `known`."""
    names = list(dict.fromkeys(known))
    near = difflib.get_close_matches(name.lower(), names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
    return SpotterError(Code.CORPUS_NOT_FOUND, f"there is no data set {name[:64]!r}; {hint}", field="data")


def _load(folder: Path) -> DatasetCard | None:
    try:
        return DatasetCard.model_validate_json((folder / CARD).read_bytes())
    except (OSError, ValidationError):
        return None

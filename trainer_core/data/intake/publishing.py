"""How a data set comes by its name, and appears under it; how one that is there already is recognised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer_core.data.card import DatasetCard, Preprocessing
from trainer_core.data.catalog import BUILTINS, CARD, find_card
from trainer_core.data.formats import known_kind
from trainer_core.errors import Code, SpotterError
from trainer_core.files.folders import publish
from trainer_core.files.layout import Home

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_MOST_ALIKE = 10_000


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a data set the same as an earlier one."""

    sha256: str
    added_by: str
    format: str
    text_column: str | None
    preprocessing: Preprocessing

    @classmethod
    def of(cls, card: DatasetCard) -> Identity:
        return cls(card.sha256, card.added_by, card.format, card.text_column, card.preprocessing)


def find_same(home: Home, stem: str, identity: Identity) -> DatasetCard | None:
    """The data set called `stem`, or like it, that is the same; None if there is none."""
    for name in _names(stem, identity.added_by):
        card = find_card(home, name)
        if card is None:
            return None
        if _is_same(card, identity):
            return card
    return None


def publish_dataset(home: Home, stem: str, folder: Path, described: DatasetCard) -> tuple[DatasetCard, bool]:
    """Have `folder` appear under the first name that is free, with the card in it; unless the same is there.

    Returns the card as it is there, and whether it is new. Raises CONFIG_INVALID (`name`) if no name is free, OSError.
    """

    def makes_way(there: Path) -> bool:
        return described.builtin and find_card(home, there.name) is None  # its name is the only one it can have

    for name in _names(stem, described.added_by):
        card = described.model_copy(update={"name": name})
        (folder / CARD).write_text(card.model_dump_json(indent=2), encoding="utf-8")
        try:
            publish(folder, home.dataset(name), makes_way)
        except FileExistsError:
            existing = find_card(home, name)
            if existing and _is_same(existing, Identity.of(card)):
                return existing, False
        else:
            return card, True
    raise SpotterError(Code.CONFIG_INVALID, "there are too many data sets of this name; choose another", field="name")


def _is_same(card: DatasetCard, identity: Identity) -> bool:
    """Whether it is what `identity` says. A built-in is, whichever Python its text came with."""
    return Identity.of(card) == identity or (card.builtin and not identity.added_by)


def check_name(name: str) -> str:
    """`name` if a data set can have it. Raises CONFIG_INVALID (`name`)."""
    if not _NAME.fullmatch(name):
        raise SpotterError(
            Code.CONFIG_INVALID, "use lower-case letters, digits, hyphens and underscores only", field="name"
        )
    return name


def name_from(filename: str) -> str:
    """A data set's name made from a file's or folder's."""
    name = Path(filename).name
    if kind := known_kind(name):
        name = name[: -len(kind) - 1]
    stem = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-_")
    return stem[:40].rstrip("-_") or "data"


def _names(stem: str, added_by: str) -> Iterator[str]:
    """`stem`, and `stem` with a number; a built-in's name is for nobody's data set but its own."""
    if not added_by:
        yield stem
        return
    for number in range(1, _MOST_ALIKE):
        name = stem if number == 1 else f"{stem}-{number}"
        if name not in BUILTINS:
            yield name

"""What a person wants of the catalog, and what it asks back."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.catalog.incoming import Incoming
from trainer_core.data.card import Preprocessing
from trainer_core.tasks.orders import HubSource, LocalSource
from trainer_core.tokenizers.card import TokenizerKind


@dataclass(frozen=True, slots=True)
class Wanted:
    """A data set that is to be: where its text comes from, and what is done to it."""

    source: Incoming | HubSource | LocalSource | str
    """A text is the name of something under an approved folder, as `Catalog.local_sources` lists them."""
    name: str | None = None
    """Wished for; else made from the source's."""
    column: str | None = None
    """The one that holds the text; else it is found, or asked for."""
    preprocessing: Preprocessing = field(default_factory=Preprocessing)


@dataclass(frozen=True, slots=True)
class Asked:
    """Several columns could be the text: `Catalog.choose_column` goes on once the person has chosen."""

    pending: str
    """Sixteen characters that stand for what waits; kept for a day."""
    columns: tuple[str, ...]
    """The likeliest first."""
    filename: str
    """What the person knows it by."""


@dataclass(frozen=True, slots=True)
class TokenizerWish:
    """A tokenizer that is to be: trained on a data set, known by name, or a file of the person's."""

    kind: TokenizerKind
    name: str | None = None
    dataset: str | None = None
    """What to train on, and to report on: needed for the trained kinds."""
    vocabulary: int | None = None
    family: str | None = None
    """Of kind `pretrained`: a name in the table of families, or of a model on the Hub."""
    file: Incoming | None = None
    """Of kind `upload`."""
    strict: bool = False
    """Refuse a tokenizer whose report has problems."""

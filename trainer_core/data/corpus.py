"""Data sets on disk: taking a file in, its card, and its documents. Needs neither torch nor numpy.

A data set is a folder that appears whole or not at all: it is built aside under `datasets/` and renamed.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainer_core.data.formats import Kind, Parsed, decode, kind_of, parse
from trainer_core.data.split import distinct_blocks
from trainer_core.errors import Code, SpotterError
from trainer_core.folders import new_folder
from trainer_core.layout import Home

BUILTIN = "python-docs"
BUILTINS: tuple[str, ...] = (BUILTIN,)

MINIMUM_CHARACTERS = 1_000
"""Less than this teaches nothing and leaves nothing to hold out."""

_CARD = "dataset.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")


class DatasetCard(BaseModel):
    """What is known of a data set, as `dataset.json` holds it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    kind: Kind
    filename: str
    """As the person called it; for display only."""
    text_column: str | None = None
    """The column or field that holds the text; None where the whole file, or each entry, is text."""
    documents: int = Field(ge=1)
    characters: int = Field(ge=1)
    bytes: int = Field(ge=1)
    """Size of the source."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the source."""
    added_by: str
    """User id; empty for a built-in."""
    added_at: datetime
    builtin: bool = False


def add_builtin(home: Home, name: str) -> DatasetCard:
    """The card of a text that ships with Spotter, written on first use. Raises CORPUS_NOT_FOUND, OSError."""
    if name not in BUILTINS:
        raise not_found(name, BUILTINS)
    existing = _load(home.dataset(name))
    if existing:
        return existing
    from pydoc_data.topics import topics

    rows = [json.dumps({"topic": topic, "text": topics[topic]}, ensure_ascii=False) for topic in sorted(topics)]
    source = "\n".join(rows).encode()
    card = _card(name, f"{name}.jsonl", source, added_by="", builtin=True)
    return card if _publish(home, card, source) else read_card(home, name)


def add_file(
    home: Home, filename: str, data: bytes | Path, added_by: str, name: str | None = None, *, limit: int | None = None
) -> DatasetCard:
    """Take a file in as a data set of its own; the same file from the same person is taken in once.

    `name` is wished for, else made from `filename`; a taken name gets a number. `limit` is in bytes.
    Raises SpotterError with field `file` (CORPUS_EMPTY, CORPUS_TOO_LARGE, CORPUS_UNREADABLE) or `name`
    (CONFIG_INVALID); nothing is left behind then. Raises OSError if the disk does not take it.
    """
    kind_of(filename)
    stem = _slug(filename) if name is None else _wished(name)
    source = _read(data, limit)
    described = _card(stem, filename, source, added_by)
    for number in range(1, 10_000):
        card = described.model_copy(update={"name": stem if number == 1 else f"{stem}-{number}"})
        if card.name in BUILTINS:
            continue
        existing = _load(home.dataset(card.name))
        if existing is None and _publish(home, card, source):
            return card
        if existing and (existing.sha256, existing.added_by, existing.kind) == (card.sha256, added_by, card.kind):
            return existing
    raise SpotterError(Code.CONFIG_INVALID, "there are too many data sets of this name; choose another", field="name")


def list_cards(home: Home) -> list[DatasetCard]:
    """Every data set that is there, by name."""
    if not home.datasets.is_dir():
        return []
    cards = (_load(folder) for folder in sorted(home.datasets.iterdir()) if not folder.name.startswith("."))
    return [card for card in cards if card]


def read_card(home: Home, name: str) -> DatasetCard:
    """The card of one data set. Raises CORPUS_NOT_FOUND, with the nearest name if one is near."""
    try:
        card = _load(home.dataset(name))
    except ValueError:
        card = None
    if card is None:
        raise not_found(name, [*BUILTINS, *(known.name for known in list_cards(home))])
    return card


def documents(home: Home, card: DatasetCard) -> Iterator[str]:
    """The documents in order, from the source. Raises CORPUS_UNREADABLE if it is not the file the card describes."""
    yield from _verified(home, card).documents


def _verified(home: Home, card: DatasetCard) -> Parsed:
    try:
        source = (home.dataset(card.name) / f"source.{card.kind}").read_bytes()
    except FileNotFoundError as error:
        raise SpotterError(
            Code.CORPUS_UNREADABLE, f"the source of {card.name} is gone; add the file again", field="data.dataset"
        ) from error
    if hashlib.sha256(source).hexdigest() != card.sha256:
        raise SpotterError(
            Code.CORPUS_UNREADABLE, f"the source of {card.name} was changed; add the file again", field="data.dataset"
        )
    try:
        return parse(card.kind, decode(source))
    except SpotterError as error:  # it speaks of a file that is being given; this one was taken in long ago
        raise SpotterError(error.code, f"the source of {card.name} {error.message}", field="data.dataset") from error


def _card(name: str, filename: str, source: bytes, added_by: str, *, builtin: bool = False) -> DatasetCard:
    """The card for `source`. Raises CORPUS_EMPTY, CORPUS_UNREADABLE."""
    kind = kind_of(filename)
    parsed = parse(kind, decode(source))
    characters = sum(map(len, parsed.documents))
    if sum(len(document.strip()) for document in parsed.documents) < MINIMUM_CHARACTERS:
        raise SpotterError(
            Code.CORPUS_EMPTY,
            f"has {characters:,} characters of text; give at least {MINIMUM_CHARACTERS:,}",
            field="file",
        )
    if distinct_blocks(parsed.documents) < 2:
        raise SpotterError(Code.CORPUS_EMPTY, "repeats one text over and over; give more varied text", field="file")
    return DatasetCard(
        name=name,
        kind=kind,
        filename=Path(filename).name[-100:],
        text_column=parsed.text_column,
        documents=len(parsed.documents),
        characters=characters,
        bytes=len(source),
        sha256=hashlib.sha256(source).hexdigest(),
        added_by=added_by,
        added_at=datetime.now(UTC),
        builtin=builtin,
    )


def _publish(home: Home, card: DatasetCard, source: bytes) -> bool:
    """Make the folder appear. False if another was there first. Raises OSError."""
    try:
        with new_folder(home.dataset(card.name)) as folder:
            (folder / f"source.{card.kind}").write_bytes(source)
            (folder / _CARD).write_text(card.model_dump_json(indent=2), encoding="utf-8")
    except FileExistsError:
        return False
    return True


def _load(folder: Path) -> DatasetCard | None:
    try:
        return DatasetCard.model_validate_json((folder / _CARD).read_bytes())
    except (OSError, ValidationError):
        return None


def _read(data: bytes | Path, limit: int | None) -> bytes:
    size = len(data) if isinstance(data, bytes) else data.stat().st_size
    if limit is not None and size > limit:
        raise SpotterError(
            Code.CORPUS_TOO_LARGE, f"is {size:,} bytes; give a file of at most {limit:,} bytes", field="file"
        )
    return data if isinstance(data, bytes) else data.read_bytes()


def _slug(filename: str) -> str:
    stem = re.sub(r"[^a-z0-9_]+", "-", Path(filename).stem.lower()).strip("-_")
    return stem[:40].rstrip("-_") or "data"


def _wished(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise SpotterError(
            Code.CONFIG_INVALID, "use lower-case letters, digits, hyphens and underscores only", field="name"
        )
    return name


def not_found(name: str, known: list[str] | tuple[str, ...]) -> SpotterError:
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(dict.fromkeys(known))}"
    return SpotterError(Code.CORPUS_NOT_FOUND, f"there is no data set {name[:64]!r}; {hint}", field="data")

"""Taking a source in as a data set: open, read and write, describe, publish.

The data set is a folder that is filled aside and appears whole, or not at all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from trainer_core.data.card import Counts, DatasetCard
from trainer_core.data.documents import DocumentsWriter, open_documents
from trainer_core.data.intake import images
from trainer_core.data.intake.builtins import read_builtin
from trainer_core.data.intake.lengths import distribution
from trainer_core.data.intake.publishing import Identity, check_name, find_same, name_from, publish_dataset
from trainer_core.data.intake.sampling import repeats_itself, sample, tokens_per_byte
from trainer_core.data.intake.scripts import languages_soon, scripts
from trainer_core.data.intake.streaming import Tally, write
from trainer_core.data.sources.reading import ColumnUndecided, Reading, read
from trainer_core.errors import Code, SpotterError
from trainer_core.files.folders import folder_aside
from trainer_core.files.layout import Home
from trainer_core.tasks.orders import (
    AddDataset,
    Added,
    BuiltinSource,
    FileSource,
    HubSource,
    LocalSource,
    Progress,
    Undecided,
)
from trainer_core.tokenizers.strategy import suggested_vocabulary

MINIMUM_CHARACTERS = 1_000
"""Less than this teaches nothing and leaves nothing to hold out."""

_PASSAGES, _PASSAGE = 64, 4_096
"""How many passages of how many bytes tell what a text is like."""
_SAID_ONCE = 0.05
"""Of a text that repeats more than all but this hardly anything is left."""
_ONE_DOCUMENT = ("txt", "txt.gz", "md", "md.gz")

Told = Callable[[Progress], object]


def ingest(order: AddDataset, told: Told) -> Added | Undecided:
    """Take the source of `order` in; the same from the same person, taken in in the same way, is taken in once.

    An uploaded file that became part of the data set is gone from where it was. A failure leaves nothing behind.
    Raises SpotterError: CORPUS_EMPTY of field `file`, CONFIG_INVALID of field `name`, and what opening and reading the
    source raise; OSError if the disk does not take it.
    """
    home, source = Home(order.home), order.source
    stem = check_name(order.name) if order.name else name_from(_called(source))
    if not isinstance(source, BuiltinSource | HubSource) and images.looks_like(source):
        return _ingest_images(home, stem, order, source, told)
    try:
        reading = _open(order, told)
    except ColumnUndecided as question:
        return Undecided(columns=question.columns)
    if same := find_same(home, stem, _identity(order, reading)):
        return Added(card=same, new=False)

    languages = languages_soon()
    with folder_aside(home.dataset(stem)) as folder:
        with DocumentsWriter(folder) as writer:
            tally = write(reading.pieces, writer, order.preprocessing, alone=reading.format in _ONE_DOCUMENT)
        _check_enough(tally)
        told(Progress(phase="describing"))
        described = _describe(order, reading, tally, writer, folder, languages)
        _keep_source(source, reading, folder)
        return _publish(home, stem, order, folder, described)


def _open(order: AddDataset, told: Told) -> Reading:
    if isinstance(order.source, BuiltinSource):
        return read_builtin(order.source.name)
    # What has to be fetched lies with what else is on its way in, which is swept should this process be killed.
    downloads = Home(order.home).incoming
    downloads.mkdir(parents=True, exist_ok=True)
    advanced = _as_progress(told, "bytes")
    return read(order.source, text_column=order.text_column, limit=order.limit, advanced=advanced, downloads=downloads)


def _check_enough(tally: Tally) -> None:
    """Raises CORPUS_EMPTY."""
    if tally.characters >= MINIMUM_CHARACTERS:
        return
    left_out = {
        "are too short": tally.too_short,
        "are the same as others": tally.duplicates,
        "are nearly the same as others": tally.near_duplicates,
    }
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items() if count)
    aside = f" (of {tally.read:,} documents {reasons})" if reasons and tally.read > 1 else ""
    raise SpotterError(
        Code.CORPUS_EMPTY,
        f"has too little text: {tally.characters:,} of the {MINIMUM_CHARACTERS:,} characters it needs{aside}",
        field="file",
    )


def _describe(
    order: AddDataset,
    reading: Reading,
    tally: Tally,
    writer: DocumentsWriter,
    folder: Path,
    languages: Callable[[Iterable[str]], dict[str, float]],
) -> DatasetCard:
    """The card, still without a name. Raises CORPUS_EMPTY if the text is one thing over and over."""
    passages = sample(open_documents(folder, _called(order.source)), _PASSAGES, _PASSAGE)
    said_once = tally.characters - tally.repeated_characters
    if said_once < _SAID_ONCE * tally.characters or repeats_itself(passages):
        raise SpotterError(Code.CORPUS_EMPTY, "repeats one text over and over; give more varied text", field="file")
    compressed = tokens_per_byte(passages, suggested_vocabulary(tally.characters))
    found = reading.found
    return DatasetCard(
        name="",
        source=order.source.kind,
        format=reading.format,
        filename=_called(order.source),
        encoding=found.encoding,
        text_column=reading.text_column,
        preprocessing=order.preprocessing,
        documents=writer.documents,
        characters=tally.characters,
        bytes=writer.bytes,
        source_bytes=found.source_bytes,
        sha256=found.sha256,
        content=writer.content,
        counts=tally.counts(found),
        secrets=dict(tally.secrets.kinds.most_common()),
        scripts=scripts(passages),
        languages=languages(passages),
        lengths=distribution(tally.lengths),
        tokens_per_byte=compressed,
        added_by=order.added_by,
        added_at=datetime.now(UTC),
        builtin=isinstance(order.source, BuiltinSource),
    )


def _keep_source(source: FileSource | LocalSource | HubSource | BuiltinSource, reading: Reading, folder: Path) -> None:
    """An upload's bytes go with the data set; by a second name, so that they stay where they are if it fails."""
    if isinstance(source, FileSource):
        kept = folder / f"source.{reading.format}"
        try:
            os.link(source.path, kept)
        except OSError:  # another file system, or one without links
            shutil.copyfile(source.path, kept)


def _publish(home: Home, stem: str, order: AddDataset, folder: Path, described: DatasetCard) -> Added:
    card, new = publish_dataset(home, stem, folder, described)
    if new and isinstance(order.source, FileSource):
        order.source.path.unlink(missing_ok=True)
    return Added(card=card, new=new)


def _ingest_images(home: Home, stem: str, order: AddDataset, source: FileSource | LocalSource, told: Told) -> Added:
    """The same for pictures, which are neither cleaned nor tokenized."""
    with folder_aside(home.dataset(stem)) as folder:
        taken = images.ingest_images(source, folder, limit=order.limit, advanced=_as_progress(told, "pictures"))
        described = DatasetCard(
            name="",
            kind="images",
            source=source.kind,
            format=taken.format,
            filename=_called(source),
            preprocessing=order.preprocessing,
            documents=taken.kept,
            characters=0,
            bytes=taken.bytes,
            source_bytes=taken.source_bytes,
            sha256=taken.sha256,
            content=taken.content,
            counts=Counts(read=taken.read, duplicates=taken.duplicates, skipped=taken.skipped),
            images=taken.images,
            added_by=order.added_by,
            added_at=datetime.now(UTC),
        )
        return _publish(home, stem, order, folder, described)


def _identity(order: AddDataset, reading: Reading) -> Identity:
    return Identity(reading.found.sha256, order.added_by, reading.format, reading.text_column, order.preprocessing)


def _called(source: FileSource | LocalSource | HubSource | BuiltinSource) -> str:
    """What the person calls the source."""
    match source:
        case FileSource():
            return Path(source.filename).name[-100:]
        case LocalSource():
            return source.path.name[-100:]
        case HubSource() | BuiltinSource():
            return source.name


def _as_progress(told: Told, unit: str) -> Callable[[int, int | None], None]:
    def advanced(done: int, total: int | None) -> None:
        fraction = min(1.0, done / total) if total else None
        told(Progress(phase="reading", fraction=fraction, detail=_amount(done, total, unit)))

    return advanced


def _amount(done: int, total: int | None, unit: str) -> str:
    of = _size if unit == "bytes" else "{:,}".format
    amount = f"{of(done)} of {of(total)}" if total else of(done)
    return amount if unit == "bytes" else f"{amount} {unit}"


def _size(size: int) -> str:
    """So many bytes, as a person reads them."""
    for scale, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= scale:
            return f"{size / scale:,.1f} {name}" if size < 10 * scale else f"{size / scale:,.0f} {name}"
    return f"{size} bytes"

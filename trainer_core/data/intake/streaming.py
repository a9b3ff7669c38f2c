"""The one pass over a source's text: each document cleaned, looked through for secrets, and written unless it is a
duplicate or too short. A piece at a time: a document may be larger than memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from trainer_core.data.card import Counts, Preprocessing
from trainer_core.data.documents import DocumentsWriter, Piece
from trainer_core.data.intake.duplicates import NearlySeen, Repeats, Seen, Sketch
from trainer_core.data.intake.preprocess import Changes, clean, cut
from trainer_core.data.intake.sensitive import Secrets, sift
from trainer_core.data.pieces import by_document
from trainer_core.data.sources.readers.found import Found


@dataclass(slots=True)
class Tally:
    """What was come upon, and what was done about it.

    Every document that was read is too short, a duplicate, a near duplicate, or written.
    """

    changes: Changes = field(default_factory=Changes)
    secrets: Secrets = field(default_factory=Secrets)
    read: int = 0
    too_short: int = 0
    duplicates: int = 0
    near_duplicates: int = 0
    repeats: int = 0
    repeated_characters: int = 0
    cut: int = 0
    lengths: array[int] = field(default_factory=lambda: array("Q"))
    """Characters of each document that was written, after cutting."""

    @property
    def characters(self) -> int:
        return sum(self.lengths)

    def counts(self, found: Found) -> Counts:
        """For the card; what reading found to be blank was too short, too."""
        return Counts(
            read=self.read + found.blank,
            undecodable_bytes=found.undecodable_bytes,
            broken_lines=found.broken_lines,
            skipped=found.skipped,
            normalized=self.changes.normalized,
            control_characters=self.changes.control_characters,
            whitespace_characters=self.changes.whitespace_characters,
            too_short=self.too_short + found.blank,
            cut=self.cut,
            duplicates=self.duplicates,
            near_duplicates=self.near_duplicates,
            repeats=self.repeats,
            repeated_characters=self.repeated_characters,
            secret_lines=self.secrets.lines,
            secret_lines_removed=self.secrets.removed,
        )


def write(pieces: Iterable[Piece], writer: DocumentsWriter, options: Preprocessing, *, alone: bool = False) -> Tally:
    """Write the documents that `options` leave.

    A document that is `alone` has no near duplicates, but may repeat itself.

    Raises what `pieces` raise; OSError.
    """
    tally = Tally()
    seen, nearly_seen, repeats = Seen(), NearlySeen(options.similarity), Repeats()
    look_near = options.near_duplicates and not alone
    for document in by_document(pieces):
        tally.read += 1
        before = writer.mark()
        sketch = Sketch(near=look_near)
        text = clean(document, options, tally.changes)
        text = sift(text, tally.secrets, remove=options.remove_secrets)
        text = sketch.drawn(text)
        if options.duplicates and alone:
            text = repeats.drawn(text)
        lengths = _write(cut(text, options.max_characters), writer)
        if sketch.is_blank or sketch.characters < options.min_characters:
            tally.too_short += 1
        elif options.duplicates and not seen.add(sketch.digest):
            tally.duplicates += 1
        elif look_near and not nearly_seen.add(sketch):
            tally.near_duplicates += 1
        else:
            tally.cut += len(lengths) > 1
            tally.lengths.extend(lengths)
            continue
        writer.take_back(before)
    tally.repeats, tally.repeated_characters = repeats.passages, repeats.characters
    return tally


def _write(document: Iterable[Piece], writer: DocumentsWriter) -> list[int]:
    """Write it. Returns the characters of each document that was made of it."""
    lengths: list[int] = []
    for piece in document:
        writer.add(piece)
        if piece.begins:
            lengths.append(0)
        lengths[-1] += len(piece.text)
    return lengths

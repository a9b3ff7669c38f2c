"""The card of a data set: what is known of it, as `dataset.json` holds it. Counts only, never its text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

DataKind = Literal["text", "images"]
SourceKind = Literal["file", "local", "hub", "builtin"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Preprocessing(_Frozen):
    """What is done to the text when it is taken in. Everything can be switched off; what it changed is counted."""

    normalize: bool = True
    """Unicode normalisation form C."""
    control: bool = True
    """Remove control characters other than line ends and tabs."""
    whitespace: bool = True
    """Line ends become `\\n`, spaces at line ends go, and more than two blank lines in a row become two."""
    min_characters: int = Field(default=1, ge=1)
    """Shorter documents are left out."""
    max_characters: int | None = Field(default=None, ge=1_000)
    """Longer documents are cut into documents of at most this length; None leaves them whole."""
    duplicates: bool = True
    """Leave out documents that are the same as an earlier one."""
    near_duplicates: bool = True
    """Leave out documents that are nearly the same as an earlier one (MinHash)."""
    similarity: float = Field(default=0.85, gt=0.5, lt=1)
    """Jaccard similarity of word 5-grams from which two documents count as nearly the same."""
    remove_secrets: bool = False
    """Remove the lines that look like they hold keys, tokens, private keys or e-mail addresses."""

    @field_validator("max_characters")
    @classmethod
    def _leaves_something(cls, longest: int | None, info: ValidationInfo) -> int | None:
        shortest = info.data.get("min_characters", 1)
        if longest is not None and longest < shortest:
            raise ValueError(f"is less than min_characters, which is {shortest:,}; no document would be left")
        return longest


class Counts(_Frozen):
    """What taking the source in came upon, and what preprocessing changed."""

    read: int = Field(default=0, ge=0)
    """Documents (or images) in the source."""
    undecodable_bytes: int = Field(default=0, ge=0)
    """Bytes that are no text in the encoding of the file; each became U+FFFD."""
    broken_lines: int = Field(default=0, ge=0)
    """Lines or records that could not be read."""
    skipped: int = Field(default=0, ge=0)
    """Files of an archive or folder that hold no text."""
    normalized: int = Field(default=0, ge=0)
    """Documents that NFC changed."""
    control_characters: int = Field(default=0, ge=0)
    whitespace_characters: int = Field(default=0, ge=0)
    """Characters that went with white space."""
    too_short: int = Field(default=0, ge=0)
    cut: int = Field(default=0, ge=0)
    """Documents that were cut for their length."""
    duplicates: int = Field(default=0, ge=0)
    near_duplicates: int = Field(default=0, ge=0)
    repeats: int = Field(default=0, ge=0)
    """Passages of a text that is one long document that came before in it. They stay."""
    repeated_characters: int = Field(default=0, ge=0)
    """Of these passages."""
    secret_lines: int = Field(default=0, ge=0)
    """Lines with something that looks like a secret."""
    secret_lines_removed: int = Field(default=0, ge=0)


class Lengths(_Frozen):
    """How long the documents are, in characters."""

    edges: tuple[int, ...] = ()
    """Ascending; bin i goes from edge i to edge i + 1."""
    counts: tuple[int, ...] = ()
    """Documents in each bin: one fewer than edges."""
    shortest: int = 0
    median: int = 0
    longest: int = 0


class Images(_Frozen):
    """What is known of a data set of pictures, a folder a class."""

    classes: Mapping[str, int]
    """Pictures of each class, by its name."""
    broken: int = 0
    """Files that are no picture, left out."""
    smallest: tuple[int, int] = (0, 0)
    """Width and height of the smallest picture, in pixels."""
    largest: tuple[int, int] = (0, 0)
    modes: Mapping[str, int] = {}
    """Pictures by colour mode: RGB, L, ..."""


class DatasetCard(_Frozen):
    """What is known of a data set, as `dataset.json` holds it."""

    version: Literal[2] = 2
    name: str
    kind: DataKind = "text"
    source: SourceKind = "file"
    format: str
    """How the source is written, as the ending of its name: `txt`, `jsonl.gz`, `zip`, `hub`."""
    filename: str
    """As the person called it; for display only."""
    encoding: str | None = None
    """Of text files: as detected, by its name in Python."""
    text_column: str | None = None
    """The column or field that holds the text; None where the whole file, or each entry, is text."""
    preprocessing: Preprocessing = Preprocessing()
    documents: int = Field(ge=1)
    """After preprocessing; pictures of a data set of images."""
    characters: int = Field(ge=0)
    bytes: int = Field(ge=0)
    """Of the text after preprocessing, in UTF-8."""
    source_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the source: of its bytes, or of the names and bytes of a folder's files."""
    content: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the documents after preprocessing: what a run trains on."""
    counts: Counts = Counts()
    secrets: Mapping[str, int] = {}
    """Lines that look like a secret, by what kind of secret."""
    scripts: Mapping[str, float] = {}
    """Share of the letters in each script (Latin, Cyrillic, Han, ...), the largest first."""
    languages: Mapping[str, float] = {}
    """Share of the text in each language (ISO 639-1), as far as a sample tells, the largest first."""
    lengths: Lengths = Lengths()
    tokens_per_byte: float = Field(default=0.0, ge=0)
    """Estimated on a sample, with a byte-level BPE of the vocabulary that suits the size of the text."""
    images: Images | None = None
    added_by: str
    """User id; empty for a built-in."""
    added_at: datetime
    builtin: bool = False

    @property
    def tokens(self) -> int:
        """About how many tokens the text makes."""
        return round(self.bytes * self.tokens_per_byte)

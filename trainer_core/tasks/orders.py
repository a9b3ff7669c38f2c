"""What a task process is told, and what it answers: one JSON line in, JSON lines out, the last of them a result.

`python -m trainer_core.tasks` reads an `Order` from its standard input and writes `Said` lines to its standard output.
It ends by itself when its standard input ends, so it cannot outlive who asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationInfo, field_validator

from trainer_core.data.card import DatasetCard, Preprocessing
from trainer_core.errors import Code, SpotterError
from trainer_core.spec import FEWEST_TOKENS
from trainer_core.tokenizers.card import TRAINABLE, TokenizerCard, TokenizerKind

_MOST_COLUMNS = 100
_LONGEST_COLUMN = 256
"""Characters: the name of a column that a person can read, and choose."""
_LONGEST_MESSAGE = 4_000


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class FileSource(_Frozen):
    """An uploaded file, already under the home folder; it is moved into the data set, or left where it is."""

    kind: Literal["file"] = "file"
    path: Path
    filename: str = Field(min_length=1, max_length=255)
    """As the person called it."""


class LocalSource(_Frozen):
    """A file or folder that is read where it lies."""

    kind: Literal["local"] = "local"
    path: Path
    root: Path
    """The approved folder: nothing outside of it is read, not even through a link."""


class HubSource(_Frozen):
    """A data set of the Hugging Face Hub, or a folder in its layout."""

    kind: Literal["hub"] = "hub"
    name: str = Field(min_length=1, max_length=200)
    config: str | None = None
    split: str = "train"
    streaming: bool = False


class BuiltinSource(_Frozen):
    """A text that ships with Spotter."""

    kind: Literal["builtin"] = "builtin"
    name: str


Source = Annotated[FileSource | LocalSource | HubSource | BuiltinSource, Field(discriminator="kind")]


class AddDataset(_Frozen):
    """Take a source in as a data set. Answered by `Added` or `Undecided`."""

    task: Literal["dataset.add"] = "dataset.add"
    home: Path
    source: Source
    added_by: str
    """User id; empty for a built-in."""
    name: str | None = None
    """Wished for; else made from the source's. A taken name gets a number."""
    text_column: str | None = None
    """Chosen by the person; else it is found, or asked for."""
    preprocessing: Preprocessing = Preprocessing()
    limit: int = Field(default=8 * 2**30, ge=1)
    """Most bytes the source may have, unpacked."""


class MakeTokenizer(_Frozen):
    """Train a tokenizer, or take one in. Answered by `Made`."""

    task: Literal["tokenizer.make"] = "tokenizer.make"
    home: Path
    kind: TokenizerKind
    added_by: str
    name: str | None = None
    """Wished for; else made from what it is. A taken name is refused, or gets a number if it was not wished for."""
    dataset: str | None = Field(default=None, validate_default=True)
    """What to train on, and to report on: needed for the trained kinds."""
    vocabulary: int | None = Field(default=None, ge=100, le=500_000)
    family: str | None = Field(default=None, min_length=1, validate_default=True)
    """Of kind `pretrained`: its name in the table of families, a model's name on the Hub, or a folder."""
    file: Path | None = Field(default=None, validate_default=True)
    """Of kind `upload`: a `tokenizer.json` or a SentencePiece `.model`, already under the home folder."""
    filename: str | None = None
    """As the person called that file."""
    strict: bool = False
    """Refuse a tokenizer whose report has problems."""

    @field_validator("dataset")
    @classmethod
    def _text_to_train_on(cls, dataset: str | None, info: ValidationInfo) -> str | None:
        if dataset is None and info.data.get("kind") in TRAINABLE:
            raise ValueError("name the data set to train on")
        return dataset

    @field_validator("vocabulary")
    @classmethod
    def _can_be_chosen(cls, vocabulary: int | None, info: ValidationInfo) -> int | None:
        kind = info.data.get("kind")
        if vocabulary is None:
            return None
        if kind in ("pretrained", "upload"):
            raise ValueError(f"a tokenizer of kind {kind} has its own; leave it out")
        fewest = FEWEST_TOKENS.get(kind, 0) if kind else 0
        if vocabulary < fewest:
            raise ValueError(f"a tokenizer of kind {kind} needs at least {fewest}; `characters` takes fewer")
        return vocabulary

    @field_validator("family")
    @classmethod
    def _goes_with_pretrained(cls, family: str | None, info: ValidationInfo) -> str | None:
        if family is None and info.data.get("kind") == "pretrained":
            raise ValueError("name the model family, or a model of the Hugging Face Hub")
        if family is not None and info.data.get("kind") != "pretrained":
            raise ValueError("goes with the kind pretrained only; leave it out")
        return family

    @field_validator("file")
    @classmethod
    def _goes_with_upload(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        if file is None and info.data.get("kind") == "upload":
            raise ValueError("give a tokenizer.json or a .model file")
        if file is not None and info.data.get("kind") != "upload":
            raise ValueError("goes with the kind upload only; leave it out")
        return file

    @field_validator("strict")
    @classmethod
    def _can_be_strict(cls, strict: bool, info: ValidationInfo) -> bool:
        if strict and info.data.get("dataset") is None:
            raise ValueError("name a data set to try the tokenizer on, or leave it out")
        return strict


Order = Annotated[AddDataset | MakeTokenizer, Field(discriminator="task")]


class Progress(_Frozen):
    """What the task is busy with."""

    said: Literal["progress"] = "progress"
    phase: str
    """A word or two for a person: `reading`, `duplicates`, `card`, `training`."""
    fraction: float | None = Field(default=None, ge=0, le=1)
    """Of this phase; None if nobody can tell."""
    detail: str = ""
    """Numbers, for a person: `12 MB of 40 MB`."""


class Added(_Frozen):
    """The data set is there, new or from before."""

    said: Literal["added"] = "added"
    card: DatasetCard
    new: bool = True
    """False if the same source from the same person, taken in in the same way, was there already."""
    gflops: float = Field(default=0.0, ge=0)
    """Of a matrix product in float32 on this machine, as measured; 0 if it was not."""


class Undecided(_Frozen):
    """Several columns could be the text: the person has to choose. Nothing was made."""

    said: Literal["undecided"] = "undecided"
    columns: tuple[str, ...]
    """The likeliest first; only such as a person can choose by their names."""

    @field_validator("columns")
    @classmethod
    def _choosable(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        short = [column for column in columns if len(column) <= _LONGEST_COLUMN]
        if columns and not short:
            raise SpotterError(
                Code.CORPUS_UNREADABLE,
                f"names its columns with more than {_LONGEST_COLUMN} characters each; rename the one with the text",
                field="file",
            )
        return tuple(short[:_MOST_COLUMNS])


class Made(_Frozen):
    """The tokenizer is there."""

    said: Literal["made"] = "made"
    card: TokenizerCard


class Refused(_Frozen):
    """The task failed, and left nothing behind: a `SpotterError` on its way between processes."""

    said: Literal["refused"] = "refused"
    code: Code
    message: str
    field: str | None = None
    next_step: str

    def error(self) -> SpotterError:
        return SpotterError(self.code, self.message, field=self.field, next_step=self.next_step)

    @classmethod
    def of(cls, error: SpotterError) -> Refused:
        message = error.message
        if len(message) > _LONGEST_MESSAGE:
            message = f"{message[:_LONGEST_MESSAGE]}…"
        return cls(code=error.code, message=message, field=error.field, next_step=error.next_step)


Result = Added | Undecided | Made | Refused
Said = Annotated[Progress | Added | Undecided | Made | Refused, Field(discriminator="said")]

ORDER: TypeAdapter[AddDataset | MakeTokenizer] = TypeAdapter(Order)
SAID: TypeAdapter[Progress | Result] = TypeAdapter(Said)

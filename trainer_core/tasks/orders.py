"""What a task process is told, and what it answers: one JSON line in, JSON lines out, the last of them a result.

`python -m trainer_core.tasks` reads an `Order` from its standard input and writes `Said` lines to its standard output.
It ends by itself when its standard input ends, so it cannot outlive who asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from trainer_core.data.card import DatasetCard, Preprocessing
from trainer_core.errors import Code, SpotterError
from trainer_core.tokenizers.card import TokenizerCard, TokenizerKind


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
    dataset: str | None = None
    """What to train on, and to report on: needed for the trained kinds."""
    vocabulary: int | None = Field(default=None, ge=100, le=500_000)
    family: str | None = None
    """Of kind `pretrained`: its name in the table of families, a model's name on the Hub, or a folder."""
    file: Path | None = None
    """Of kind `upload`: a `tokenizer.json` or a SentencePiece `.model`, already under the home folder."""
    filename: str | None = None
    """As the person called that file."""
    strict: bool = False
    """Refuse a tokenizer whose report has problems."""


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
    """The likeliest first."""


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
        return cls(code=error.code, message=error.message, field=error.field, next_step=error.next_step)


Result = Added | Undecided | Made | Refused
Said = Annotated[Progress | Added | Undecided | Made | Refused, Field(discriminator="said")]

ORDER: TypeAdapter[AddDataset | MakeTokenizer] = TypeAdapter(Order)
SAID: TypeAdapter[Progress | Result] = TypeAdapter(Said)

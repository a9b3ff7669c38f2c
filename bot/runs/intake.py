"""What a person hands in to be trained, checked and made into a spec and a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from bot.catalog.incoming import Incoming
from trainer_core import disk
from trainer_core.data import corpus
from trainer_core.data.corpus import DatasetCard
from trainer_core.errors import Code, SpotterError
from trainer_core.layout import Home
from trainer_core.spec import RunSpec, parse_spec

Priority = Literal["low", "normal", "high"]
PRIORITIES: dict[Priority, int] = {"low": -1, "normal": 0, "high": 1}


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks. The owner of the machine may see and steer everybody's runs, others only their own."""

    id: int
    is_owner: bool


@dataclass(frozen=True, slots=True)
class Submission:
    """What `/trainer train` was given. Either `data` names a data set, or `file` brings one."""

    data: str | None = None
    file: Incoming | None = None
    name: str | None = None
    budget: str = "10m"
    priority: Priority = "normal"
    model: Mapping[str, object] | None = None
    """`RunSpec.model`'s fields; those left out take their defaults."""
    tokenizer: str | None = None
    """As `Catalog.tokenizer_spec` takes it."""
    vocabulary: int | None = None
    overrides: Mapping[str, object] | None = None
    """Further fields of `RunSpec`."""


def draft(submission: Submission) -> RunSpec:
    """The submission as a spec whose data set is still open. Raises SpotterError naming every wrong field."""
    raw: dict[str, object] = {
        **(submission.overrides or {}),
        "name": submission.name,
        "budget": submission.budget,
        "data": {"dataset": "undecided"},
    }
    if submission.model is not None:
        raw["model"] = dict(submission.model)
    return parse_spec(raw)


def complete(drafted: RunSpec, card: DatasetCard, name: str) -> RunSpec:
    """The spec with its data set and its name."""
    data = drafted.data.model_copy(update={"dataset": card.name, "sha256": card.sha256})
    return drafted.model_copy(update={"data": data, "name": name})


def priority(person: Person, submission: Submission) -> int:
    """Raises SpotterError if it is not the person's to ask for."""
    if submission.priority == "high" and not person.is_owner:
        raise SpotterError(
            Code.CONFIG_INVALID, "only the owner of this Spotter may ask for high; choose normal", field="priority"
        )
    return PRIORITIES[submission.priority]


def usable(home: Home, person: Person) -> list[DatasetCard]:
    """The data sets the person may train on: built-in ones and their own."""
    builtin = [corpus.add_builtin(home, name) for name in corpus.BUILTINS]
    return builtin + [card for card in corpus.list_cards(home) if card.added_by == str(person.id)]


def take_in(home: Home, person: Person, submission: Submission, limit: int) -> DatasetCard:
    """The data set to train on, taken in first if it comes as a file of at most `limit` bytes. Raises SpotterError."""
    with full_disk_told("nothing was taken in"):
        return _data_of(home, person, submission, limit)


def taken_in(home: Home, person: Person, run: str, spec: RunSpec) -> DatasetCard:
    """The data set that `run` was to train on, for another run of this person's. Raises SpotterError."""
    wanted = spec.data.dataset
    card = next((card for card in usable(home, person) if card.name == wanted), None)
    if card is None or spec.data.sha256 not in ("", card.sha256):
        raise SpotterError(
            Code.CORPUS_NOT_FOUND,
            f"the data set `{wanted}`, on which `{run}` trained, is not among yours, or not what it was",
            field="run",
            next_step="Start a new run on a data set of yours with `/trainer train`.",
        )
    return card


@contextmanager
def full_disk_told(outcome: str) -> Iterator[None]:
    """Have a disk that takes nothing more told to a person, with what came of it. Raises SpotterError."""
    try:
        yield
    except OSError as error:
        if not disk.takes_nothing(error):
            raise
        said = disk.complaint(error)
        raise SpotterError(Code.DISK_FULL, f"{said[:1].upper()}{said[1:]}: {outcome}.") from error


def _data_of(home: Home, person: Person, submission: Submission, limit: int) -> DatasetCard:
    if submission.file is not None and submission.data is not None:
        raise SpotterError(Code.CONFIG_INVALID, "give a data set's name or a file, not both", field="data")
    if submission.file is not None:
        return corpus.add_file(
            home, submission.file.filename, submission.file.data, added_by=str(person.id), limit=limit
        )
    if submission.data is None:
        raise SpotterError(Code.CONFIG_INVALID, "name a data set, or attach a file to train on", field="data")
    wanted = submission.data.strip().lower()
    cards = {card.name: card for card in usable(home, person)}
    if wanted not in cards:
        raise corpus.not_found(submission.data.strip(), list(cards))
    return cards[wanted]

"""What a person hands in to be trained, checked and made into a spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.catalog.incoming import Incoming
from bot.person import Person
from bot.runs.models import ModelChoice, model_fields
from bot.runs.overrides import merged
from trainer_core.data.card import DataKind, DatasetCard, Images
from trainer_core.errors import Code, SpotterError
from trainer_core.models.families import FAMILIES
from trainer_core.models.specs import Family, ModelSpec
from trainer_core.spec import RunSpec, TokenizerSpec, parse_spec
from trainer_core.tokenizers import strategy

Priority = Literal["low", "normal", "high"]
SUITED: Mapping[DataKind, Family] = {"text": "gpt2", "images": "image-cnn"}
"""What is trained on a kind of data where nobody asks for something else."""
_NAMED: Mapping[DataKind, str] = {"text": "text", "images": "pictures"}
PRIORITIES: dict[Priority, int] = {"low": -1, "normal": 0, "high": 1}


@dataclass(frozen=True, slots=True)
class Submission:
    """What `/trainer train` was given. Either `data` names a data set, or `file` brings one."""

    data: str | None = None
    file: Incoming | None = None
    name: str | None = None
    budget: str = "10m"
    priority: Priority = "normal"
    model: ModelChoice = field(default_factory=ModelChoice)
    tokenizer: str | None = None
    """As `Catalog.tokenizer_spec` takes it."""
    vocabulary: int | None = None
    overrides: Mapping[str, object] | None = None
    """Further fields of `RunSpec`, nested as there."""


def draft(submission: Submission, tokenizer: TokenizerSpec | None = None, kind: DataKind | None = None) -> RunSpec:
    """The submission as a spec whose data set is still open. Raises SpotterError naming every wrong field.

    `kind`: what the data set holds; it decides on the model's family if nobody has. None while it is not known: then
    settings of a model that nobody chose are left out, since they may be those of the one that follows.
    """
    chosen, further = model_fields(submission.model), submission.overrides or {}
    if kind is None and not _chooses(chosen, further.get("model")):
        further = {field: value for field, value in further.items() if field != "model"}
    asked = {
        "name": submission.name,
        "budget": submission.budget,
        "data": {"dataset": "undecided"},
        "model": {"family": SUITED[kind or "text"]} | chosen,
    }
    drafted = parse_spec(merged((asked, further)))
    if (submission.file is None) == (submission.data is None):
        none = submission.file is None
        says = "name a data set, or attach a file to train on" if none else "give a data set's name or a file, not both"
        raise SpotterError(Code.CONFIG_INVALID, says, field="data")
    return drafted if tokenizer is None else drafted.model_copy(update={"tokenizer": tokenizer})


def _chooses(chosen: Mapping[str, object], settings: object) -> bool:
    """Whether somebody said which family it is, in an option or among the settings of the model."""
    return "family" in chosen or (isinstance(settings, Mapping) and "family" in settings)


def complete(drafted: RunSpec, card: DatasetCard, name: str, model: ModelSpec) -> RunSpec:
    """The spec with its data set, its name, and its model with its source by its full name."""
    data = drafted.data.model_copy(update={"dataset": card.name, "sha256": card.content})
    return drafted.model_copy(update={"data": data, "name": name, "model": model})


def priority(person: Person, submission: Submission) -> int:
    """Raises SpotterError if it is not the person's to ask for."""
    if submission.priority == "high" and not person.is_owner:
        raise SpotterError(
            Code.CONFIG_INVALID, "only the owner of this Spotter may ask for high; choose normal", field="priority"
        )
    return PRIORITIES[submission.priority]


def check_fits(card: DatasetCard, spec: RunSpec) -> None:
    """Raises SpotterError if the model cannot be trained on what the data set holds, or not with that tokenizer."""
    family = FAMILIES[spec.model.family]
    if card.kind not in family.learns_from:
        holds, reads = (_NAMED[kind] for kind in (card.kind, family.learns_from[0]))
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"`{card.name}` holds {holds}, and {family.family} learns from {reads}",
            field="model",
            next_step=f"Take the model {SUITED[card.kind]}, or a data set of {reads}.",
        )
    if card.images:
        _check_pictures(card, card.images, spec)
    elif spec.model.family == "pretrained" or spec.tokenizer.kind not in ("saved", "pretrained"):
        # A model that has learnt before has its own, and what is there already does not go by the text.
        strategy.choose(spec.tokenizer, spec.model.family, card.characters)


def _check_pictures(card: DatasetCard, images: Images, spec: RunSpec) -> None:
    if spec.tokenizer != TokenizerSpec():
        raise SpotterError(
            Code.CONFIG_INVALID, f"`{card.name}` holds pictures, which have no tokens; leave it out", field="tokenizer"
        )
    if max(images.classes.values()) < 2:
        raise SpotterError(
            Code.CORPUS_EMPTY,
            f"each class of `{card.name}` has one picture only, so that none can be held out",
            field="data",
            next_step="Add a data set with more pictures of each class.",
        )


def no_longer_there(run: str, dataset: str) -> SpotterError:
    """The error for a run that cannot be tried again for want of its data set."""
    return SpotterError(
        Code.CORPUS_NOT_FOUND,
        f"the data set `{dataset}`, on which `{run}` trained, is not among yours, or not what it was",
        field="run",
        next_step="Start a new run on a data set of yours with `/trainer train`.",
    )

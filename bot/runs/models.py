"""The model as a person asks for it, in chat or on the command line. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bot.runs.overrides import read_json
from trainer_core.errors import Code, SpotterError
from trainer_core.models.specs import FOLDER, HUB, HUB_NAME, RUN, Family

_PRETRAINED: Family = "pretrained"
_MODULE: Family = "module"
_PASTED = re.compile(r"\s*wiring\s*[:=]\s*")


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """What was said of the model; None for what was left out."""

    family: str | None = None
    """Follows from the rest, or from the data, where it is left out."""
    size: str | None = None
    source: str | None = None
    """What to go on from: a run, a folder below an approved one, or a model on the Hugging Face Hub."""
    lora: int | None = None
    """Rank of the adapters to train in place of the weights."""
    module: str | None = None
    """A Python file, as it is listed; with `:NAME` behind it, the class in it."""
    name: str | None = None
    """Of the class, where it is not said with the file."""
    wiring: str | None = None
    """What feeds the parameters of its `forward`, as JSON."""


def model_fields(choice: ModelChoice) -> dict[str, object]:
    """`RunSpec.model`'s fields, without those that were left out. Raises SpotterError naming what does not fit."""
    family = choice.family or _implied(choice)
    for option, value, needed in (
        ("from", choice.source, _PRETRAINED),
        ("lora", choice.lora, _PRETRAINED),
        ("module", choice.module, _MODULE),
        ("module-name", choice.name, _MODULE),
        ("wiring", choice.wiring, _MODULE),
    ):
        if value is not None and family != needed:
            raise _wrong(option, f"goes with the model `{needed}`, and {family} was asked for; leave one of them out")
    if family == _PRETRAINED and choice.source is None:
        raise _wrong("from", "say what to go on from: a run of yours, a folder, or a model of the Hugging Face Hub")
    if family == _MODULE and choice.module is None:
        raise _wrong("module", "name the Python file, as it is listed while you type")
    if choice.size is not None and family == _PRETRAINED:
        raise _wrong("size", f"a model that has learnt before has a size already; leave it out with `{family}`")
    file, _, name = (choice.module or "").partition(":")
    fields: dict[str, object | None] = {
        "family": family,
        "size": choice.size,
        "source": choice.source,
        "lora": None if choice.lora is None else {"rank": choice.lora},
        "file": file or None,
        "name": choice.name or name or None,
        "wiring": None if choice.wiring is None else _wiring(choice.wiring),
    }
    return {field: value for field, value in fields.items() if value is not None}


def named_source(typed: str, runs: Collection[str], folders: Collection[str]) -> str | None:
    """`PretrainedSpec.source` for what was typed: a run's or a folder's name is known without saying which it is.

    None where it is neither's, and may be a slip rather than a model on the Hub: without an organisation, or where the
    `folders` have names that begin like it.
    """
    name = typed.strip().rstrip("/")
    for prefix in (RUN, FOLDER, HUB):
        if name.lower().startswith(prefix):  # phones begin with a capital letter
            rest = name[len(prefix) :].strip()
            return prefix + (rest.lower() if prefix == RUN else rest)
    if name.lower() in runs:
        return RUN + name.lower()
    if name in folders:
        return FOLDER + name
    organisation, slash, _ = name.partition("/")
    of_a_folder = any(folder.startswith(f"{organisation}/") for folder in folders)
    return name if slash and HUB_NAME.fullmatch(name) and not of_a_folder else None


def _implied(choice: ModelChoice) -> str | None:
    if choice.source is not None or choice.lora is not None:
        return _PRETRAINED
    if choice.module is not None or choice.name is not None or choice.wiring is not None:
        return _MODULE
    return None


def _wiring(text: str) -> Mapping[str, object]:
    try:
        wiring = read_json(_PASTED.sub("", text.strip("` \n"), count=1))
    except ValueError:
        wiring = None
    if not isinstance(wiring, dict):
        raise _wrong("wiring", "is no JSON object; paste it as it was suggested")
    return wiring


def _wrong(option: str, says: str) -> SpotterError:
    return SpotterError(Code.CONFIG_INVALID, says, field=option)

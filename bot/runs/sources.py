"""What models are made from besides a size: earlier runs, model folders, Python files. Looks whether it is here."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Collection, Iterable
from dataclasses import replace

from bot.runs.again import newest_step
from bot.runs.models import ModelChoice, named_source
from trainer_core.approved import Approved
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home, RunDirectory
from trainer_core.models.families import FAMILIES
from trainer_core.models.listed import list_models, list_modules
from trainer_core.models.sources import is_cached
from trainer_core.models.specs import FOLDER, HUB, RUN, ModelSpec, ModuleSpec, PretrainedSpec
from trainer_core.spec import RunSpec, parse_spec

_LISTED = "Name one as it is listed: in chat while you type, in a terminal by `spotter models`."
_OF_THE_HUB = "A model of the Hugging Face Hub is named with its organisation, like `org/model`, or like `hub:gpt2`."

_FINE_TUNED = ", ".join(family for family, known in FAMILIES.items() if known.library == "transformers")


def can_be_gone_on_from(spec: RunSpec) -> bool:
    """Whether fine-tuning takes the weights of such a run: a language model's that transformers opens."""
    return FAMILIES[spec.model.family].library == "transformers"


class Sources:
    """Of one home folder, and of the folders that its owner approved."""

    def __init__(self, home: Home, approved: Approved) -> None:
        self._home = home
        self._approved = approved

    async def modules(self) -> list[str]:
        """The Python files, as `ModuleSpec.file` names them."""
        return await asyncio.to_thread(list_modules, self._approved.modules)

    async def folders(self) -> list[str]:
        """The model folders, as `PretrainedSpec.source` names them behind `folder:`."""
        return await asyncio.to_thread(list_models, self._approved.models)

    async def named(self, choice: ModelChoice, runs: Collection[str]) -> ModelChoice:
        """The choice with its source as a spec says it; `runs` are those that the person may go on from.

        Raises MODEL_NOT_FOUND of field `from` if nothing is known by that name.
        """
        if choice.source is None:
            return choice
        folders = await self.folders()
        return replace(choice, source=await asyncio.to_thread(_named, choice.source, runs, folders))

    async def settled(self, model: ModelSpec, runs: Collection[str]) -> ModelSpec:
        """The model, with its source by its full name; `runs` are those that the person may go on from.

        Raises SpotterError, MODEL_NOT_FOUND or MODEL_INCOMPATIBLE, of field `from` or `module`.
        """
        match model:
            case ModuleSpec():
                known = await self.modules()
                if model.file not in known:
                    raise _no_module(model.file, known)
                return model
            case PretrainedSpec():
                folders = await self.folders()
                source = await asyncio.to_thread(_named, model.source, runs, folders)
                await asyncio.to_thread(self._check, source, runs, folders)
                return model.model_copy(update={"source": source})
            case _:
                return model

    def _check(self, source: str, runs: Collection[str], folders: Collection[str]) -> None:
        if source.startswith(RUN):
            name = source.removeprefix(RUN)
            if name not in runs:
                raise _not_found("from", f"you have no run called {_quoted(name)}", name, runs)
            _check_run(self._home.run(name))
        elif source.startswith(FOLDER):
            name = source.removeprefix(FOLDER)
            if name not in folders:
                raise _no_folder(name, folders)


def _named(typed: str, runs: Collection[str], folders: Collection[str]) -> str:
    """`PretrainedSpec.source`. Raises MODEL_NOT_FOUND if nobody can tell what `typed` names."""
    source = named_source(typed, runs, folders)
    if source is not None:
        return source
    name = typed.strip()
    # A name of the Hub without an organisation looks like a run's, mistyped or somebody else's.
    if is_cached(name):
        return HUB + name
    says = f"neither a run of yours nor a model in the approved folders is called {_quoted(name)}"
    raise _not_found("from", says, name, [*runs, *folders], f"{_LISTED} {_OF_THE_HUB}")


def _check_run(run: RunDirectory) -> None:
    """Raises SpotterError if nothing of the run can be gone on from."""
    try:
        spec = parse_spec(run.spec.read_bytes())
        has_weights = run.export.is_dir() or newest_step(run) > 0
    except OSError:
        spec, has_weights = None, False
    if spec is not None and not can_be_gone_on_from(spec):
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"`{run.name}` trained {spec.model.family}, and only language models of transformers are fine-tuned",
            field="from",
            next_step=f"Choose a run of {_FINE_TUNED}.",
        )
    if not has_weights:
        raise SpotterError(
            Code.MODEL_NOT_FOUND,
            f"`{run.name}` has saved no weights yet",
            field="from",
            next_step="Wait until it has made a checkpoint, or choose another run.",
        )


def _no_module(file: str, known: Collection[str]) -> SpotterError:
    if not known:
        return _none_approved("module", "no Python file of this machine is approved", "SPOTTER_MODULE_DIRS")
    return _not_found("module", f"there is no {_quoted(file)} in the approved folders", file, known)


def _no_folder(name: str, known: Collection[str]) -> SpotterError:
    if not known:
        return _none_approved("from", "no model folder of this machine is approved", "SPOTTER_MODEL_DIRS")
    return _not_found("from", f"there is no model {_quoted(name)} in the approved folders", name, known)


def _not_found(field: str, says: str, wanted: str, known: Iterable[str], next_step: str = _LISTED) -> SpotterError:
    near = difflib.get_close_matches(wanted, list(known), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return SpotterError(Code.MODEL_NOT_FOUND, says + hint, field=field, next_step=next_step)


def _quoted(name: str) -> str:
    shown = name[:64].replace("`", "'")
    return f"`{shown}`"


def _none_approved(field: str, sentence: str, setting: str) -> SpotterError:
    next_step = f"Its owner can name folders in {setting}."
    return SpotterError(Code.MODEL_NOT_FOUND, sentence, field=field, next_step=next_step)

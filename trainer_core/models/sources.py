"""Where a model lies that has learnt before: an earlier run, an approved folder, or the Hugging Face Hub.

Nothing is opened here, and of a folder only plain files are taken that hold numbers or words: no code, no pickles.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer_core.attended import Told, unheard
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home, RunDirectory
from trainer_core.files.sums import problems_with_sums
from trainer_core.models.listed import located
from trainer_core.models.places import Places
from trainer_core.models.specs import FOLDER, HUB, RUN

_MODEL = re.compile(r"config\.json|generation_config\.json|model.*\.safetensors|model\.safetensors\.index\.json")
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "characters.json")
"""Of the tokenizers that Spotter saves."""
_CONFIG, _WEIGHTS, _INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_FIELD = "model.source"
_FETCHED = ["*.json", "*.txt", "*.model", "model*.safetensors"]
_REACHABLE = 10.0
"""Seconds in which the Hub has to answer."""


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a model, where they are now."""

    name: str
    """As a person calls it."""
    files: tuple[Path, ...]
    """Its configuration and weights."""
    folder: Path
    """Its tokenizer lies there."""
    own: bool
    """Whether the tokenizer is one that Spotter saved."""

    @property
    def tokenizer(self) -> tuple[Path, ...]:
        """The files of a tokenizer that Spotter saved."""
        return tuple(self.folder / name for name in _TOKENIZER if (self.folder / name).is_file())


def find(source: str, places: Places, told: Told = unheard) -> Source:
    """What `PretrainedSpec.source` names; one on the Hub is downloaded if it is not here and downloads are allowed.

    `told` is given how much of that is done.

    Raises MODEL_NOT_FOUND, MODEL_INCOMPATIBLE (its weights are in a form that is not opened), OSError.
    """
    if source.startswith(RUN):
        return _of_run(places.run.home, source.removeprefix(RUN))
    if source.startswith(FOLDER):
        name = source.removeprefix(FOLDER)
        folder = located(places.approved.models, name, _FIELD)
        return Source(name, _files(folder, name, within=folder), folder, own=False)
    name = source.removeprefix(HUB)
    folder = _of_hub(name, told)
    return Source(name, _files(folder, name), folder, own=False)


def is_cached(name: str) -> bool:
    """Whether this machine has anything of that model on the Hub. Raises nothing, whatever the name."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    try:
        return Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=name, repo_type="model")).is_dir()
    except (OSError, ValueError):  # nothing can have that name
        return False


def _of_run(home: Home, name: str) -> Source:
    """The finished model of a run, or else its newest checkpoint."""
    try:
        run = home.run(name)
    except ValueError:
        run = None
    if run is None or not run.path.is_dir():
        raise _not_found(f"there is no run {name[:64]!r}", "Choose one of your runs that have saved a model.")
    if not problems_with_sums(run.export):
        return Source(name, _files(run.export, name), run.export, own=True)
    checkpoint = _newest_good(run)
    if checkpoint is None:
        raise _not_found(f"the run {name} has saved no model yet", "Wait for its first checkpoint.")
    try:
        tokenizer = home.tokenizer(json.loads((checkpoint / "state.json").read_bytes())["tokenizer"]["name"])
    except (ValueError, LookupError, TypeError) as error:
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"the run {name} learns from something else than text",
            field=_FIELD,
            next_step="Choose a run of a language model.",
        ) from error
    return Source(name, _files(checkpoint, name), tokenizer, own=True)


def _newest_good(run: RunDirectory) -> Path | None:
    folders = sorted(run.checkpoints.glob("step-*"), reverse=True)
    return next((folder for folder in folders if not problems_with_sums(folder)), None)


def _files(folder: Path, name: str, within: Path | None = None) -> tuple[Path, ...]:
    """The configuration and weights in `folder`; none that a link leads to outside of `within`."""
    if not folder.is_dir():
        raise _not_found(f"{name} is no folder", "Choose a folder that holds a model.")
    files = sorted(file for file in folder.iterdir() if _MODEL.fullmatch(file.name) and file.is_file())
    if within is not None and not all(file.resolve().is_relative_to(within.resolve()) for file in files):
        raise _not_opened(f"files of {name} lie elsewhere, behind links", "Put the files themselves into the folder.")
    names = {file.name for file in files}
    if any(name.endswith(".safetensors") for name in names):
        if _CONFIG not in names:
            raise _not_opened(f"{name} has no config.json", "Save the model again, with `save_pretrained`.")
        if lacking := sorted(_weights_of(folder) - names) if (folder / _INDEX).is_file() else []:
            raise _not_found(f"{name} lacks {lacking[0]}, one of the files of its weights", "Copy all of them there.")
        return tuple(files)
    if (folder / "adapter.safetensors").is_file():
        raise _not_opened(f"{name} has only its adapters so far", "Go on from it when it has ended.")
    if any(file.suffix in (".bin", ".pt", ".pth", ".ckpt") for file in folder.iterdir()):
        raise _not_opened(
            f"the weights of {name} are pickled, which could run code", "Save the model as safetensors, then try again."
        )
    raise _not_found(f"{name} has no model.safetensors", "Choose a model that is saved as safetensors.")


def _weights_of(folder: Path) -> set[str]:
    """Names of the files that the weights of the model in `folder` are split into; the usual one if none are told."""
    try:
        split = json.loads((folder / _INDEX).read_bytes())["weight_map"]
        return set(map(str, split.values()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # there is none, or none to read
        return {_WEIGHTS}


def _of_hub(name: str, told: Told) -> Path:
    """The files of a model on the Hub, in the cache of this machine."""
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    try:
        folder = Path(snapshot_download(name, local_files_only=True))
        if all((folder / name).is_file() for name in {_CONFIG, *_weights_of(folder)}):
            return folder
    except (OSError, ValueError):  # it is not here, or not a name
        pass
    fetch = f"Run `hf download {name}` on this machine while it is online, or choose a folder or an earlier run."
    if constants.HF_HUB_OFFLINE:
        raise _not_found(f"the model {name} is not on this machine, which is set to stay offline", fetch)
    try:
        HfApi().model_info(name, timeout=_REACHABLE)
        return Path(snapshot_download(name, allow_patterns=_FETCHED, tqdm_class=telling(told)))
    except (GatedRepoError, RepositoryNotFoundError) as error:
        raise _not_found(
            f"there is no model {name} on the Hub that can be had without asking its owner",
            "Check its name on the Hub; one that is private or gated needs `hf auth login` on this machine.",
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:  # OSError: whatever the network raised
        raise _not_found(f"the model {name} is not on this machine, and the Hub cannot be reached", fetch) from error


def telling(told: Told) -> type[Any]:  # Any: tqdm is not typed
    """A progress bar that nobody sees: its share of bytes is told."""
    from tqdm import tqdm  # type: ignore[import-untyped]  # it has no stubs

    class Telling(tqdm):  # type: ignore[misc]  # as above
        def display(self, *_: object, **__: object) -> None:
            pass

        def update(self, n: float | None = 1) -> None:
            super().update(n)
            if self.unit == "B" and self.total:
                told(min(1.0, self.n / self.total))

    return Telling


def _not_found(message: str, next_step: str) -> SpotterError:
    return SpotterError(Code.MODEL_NOT_FOUND, message, field=_FIELD, next_step=next_step)


def _not_opened(message: str, next_step: str) -> SpotterError:
    return SpotterError(Code.MODEL_INCOMPATIBLE, message, field=_FIELD, next_step=next_step)

"""Where on this machine the tokenizers lie of models that others trained. Light: who asks need not open them."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.tokenizers import families

_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
"""A tokenizer is in a folder that has one of these."""


def available() -> frozenset[str]:
    """Names of the families whose tokenizer is in the cache."""
    return frozenset(family.name for family in families.FAMILIES if _first_cached(family.sources))


def kept_in(home: Home, name: str) -> Path:
    """The folder under the home folder that keeps it once a run has used it."""
    known = families.find(name)
    key = known.name if known else name
    stem = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")[:24]
    return home.tokenizer(f"pretrained-{stem}-{hashlib.sha256(key.encode()).hexdigest()[:8]}")


def check_here(home: Home, name: str) -> None:
    """Raises TOKENIZER_NOT_FOUND, with what to do, if a run could not use the tokenizer called so."""
    if not kept_in(home, name).is_dir():
        locate(name)


def locate(name: str) -> tuple[Path, str]:
    """The folder with the tokenizer's files, and what to call it in front of people.

    `name` is a family's, a model's on the Hub, or the absolute path of a folder. Raises TOKENIZER_NOT_FOUND.
    """
    from huggingface_hub.errors import HFValidationError

    if Path(name).is_absolute():
        folder = Path(name)
        if not any((folder / file).is_file() for file in _FILES):
            raise SpotterError(
                Code.TOKENIZER_NOT_FOUND,
                f"the folder {folder.name!r} has no tokenizer in it",
                field="tokenizer",
                next_step="Give a folder with a tokenizer.json.",
            )
        return folder, folder.name
    family = families.find(name)
    sources = family.sources if family else (name,)
    try:
        cached = _first_cached(sources)
    except HFValidationError as error:
        raise _unknown(name) from error
    if cached:
        return cached, name
    raise _absent(sources[0]) if family or "/" in name else _unknown(name)


def _unknown(name: str) -> SpotterError:
    near = difflib.get_close_matches(name.lower(), [known.name for known in families.FAMILIES], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return SpotterError(
        Code.TOKENIZER_NOT_FOUND,
        f"no model family called {name[:64]!r} is known{hint}",
        field="tokenizer",
        next_step="Choose one of the families, or name a model of the Hugging Face Hub, like `org/model`.",
    )


def _absent(source: str) -> SpotterError:
    return SpotterError(
        Code.TOKENIZER_NOT_FOUND,
        f"the tokenizer of {source} is not on this machine, and Spotter fetches nothing by itself",
        field="tokenizer",
        next_step=f"Run `hf download {source} --include '*.json' --include '*.model' --include '*.txt'` once on "
        "this machine, or give a folder that has it.",
    )


def _first_cached(sources: Sequence[str]) -> Path | None:
    return next((folder for source in sources if (folder := _cached(source))), None)


def _cached(source: str) -> Path | None:
    """The folder of the model's files in the cache, if a tokenizer is among them. Raises HFValidationError."""
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.file_download import repo_folder_name

    # Asking for each file takes long where a hundred models are asked for, and hardly one of them is there.
    if not Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=source, repo_type="model")).is_dir():
        return None
    for file in _FILES:
        found = try_to_load_from_cache(source, file)
        if isinstance(found, str):
            return Path(found).parent
    return None

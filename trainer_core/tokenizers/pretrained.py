"""The tokenizers of models that others trained, from the Hugging Face cache of this machine or from a folder.

Nothing is fetched, no code that comes with a model is run, and nothing is unpickled.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from trainer_core.errors import Code, SpotterError
from trainer_core.export import problems_with_sums, write_sums
from trainer_core.folders import new_folder
from trainer_core.layout import Home
from trainer_core.tokenizers import families
from trainer_core.tokenizers.adopt import PARTS, adopt, guarded, refused
from trainer_core.tokenizers.fast import FastTokenizer, open_fast

_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")
"""A tokenizer is in a folder that has one of these."""


def available() -> frozenset[str]:
    """Names of the families whose tokenizer is in the cache."""
    return frozenset(family.name for family in families.FAMILIES if _first_cached(family.sources))


def for_run(home: Home, name: str) -> FastTokenizer:
    """The tokenizer that `load` finds, kept under the home folder: later runs, and later attempts, use that one.

    Raises what `load` raises.
    """
    known = families.find(name)
    key = known.name if known else name
    stem = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")[:24]
    folder = home.tokenizer(f"pretrained-{stem}-{hashlib.sha256(key.encode()).hexdigest()[:8]}")
    if problems_with_sums(folder):
        with suppress(FileExistsError), new_folder(folder, makes_way=problems_with_sums) as aside:
            load(name, aside)
            write_sums(aside)
    return open_fast(folder)


def load(name: str, folder: Path) -> FastTokenizer:
    """Save the tokenizer called `name` into the empty `folder`, and open it from there.

    `name` is a family's, a model's on the Hub, or the absolute path of a folder. Raises TOKENIZER_NOT_FOUND if it is
    not on this machine, TOKENIZER_LOAD_FAILED if it cannot be opened; OSError.
    """
    source, called = _located(name)
    opened = guarded(lambda: _opened(source), called)
    backend = getattr(opened, "backend_tokenizer", None)
    if backend is None:
        raise refused(called, "has no tokenizer that the tokenizers library can run")
    parts = {part: str(token) for part in PARTS if (token := getattr(opened, part, None))}
    return adopt(backend, parts, folder, called)


def _opened(source: Path) -> Any:  # Any: transformers has no class that all fast tokenizers are of
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(source, local_files_only=True, trust_remote_code=False)


def _located(name: str) -> tuple[Path, str]:
    """The folder with the tokenizer's files, and what to call it in front of people."""
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
    for file in _FILES:
        found = try_to_load_from_cache(source, file)
        if isinstance(found, str):
            return Path(found).parent
    return None

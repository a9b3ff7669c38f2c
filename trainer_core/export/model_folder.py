"""A finished model's folder: written whole, and checked without torch by whoever hands it on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from trainer_core.files import disk
from trainer_core.files.folders import new_folder
from trainer_core.files.sums import SUMS, problems_with_sums, read_sums, write_sums

_CARD = "report.json"
"""Of a tokenizer that has one: it says who made it, which is nobody's business where the model goes."""
_CONFIG, _WEIGHTS, CODE = "config.json", "model.safetensors", "module.py"
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
REQUIRED = (_CONFIG, _WEIGHTS, *_TOKENIZER)
"""Of a language model."""


def write_model(
    folder: Path, save: Callable[[Path], None], tokenizer: Path | None = None, module: Path | None = None
) -> dict[str, str]:
    """Have `save` write a model into `folder`, and put what belongs to it beside it.

    That is the files of the `tokenizer` folder, and the Python file that makes a `module` of somebody's own. An older
    `folder` is replaced. Returns the SHA-256 of each file. Raises OSError.
    """
    with disk.unwrapped(), new_folder(folder, makes_way=_always) as aside:
        save(aside)
        for file in tokenizer.iterdir() if tokenizer else ():
            if file.name not in (SUMS, _CARD):
                shutil.copyfile(file, aside / file.name)
        if module:
            shutil.copyfile(module, aside / CODE)
        for file in aside.iterdir():  # safetensors lets nobody else read what it writes
            shutil.copymode(aside / _CONFIG, file)
        write_sums(aside)
    return read_sums(folder)


def _always(_: Path) -> bool:
    return True


def verify(folder: Path) -> list[str]:
    """What keeps `folder` from being a finished model, a sentence each; empty if it verifies."""
    missing = [f"{name} is missing" for name in _belonging(folder) if not (folder / name).is_file()]
    return missing or problems_with_sums(folder)


def _belonging(folder: Path) -> tuple[str, ...]:
    """What the model in `folder` is not whole without: its `config.json` says what it reads, and what it is made by."""
    try:
        config = json.loads((folder / _CONFIG).read_bytes())
        family, data = config["model"]["family"], config["data"]
    except (OSError, ValueError, KeyError, TypeError):  # transformers' say nothing of the kind
        return REQUIRED
    code = (CODE,) if family == "module" else ()
    return (_CONFIG, _WEIGHTS, *code) if "classes" in data else (*REQUIRED, *code)

"""The tokenizers of models that others trained, from the Hugging Face cache of this machine or from a folder.

Nothing is fetched, no code that comes with a model is run, and nothing is unpickled.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from trainer_core.files.folders import new_folder
from trainer_core.files.layout import Home
from trainer_core.files.sums import problems_with_sums, sha256, write_sums
from trainer_core.tokenizers.adopt import PARTS, adopt, guarded, refused
from trainer_core.tokenizers.characters import MARK
from trainer_core.tokenizers.fast import CONFIG, TOKENIZER, FastTokenizer, open_fast
from trainer_core.tokenizers.located import kept_in, locate
from trainer_core.tokenizers.shelf import open_tokenizer
from trainer_core.tokenizers.tokenizer import Tokenizer


def for_run(home: Home, name: str) -> FastTokenizer:
    """The tokenizer that `load` finds, kept under the home folder: later runs, and later attempts, use that one.

    Raises what `load` raises.
    """
    folder = kept_in(home, name)
    if problems_with_sums(folder):
        with suppress(FileExistsError), new_folder(folder, makes_way=problems_with_sums) as aside:
            load(name, aside)
            write_sums(aside)
    return open_fast(folder)


def of_model(home: Home, model: Path) -> Tokenizer:
    """The tokenizer that Spotter saved beside the model in the folder `model`, kept under the home folder.

    Raises TOKENIZER_LOAD_FAILED, OSError.
    """
    files = [model / name for name in (TOKENIZER, CONFIG, MARK) if (model / name).is_file()]
    folder = home.tokenizer(f"source-{sha256(model / TOKENIZER)[:16]}")
    if problems_with_sums(folder):
        with suppress(FileExistsError), new_folder(folder, makes_way=problems_with_sums) as aside:
            for file in files:
                shutil.copyfile(file, aside / file.name)
            write_sums(aside)
    return open_tokenizer(folder)


def load(name: str, folder: Path) -> FastTokenizer:
    """Save the tokenizer called `name` into the empty `folder`, and open it from there.

    `name` is a family's, a model's on the Hub, or the absolute path of a folder. Raises TOKENIZER_NOT_FOUND if it is
    not on this machine, TOKENIZER_LOAD_FAILED if it cannot be opened; OSError.
    """
    source, called = locate(name)
    opened = guarded(lambda: _opened(source), called)
    backend = getattr(opened, "backend_tokenizer", None)
    if backend is None:
        raise refused(called, "has no tokenizer that the tokenizers library can run")
    parts = {part: str(token) for part in PARTS if (token := getattr(opened, part, None))}
    return adopt(backend, parts, folder, called)


def _opened(source: Path) -> Any:  # Any: transformers has no class that all fast tokenizers are of
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(source, local_files_only=True, trust_remote_code=False)

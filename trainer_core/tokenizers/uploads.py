"""Tokenizers that people upload: a `tokenizer.json`, or the `.model` of SentencePiece. Nothing is unpickled."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from trainer_core.tokenizers import proto
from trainer_core.tokenizers.adopt import adopt, guarded, refused
from trainer_core.tokenizers.fast import FastTokenizer

ENDINGS = (".json", ".model")

LARGEST_FILE = 2**26
"""Bytes; the tokenizers of half a million entries that are in use stay below it."""


def take_in(file: Path, filename: str, folder: Path) -> FastTokenizer:
    """Check the `file` that a person called `filename`, save it into the empty `folder`, and open it from there.

    Raises TOKENIZER_LOAD_FAILED, OSError.
    """
    name = Path(filename).name[-100:]
    ending = Path(filename).suffix.lower()
    if ending not in ENDINGS:
        raise refused(name, "is no tokenizer", "Give a tokenizer.json, or the .model file of SentencePiece.")
    with file.open("rb") as stream:
        data = stream.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise refused(name, f"has more than {LARGEST_FILE // 2**20} MB", "Give a smaller tokenizer.")
    if ending == ".json":
        backend = guarded(lambda: Tokenizer.from_str(data.decode("utf-8-sig")), name)
        return adopt(backend, {}, folder, name)
    backend, parts = guarded(lambda: proto.converted(data, name), name)
    return adopt(backend, parts, folder, name)

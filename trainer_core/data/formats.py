"""Which files can be read, by the ending of their name. Light: chat asks it before anything is downloaded."""

from __future__ import annotations

from pathlib import Path

from trainer_core.errors import Code, SpotterError

FORMATS = ("txt", "md", "csv", "tsv", "json", "jsonl", "parquet")
KINDS = (*FORMATS, "zip")
"""Endings of the files that can be read; each of `FORMATS` also with `.gz` after it."""
GZIP = ".gz"


def kind_of(filename: str) -> str:
    """The kind that the name's ending says: `txt`, `jsonl.gz`, `zip`, ... Raises CORPUS_UNREADABLE for any other."""
    kind = known_kind(filename)
    if kind is None:
        known = ", ".join(f".{name}" for name in FORMATS)
        ending = Path(filename).suffix.lower()[:16] or "a name without an ending"
        raise SpotterError(
            Code.CORPUS_UNREADABLE,
            f"{ending} is not a kind that can be read; give one of {known} (each also as {GZIP}), or a .zip of them",
            field="file",
            next_step=f"Save it as one of {known}, or put such files into a .zip.",
        )
    return kind


def known_kind(filename: str) -> str | None:
    """The kind that the name's ending says; None if it is none of those that are known."""
    name = Path(filename).name.lower()
    stem = name.removesuffix(GZIP)
    for kind in FORMATS if name.endswith(GZIP) else KINDS:
        if stem.endswith(f".{kind}") and stem != f".{kind}":
            return f"{kind}{name[len(stem) :]}"
    return None

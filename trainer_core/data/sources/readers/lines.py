"""Text in lines, however they end, of bounded length."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from trainer_core.data.sources.readers.found import RECORD

TOO_LONG = f"is longer than {RECORD:,} characters"


def lines(texts: Iterable[str], longest: int = RECORD) -> Iterator[str | None]:
    """The lines with their ends (`\\n`, `\\r\\n` or `\\r`, mixed as they may be); None for one that is too long."""
    begun: list[str] = []
    length = 0
    for text in whole_ends(texts):
        for line in io.StringIO(text, newline=""):
            length += len(line)
            if length <= longest:
                begun.append(line)
            else:
                begun.clear()
            if line.endswith(("\n", "\r")):
                yield "".join(begun) if length <= longest else None
                begun.clear()
                length = 0
    if length:
        yield "".join(begun) if length <= longest else None


def whole_ends(texts: Iterable[str]) -> Iterator[str]:
    """The same text in parts that never come between `\\r` and `\\n`."""
    held = ""
    for part in texts:
        text = held + part
        held = "\r" if text.endswith("\r") else ""
        yield text[: len(text) - len(held)]
    yield held

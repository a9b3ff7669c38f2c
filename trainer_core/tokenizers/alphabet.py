"""Every character there is, in one fixed order: what most text is written in comes first.

The order is part of what a character-level tokenizer of a given size is, so it depends on nothing but this file and the
national standards it names: not on the version of Unicode that Python knows.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

VERSION = 1
"""Of the order."""

LAST = 0x10FFFF

_ALPHABETS: tuple[tuple[int, int], ...] = (
    (0x0A, 0x0A),  # line end
    (0x20, 0x7E),  # ASCII
    (0x09, 0x09),
    (0x0D, 0x0D),
    (0xA0, 0x17F),  # Latin of western and central Europe
    (0x2000, 0x206F),  # punctuation
    (0x20A0, 0x20CF),  # currencies
    (0x370, 0x52F),  # Greek, Cyrillic
    (0x5B0, 0x6FF),  # Hebrew, Arabic
    (0x3000, 0x30FF),  # Chinese and Japanese punctuation, kana
    (0x900, 0xDFF),  # the scripts of India and Sri Lanka
    (0xE00, 0xEFF),  # Thai, Lao
    (0x1E00, 0x1EFF),  # Vietnamese
    (0x530, 0x5AF),  # Armenian
    (0x10A0, 0x10FF),  # Georgian
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x1200, 0x139F),  # Ethiopic
    (0xFF00, 0xFFEF),  # full and half width
    (0x2190, 0x22FF),  # arrows, mathematics
    (0x2500, 0x27BF),  # boxes, shapes, symbols
    (0xFE00, 0xFE0F),  # variation selectors
    (0x1F300, 0x1FAFF),  # emoji
)
"""First and last code point of ranges."""

_COMMON: tuple[tuple[str, int, int], ...] = (
    ("gb2312", 0xB0, 0xD7),  # Chinese, simplified: GB 2312 level 1
    ("euc_jp", 0xB0, 0xCF),  # Japanese: JIS X 0208 level 1
    ("big5", 0xA4, 0xC6),  # Chinese, traditional: Big5 level 1
    ("euc_kr", 0xB0, 0xC8),  # Korean: KS X 1001
)
"""Common characters of the scripts that have thousands: a national encoding, and the first and last of its rows."""

_REST: tuple[tuple[int, int], ...] = (
    (0x0000, 0xD7FF),
    (0xF900, 0xFFFF),
    (0x10000, 0x3FFFF),
    (0xE0000, 0xEFFFF),
    (0xE000, 0xF8FF),  # private use
    (0xF0000, LAST),
    (0x40000, 0xDFFFF),  # not assigned
)
"""Everything but the halves of surrogate pairs, which are no characters."""


@cache
def code_points() -> NDArray[np.uint32]:
    """All code points in the order, shape (1,112,064,)."""
    common = [_rows(*rows) for rows in _COMMON]
    listed = np.concatenate([*map(_range, _ALPHABETS), *common, *map(_range, _REST)])
    first_seen = np.full(LAST + 1, len(listed), np.uint32)
    np.minimum.at(first_seen, listed, np.arange(len(listed), dtype=np.uint32))
    order: NDArray[np.uint32] = listed[first_seen[listed] == np.arange(len(listed))]
    order.flags.writeable = False
    return order


def _range(ends: tuple[int, int]) -> NDArray[np.uint32]:
    return np.arange(ends[0], ends[1] + 1, dtype=np.uint32)


def _rows(encoding: str, first: int, last: int) -> NDArray[np.uint32]:
    """The characters of some rows of a national encoding, in its order."""
    trails = [*range(0x40, 0x7F), *range(0xA1, 0xFF)] if encoding == "big5" else range(0xA1, 0xFF)
    text = "".join(_row(encoding, [bytes((lead, trail)) for trail in trails]) for lead in range(first, last + 1))
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def _row(encoding: str, cells: list[bytes]) -> str:
    try:
        return b"".join(cells).decode(encoding)
    except UnicodeDecodeError:  # some cells are empty
        return "".join(cell.decode(encoding, errors="ignore") for cell in cells)

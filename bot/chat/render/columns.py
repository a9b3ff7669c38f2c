"""Names of columns, shown where they are names. Pure.

What stands in the first line of a table is its columns' names only if somebody wrote them there: it may as well be the
first of the texts, which is nobody's to show.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[\w.-]+( [\w.-]+){0,2}")
_LONGEST = 40
"""Characters."""


def is_name(column: str) -> bool:
    """Whether it reads like what somebody calls a column: short, in at most three words, and no sentence."""
    return len(column) <= _LONGEST and _NAME.fullmatch(column) is not None


def column_name(column: str, index: int) -> str:
    """What to call the column of that index, from 0."""
    return column if is_name(column) else f"column {index + 1}"

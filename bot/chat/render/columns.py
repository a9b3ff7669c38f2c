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
    """What to call a column that is offered at that index, from 0.

    Where in its table it stands is not known here, and `column 3` is what readers call the third one.
    """
    return column if is_name(column) else f"choice {index + 1}"

"""Names of columns: which of them may be shown. Pure.

What stands in the first line of a table is its columns' names only if somebody wrote them there: it may as well be the
first of the texts, which is nobody's to show.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_NAME = re.compile(r"[\w.-]+( [\w.-]+){0,2}")
_LONGEST = 40
"""Characters."""
_SHOWN = 10


def is_name(column: str) -> bool:
    """Whether it reads like what somebody calls a column: short, in at most three words, and no sentence."""
    return len(column) <= _LONGEST and _NAME.fullmatch(column) is not None


def listed(columns: Collection[str]) -> str:
    """Those of the columns whose names may be shown, the first few of them: `text, title and 3 more`."""
    shown = [column for column in columns if is_name(column)][:_SHOWN]
    more = len(columns) - len(shown)
    return f"{', '.join(shown)} and {more} more" if shown and more else ", ".join(shown) or f"{more} without a name"

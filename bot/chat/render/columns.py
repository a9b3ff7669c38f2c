"""What columns are called in the chat. Pure."""

from __future__ import annotations

from trainer_core.data.headings import is_name


def column_name(column: str, index: int) -> str:
    """What to call a column that is offered at that index, from 0.

    Where in its table it stands is not known here, and `column 3` is what readers call the third one.
    """
    return column if is_name(column) else f"choice {index + 1}"

"""A run's place in the queue, in words. Pure."""

from __future__ import annotations

from bot.chat.render import text


def place(position: int | None, starts_in: float | None = None) -> str:
    """`place 3 in the queue, starts in about 25 min`; `starts_in` in seconds, None if nobody can tell."""
    if is_next(position, starts_in):
        return "starting now"
    where = "first in the queue" if position == 1 else f"place {position} in the queue"
    return where if starts_in is None else f"{where}, starts in {text.roughly(starts_in)}"


def is_next(position: int | None, starts_in: float | None) -> bool:
    """Whether there is room for the run already."""
    return position is None or (position == 1 and starts_in is not None and starts_in < 1)

"""A run's place in the queue, in words. Pure."""

from __future__ import annotations

from bot.chat.render import text
from bot.chat.render.progress import look
from bot.runs.model import Run, RunState

STRANDED = "No graphics card is here to train on: it starts by itself once there is one."

_AT_ONCE = 1.0


def place(position: int | None, starts_in: float | None = None) -> str:
    """`place 3 in the queue, starts in about 25 min`; `starts_in` in seconds, None if nobody can tell."""
    if position is None:
        return "starting now"
    where = "first in the queue" if position == 1 else f"place {position} in the queue"
    if starts_in is None:
        return where
    return f"{where}, starts now" if has_room(starts_in) else f"{where}, starts in {text.roughly(starts_in)}"


def standing(run: Run, position: int | None, starts_in: float | None) -> str:
    """The run's place while it waits, afterwards what it is."""
    return place(position, starts_in) if run.state is RunState.QUEUED else look(run).word


def has_room(starts_in: float | None) -> bool:
    """Whether a slot is free for the run already."""
    return starts_in is not None and starts_in < _AT_ONCE

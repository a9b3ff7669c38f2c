"""What the run service tells whoever shows runs to people, in the transaction that changed them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.runs.model import Run
from bot.store.db import Transaction
from trainer_core.events import Event


@dataclass(frozen=True, slots=True)
class Change:
    """One run changed: from `before` to `after`, because of `events`."""

    before: Run
    after: Run
    events: tuple[Event, ...] = ()


Announce = Callable[[Transaction, Change], Awaitable[None]]

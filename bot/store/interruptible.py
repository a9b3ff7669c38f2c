"""Long work of SQLite in a thread, which is broken off when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
Opened = Callable[[sqlite3.Connection], object]
"""Is told of each connection that is opened, by whoever opens it."""

_AGAIN = 0.05
"""Seconds until a connection is interrupted once more: it may have been between two statements."""


async def interruptible(work: Callable[[Opened], T]) -> T:
    """Do `work(opened)` in a thread; it tells `opened` of its connections.

    Cancelled, it interrupts what they do, and returns when the thread is done with it. Raises what `work` raises.
    """
    connections: list[sqlite3.Connection] = []
    task = asyncio.ensure_future(asyncio.to_thread(work, connections.append))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            for connection in connections:
                with suppress(sqlite3.ProgrammingError):  # closed meanwhile
                    connection.interrupt()
            await asyncio.wait([task], timeout=_AGAIN)
        await asyncio.gather(task, return_exceptions=True)  # nobody is left to be told what became of it
        raise

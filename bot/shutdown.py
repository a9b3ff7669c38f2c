"""The way out: every part gets its time to close, and what hangs is logged and left behind.

Nothing here is needed for safety: all that counts is committed already, and a bot that is killed loses nothing. It is
for those who wait for an answer, and for a clean end.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable

LIMIT = 10.0
"""Seconds until the process ends, whatever hangs."""
_UNDER_WAY, _EACH = 2.5, 1.0
"""Seconds for what was begun to be finished, and for one part to close."""
_FOR_SOMEBODY = ("CommandTree-", "discord-ui-", "letter ", "drop ")
"""How the names of tasks begin that answer or write to somebody: discord.py's, the sender's, and those of
files that somebody dropped."""

log = logging.getLogger(__name__)


async def finish_under_way(seconds: float = _UNDER_WAY) -> None:
    """Let answers and messages that are under way be finished, for that long at most."""
    tasks = {task for task in asyncio.all_tasks() if task.get_name().startswith(_FOR_SOMEBODY)}
    if tasks:
        _, pending = await asyncio.wait(tasks, timeout=seconds)
        for task in pending:
            log.warning("%s was not finished within %g s", task.get_name(), seconds)


async def within(what: str, close: Callable[[], Awaitable[object]], seconds: float = _EACH) -> None:
    """Await `close()` for that long at most. Raises nothing: the other parts have to be closed, too."""
    closing = asyncio.ensure_future(close())
    try:
        done, _ = await asyncio.wait({closing}, timeout=seconds)
    except asyncio.CancelledError:
        closing.cancel()
        raise
    if not done:
        log.warning("the %s did not close within %g s; going on without", what, seconds)
        closing.cancel()
    elif not closing.cancelled() and (error := closing.exception()):
        log.error("closing the %s failed", what, exc_info=error)


def listen(stopping: asyncio.Event, limit: float = LIMIT) -> None:
    """Have the first SIGINT or SIGTERM set `stopping`, and the next end the process at once.

    The process ends `limit` seconds after the first in any case.
    """

    def first() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)
            # Left to the system, which needs nothing of this process for it.
            signal.signal(number, signal.SIG_DFL)
        leave_within(limit)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, first)


def leave_within(limit: float = LIMIT) -> None:
    """The process ends by then, whatever its event loop and its threads are busy with."""
    leave = threading.Timer(limit, _leave, (limit,))
    leave.daemon = True
    leave.start()


def _leave(limit: float) -> None:
    log.error("still there after %g s; leaving now. This is what hangs:", limit)
    faulthandler.dump_traceback(sys.__stderr__ or 2)
    logging.shutdown()
    os._exit(1)

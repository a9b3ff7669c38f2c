"""Keeps one command running inside a container whose other processes must outlive it.

    python keep_running.py COMMAND [ARGUMENT...]

TERM and INT end the command, wait for it, and end this. HUP restarts the command and nothing else; a second HUP kills
a command that did not hear the first. A command that ends by itself is started again after a pause, which doubles from
one crash to the next. What the command left behind in the background is not touched: pid 1 adopts it.

It needs only the standard library, and has to stand alone: the code it restarts may be half updated.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from signal import SIGHUP, SIGINT, SIGTERM, Signals

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
LONG_ENOUGH = 60.0
"""Seconds of work after which a crash is taken for the first one."""


async def keep(
    command: Sequence[str],
    asked: asyncio.Queue[Signals],
    say: Callable[[str], None],
    *,
    first_pause: float = FIRST_PAUSE,
) -> None:
    """Run `command` again and again until TERM or INT is `asked`. Raises OSError if it cannot be started."""
    pause = first_pause
    while True:
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(*command)
        told = await _attend(process, asked)
        if told in (SIGTERM, SIGINT):
            return
        if told is SIGHUP:
            say("restarting")
            pause = first_pause
            continue
        pause = first_pause if time.monotonic() - began >= LONG_ENOUGH else pause
        say(f"it ended with status {process.returncode}; starting it again in {pause:g} s")
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                if await asked.get() is not SIGHUP:
                    return
        pause = min(pause * 2, LONGEST_PAUSE)


async def _attend(process: asyncio.subprocess.Process, asked: asyncio.Queue[Signals]) -> Signals | None:
    """Wait for the process to end. Returns the signal for which it was told to; None if it ended by itself."""
    told: Signals | None = None
    ended = asyncio.create_task(process.wait())
    while not ended.done():
        news = asyncio.create_task(asked.get())
        await asyncio.wait({ended, news}, return_when=asyncio.FIRST_COMPLETED)
        if not news.done():
            news.cancel()
            continue
        with suppress(ProcessLookupError):
            if told is news.result() is SIGHUP:
                process.kill()
            else:
                process.terminate()
        if told in (None, SIGHUP):
            told = news.result()
    return told


async def _main(command: Sequence[str]) -> None:
    asked: asyncio.Queue[Signals] = asyncio.Queue()
    for number in (SIGTERM, SIGINT, SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asked.put_nowait, number)
    try:
        await keep(command, asked, _say)
    except OSError as error:
        sys.exit(f"keep_running: {command[0]} cannot be started: {error.strerror}.")


def _say(what: str) -> None:
    print(f"keep_running: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("keep_running: name the command to keep running.")
    asyncio.run(_main(sys.argv[1:]))

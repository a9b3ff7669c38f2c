"""`spotter` as a person starts it: a process of its own, in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

WITHIN = 90.0
"""Seconds anything here may take on a machine that is busy with other things."""
_GRACE = 10.0


@dataclass(frozen=True)
class Done:
    """What a process left behind."""

    status: int | None
    out: str
    err: str


@asynccontextmanager
async def started(*arguments: str, home: Path, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`spotter ARGUMENTS` in the nearest folder there is above `home`, with no terminal. Ended at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=next(folder for folder in home.parents if folder.is_dir()),
        env={**os.environ, "SPOTTER_HOME": str(home), "SPOTTER_HEALTH_PORT": "0", **settings},
    )
    try:
        yield process
    finally:
        await end(process, home)


async def end(process: asyncio.subprocess.Process, home: Path) -> None:
    """Have it end, and whatever it started: asked first, so that it ends its own, then made to."""
    with suppress(ProcessLookupError):
        process.terminate()
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _GRACE)
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
    for left in living(home):
        left.kill()


async def ended(process: asyncio.subprocess.Process) -> Done:
    """Wait for the end. Raises TimeoutError."""
    out, err = await asyncio.wait_for(process.communicate(), WITHIN)
    return Done(process.returncode, out.decode(), err.decode())


async def spotter(*arguments: str, home: Path, **settings: str) -> Done:
    """Run `spotter ARGUMENTS` to its end."""
    async with started(*arguments, home=home, **settings) as process:
        return await ended(process)


async def said(stream: asyncio.StreamReader | None, part: str) -> str:
    """Read until a line has `part` in it. Returns that line. Raises TimeoutError, EOFError."""
    assert stream is not None
    async with asyncio.timeout(WITHIN):
        while line := (await stream.readline()).decode():
            if part in line:
                return line
    raise EOFError(f"it ended without saying {part!r}")


async def eventually(fact: Callable[[], bool]) -> None:
    """Wait for a fact about processes or files, which announce nothing. Raises TimeoutError."""
    async with asyncio.timeout(WITHIN):
        while not fact():
            await asyncio.sleep(0.02)


def living(home: Path) -> list[psutil.Process]:
    """Every process that was started with this home folder, or one inside it, and still lives."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            theirs = process.environ().get("SPOTTER_HOME")
            if process.pid != os.getpid() and theirs is not None and Path(theirs).is_relative_to(home):
                found.append(process)
    return found


def interrupt(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGINT)

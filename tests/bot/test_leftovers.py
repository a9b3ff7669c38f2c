"""What a bot leaves training is ended only where no bot has the home folder, and only what is not spared."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.leftovers import end_workers
from tests.bot.processes import WITHIN
from trainer_core.control import read_control
from trainer_core.files.layout import AttemptDirectory, Home
from trainer_core.process import Lock, identify

OBEDIENT = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)"
DEAF = "import time\ntime.sleep(3600)"
HOLDER = """
import sys
from pathlib import Path
from trainer_core.process import Lock
lock = Lock.take(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def working(
    home: Home, run: str, code: str
) -> AsyncIterator[tuple[AttemptDirectory, asyncio.subprocess.Process]]:
    """A process in a group of its own that the attempt's lock file names as the worker."""
    attempt = home.run(run).attempt(1)
    attempt.path.mkdir(parents=True)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, attempt.control, process_group=0)
    worker = identify(process.pid)
    lock = Lock.take(attempt.lock)
    assert worker and lock
    lock.write({"worker": worker})
    lock.release()
    try:
        yield attempt, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_worker_is_asked_and_ends_by_itself(tmp_path: Path) -> None:
    home = Home(tmp_path)
    async with working(home, "song", OBEDIENT) as (attempt, process):
        await end_workers(home, (), WITHIN)
        control = read_control(attempt.control)
        assert control and control.verb == "stop"
        assert await process.wait() == 0


async def test_a_worker_that_does_not_hear_is_killed(tmp_path: Path) -> None:
    async with working(Home(tmp_path), "song", DEAF) as (_, process):
        await end_workers(Home(tmp_path), (), 0.0)
        assert await asyncio.wait_for(process.wait(), WITHIN) == -9


async def test_who_does_not_wait_any_longer_kills(tmp_path: Path) -> None:
    async with working(Home(tmp_path), "song", DEAF) as (attempt, process):
        ending = asyncio.create_task(end_workers(Home(tmp_path), (), 3600.0))
        while not attempt.control.exists():
            await asyncio.sleep(0)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        assert await asyncio.wait_for(process.wait(), WITHIN) == -9


async def test_what_was_there_before_is_left_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    async with working(home, "song", DEAF) as (attempt, process):
        await end_workers(home, [home.run("song").path], 0.0)
        assert process.returncode is None and not attempt.control.exists()


async def test_what_another_bot_tends_is_left_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    async with working(home, "song", DEAF) as (attempt, process):
        other = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", HOLDER, str(tmp_path / "spotter.lock")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert other.stdout and await other.stdout.readline() == b"held\n"
        await end_workers(home, (), 0.0)
        assert process.returncode is None and not attempt.control.exists()
        await other.communicate(b"")


async def test_where_nothing_was_trained_nothing_is_ended(tmp_path: Path) -> None:
    await end_workers(Home(tmp_path), (), 3600.0)

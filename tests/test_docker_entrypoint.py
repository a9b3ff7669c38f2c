"""The container's entry point: it keeps the bot running, and leaves alone what the bot left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import discord
import pytest

from playground.server import Playground
from tests.e2e.conftest import TEXT, WITHIN, Bots, ending, eventually, fields, live
from trainer_core import export
from trainer_core.layout import Home
from trainer_core.process import is_alive, read_holders

SCRIPT = Path(__file__).parents[1] / "docker" / "keep-running.sh"

# Says its pid, then lives until a signal ends it.
PATIENT = (sys.executable, "-c", "import os, signal; print(os.getpid(), flush=True); signal.pause()")
# Hears nothing the first time, which the marker it leaves tells of, and answers that it heard.
DEAF_ONCE = """
import os, pathlib, signal, sys
marker = pathlib.Path(sys.argv[1])
if not marker.exists():
    marker.touch()
    signal.signal(signal.SIGTERM, lambda *_: print("told to end", flush=True))
print(os.getpid(), flush=True)
while True:
    signal.pause()
"""
CRASHING = ("sh", "-c", "exit 7")


class Kept:
    """The script at work on a command."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def said(self, words: str) -> str:
        """The next line about that which the script or the command writes."""
        assert self.process.stdout is not None
        async with asyncio.timeout(WITHIN):
            while words not in (line := (await self.process.stdout.readline()).decode()):
                assert line, f"it ended without saying {words!r}"
        return line

    async def started(self) -> int:
        """The next pid that the command says."""
        line = ""
        while not line.isdecimal():
            line = (await self.said("")).strip()
        return int(line)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        async with asyncio.timeout(WITHIN):
            return await self.process.wait()


@asynccontextmanager
async def keeping(command: Sequence[str], **environment: str) -> AsyncIterator[Kept]:
    process = await asyncio.create_subprocess_exec(
        *("sh", str(SCRIPT), *command),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Kept(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def tools(folder: Path, **scripts: str) -> str:
    """A PATH on which the named programs are these shell scripts."""
    for name, script in scripts.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_hangup_restarts_the_command_at_once(tmp_path: Path) -> None:
    async with keeping(PATIENT, PATH=tools(tmp_path, sleep="echo paused; exit 1")) as kept:
        first = await kept.started()
        kept.send(signal.SIGHUP)
        assert "restarting" in await kept.said("keep-running:")
        second = await kept.started()
        assert is_gone(first) and not is_gone(second)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_end_of_the_container_is_passed_on(number: signal.Signals) -> None:
    async with keeping(PATIENT) as kept:
        pid = await kept.started()
        kept.send(number)
        assert await kept.ended() == 0
        assert is_gone(pid)


async def test_a_command_that_does_not_hear_is_killed_at_the_second_hangup(tmp_path: Path) -> None:
    async with keeping((sys.executable, "-c", DEAF_ONCE, str(tmp_path / "marker"))) as kept:
        deaf = await kept.started()
        kept.send(signal.SIGHUP)
        await kept.said("told to end")
        kept.send(signal.SIGHUP)
        assert not is_gone(await kept.started()) and is_gone(deaf)


async def test_a_crash_is_followed_by_a_start_after_ever_longer_pauses(tmp_path: Path) -> None:
    path = tools(tmp_path, sleep="exit 0", date="echo 0")
    async with keeping(CRASHING, PATH=path) as kept:
        pauses = [(await kept.said("it ended with status 7")).split()[-2] for _ in range(8)]
    assert pauses == ["1", "2", "4", "8", "16", "32", "60", "60"]


async def test_the_pauses_begin_anew_after_a_minute_of_work(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    tick = f'now=$(($(cat {clock}) + 40)); echo "$now" > {clock}; echo "$now"'
    quick = ("sh", "-c", "exit 7")
    slow = ("sh", "-c", f'echo "$(($(cat {clock}) + 60))" > {clock}; exit 7')
    path = tools(tmp_path, sleep="exit 0", date=tick)
    async with keeping(quick, PATH=path) as kept:
        assert [(await kept.said("status 7")).split()[-2] for _ in range(3)] == ["1", "2", "4"]
    async with keeping(slow, PATH=path) as kept:
        assert [(await kept.said("status 7")).split()[-2] for _ in range(3)] == ["1", "1", "1"]


async def test_the_end_comes_during_a_pause_too(tmp_path: Path) -> None:
    path = tools(tmp_path, sleep="echo $$; exec tail -f /dev/null")
    async with keeping(CRASHING, PATH=path) as kept:
        pause = await kept.started()
        kept.send(signal.SIGTERM)
        assert await kept.ended() == 0
        assert is_gone(pause)


async def test_a_hangup_cuts_a_pause_short(tmp_path: Path) -> None:
    path = tools(tmp_path, sleep="echo $$; exec tail -f /dev/null")
    async with keeping(CRASHING, PATH=path) as kept:
        pause = await kept.started()
        kept.send(signal.SIGHUP)
        await kept.said("starting it again in 2 s")
        assert is_gone(pause)


async def test_nothing_to_run_is_said() -> None:
    async with keeping(()) as kept:
        await kept.said("name the command")
        assert await kept.ended() == 2


@pytest.fixture
async def bots(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Bots]:
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", None)
    async with Playground() as playground:
        owner = playground.person("Ada")
        yield Bots(playground, Home(tmp_path / "home"), owner, playground.person("Grace"))


async def test_restarting_the_bot_leaves_its_worker_alone(bots: Bots) -> None:
    """The real bot under the script: after a hang-up it is another process, and the training is the same one."""
    owner, attempt = bots.owner, bots.home.run("song").attempt(1)
    environment = {
        "DISCORD_TOKEN": bots.playground.token,
        "SPOTTER_OWNER_ID": str(owner.id),
        "SPOTTER_HOME": str(bots.home.path),
        "SPOTTER_HEALTH_PORT": "0",
        "SPOTTER_DISCORD_API": bots.playground.api_url,
        "SPOTTER_DISCORD_GATEWAY": bots.playground.gateway_url,
    }
    async with keeping((sys.executable, "-m", "bot", "run"), **environment) as kept:
        await kept.said("connected as")
        await owner.slash("trainer train", file=("song.txt", TEXT), budget="10m", name="song")
        card = await live(owner, "song", lambda m: "Loss" in fields(m))
        worker = read_holders(attempt.lock)["worker"]

        kept.send(signal.SIGHUP)
        await kept.said("restarting")
        size, edits = attempt.events.stat().st_size, card.edits
        await kept.said("taking up song (running, attempt 1)")
        await owner.until(lambda m: m.id == card.id and m.edits > edits, WITHIN)
        assert is_alive(worker)

        async def went_on() -> bool:
            return attempt.events.stat().st_size > size

        await eventually(went_on)
        await owner.slash("trainer stop", run="song")
        await ending(owner, "song", "stopped")
        kept.send(signal.SIGTERM)
        await kept.said("ended")
        assert await kept.ended() == 0
    assert export.verify(bots.home.run("song").export) == []

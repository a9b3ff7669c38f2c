"""The container's entry point: it keeps the bot running, and leaves alone what the bot left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from deploy import keep_running
from playground.server import Playground
from tests.e2e.conftest import TEXT, WITHIN, Bots, ending, eventually, fields, live
from trainer_core.export.model_folder import verify
from trainer_core.files.layout import Home
from trainer_core.process import is_alive, read_holders

# Says its pid, then lives until a signal ends it.
PATIENT = (sys.executable, "-c", "import os, signal; print(os.getpid(), flush=True); signal.pause()")
CRASHING = (sys.executable, "-c", "raise SystemExit(7)")

# Hears nothing the first time, which the marker it leaves tells of, but says when it was told to end.
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


class Kept:
    """The entry point at work on a command."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def said(self, words: str) -> str:
        """The next line with these words that the entry point or the command writes."""
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
        *(sys.executable, keep_running.__file__, *command),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Kept(process)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_hangup_restarts_the_command() -> None:
    async with keeping(PATIENT) as kept:
        first = await kept.started()
        kept.send(signal.SIGHUP)
        assert await kept.said("keep_running:") == "keep_running: restarting\n"
        second = await kept.started()
        assert is_gone(first) and not is_gone(second)
    assert is_gone(second)


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


async def test_the_end_is_not_a_restart_even_after_a_hangup(tmp_path: Path) -> None:
    async with keeping((sys.executable, "-c", DEAF_ONCE, str(tmp_path / "marker"))) as kept:
        deaf = await kept.started()
        for number in (signal.SIGHUP, signal.SIGTERM):
            kept.send(number)
            await kept.said("told to end")
        os.kill(deaf, signal.SIGKILL)
        assert await kept.ended() == 0


async def test_a_command_that_cannot_be_started_is_named() -> None:
    async with keeping(("no-such-program",)) as kept:
        assert "no-such-program cannot be started: No such file" in await kept.said("keep_running:")
        assert await kept.ended() == 1


async def test_without_a_command_it_says_what_is_missing() -> None:
    async with keeping(()) as kept:
        assert "name the command" in await kept.said("keep_running:")
        assert await kept.ended() == 1


@asynccontextmanager
async def crashing(**options: float) -> AsyncIterator[tuple[asyncio.Queue[str], asyncio.Queue[signal.Signals]]]:
    """`keep` at work, in this process, on a command that crashes: what it says, and where to put signals."""
    says: asyncio.Queue[str] = asyncio.Queue()
    asked: asyncio.Queue[signal.Signals] = asyncio.Queue()
    keeper = asyncio.create_task(keep_running.keep(CRASHING, asked, says.put_nowait, **options))
    yield says, asked
    asked.put_nowait(signal.SIGTERM)
    await keeper


async def pauses(count: int) -> list[str]:
    """The pauses after so many crashes, none of which is waited for."""
    found = []
    async with crashing() as (says, asked):
        for _ in range(count):
            found.append((await says.get()).removeprefix("it ended with status 7; starting it again in "))
            asked.put_nowait(signal.SIGHUP)
    return found


async def test_the_pauses_after_crashes_grow_up_to_a_minute() -> None:
    assert await pauses(8) == ["1 s", "2 s", "4 s", "8 s", "16 s", "32 s", "60 s", "60 s"]


async def test_the_pauses_begin_anew_after_long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_running, "LONG_ENOUGH", 0.0)
    assert await pauses(3) == ["1 s", "1 s", "1 s"]


async def test_a_crash_is_followed_by_a_start_without_being_asked() -> None:
    async with crashing(first_pause=0.001) as (says, _):
        for _ in range(3):
            assert "it ended with status 7" in await says.get()


@pytest.fixture
async def bots(tmp_path: Path) -> AsyncIterator[Bots]:
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
        await kept.said("taking up song-1")
        await owner.until(lambda m: m.id == card.id and m.edits > edits, WITHIN)
        assert is_alive(worker)

        async def went_on() -> bool:
            return attempt.events.stat().st_size > size

        await eventually(went_on)
        await owner.slash("trainer stop", run="song")
        await ending(owner, "song", "stopped")
        kept.send(signal.SIGTERM)
        assert await kept.ended() == 0
    assert verify(bots.home.run("song").export) == []

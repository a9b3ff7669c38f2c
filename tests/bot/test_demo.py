"""`spotter demo` for real, as CI runs it and as somebody at a terminal does."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from bot.demo import demo, lacks
from tests.bot.processes import WITHIN, Done, end, ended, eventually, interrupt, living, said, spotter, started
from trainer_core.export.model_folder import verify
from trainer_core.files.layout import Home
from trainer_core.process import is_alive, read_holders

SCREEN = {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "50"}
LONG = ("demo", "--budget", "1h", "--port", "0")

PAGE = re.compile(r"http://127\.0\.0\.1:\d+/")


@pytest.fixture
def home(tmp_path: Path, shipped: Home) -> Path:
    """A demo's home, where what ships with Spotter is made already."""
    shutil.copytree(shipped.datasets, Home(tmp_path / "home" / "demo").datasets)
    return tmp_path / "home"


@asynccontextmanager
async def showing(*arguments: str, home: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`spotter demo` with no terminal, and no worker but the one that trains."""
    async with started(*arguments, home=home, SPOTTER_STANDBY="0") as process:
        yield process


async def page(address: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        assert answer.status == 200
        return await answer.text()


def is_bot(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "run" in process.cmdline()[-1:]
    return False


def the_bot(home: Path) -> psutil.Process:
    [bot] = filter(is_bot, living(home))
    return bot


def reported(home: Path) -> bytes:
    """What all workers have reported so far."""
    return b"".join(journal.read_bytes() for journal in home.glob("runs/*/attempts/*/events.jsonl"))


async def until_it_steps(home: Path) -> None:
    """Return once there is news of a step."""
    seen = reported(home).count(b"metrics.progress")
    await eventually(lambda: reported(home).count(b"metrics.progress") > seen)


def model(shown: str) -> Path:
    found = re.search(r"The model is in (\S+)", shown)
    assert found, shown
    return Path(found[1])


async def test_without_a_terminal_it_shows_the_whole_job_and_ends_well(tmp_path: Path) -> None:
    """From a folder with nothing in it, on another port than the one that is taken."""
    home = tmp_path / "home"
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    taken = server.sockets[0].getsockname()[1]
    async with started("demo", "--budget", "2 steps", "--port", str(taken), home=home) as process:
        found = PAGE.search(await said(process.stdout, "in your browser"))
        assert found and str(taken) not in found[0]
        assert "<html" in await page(found[0]), "the page is there while it runs"
        done = await ended(process)
    server.close()
    await server.wait_closed()
    assert (done.status, done.err) == (0, "")
    shown = done.out
    order = [
        "/trainer train data:python-docs",
        "acknowledges",
        "card, change 0",
        "reports",
        "has finished",
        "✓ The model",
    ]
    places = [shown.index(part) for part in order]
    assert places == sorted(places)
    for part in ("Validation loss", "Bits per byte", "It writes", "→"):
        assert part in shown
    assert verify(model(shown)) == [] and model(shown).is_relative_to(home)
    await eventually(lambda: living(home) == [])


@dataclass
class Terminal:
    """A terminal with `spotter` in it."""

    process: asyncio.subprocess.Process
    keyboard: int
    shown: str = ""
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def read(self) -> None:
        with suppress(OSError):  # EIO: nobody writes to it any more
            self.shown += os.read(self.keyboard, 65536).decode(errors="replace")
        self.more.set()

    async def until(self, part: str) -> None:
        """Return once it shows that. Raises TimeoutError."""
        async with asyncio.timeout(WITHIN):
            while part not in self.shown:
                self.more.clear()
                await self.more.wait()

    def ctrl_c(self) -> None:
        os.write(self.keyboard, b"\x03")


@asynccontextmanager
async def terminal(*arguments: str, home: Path) -> AsyncIterator[Terminal]:
    keyboard, screen = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
          "from bot.cli import main; sys.argv[0] = 'spotter'; main()", *arguments),
        stdin=screen,
        stdout=screen,
        stderr=screen,
        cwd=home.parent,
        env={**os.environ, **SCREEN, "SPOTTER_HOME": str(home), "SPOTTER_STANDBY": "0"},
        start_new_session=True,
    )  # fmt: skip
    os.close(screen)
    opened = Terminal(process, keyboard)
    asyncio.get_running_loop().add_reader(keyboard, opened.read)
    try:
        yield opened
    finally:
        asyncio.get_running_loop().remove_reader(keyboard)
        await end(process, home)
        os.close(keyboard)


async def test_in_a_terminal_it_stays_until_ctrl_c_and_takes_everything_along(home: Path) -> None:
    async with terminal("demo", "--budget", "1 steps", "--port", "0", home=home) as shown:
        await shown.until("Ctrl-C ends the demo.")
        address = PAGE.search(shown.shown)
        assert address and "<html" in await page(address[0])
        assert shown.process.returncode is None and living(home)
        shown.ctrl_c()
        assert await asyncio.wait_for(shown.process.wait(), WITHIN) == 0
        await eventually(lambda: living(home) == [])
        with pytest.raises(aiohttp.ClientConnectorError):
            await page(address[0])
    assert "live card, change" in shown.shown and "Traceback" not in shown.shown


async def test_interrupted_in_the_middle_it_leaves_no_training_behind(home: Path) -> None:
    """Nor does another demo that cannot start meanwhile, since the first one's bot uses the home."""
    async with showing(*LONG, home=home) as process:
        await said(process.stdout, "card, change 0")
        second = await alone("demo", "--port", "0", home=home)
        interrupt(process)
        done = await ended(process)
        await eventually(lambda: living(home) == [])
    assert done.status == 130 and "Traceback" not in done.out + done.err
    assert second.status == 1
    assert f"✗ the bot ended: SPOTTER_HOME: another Spotter is using {home / 'demo'}" in second.out


async def alone(*arguments: str, home: Path) -> Done:
    """Run `spotter ARGUMENTS` to its end, and touch nothing else of that home."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "SPOTTER_HOME": str(home)},
    )
    return await ended(process)


async def test_after_everything_was_killed_the_next_demo_finishes_the_run(home: Path) -> None:
    """Playground, bot, shim and worker go at once, and the chat with its messages; the old budget stays."""
    async with showing("demo", "--budget", "12 steps", "--port", "0", home=home) as process:
        await eventually(lambda: b"metrics.progress" in reported(home / "demo"))
        # The demo last, or it would tell the others to end.
        for one in [*(one for one in living(home) if one.pid != process.pid), psutil.Process(process.pid)]:
            one.kill()
        await ended(process)
    [name] = Home(home / "demo").run_names()
    assert not Home(home / "demo").run(name).export.exists()
    done = await spotter(*LONG, home=home, SPOTTER_STANDBY="0")
    assert (done.status, done.err) == (0, ""), done.out
    assert f"{name} was under way" in done.out and "acknowledges" not in done.out
    assert model(done.out) == Home(home / "demo").run(name).export and verify(model(done.out)) == []
    await eventually(lambda: living(home) == [])


async def test_a_demo_that_is_killed_alone_is_taken_up_and_a_bot_that_dies_is_told(home: Path) -> None:
    async with showing(*LONG, home=home) as process:
        await eventually(lambda: b"metrics.progress" in reported(home / "demo"))
        worker = read_holders(next((home / "demo").glob("runs/*/attempts/1/run.lock")))["worker"]
        process.kill()
        await ended(process)
        await eventually(lambda: not any(is_bot(one) for one in living(home)))
        assert is_alive(worker), "the bot ends with the demo, training does not"
        async with showing("demo", "--port", "0", home=home) as second:
            await said(second.stdout, "was under way")
            await said(second.stdout, "card, change")
            assert is_alive(worker)
            the_bot(home).kill()
            done = await ended(second)
        await eventually(lambda: living(home) == [])
    assert done.status == 1 and "✗ the bot ended: " in done.out and "bot.log" in done.out
    assert "Traceback" not in done.out + done.err
    assert b"trainer.job.stopped.v1" in reported(home / "demo"), "or the next bot would take the run up again"


async def test_a_bot_that_does_not_end_is_made_to_and_a_second_ctrl_c_waits_for_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot is frozen. What trains gets a moment to end by itself after the first Ctrl-C, and none after a second."""
    monkeypatch.setenv("SPOTTER_STANDBY", "0")
    for presses, grace in ((1, 0.5), (2, 3600.0)):
        going = asyncio.create_task(demo(home / "demo", budget="1h", size="tiny", port=0, grace=grace))
        await until_it_steps(home / "demo")
        bot = the_bot(home)
        bot.suspend()
        for _ in range(presses):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0)
        assert await asyncio.wait_for(going, WITHIN) == 130
        assert not bot.is_running()
        await eventually(lambda: living(home) == [])


REPORT: dict[str, Any] = {
    "embeds": [
        {
            "image": {"url": "http://127.0.0.1/loss.png"},
            "fields": [
                {"name": "Validation loss", "value": "8.317 → 3.412"},
                {"name": "Bits per byte", "value": "4.200 → 1.620"},
                {"name": "It writes", "value": "```\nOnce upon a time\n```"},
            ],
        }
    ]
}


def test_a_whole_report_lacks_nothing() -> None:
    assert lacks(REPORT) == []
    assert len(lacks({"embeds": []})) == 4


@pytest.mark.parametrize(
    ("name", "value", "missing"),
    [
        ("Validation loss", "3.412", "the first and the last validation loss"),
        ("Validation loss", "8.317 → –", "the first and the last validation loss"),
        ("Bits per byte", "1.620", "the bits per byte"),
        ("It writes", "```\n \n```", "a sample"),
    ],
)
def test_what_a_report_lacks_is_named(name: str, value: str, missing: str) -> None:
    [embed] = REPORT["embeds"]
    fields = [field if field["name"] != name else {"name": name, "value": value} for field in embed["fields"]]
    assert lacks({"embeds": [embed | {"fields": fields}]}) == [missing]
    assert lacks({"embeds": [embed | {"fields": [f for f in fields if f["name"] != name]}]}) == [missing]


def test_a_report_without_a_curve_is_none() -> None:
    [embed] = REPORT["embeds"]
    assert lacks({"embeds": [{"fields": embed["fields"]}]}) == ["the loss curve"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["--size", "giant"], "size"), (["--budget", "a while"], "budget")],
)
async def test_what_the_bot_or_the_chat_refuses_is_told(home: Path, arguments: list[str], sentence: str) -> None:
    done = await spotter("demo", "--port", "0", *arguments, home=home, SPOTTER_STANDBY="0")
    assert done.status == 1 and "Traceback" not in done.out + done.err
    assert sentence in done.out[done.out.index("✗") :]
    assert not Home(home / "demo").runs.exists()
    await eventually(lambda: living(home) == [])


async def test_it_can_be_interrupted_before_there_is_anything_to_see(home: Path) -> None:
    async with showing("demo", "--port", "0", home=home) as process:
        await said(process.stdout, "in your browser")
        interrupt(process)
        assert (await ended(process)).status == 130

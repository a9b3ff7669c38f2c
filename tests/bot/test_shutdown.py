"""The way out: it waits for what was begun, not for what hangs, and at the second signal for nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot import shutdown
from playground.faults import Hold
from playground.reply import Reply
from playground.server import Playground
from tests.bot.conftest import Log
from tests.bot.processes import WITHIN, ended, said, started
from tests.bot.test_app import variables
from trainer_core.files.layout import Home


async def hang() -> None:
    await asyncio.Event().wait()


async def test_what_hangs_is_left_behind_and_named(log: Log) -> None:
    await shutdown.within("gateway", hang, 0.01)
    await log.until("the gateway did not close within 0.01 s")


async def test_what_fails_to_close_is_named_and_keeps_nothing_open(log: Log) -> None:
    async def fail() -> None:
        raise OSError("gone")

    await shutdown.within("pool", fail)
    await log.until("closing the pool failed")


@pytest.mark.parametrize("name", ["CommandTree-invoker", "drop 7"])
async def test_what_is_under_way_for_somebody_is_finished_and_nothing_else_waited_for(log: Log, name: str) -> None:
    done = asyncio.Event()
    answering = asyncio.create_task(done.wait(), name=name)
    other = asyncio.create_task(hang(), name="other")
    finishing = asyncio.create_task(shutdown.finish_under_way(WITHIN))
    await asyncio.sleep(0)
    assert not finishing.done()
    done.set()
    await finishing
    assert answering.done() and not other.done()
    hung = asyncio.create_task(hang(), name="letter 7")
    await shutdown.finish_under_way(0.01)
    await log.until("letter 7 was not finished")
    for task in (other, hung):
        task.cancel()


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    async with Playground() as playground:
        yield playground


@dataclass
class Answering:
    """A bot whose answer to Ada Discord has not taken yet."""

    process: asyncio.subprocess.Process
    held: Hold
    asking: asyncio.Task[Reply]


@asynccontextmanager
async def answering(playground: Playground, home: Path) -> AsyncIterator[Answering]:
    async with started("run", home=home, **variables(playground)) as process:
        await said(process.stderr, "connected as")
        held = playground.faults.hold("*", "/webhooks/*")
        asking = asyncio.create_task(playground.person("Ada").slash("trainer runs"))
        await held.reached.wait()
        yield Answering(process, held, asking)
        asking.cancel()


async def test_an_answer_under_way_arrives_before_the_end(playground: Playground, tmp_path: Path) -> None:
    """Discord is slow with it; the signal comes meanwhile."""
    async with answering(playground, tmp_path / "home") as bot:
        bot.process.send_signal(signal.SIGTERM)
        await said(bot.process.stderr, "runs go on")
        bot.held.release()
        reply = await bot.asking
        done = await ended(bot.process)
    assert reply.message is not None and done.status == 0
    assert "not finished" not in done.err


async def test_a_discord_that_hangs_holds_nobody_up(playground: Playground, tmp_path: Path) -> None:
    async with answering(playground, tmp_path / "home") as bot:
        bot.process.send_signal(signal.SIGTERM)
        done = await ended(bot.process)
    assert "CommandTree-invoker was not finished" in done.err
    assert done.status == 0, "it was in time, or it would have been made to leave"


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(playground: Playground, tmp_path: Path, second: signal.Signals) -> None:
    async with answering(playground, tmp_path / "home") as bot:
        bot.process.send_signal(signal.SIGTERM)
        await said(bot.process.stderr, "runs go on")
        bot.process.send_signal(second)
        done = await ended(bot.process)
    assert done.status == -second
    async with started("run", home=tmp_path / "home", **variables(playground)) as process:
        await said(process.stderr, "connected as")
    assert Home(tmp_path / "home").database.exists()


async def test_a_process_whose_threads_hang_ends_all_the_same(tmp_path: Path) -> None:
    script = (
        "import asyncio, threading, time\nfrom bot import shutdown\n"
        "async def main():\n"
        "    stopping = asyncio.Event(); shutdown.listen(stopping, limit=0.2); print('ready', flush=True)\n"
        "    asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)\n"
        "    await stopping.wait()\n"
        "asyncio.run(main())"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=os.environ
    )
    await said(process.stdout, "ready")
    process.terminate()
    done = await ended(process)
    assert done.status == 1 and "still there after 0.2 s" in done.err and "time.sleep" not in done.out
    assert "Thread" in done.err, "it shows what hangs"

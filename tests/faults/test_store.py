"""The store under faults: a bot that dies around every commit, a disk that is full, a database that is damaged."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from playground.people import Person
from playground.server import Playground
from tests.bot.catalog.laying import lay_builtin, take_in
from tests.bot.processes import Done, ended
from tests.e2e.conftest import TEXT
from tests.faults.invariants import broken
from tests.faults.stage import Stage
from tests.faults.store import ask
from trainer_core.faults import Rule
from trainer_core.files.layout import Home

BOUNDARIES = [Rule(f"store.{point}", nth, "kill") for nth in (1, 2, 3, 5) for point in ("begin", "commit", "committed")]


async def test_a_bot_killed_around_every_commit_loses_and_doubles_nothing(stage: Stage, undisturbed: bytes) -> None:
    """One run, through which the bot is killed before, in and right after its transactions, again and again."""
    await stage.submit()
    async with stage.bot(",".join(map(str, BOUNDARIES))) as bot:
        await stage.rest(bot)
    happened = [rule for rule in BOUNDARIES if stage.happened(rule)]
    assert {rule.point for rule in happened} == {rule.point for rule in BOUNDARIES}
    assert len(happened) >= 9, "or the run was over before it was disturbed much"
    assert await stage.ended() == "succeeded"
    assert broken(stage, undisturbed) == []


async def test_a_damaged_database_costs_nothing_but_the_restore(stage: Stage, undisturbed: bytes) -> None:
    """The backup is older than most of the run; the run's folder has the rest."""
    await stage.submit()
    async with stage.bot() as bot:
        await stage.stepped(steps=1)
        assert (await run(stage, "backup")).status == 0
        await stage.stepped(steps=8)
        await bot.kill()
        damaged = b"damaged, " * 999
        stage.home.database.write_bytes(damaged)
        before = {path.name: path.read_bytes() for path in stage.home.path.glob("spotter.db*")}
        await bot.start()
        assert await bot.ended() == 1
        [backup] = (stage.home.path / "backups").iterdir()
        [refusal] = [line for line in bot.log().splitlines() if "is damaged" in line]
        assert f"`spotter restore {backup.name}`" in refusal
        assert {path.name: path.read_bytes() for path in stage.home.path.glob("spotter.db*")} == before

        restored = await run(stage, "restore", backup.name)
        assert restored.status == 0 and "takes up song" in restored.out, restored.err
        [aside] = (stage.home.path / "backups").glob("before-restore-*")
        assert {path.name: path.read_bytes() for path in aside.iterdir()} == before
        await bot.start()
        await stage.rest(bot)
    assert await stage.ended() == "succeeded"
    assert broken(stage, undisturbed) == []


async def run(stage: Stage, *arguments: str) -> Done:
    """`spotter ARGUMENTS` beside whatever runs in the home folder already."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "SPOTTER_HOME": str(stage.home.path)},
    )
    return await ended(process)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", path], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a file system: {mounted.stderr.strip()}")
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """No byte is left on the disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
    yield
    filler.unlink()


async def test_a_full_disk_refuses_new_runs_clearly_until_there_is_room(small_disk: Path, stage: Stage) -> None:
    stage.home = Home(small_disk / "home")
    lay_builtin(stage.home)
    take_in(stage.home, "geese.txt", TEXT, str(stage.owner.id))
    async with stage.bot() as bot:
        await stage.connected()
        with filled(small_disk):
            refusal = await said(stage.owner)
            assert "The disk is full" in refusal and "Free some space" in refusal, bot.log()
        assert ask(stage.home, "SELECT name FROM runs") == []
        assert "song" in await said(stage.owner)
        assert ask(stage.home, "SELECT name FROM runs") == [{"name": "song"}]
        assert bot.starts == 1


async def said(person: Person) -> str:
    """The answer to who wants to train."""
    reply = await person.slash("trainer train", data="geese", budget="1 steps", name="song")
    return str(reply.message and reply.message.to_dict())


@pytest.fixture(params=["full", "read-only"])
def useless_disk(request: pytest.FixtureRequest, small_disk: Path) -> Iterator[Path]:
    if request.param == "full":
        with filled(small_disk):
            yield small_disk
    else:
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        yield small_disk


@pytest.mark.parametrize("home", [".", "new"])
async def test_a_home_that_takes_nothing_is_named_at_the_start(
    useless_disk: Path, home: str, playground: Playground, tmp_path: Path
) -> None:
    stage = Stage(tmp_path, playground)
    path = useless_disk / home
    async with stage.bot(SPOTTER_HOME=str(path)) as bot:
        assert await bot.ended() == 1
    [sentence] = [line for line in bot.log().splitlines() if line.startswith("SPOTTER_HOME")]
    assert "Traceback" not in bot.log() and str(path.resolve()) in sentence
    assert any(reason in sentence for reason in ("full", "No space left", "Read-only file system")), sentence

"""What an attempt's folder tells of its end, whoever wrote into it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace

import pytest

from bot.runs.endings import settle
from bot.runs.executor import Ending, Exit, Job
from tests.bot.runs.conftest import Engine, held
from trainer_core.files.atomic import name_aside
from trainer_core.process import Identity, identify

JOB = Job("song", 1)


@asynccontextmanager
async def innocent() -> AsyncIterator[Identity]:
    """A process that leads a group, and has nothing to do with any run."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import signal; print(flush=True); signal.pause()"),
        stdout=asyncio.subprocess.PIPE,
        process_group=0,
    )
    assert process.stdout is not None and await process.stdout.readline()
    identity = identify(process.pid)
    assert identity is not None
    try:
        yield identity
        assert process.returncode is None and identify(process.pid) == identity
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize(
    ("record", "exit_"),
    [
        ({"status": 0, "signal": None, "started": 1.0, "ended": 2.0}, Exit(Ending.EXITED, 0)),
        ({"status": 1, "signal": None, "oom": False, "peak_memory": 5}, Exit(Ending.EXITED, 1, 5)),
        ({"status": None, "signal": 15, "oom": False, "peak_memory": None}, Exit(Ending.KILLED, 15)),
        ({"status": None, "signal": 9, "oom": True, "peak_memory": 7}, Exit(Ending.OUT_OF_MEMORY, 9, 7)),
        ({"lost": True}, Exit(Ending.LOST)),
    ],
)
def test_what_the_record_says_is_how_it_ended(
    engine: Engine, caplog: pytest.LogCaptureFixture, record: dict[str, object], exit_: Exit
) -> None:
    attempt = engine.attempt("song")
    attempt.exit.write_text(json.dumps(record))
    assert settle(attempt) == exit_
    assert caplog.text == ""


def test_an_attempt_without_a_record_is_lost_for_good(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    attempt = engine.attempt("song")
    assert settle(attempt) == settle(attempt) == Exit(Ending.LOST)
    assert attempt.exit.exists() and caplog.text == ""


async def test_what_a_killed_shim_left_half_written_goes_with_its_end(engine: Engine) -> None:
    attempt = engine.attempt("song")
    aside = name_aside(attempt.exit)
    aside.write_text('{"status": ')
    async with held(attempt):
        assert settle(attempt) is None and aside.exists(), "whoever holds the attempt may be writing it"
    assert settle(attempt) == Exit(Ending.LOST)
    assert sorted(path.name for path in attempt.path.iterdir()) == ["exit.json", "run.lock"]


@pytest.mark.parametrize(
    "text", ['{"status": ', "[]", "", '{"status": null, "signal": null}', '{"status": "0"}', "\x00\xff"]
)
def test_a_record_changed_by_hand_is_named_and_left_as_it_is(
    engine: Engine, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    attempt = engine.attempt("song")
    attempt.exit.write_text(text)
    assert settle(attempt) == Exit(Ending.LOST)
    assert attempt.exit.read_text() == text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "runs/song/attempts/1/exit.json" in caplog.text


@pytest.mark.parametrize("text", ["rubbish", '{"status": 0, "signal": null}'])
async def test_a_worker_that_lives_is_not_declared_dead_by_a_file(
    engine: Engine, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    attempt = engine.attempt("song")
    attempt.exit.write_text(text)
    async with held(attempt):
        assert settle(attempt) is None
        waiting = asyncio.create_task(engine.pool.wait(JOB, 0))
        await asyncio.sleep(0)
        assert not waiting.done() and caplog.text == ""
        attempt.exit.write_text('{"status": null, "signal": 9}')
    assert await waiting == Exit(Ending.KILLED, 9)


async def test_whoever_has_a_workers_pid_now_is_never_signalled(engine: Engine) -> None:
    """The pid was used again, in this boot of the machine or after another."""
    attempt = engine.attempt("song")
    async with innocent() as other:
        for gone in (replace(other, start="1"), replace(other, boot="another")):
            attempt.lock.write_text(json.dumps({"shim": asdict(gone), "worker": asdict(gone)}))
            for force in (False, True):
                await engine.pool.kill(JOB, force=force)
            await engine.pool.dump(JOB)


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"worker": 7}', '{"worker": {"pid": 1}}', "\x00"])
async def test_nobody_is_signalled_on_the_word_of_a_spoilt_lock_file(engine: Engine, text: str | None) -> None:
    attempt = engine.attempt("song")
    if text is not None:
        attempt.lock.write_text(text)
    heard: list[int] = []
    for number in (signal.SIGTERM, signal.SIGUSR1):
        asyncio.get_running_loop().add_signal_handler(number, heard.append, int(number))
    try:
        for force in (False, True):
            await engine.pool.kill(JOB, force=force)
        await engine.pool.dump(JOB)
        await asyncio.sleep(0)
    finally:
        for number in (signal.SIGTERM, signal.SIGUSR1):
            asyncio.get_running_loop().remove_signal_handler(number)
    assert heard == []


async def test_after_a_restart_of_the_machine_every_attempt_is_lost(engine: Engine) -> None:
    """Whoever has the pids by now: locks do not outlive the machine."""
    mine = identify(os.getpid())
    assert mine is not None
    before = replace(mine, boot="before")
    for number in (1, 2):
        attempt = engine.attempt("song", number)
        attempt.lock.write_text(json.dumps({"shim": asdict(before), "worker": asdict(before)}))
        assert await engine.pool.wait(Job("song", number), 0) == Exit(Ending.LOST)

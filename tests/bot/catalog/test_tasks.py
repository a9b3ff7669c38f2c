"""Task processes: what they say is told and returned, however they end, and none of them is left."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import psutil
import pytest

from bot.catalog.tasks import Tasks
from tests.bot.processes import eventually
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import AddDataset, BuiltinSource, HubSource, Progress, Refused, Undecided

BEGIN = """
import os, pathlib, signal, sys, time
order = sys.stdin.readline()
home = pathlib.Path.cwd()
def say(line): print(line, flush=True)
"""
STAY = "(home / str(os.getpid())).touch(); time.sleep(600)"  # longer than any test: it has to be ended
ASKED = Undecided(columns=("text", "body"))


def order() -> AddDataset:
    return AddDataset(home=Path("home"), source=BuiltinSource(name="song"), added_by="7")


def tasks(script: str, *, at_once: int = 2, patience: float = 60.0) -> Tasks:
    """Tasks whose process does what the script says."""
    return Tasks(command=(sys.executable, "-S", "-c", BEGIN + script), at_once=at_once, patience=patience)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the processes leave a file that is called as their pid."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def nobody(_: Progress) -> None: ...


def pids(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir() if path.name.isdecimal()]


async def all_gone(folder: Path) -> None:
    found = pids(folder)
    await eventually(lambda: not any(map(psutil.pid_exists, found)))


async def test_progress_is_told_and_the_result_returned() -> None:
    told: list[Progress] = []
    reading, counting = Progress(phase="reading", fraction=0.5), Progress(phase="card", detail="3 of 4")
    said = "\n".join(one.model_dump_json() for one in (reading, counting, ASKED))
    assert await tasks(f"say({said!r})").perform(order(), told.append) == ASKED
    assert told == [reading, counting]


async def test_the_order_arrives_as_it_was_given(folder: Path) -> None:
    await tasks(f"(home / 'order').write_text(order); say({ASKED.model_dump_json()!r})").perform(order(), nobody)
    assert AddDataset.model_validate_json((folder / "order").read_text()) == order()


async def test_a_refusal_is_the_error_it_was() -> None:
    error = SpotterError(Code.CORPUS_EMPTY, "has 3 characters", field="file", next_step="Give more.")
    with pytest.raises(SpotterError) as raised:
        await tasks(f"say({Refused.of(error).model_dump_json()!r})").perform(order(), nobody)
    found = raised.value
    assert (found.code, found.message, found.field, found.next_step) == (
        error.code,
        error.message,
        error.field,
        error.next_step,
    )


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("raise RuntimeError('secret reason')", Code.WORKER_CRASHED),
        ("sys.exit(0)", Code.WORKER_CRASHED),
        ("say('secret reason')", Code.WORKER_CRASHED),
        ('say(\'{"said": "progress"\'); sys.stdout.close()', Code.WORKER_CRASHED),
        ("say('x' * 2**25)", Code.WORKER_CRASHED),
        ("os.kill(os.getpid(), signal.SIGKILL)", Code.WORKER_KILLED),
    ],
)
async def test_an_end_without_a_result_is_told_in_a_sentence(script: str, code: Code) -> None:
    with pytest.raises(SpotterError, match=r"^Reading the data ") as raised:
        await tasks(script).perform(order(), nobody)
    assert raised.value.code is code and "secret" not in str(raised.value)


async def test_the_log_has_the_traceback_of_a_task_that_crashed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(SpotterError):
        await tasks("print('x' * 10**6, file=sys.stderr); raise RuntimeError('the reason')").perform(order(), nobody)
    assert "RuntimeError: the reason" in caplog.text and len(caplog.text) < 20_000


async def test_a_task_that_falls_silent_is_given_up(folder: Path) -> None:
    with pytest.raises(SpotterError, match="nothing was heard of it") as raised:
        await tasks(STAY, patience=0.5).perform(order(), nobody)
    assert raised.value.code is Code.WORKER_LOST
    await all_gone(folder)


@pytest.mark.parametrize("deaf", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN);"])
async def test_who_gives_up_takes_the_process_along(folder: Path, deaf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.catalog.tasks._GRACE", 0.2)
    performing = asyncio.create_task(tasks(deaf + STAY).perform(order(), nobody))
    await eventually(lambda: pids(folder) != [])
    performing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await performing
    await all_gone(folder)


async def test_a_task_may_clear_away_what_it_has_half_made(folder: Path) -> None:
    clean = "signal.signal(signal.SIGTERM, lambda *_: sys.exit()); (home / 'half').touch()\n"
    script = f"{clean}try: {STAY}\nfinally: (home / 'half').unlink()"
    performing = asyncio.create_task(tasks(script).perform(order(), nobody))
    await eventually(lambda: pids(folder) != [])
    performing.cancel()
    await asyncio.wait([performing])
    assert not (folder / "half").exists()


async def test_only_so_many_are_at_work_at_once(folder: Path) -> None:
    """The first goes on until the second, which waits, has been told so."""
    wait = "(home / str(os.getpid())).touch()\nwhile not (home / 'go').exists(): time.sleep(0.01)\n"
    one = tasks(f"{wait}say({ASKED.model_dump_json()!r})", at_once=1)
    first = asyncio.create_task(one.perform(order(), nobody))
    await eventually(lambda: len(pids(folder)) == 1)
    told: list[Progress] = []
    second = asyncio.create_task(one.perform(order(), told.append))
    await eventually(lambda: bool(told))
    assert told[0].phase == "waiting" and len(pids(folder)) == 1
    (folder / "go").touch()
    assert set(await asyncio.gather(first, second)) == {ASKED}
    assert len(pids(folder)) == 2


async def test_what_takes_seconds_does_not_wait_for_what_takes_hours(folder: Path) -> None:
    stays = f"if 'hub' in order: {STAY}\nsay({ASKED.model_dump_json()!r})"
    one = tasks(stays, at_once=1)
    hub = AddDataset(home=Path("home"), source=HubSource(name="someone/songs"), added_by="8")
    hours = asyncio.create_task(one.perform(hub, nobody))
    await eventually(lambda: pids(folder) != [])
    assert await one.perform(order(), nobody) == ASKED
    assert not hours.done()
    await one.close()
    await asyncio.wait([hours])


async def test_a_task_that_refused_may_end_as_it_likes(folder: Path) -> None:
    refusal = Refused.of(SpotterError(Code.CORPUS_EMPTY)).model_dump_json()
    with pytest.raises(SpotterError):
        await tasks(f"say({refusal!r}); time.sleep(0.1); (home / 'ended').touch()").perform(order(), nobody)
    assert (folder / "ended").exists()


async def test_what_a_task_chatters_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    script = f"print('a library chatters', file=sys.stderr); say({ASKED.model_dump_json()!r})"
    with caplog.at_level(logging.INFO):
        assert await tasks(script).perform(order(), nobody) == ASKED
    assert caplog.text == ""


async def test_a_long_card_arrives(folder: Path) -> None:
    long = Progress(phase="card", detail="x" * 2**21).model_dump_json()
    (folder / "long").write_text(f"{long}\n{ASKED.model_dump_json()}")
    assert await tasks("say((home / 'long').read_text())").perform(order(), nobody) == ASKED


async def test_closing_ends_what_works_and_refuses_what_waits(folder: Path) -> None:
    closed = tasks(STAY, at_once=1)
    asked = [asyncio.create_task(closed.perform(order(), nobody)) for _ in range(2)]
    await eventually(lambda: pids(folder) != [])
    await closed.close()
    for answer in await asyncio.gather(*asked, return_exceptions=True):
        assert isinstance(answer, SpotterError) and "Spotter is being stopped" in str(answer)
    await all_gone(folder)


async def test_a_process_that_cannot_be_started_is_a_sentence() -> None:
    with pytest.raises(SpotterError, match="no process could be started") as raised:
        await Tasks(command=("/nowhere/at/all",)).perform(order(), nobody)
    assert raised.value.code is Code.WORKER_LOST

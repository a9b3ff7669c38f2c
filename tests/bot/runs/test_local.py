"""The local pool with real shims and workers."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from bot.runs.executor import Ending, ExecutorError, Exit, Job
from bot.runs.local import LocalPool
from tests.bot.catalog.laying import take_in
from tests.e2e.conftest import end_workers
from trainer_core.approved import Approved
from trainer_core.control import Control, read_control
from trainer_core.data import catalog as folders
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import AttemptDirectory, Home
from trainer_core.process import Identity, Lock, identify, is_alive, is_locked, read_holders
from trainer_core.spec import RunSpec, parse_spec

TEXT = "\n\n".join(
    f"{n} green bottles hang on the wall; one more falls, and there are {n - 1}." for n in range(60)
).encode()

READY = '{"ready": true}'


def prepared(home: Home, budget: str) -> RunSpec:
    card = take_in(home, "song.txt", TEXT, added_by="1")
    return parse_spec(
        {
            "name": "song",
            "data": {"dataset": card.name, "sha256": card.content},
            "budget": budget,
            "batch": {"tokens_per_step": 256},
            "evaluation": {"times": 1, "max_tokens": 256, "sample_tokens": 4},
        }
    )


async def read_all(pool: LocalPool, job: Job) -> tuple[list[str], Exit]:
    """The types of all its events, and how it ended."""
    data = b""
    while (exit_ := await pool.wait(job, len(data))) is None:
        data += await pool.read_events(job, len(data), 1 << 16)
    return [json.loads(line)["type"].split(".", 1)[1] for line in data.splitlines()], exit_


async def until_stepping(attempt: AttemptDirectory) -> None:
    async with asyncio.timeout(120):
        while not (attempt.events.exists() and b"metrics.progress" in attempt.events.read_bytes()):
            await asyncio.sleep(0.05)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    end_workers(home)


async def test_a_job_runs_on_a_standby_and_the_next_one_gets_ready(home: Home) -> None:
    pool = LocalPool(home, standby=1)
    await pool.start()
    job = Job("song", 1)
    await pool.submit(job, prepared(home, "2 steps"), pool.slots[0])
    assert is_locked(home.run("song").attempt(1).lock)
    types, exit_ = await read_all(pool, job)
    assert types[0] == "job.started.v1" and types[-1] == "job.completed.v1"
    assert (exit_.ending, exit_.status) == (Ending.EXITED, 0)
    assert exit_.peak_memory is not None and exit_.peak_memory > 50 << 20
    await pool.submit(Job("song-2", 1), prepared(home, "2 steps"), pool.slots[0])
    _, exit_ = await read_all(pool, Job("song-2", 1))
    assert (exit_.ending, exit_.status) == (Ending.EXITED, 0)
    await pool.close()
    record = json.loads(home.run("song").attempt(1).exit.read_text())
    assert record["status"] == 0 and record["started"] <= record["ended"]


async def test_a_killed_worker_is_told_from_one_that_ended(home: Home) -> None:
    pool = LocalPool(home, standby=0)
    await pool.start()
    job, attempt = Job("song", 1), home.run("song").attempt(1)
    await pool.submit(job, prepared(home, "10m"), pool.slots[0])
    await until_stepping(attempt)
    await pool.kill(job, force=False)
    _, exit_ = await read_all(pool, job)
    assert (exit_.ending, exit_.status) == (Ending.KILLED, 15)
    await pool.kill(job, force=True)  # it is gone: nothing is signalled
    await pool.close()


async def test_a_job_outlives_its_pool_and_another_pool_takes_it_up(home: Home) -> None:
    first = LocalPool(home, standby=0)
    await first.start()
    job, attempt = Job("song", 1), home.run("song").attempt(1)
    await first.submit(job, prepared(home, "10m"), first.slots[0])
    await until_stepping(attempt)
    await first.close()
    worker = read_holders(attempt.lock)["worker"]
    assert is_alive(worker)
    second = LocalPool(home, standby=0)
    await second.control(job, "stop")
    types, exit_ = await read_all(second, job)
    assert types[-1] == "job.stopped.v1" and (exit_.ending, exit_.status) == (Ending.EXITED, 0)


async def test_a_standby_whose_pool_is_gone_ends(home: Home) -> None:
    pool = LocalPool(home, standby=1)
    await pool.start()
    async with asyncio.timeout(120):
        while not pool.ready:
            await asyncio.sleep(0.05)
    mine = {process for process in processes() if str(home.path) in shim_log(process)}
    await pool.close()
    async with asyncio.timeout(30):
        while any(is_alive(each) for each in mine):
            await asyncio.sleep(0.05)
    assert mine


def processes() -> set[Identity]:
    return {found for path in Path("/proc").glob("[0-9]*") if (found := identify(int(path.name)))}


def shim_log(process: Identity) -> str:
    """Where the process' standard error goes: a pool's shims write into its own home."""
    try:
        return str(Path(f"/proc/{process.pid}/fd/2").readlink())
    except OSError:
        return ""


async def test_an_attempt_that_never_began_is_lost(home: Home) -> None:
    """And stays so: whoever comes late for it is refused."""
    pool = LocalPool(home, standby=0)
    await pool.start()
    spec = prepared(home, "1 steps")
    job = Job("song", 1)
    assert await pool.wait(job, 0) == Exit(Ending.LOST)
    with pytest.raises(ExecutorError, match="this attempt has ended"):
        await pool.submit(job, spec, pool.slots[0])
    assert not home.run("song").attempt(1).events.exists()
    await pool.close()


async def test_an_attempt_that_somebody_holds_is_not_started_again(home: Home) -> None:
    pool = LocalPool(home, standby=0)
    await pool.start()
    spec = prepared(home, "10m")
    job, attempt = Job("song", 1), home.run("song").attempt(1)
    await pool.submit(job, spec, pool.slots[0])
    await pool.submit(job, spec, pool.slots[0])
    await pool.control(job, "stop")
    types, _ = await read_all(pool, job)
    assert types.count("job.started.v1") == 1
    async with asyncio.timeout(30):
        while is_locked(attempt.lock):  # let go of a moment after the end is written down
            await asyncio.sleep(0.05)
    await pool.close()


@pytest.mark.parametrize("text", [None, "{", "\x00"], ids=["another run", "torn", "no text"])
async def test_a_spec_that_was_changed_by_hand_is_named_and_left_as_it_is(home: Home, text: str | None) -> None:
    pool = LocalPool(home, standby=0)
    spec = prepared(home, "1 steps")
    directory = home.run("song")
    directory.path.mkdir(parents=True)
    changed = text or spec.model_copy(update={"seed": 9}).model_dump_json(indent=2)
    directory.spec.write_text(changed)
    with pytest.raises(ExecutorError, match=r"runs/song/spec\.json was changed by hand") as refused:
        await pool.submit(Job("song", 1), spec, pool.slots[0])
    assert refused.value.code is Code.CONFIG_INVALID
    assert refused.value.next_step == "Put the file back as it was, or start a new run."
    assert directory.spec.read_text() == changed


async def test_a_pool_that_cannot_start_workers_is_not_ready_until_it_can(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    pool = LocalPool(home, standby=1)
    await pool.start()
    (home.path / "shim.log").mkdir()  # nothing can be written there
    async with asyncio.timeout(30):
        while "could not get ready" not in caplog.text:
            await asyncio.sleep(0.05)
    assert [pool.ready] == [False]
    (home.path / "shim.log").rmdir()
    async with asyncio.timeout(120):
        while not pool.ready:
            await asyncio.sleep(0.05)
    await pool.close()


@pytest.mark.parametrize("hangs", ["exec sleep 1000", "sleep 1000 & echo $! > pid"], ids=["starting", "importing"])
async def test_a_worker_that_never_gets_ready_is_given_up(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, hangs: str
) -> None:
    python = tmp_path / "python"
    python.write_text(
        f"#!/bin/sh\ncd {tmp_path}\nif mkdir first\nthen echo $$ > pid\n{hangs}\nexit\nfi\necho '{READY}'\n"
    )
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    pool = LocalPool(home, standby=1, ready_within=1.0)
    await pool.start()
    async with asyncio.timeout(30):
        while not pool.ready:
            await asyncio.sleep(0.05)
    assert "not within 1 s" in caplog.text
    await pool.close()
    hung = int((tmp_path / "pid").read_text())
    if hangs.startswith("exec"):
        assert identify(hung) is None
    else:
        os.kill(hung, SIGKILL)


async def test_a_shim_that_does_not_answer_is_passed_over_and_comes_too_late(home: Home) -> None:
    spec = prepared(home, "10m")
    pool = LocalPool(home, standby=1, answer_within=1.0)
    await pool.start()
    async with asyncio.timeout(120):
        while not pool.ready:
            await asyncio.sleep(0.05)
    mine = {process for process in processes() if str(home.path) in shim_log(process)}
    for process in mine:
        os.kill(process.pid, SIGSTOP)
    job, attempt = Job("song", 1), home.run("song").attempt(1)
    await pool.submit(job, spec, pool.slots[0])
    assert read_holders(attempt.lock)["shim"] not in mine
    for process in mine:
        os.kill(process.pid, SIGCONT)
    async with asyncio.timeout(30):
        while any(is_alive(each) for each in mine):
            await asyncio.sleep(0.05)
    await pool.control(job, "stop")
    types, _ = await read_all(pool, job)
    assert types.count("job.started.v1") == 1
    await pool.close()


async def test_an_attempt_nobody_answers_for_is_ended_before_it_is_given_up(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that whoever still wakes up finds that it is too late."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho '{READY}'\nsleep 5 &\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    pool = LocalPool(home, standby=0, answer_within=0.1)
    with pytest.raises(ExecutorError, match="no worker answered"):
        await pool.submit(Job("song", 1), prepared(home, "1 steps"), pool.slots[0])
    assert json.loads(home.run("song").attempt(1).exit.read_text()) == {"lost": True}
    await pool.close()


async def test_a_worker_is_told_what_it_may_run_on_and_read(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    hears = f"""read -r order; echo "$order" > {tmp_path}/order; echo '{{"accepted": true}}'"""
    python.write_text(f"#!/bin/sh\necho '{READY}'\nexec 3<&0\n{{ {hears}; }} <&3 &\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    approved = Approved(modules=(tmp_path / "nets",), mirror=tmp_path / "backup")
    pool = LocalPool(home, standby=0, approved=approved)
    await pool.submit(Job("song", 1), prepared(home, "1 steps"), pool.slots[0])
    await pool.close()
    order = json.loads((tmp_path / "order").read_text())
    assert (order["attempt"], order["threads"], order["gpu"]) == (
        str(home.run("song").attempt(1).path),
        pool.slots[0].threads,
        "",
    )
    assert Approved.model_validate(order["approved"]) == approved


async def test_a_request_is_written_with_its_value(home: Home) -> None:
    await LocalPool(home, standby=0).control(Job("song", 1), "rate", 3e-4, 7)
    assert read_control(home.run("song").attempt(1).control) == Control(seq=7, verb="rate", value=3e-4)


async def test_a_home_that_cannot_be_written_is_told(home: Home) -> None:
    spec = prepared(home, "1 steps")
    pool = LocalPool(home, standby=0)
    home.runs.write_text("not a folder")
    with pytest.raises(ExecutorError, match="runs/song/attempts/1 cannot be used") as refused:
        await pool.submit(Job("song", 1), spec, pool.slots[0])
    assert (refused.value.code, refused.value.next_step) == (Code.WORKER_LOST, Code.WORKER_LOST.next_step)
    await pool.close()


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (errno.ENOSPC, Code.DISK_FULL, "the disk is full"),
        (errno.EROFS, Code.DISK_FULL, "the disk is read-only"),
        (errno.EIO, Code.WORKER_LOST, "the disk refuses it"),
    ],
)
async def test_a_disk_that_takes_nothing_is_told_as_such(
    home: Home, monkeypatch: pytest.MonkeyPatch, number: int, code: Code, said: str
) -> None:
    pool, spec = LocalPool(home, standby=0), prepared(home, "1 steps")

    def refuse(point: str) -> None:
        if point == "atomic.write":
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr("trainer_core.files.atomic.reach", refuse)
    with pytest.raises(ExecutorError, match=f"runs/song/spec.json cannot be used: {said}") as refused:
        await pool.submit(Job("song", 1), spec, pool.slots[0])
    assert (refused.value.code, refused.value.next_step) == (code, code.next_step)


async def test_a_name_that_leaves_the_home_is_no_job(home: Home) -> None:
    with pytest.raises(ValueError, match="not a plain name"):
        await LocalPool(home).control(Job("../../etc", 1), "stop")
    with pytest.raises(SpotterError):
        folders.read_card(home, "../../etc")


def test_a_lock_of_this_process_can_be_taken_again_once_released(tmp_path: Path) -> None:
    lock = Lock.take(tmp_path / "run.lock")
    assert lock is not None
    lock.release()
    again = Lock.take(tmp_path / "run.lock")
    assert again is not None
    again.release()

"""The shim as the pool starts it: a process that outlives who asked for it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from trainer_core.faults import VARIABLE
from trainer_core.files.layout import Home
from trainer_core.process import identify, is_locked, read_holders


@dataclass
class Shim:
    """Its two pipes. `starter` has ended by the time this exists."""

    order: IO[bytes]
    answers: IO[bytes]

    def answer(self) -> dict[str, object]:
        line = self.answers.readline()
        return dict(json.loads(line)) if line else {}

    def take(self, attempt: Path) -> None:
        self.order.write(json.dumps({"attempt": str(attempt)}).encode() + b"\n")
        self.order.flush()


@pytest.fixture
def shim(request: pytest.FixtureRequest) -> Shim:
    """Faults that hit it are an indirect parameter."""
    starter = subprocess.Popen(
        [sys.executable, "-m", "trainer_core.shim"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, VARIABLE: getattr(request, "param", "")},
    )
    assert starter.wait() == 0, "it detaches at once"
    assert starter.stdin is not None and starter.stdout is not None
    return Shim(starter.stdin, starter.stdout)


def attempt_of(tmp_path: Path) -> Path:
    folder = Home(tmp_path / "home").run("song").attempt(1).path
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("shim", ["atomic.write:1:enospc"], indirect=True)
def test_a_run_that_cannot_be_read_fails_in_the_journal(shim: Shim, tmp_path: Path) -> None:
    """There is no spec: the worker says so as an event, in its log, and in its exit status.

    That is written down although the disk refuses it at first.
    """
    attempt = attempt_of(tmp_path)
    assert shim.answer() == {"ready": True}
    shim.take(attempt)
    assert shim.answer() == {"accepted": True}
    assert shim.answer() == {}, "its end of the pipe closes when it ends"
    record = json.loads((attempt / "exit.json").read_text())
    assert (record["status"], record["signal"], record["oom"]) == (1, None, False)
    assert 50 << 20 < record["peak_memory"] < 4 << 30, "bytes, of a process that has torch imported"
    assert not is_locked(attempt / "run.lock")
    (event,) = map(json.loads, (attempt / "events.jsonl").read_text().splitlines())
    assert event["type"] == "trainer.job.failed.v1" and str(tmp_path) not in event["message"]
    assert "Traceback" in (attempt / "worker.log").read_text()


def test_a_spec_that_is_not_valid_fails_by_the_name_of_its_field(shim: Shim, tmp_path: Path) -> None:
    attempt = attempt_of(tmp_path)
    (attempt.parents[1] / "spec.json").write_text('{"data": {"dataset": "gym"}, "budget": "a while"}')
    assert shim.answer() == {"ready": True}
    shim.take(attempt)
    assert shim.answer() == {"accepted": True}
    assert shim.answer() == {}
    (event,) = map(json.loads, (attempt / "events.jsonl").read_text().splitlines())
    assert event["code"] == "CONFIG_INVALID" and event["message"].startswith("spec.json: budget: cannot read 'a while'")


def test_both_end_when_nobody_orders_anything(shim: Shim) -> None:
    assert shim.answer() == {"ready": True}
    shim.order.close()
    assert shim.answer() == {}


def test_an_attempt_that_has_ended_is_refused(shim: Shim, tmp_path: Path) -> None:
    attempt = attempt_of(tmp_path)
    (attempt / "exit.json").write_text('{"lost": true}')
    assert shim.answer() == {"ready": True}
    shim.take(attempt)
    assert shim.answer() == {"refused": "this attempt has ended"}
    assert shim.answer() == {}
    assert not (attempt / "events.jsonl").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the worker in /proc and waits on a pidfd")
def test_a_worker_that_died_while_it_waited_is_told(shim: Shim, tmp_path: Path) -> None:
    attempt = attempt_of(tmp_path)
    assert shim.answer() == {"ready": True}
    (worker,) = [int(path.name) for path in Path("/proc").glob("[0-9]*") if is_my_worker(int(path.name))]
    dead = os.pidfd_open(worker)
    os.kill(worker, signal.SIGKILL)
    assert select.select([dead], [], [], 30)[0]
    os.close(dead)
    shim.take(attempt)
    assert "broken" in shim.answer()
    assert not (attempt / "exit.json").exists()


def is_my_worker(pid: int) -> bool:
    """A worker whose shim was started by this test's process (it carries its environment)."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    mine = f"PYTEST_CURRENT_TEST={os.environ['PYTEST_CURRENT_TEST'].split(' ')[0]}".encode()
    return b"trainer_core.worker" in command and mine in environment


def test_a_worker_that_stands_still_tells_where_and_when_killed_leaves_its_signal(shim: Shim, tmp_path: Path) -> None:
    """The spec is a pipe that nobody writes to, so the worker is at its run, and stays there, until it is killed."""
    attempt = attempt_of(tmp_path)
    os.mkfifo(attempt.parents[1] / "spec.json")
    assert shim.answer() == {"ready": True}
    shim.take(attempt)
    assert shim.answer() == {"accepted": True}
    holders = read_holders(attempt / "run.lock")
    assert set(holders) == {"shim", "worker"} and is_locked(attempt / "run.lock")
    assert os.getsid(holders["shim"].pid) != os.getsid(0)
    assert os.getpgid(holders["worker"].pid) == holders["worker"].pid
    log = attempt / "worker.log"
    while not log.exists() or b" in _spec" not in log.read_bytes():
        os.kill(holders["worker"].pid, signal.SIGUSR1)
        select.select([], [], [], 0.05)
    assert identify(holders["worker"].pid) == holders["worker"], "it goes on"
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        os.kill(holders["shim"].pid, number)
    assert identify(holders["shim"].pid) == holders["shim"]
    os.kill(holders["worker"].pid, signal.SIGKILL)
    assert shim.answer() == {}
    record = json.loads((attempt / "exit.json").read_text())
    assert (record["status"], record["signal"], record["oom"]) == (None, signal.SIGKILL, False)


def test_an_attempt_whose_folder_takes_no_lock_is_refused(shim: Shim, tmp_path: Path) -> None:
    attempt = attempt_of(tmp_path)
    (attempt / "run.lock").mkdir()
    assert shim.answer() == {"ready": True}
    shim.take(attempt)
    assert shim.answer() == {"refused": "the disk refuses it (Is a directory)"}
    assert shim.answer() == {}

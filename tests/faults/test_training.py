"""Training that goes wrong by itself: no memory, no number, a crash, an input that was changed behind its back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.faults.attempts import Attempts
from trainer_core.data.catalog import CARD
from trainer_core.data.documents import TEXT
from trainer_core.errors import Code
from trainer_core.events import JobCompleted, JobFailed, MetricsGuard, MetricsProgress
from trainer_core.files.layout import AttemptDirectory, Home
from trainer_core.process import read_holders

LARGE = {"size": "medium"}
"""A model whose weights take hundreds of megabytes."""

ROOM = 128 << 20
"""Bytes that a group may take beyond what it holds once its worker is ready."""

LIMITED = """
import re, resource
held = int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (held + (256 << 20), resource.RLIM_INFINITY))
"""

NO_NUMBER = """
from itertools import count
from torch.nn import Embedding
from torch.nn.modules.module import register_module_forward_hook
import trainer_core.run as run
from trainer_core.training import Training

train, forward_backward, tries, spoilt = run.train, Training.forward_backward, count(1), set()

def step(training, cursor, examples):
    spoilt.update({next(tries)} & {SPOILT})
    try:
        return forward_backward(training, cursor, examples)
    finally:
        spoilt.clear()

def training(*arguments):  # what comes before step 1 is left alone
    Training.forward_backward = step
    return train(*arguments)

run.train = training
register_module_forward_hook(
    lambda module, _, output: output * float("nan") if spoilt and isinstance(module, Embedding) else output
)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space, which only Linux heeds")
def test_an_allocation_that_fails_says_what_would_fit(home: Home) -> None:
    run = Attempts(home, "song", model=LARGE)
    assert run.make(before=LIMITED) == 1
    (failed,) = run.all_of(JobFailed)
    assert (failed.code, failed.traceback) == (Code.TRAINING_OOM, "")
    assert failed.next_step == "Choose the size small."
    assert "DefaultCPUAllocator" in run.log


def test_a_loss_that_is_no_number_is_skipped_and_told(home: Home) -> None:
    run = Attempts(home, "song")
    assert run.make(before=NO_NUMBER.replace("SPOILT", "2, 4")) == 0
    guards = run.all_of(MetricsGuard)
    assert [(event.step, event.action) for event in guards] == [(2, "skip"), (4, "skip")]
    assert guards[0].reason == "the loss of step 2 is not a number"
    assert [event.step for event in run.all_of(MetricsProgress)] == [1, 3, 5]
    (completed,) = run.all_of(JobCompleted)
    assert completed.summary.loss is not None and completed.summary.loss < 6


def test_a_loss_that_stays_no_number_is_gone_back_from_and_told(home: Home) -> None:
    run = Attempts(home, "song")
    assert run.make(before=NO_NUMBER.replace("SPOILT", "2, 3, 4")) == 0
    guards = run.all_of(MetricsGuard)
    assert [event.action for event in guards] == ["skip", "skip", "rollback"]
    assert guards[-1].reason.startswith("the loss of step 4 is not a number, and 2 steps were skipped shortly before")
    (completed,) = run.all_of(JobCompleted)
    assert completed.summary.steps == 5
    assert completed.summary.loss is not None and completed.summary.loss < 6


def test_a_crash_comes_back_the_same_with_its_traceback(home: Home) -> None:
    """Nothing is saved in between, so that each attempt begins at the beginning and ends at the same step."""
    run = Attempts(home, "song", checkpoint={"every_seconds": 3600})
    failures = []
    for _ in range(3):
        assert run.make("worker.step:3:raise") == 1
        failures += run.all_of(JobFailed)
        assert "Traceback (most recent call last)" in run.log and "InjectedError: worker.step" in run.log
    first, *others = failures
    assert (first.code, first.step) == (Code.WORKER_CRASHED, 2)
    assert [(other.code, other.step, other.traceback) for other in others] == 2 * [
        (first.code, first.step, first.traceback)
    ]
    *frames, name = first.traceback.splitlines()
    assert name == "InjectedError"
    assert frames[0].startswith("worker.py:") and "in train" in first.traceback
    assert "/" not in first.traceback and "worker.step" not in first.traceback


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ('{"data": {"dataset": "song"}, "budget": "a while"}', "spec.json: budget: cannot read 'a while' as a budget"),
        ("{", "spec.json: spec: "),
        (None, "spec.json is gone"),
    ],
    ids=["a wrong field", "no JSON", "nothing"],
)
def test_a_spec_that_was_edited_is_named_with_its_field(home: Home, spec: str | None, message: str) -> None:
    run = Attempts(home, "song")
    run.directory.spec.unlink()
    if spec is not None:
        run.directory.spec.write_text(spec)
    assert run.make() == 1
    (failed,) = run.all_of(JobFailed)
    assert failed.code is Code.CONFIG_INVALID and failed.message.startswith(message)
    assert failed.next_step == "`/trainer retry` writes it anew and goes on from the newest checkpoint."


def test_data_that_is_gone_or_changed_before_a_retry_is_named(home: Home) -> None:
    run = Attempts(home, "song")
    assert run.make("worker.step:3:kill") == -signal.SIGKILL
    text = home.dataset("song") / TEXT
    text.write_bytes(text.read_bytes() + b"more")
    said = []
    for gone in (None, text, text.parent / CARD):
        if gone is not None:
            gone.unlink()
        assert run.make() == 1
        said += [(failed.code, failed.message.partition(";")[0]) for failed in run.all_of(JobFailed)]
    assert said == [
        (Code.CORPUS_UNREADABLE, "the text of song was changed"),
        (Code.CORPUS_UNREADABLE, "the text of song is gone"),
        (Code.CORPUS_NOT_FOUND, "there is no data set 'song'"),
    ]
    assert run.checkpoints == ["step-00000001", "step-00000002"]


class MemoryGroup:
    """A cgroup of our own, of either version."""

    def __init__(self) -> None:
        unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
        name = f"spotter-test-{uuid4().hex}"
        self.folder = Path("/sys/fs/cgroup") / ("" if unified else "memory") / name
        self._limit = "memory.max" if unified else "memory.limit_in_bytes"
        self._usage = "memory.current" if unified else "memory.usage_in_bytes"
        self.folder.mkdir()

    @property
    def held(self) -> int:
        return int((self.folder / self._usage).read_text())

    def allow(self, size: int) -> None:
        (self.folder / self._limit).write_text(str(size))

    @property
    def processes(self) -> Path:
        """A process joins by writing its pid here."""
        return self.folder / "cgroup.procs"


@pytest.fixture
def group() -> Iterator[MemoryGroup]:
    try:
        group = MemoryGroup()
        group.allow(8 << 30)
    except OSError as error:
        pytest.skip(f"this process may not limit memory with cgroups: {error.strerror}")
    yield group
    while group.processes.read_text():  # the shim has said its last word, and is about to end
        time.sleep(0.02)
    group.folder.rmdir()


@contextmanager
def worker_in(group: MemoryGroup, attempt: AttemptDirectory) -> Iterator[None]:
    """A shim in the group, and its worker, which is ordered to make the attempt; in the end they have ended."""
    attempt.path.mkdir(parents=True)
    order_read, order_write = os.pipe()
    with subprocess.Popen(
        ["sh", "-c", 'echo $$ > "$0" && exec "$@"', group.processes, sys.executable, "-m", "trainer_core.shim"],
        stdin=order_read,
        stdout=subprocess.PIPE,
    ) as starter:
        assert starter.stdout is not None
        assert json.loads(starter.stdout.readline()) == {"ready": True}
        group.allow(group.held + ROOM)
        os.write(order_write, json.dumps({"attempt": str(attempt.path), "threads": 1, "gpu": ""}).encode() + b"\n")
        assert json.loads(starter.stdout.readline()) == {"accepted": True}
        yield
        assert starter.stdout.readline() == b"", "the shim ends with its worker"
    os.close(order_read)
    os.close(order_write)


def test_a_worker_over_the_memory_limit_is_told_from_one_that_was_killed(home: Home, group: MemoryGroup) -> None:
    attempt = Attempts(home, "song", model=LARGE).directory.attempt(1)
    with worker_in(group, attempt):
        allowed = group.held + ROOM
    record = json.loads(attempt.exit.read_bytes())
    assert (record["status"], record["signal"], record["oom"]) == (None, signal.SIGKILL, True)
    assert 64 << 20 < record["peak_memory"] < allowed + (256 << 20)


def pass_an_alarm_of(pid: int) -> None:
    """The process's alarm goes off, and it has gone back to its wait."""

    def waits() -> int:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

    before = waits()
    os.kill(pid, signal.SIGALRM)
    while waits() == before:
        time.sleep(0.01)


def test_memory_that_ran_out_for_somebody_else_is_not_held_against_a_worker_killed_later(
    home: Home, group: MemoryGroup
) -> None:
    """The spec is a pipe that nobody writes to, so the worker stays at its run until it is killed."""
    directory = home.run("song")
    directory.path.mkdir(parents=True)
    os.mkfifo(directory.spec)
    attempt = directory.attempt(1)
    with worker_in(group, attempt):
        join = 'echo $$ > "$0" && echo 1000 > /proc/self/oom_score_adj && exec "$@"'
        greedy = [sys.executable, "-c", f"bytearray({8 * ROOM})"]
        somebody = subprocess.run(["sh", "-c", join, group.processes, *greedy], check=False)
        holders = read_holders(attempt.lock)
        for _ in range(2):
            pass_an_alarm_of(holders["shim"].pid)
        os.kill(holders["worker"].pid, signal.SIGKILL)
    assert somebody.returncode == -signal.SIGKILL
    record = json.loads(attempt.exit.read_bytes())
    assert (record["signal"], record["oom"]) == (signal.SIGKILL, False)

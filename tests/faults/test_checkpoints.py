"""Checkpoints that are cut short, spoilt, or refused by the disk: the run keeps what it had, and says what it did."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults import zygote
from tests.faults.attempts import Attempts, decode_all
from trainer_core.events import (
    JobCompleted,
    JobFailed,
    JobStarted,
    MetricsCheckpoint,
    MetricsGuard,
    MetricsProgress,
)
from trainer_core.files.layout import Home
from trainer_core.files.sums import write_sums


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One for all, so that the tokenizer and the tokens are made once."""
    return Home(tmp_path_factory.mktemp("checkpoints") / "home")


@pytest.fixture(scope="module")
def whole(home: Home) -> bytes:
    """The weights of the run that nothing happens to."""
    run = Attempts(home, "whole")
    assert run.make() == 0, run.log
    return run.weights


@pytest.fixture
def run(home: Home) -> Attempts:
    return Attempts(home, f"run-{len(home.run_names())}")


KILLS = [  # where each attempt is killed, and from which step the next one goes on
    ("checkpoint.saved:1", 1),
    ("checkpoint.begin:1", 1),
    ("checkpoint.model:1", 1),
    ("checkpoint.optimizer:1", 1),
    ("checkpoint.state:1", 1),
    ("checkpoint.sums:1", 1),
    ("folder.sync:1", 1),
    ("folder.rename:1", 1),
    ("checkpoint.saved:1", 2),
    ("checkpoint.prune:1", 3),
    ("folder.rename:3", 5),  # the finished model's
    ("atomic.write:1", 5),  # the manifest's
    ("atomic.rename:2", 5),  # the card's
]


def test_a_worker_killed_at_every_call_of_a_checkpoint_ends_with_the_same_weights(run: Attempts, whole: bytes) -> None:
    before = 0
    for point, step in KILLS:
        assert run.make(f"{point}:kill") == -9, point
        assert [event.resumed_step for event in run.all_of(JobStarted)] == [before], point
        before = step
    assert run.make() == 0
    assert [event.resumed_step for event in run.all_of(JobStarted)] == [before]
    assert run.weights == whole
    assert run.checkpoints == ["step-00000004", "step-00000005"]
    assert {path.name for path in run.directory.path.iterdir()} == {
        *("attempts", "checkpoints", "export", "spec.json", "manifest.json", "card.md")
    }, "nothing that was left half-written stays"


BY_A_THREAD = """
from trainer_core.checkpoints import saving
saving.LARGE = 0
"""


def test_a_worker_killed_while_a_thread_writes_ends_with_the_same_weights(run: Attempts, whole: bytes) -> None:
    """Which steps are saved is for the two to settle; only that a checkpoint is whole or absent is not."""
    for point in ("checkpoint.optimizer:2", "checkpoint.sums:1", "folder.rename:2", "checkpoint.prune:1"):
        assert run.make(f"{point}:kill", BY_A_THREAD) == -9, point
        assert not any(name.startswith("corrupt") for name in run.checkpoints)
    assert run.make(before=BY_A_THREAD) == 0
    assert run.all_of(MetricsGuard) == []
    assert run.weights == whole
    assert "step-00000005" in run.checkpoints and not any(name.startswith(".") for name in run.checkpoints)


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def edit(file: Path) -> None:
    file.write_text(file.read_text().replace('"step":3', '"step":2'))


@pytest.mark.parametrize(
    ("spoil", "name"),
    [(flip, "model.safetensors"), (edit, "state.json")],
)
def test_a_spoilt_checkpoint_is_set_aside_and_an_older_one_used(
    run: Attempts, whole: bytes, spoil: Callable[[Path], None], name: str
) -> None:
    assert run.make("worker.step:4:kill") == -9
    spoil(run.directory.checkpoints / "step-00000003" / name)
    assert run.make() == 0
    assert [event.resumed_step for event in run.all_of(JobStarted)] == [2]
    assert [(event.action, event.reason) for event in run.all_of(MetricsGuard)] == [
        ("rollback", "the checkpoint of step 3 is corrupt and was set aside; training goes on from step 2")
    ]
    assert run.checkpoints == ["corrupt-step-00000003", "step-00000004", "step-00000005"]
    assert run.weights == whole


def test_a_run_whose_checkpoints_are_all_spoilt_does_not_begin_again(run: Attempts) -> None:
    assert run.make("worker.step:4:kill") == -9
    for number in (2, 3):
        flip(run.directory.checkpoints / f"step-0000000{number}" / "model.safetensors")
    assert run.make() == 1
    (failed,) = run.events
    assert isinstance(failed, JobFailed)
    spoilt = "model.safetensors is not the file that was written"
    assert failed.code == "CHECKPOINT_CORRUPT"
    assert failed.message == f"No checkpoint of the run verifies: step 3 ({spoilt}), step 2 ({spoilt})."
    assert failed.next_step == "Put a good copy back and `/trainer retry` it, or start it again."
    assert run.checkpoints == ["step-00000002", "step-00000003"], "nothing was touched"


def test_a_checkpoint_written_by_somebody_else_is_named(run: Attempts) -> None:
    """Its sums are right, its content is not: nobody can tell what else is wrong, so nothing older is used unasked."""
    assert run.make("worker.step:3:kill") == -9
    checkpoint = run.directory.checkpoints / "step-00000002"
    (checkpoint / "optim.pt").write_bytes(b"{}")
    write_sums(checkpoint)
    assert run.make() == 1
    (failed,) = run.all_of(JobFailed)
    assert failed.code == "CHECKPOINT_CORRUPT" and not failed.traceback
    assert failed.message == "The checkpoint of step 2 cannot be restored: its optim.pt is not of this model."
    assert failed.next_step == (
        "Remove step-00000002 from the run's checkpoints, then `/trainer retry` goes on from the newest checkpoint."
    )
    assert run.checkpoints == ["step-00000001", "step-00000002"]


def test_older_checkpoints_make_way_on_a_full_disk(run: Attempts, whole: bytes) -> None:
    assert run.make("checkpoint.model:3:enospc") == 0
    assert [(event.step, event.action, event.reason) for event in run.all_of(MetricsGuard)] == [
        (3, "disk", "the disk is full: an older checkpoint made way for that of step 3")
    ]
    assert [event.step for event in run.all_of(MetricsCheckpoint)] == [1, 2, 3, 4, 5]
    assert run.weights == whole


def test_an_old_checkpoint_that_cannot_be_removed_takes_nothing_from_the_new_one(run: Attempts, whole: bytes) -> None:
    """One is in the way from step 3 on; by the end, three are."""
    assert run.make(",".join(f"checkpoint.prune:{number}:enospc" for number in range(1, 7))) == 0
    assert run.all_of(MetricsGuard) == []
    assert [event.step for event in run.all_of(MetricsCheckpoint)] == [1, 2, 3, 4, 5]
    assert run.checkpoints == [f"step-0000000{step}" for step in (1, 2, 3, 4, 5)]
    assert run.log.count("could not be removed") == 6
    assert run.weights == whole


def test_a_run_goes_on_without_a_checkpoint_the_disk_refuses(run: Attempts, whole: bytes) -> None:
    """Once where nothing could make way for it, and at the end, where making way is not enough; but time is."""
    refused = (2, 5, 6, 7)
    assert run.make(",".join(f"checkpoint.optimizer:{number}:enospc" for number in refused)) == 0
    first, last = run.all_of(MetricsGuard)
    assert (first.step, first.action, last.step, last.action) == (2, "disk", 5, "disk")
    assert first.reason.startswith("the disk is full: the checkpoint of step 2 was not saved; training goes on")
    assert last.reason.startswith("the disk is full: the checkpoint of step 5 was not saved; it is tried again")
    assert [event.step for event in run.all_of(MetricsCheckpoint)][-1] == 5
    assert run.weights == whole


def test_a_finished_model_waits_for_a_full_disk(run: Attempts, whole: bytes) -> None:
    """It is refused once, then its manifest."""
    assert run.make("folder.rename:6:enospc,atomic.write:1:enospc") == 0
    assert [(event.step, event.action, event.reason) for event in run.all_of(MetricsGuard)] == [
        (5, "disk", "the disk is full: the finished model was not saved; it is tried again for some minutes")
    ]
    assert isinstance(run.events[-1], JobCompleted)
    assert run.weights == whole and run.directory.card.is_file()


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Callable[[str], None]]:
    """A file system of its own mounted there, and what mounts it again with other options. Skips without the right."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"this process may not mount a small disk: {mounted.stderr.decode().strip()}")
    try:

        def remount(changed: str) -> None:
            subprocess.run(["mount", "-o", f"remount,{changed}", folder], check=True)

        yield remount
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [("size=16m", "size=64m", "the disk is full"), ("ro", "rw", "the disk is read-only")],
)
def test_a_real_disk_that_takes_nothing_more(
    run: Attempts, whole: bytes, before: str, after: str, complaint: str
) -> None:
    """A checkpoint is about 10 MiB. At the end the run waits for the disk, which is mended then."""
    with small_disk(run.directory.checkpoints, before) as remount:
        run.start()
        while not any(event.step == 5 for event in run.all_of(MetricsGuard)):
            time.sleep(0.02)
        remount(after)
        assert zygote.ended() == 0, run.log
        reasons = [event.reason for event in run.all_of(MetricsGuard)]
        assert len(reasons) >= 3 and all(reason.startswith(complaint) for reason in reasons)
        assert "step-00000005" in run.checkpoints
    assert run.weights == whole


def test_a_journal_on_a_full_disk_loses_steps_but_not_the_run(home: Home, run: Attempts, whole: bytes) -> None:
    """Refused are the first two steps with their checkpoints, and the end, which is tried again."""
    assert Attempts(home, "counted").make() == 0
    counted = decode_all(home.run("counted").attempt(1).events)
    first = next(event.seq for event in counted if isinstance(event, MetricsProgress))
    refused = [*range(first, first + 4), len(counted)]
    assert run.make(",".join(f"reporter.write:{number}:enospc" for number in refused)) == 0
    assert [(event.step, event.dropped) for event in run.all_of(MetricsProgress)] == [(3, 4), (4, 0), (5, 0)]
    assert isinstance(run.events[-1], JobCompleted)
    assert run.weights == whole

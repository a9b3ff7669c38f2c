from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event as Signal

import pytest
import torch

from tests.trainer_core.conftest import small_spec, weights
from trainer_core.checkpoints import saving
from trainer_core.checkpoints.checkpoint import Checkpoints, step_of
from trainer_core.checkpoints.restoring import restore
from trainer_core.checkpoints.saving import save, save_surely, saved
from trainer_core.errors import Code, SpotterError
from trainer_core.events import MetricsCheckpoint, MetricsGuard
from trainer_core.files.sums import problems_with_sums
from trainer_core.spec import CheckpointSpec, RunSpec
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


@pytest.fixture
def making(training: Make) -> Training:
    return training(small_spec())


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every checkpoint is large enough to be written by a thread."""
    monkeypatch.setattr(saving, "LARGE", 0)


class Slow:
    """Checkpoints that are written once they may be."""

    def __init__(self, folder: Path) -> None:
        self.may = Signal()
        self.checkpoints = Checkpoints(folder / "checkpoints", CheckpointSpec(), self._wait)

    def _wait(self) -> None:
        assert self.may.wait(60)


@pytest.fixture
def slow(tmp_path: Path, large: None) -> Slow:
    return Slow(tmp_path)


def at(training: Training, step: int) -> Training:
    training.state = replace(training.state, step=step)
    return training


def learn(training: Training) -> None:
    training.forward_backward(0, training.batching.sequences)
    training.step(0.01)


def test_a_small_one_is_written_at_once(making: Training, tmp_path: Path) -> None:
    [event] = save(making, Checkpoints(tmp_path, CheckpointSpec()), control_seq=7)
    assert isinstance(event, MetricsCheckpoint)
    assert (event.control_seq, event.pinned) == (7, False)
    assert event.stall == event.seconds > 0, "training waited for all of it"
    assert problems_with_sums(tmp_path / "step-00000000") == []


def test_a_step_is_saved_once_unless_it_is_to_be_kept(making: Training, tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointSpec())
    list(save(at(making, 1), checkpoints, best=True))
    assert list(save(making, checkpoints)) == []
    [event] = save(making, checkpoints, pinned=True)
    assert isinstance(event, MetricsCheckpoint) and event.pinned
    list(save(at(making, 2), checkpoints))
    checkpoints.drop_newer(1)
    [again] = save(making, checkpoints)
    assert isinstance(again, MetricsCheckpoint) and again.step == 2, "on the way that the run takes now"


def test_training_goes_on_while_a_large_one_is_written(making: Training, slow: Slow, training: Make) -> None:
    learn(making)
    before = weights(making)
    assert list(save(at(making, 1), slow.checkpoints)) == []
    assert list(saved(slow.checkpoints)) == []
    learn(at(making, 2))
    assert list(save(making, slow.checkpoints)) == [], "one at a time"
    slow.may.set()
    checkpoint = slow.checkpoints.newest_good()
    assert checkpoint is not None and step_of(checkpoint) == 1, "whoever looks for the newest waits for it"
    [event] = saved(slow.checkpoints)
    assert isinstance(event, MetricsCheckpoint) and event.step == 1
    assert list(saved(slow.checkpoints)) == [], "it is told once"
    restore(making, checkpoint)
    assert all(torch.equal(value, weights(making)[name]) for name, value in before.items())


def test_training_waits_for_a_copy_not_for_the_disk(making: Training, slow: Slow) -> None:
    list(save(at(making, 1), slow.checkpoints))
    slow.may.set()
    first, second = save_surely(at(making, 2), slow.checkpoints)
    assert isinstance(first, MetricsCheckpoint) and isinstance(second, MetricsCheckpoint)
    assert (first.step, second.step) == (1, 2), "the end waits for what is under way"
    assert first.stall < first.seconds and second.stall == second.seconds


def test_what_a_person_asked_for_waits_its_turn(making: Training, slow: Slow) -> None:
    list(save(at(making, 1), slow.checkpoints))
    slow.may.set()
    [first] = save(at(making, 2), slow.checkpoints, pinned=True, control_seq=5)
    assert isinstance(first, MetricsCheckpoint) and first.step == 1
    slow.checkpoints.newest_good()
    [second] = saved(slow.checkpoints)
    assert isinstance(second, MetricsCheckpoint)
    assert (second.step, second.pinned, second.control_seq) == (2, True, 5)


@pytest.mark.parametrize(("seq", "later"), [(5, "it is not tried again"), (0, "another one is tried later")])
def test_what_the_disk_refuses_a_thread_is_told_and_the_end_waits_for_the_disk(
    making: Training, slow: Slow, tmp_path: Path, seq: int, later: str
) -> None:
    in_the_way = tmp_path / "checkpoints"
    in_the_way.write_text("")

    def pauses() -> Iterator[float]:
        in_the_way.unlink()
        yield 0.0

    list(save(at(making, 3), slow.checkpoints, pinned=bool(seq), control_seq=seq))
    slow.may.set()
    first, last, event = save_surely(at(making, 4), slow.checkpoints, pauses())
    assert isinstance(first, MetricsGuard) and isinstance(last, MetricsGuard)
    assert (first.step, first.action, first.control_seq) == (3, "disk", seq)
    assert first.reason.endswith(f"the checkpoint of step 3 was not saved; training goes on, and {later}")
    assert last.reason.endswith("the checkpoint of step 4 was not saved; it is tried again for some minutes")
    assert isinstance(event, MetricsCheckpoint) and event.step == 4


def test_an_attempt_that_was_replaced_learns_it_from_its_thread(making: Training, large: None, tmp_path: Path) -> None:
    def fence() -> None:
        raise SpotterError(Code.WORKER_LOST)

    checkpoints = Checkpoints(tmp_path, CheckpointSpec(), fence)
    list(save(making, checkpoints))
    assert checkpoints.newest_good() is None
    with pytest.raises(SpotterError) as caught:
        list(saved(checkpoints))
    assert caught.value.code is Code.WORKER_LOST


def test_second_copies_are_there_when_the_run_has_ended(making: Training, tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    checkpoints = Checkpoints(tmp_path / "checkpoints", CheckpointSpec(keep=1, best=0), mirror=drive / "song")
    said = [*save(at(making, 1), checkpoints), *save_surely(at(making, 2), checkpoints)]
    assert sum(isinstance(event, MetricsGuard) for event in said) == 1, "that the drive is not there is told once"
    drive.mkdir()
    assert len(list(save_surely(at(making, 3), checkpoints))) == 1
    assert [path.name for path in (drive / "song").iterdir()] == ["step-00000003"]
    assert problems_with_sums(drive / "song" / "step-00000003") == []


def test_a_drive_that_hangs_is_not_waited_for_and_is_no_full_disk(
    making: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = Signal()
    monkeypatch.setattr("shutil.copyfile", lambda *_: answers.wait(60))
    monkeypatch.setattr(saving, "_MIRROR_SECONDS", 0.01)
    checkpoints = Checkpoints(tmp_path / "checkpoints", CheckpointSpec(), mirror=tmp_path / "song")
    _, told = save_surely(at(making, 1), checkpoints)
    assert isinstance(told, MetricsGuard) and (told.step, told.action) == (1, "storage")
    assert told.reason == "the second copy of the checkpoints is not finished; the run does not wait for it"
    answers.set()
    assert checkpoints.mirror and checkpoints.mirror.wait(60)

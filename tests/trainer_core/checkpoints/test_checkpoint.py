from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.trainer_core.conftest import small_spec
from trainer_core.checkpoints.checkpoint import Checkpoints, step_of
from trainer_core.checkpoints.snapshot import snapshot
from trainer_core.errors import Code, SpotterError
from trainer_core.events import MetricsGuard
from trainer_core.spec import CheckpointSpec, RunSpec
from trainer_core.state import Evaluation
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


@pytest.fixture
def making(training: Make) -> Training:
    return training(small_spec())


def at(training: Training, step: int, loss: float | None = None) -> Training:
    """The training as if it had come that far, and been evaluated so."""
    last = training.state.last if loss is None else Evaluation(loss)
    training.state = replace(training.state, step=step, last=last)
    return training


def save(training: Training, folder: Path, steps: Iterable[int], **spec: float) -> None:
    checkpoints = Checkpoints(folder, CheckpointSpec.model_validate({"keep": 99, **spec}))
    for step in steps:
        checkpoints.save(snapshot(at(training, step)))


def steps_in(folder: Path) -> list[int]:
    return sorted(step_of(path) for path in folder.iterdir())


@pytest.mark.parametrize("damage", ["model.safetensors", "optim.pt", "state.json", "sums.json"])
def test_a_corrupt_checkpoint_is_passed_over(making: Training, folder: Path, damage: str) -> None:
    save(making, folder, [1, 2])
    checkpoints = Checkpoints(folder, CheckpointSpec())
    assert step_of(checkpoints.newest_good()) == 2
    (folder / "step-00000002" / damage).write_bytes(b"{}")
    assert step_of(checkpoints.newest_good()) == 1
    (folder / "step-00000001" / damage).unlink()
    with pytest.raises(SpotterError) as caught:
        checkpoints.newest_good()
    assert caught.value.code is Code.CHECKPOINT_CORRUPT


def test_a_run_without_checkpoints_has_no_newest(folder: Path) -> None:
    checkpoints = Checkpoints(folder, CheckpointSpec())
    assert checkpoints.newest_good() is None
    folder.mkdir()
    (folder / ".step-00000001-half").mkdir()
    assert checkpoints.newest_good() is None
    assert step_of(None) == 0


def test_a_checkpoint_that_verifies_is_not_touched_by_saving_its_step_again(making: Training, folder: Path) -> None:
    checkpoints = Checkpoints(folder, CheckpointSpec())
    first = checkpoints.save(snapshot(making))
    saved = checkpoints.newest_good()
    assert saved is not None
    before = saved.stat()
    again = checkpoints.save(snapshot(making))
    assert (first.path, first.bytes) == (again.path, again.bytes)
    assert (saved.stat().st_ino, saved.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_corrupt_checkpoint_is_replaced_by_saving_its_step_again(making: Training, folder: Path) -> None:
    checkpoints = Checkpoints(folder, CheckpointSpec())
    checkpoints.save(snapshot(making))
    saved = checkpoints.newest_good()
    assert saved is not None
    (saved / "optim.pt").write_bytes(b"half")
    checkpoints.save(snapshot(making))
    assert checkpoints.newest_good() == saved
    assert list(folder.iterdir()) == [saved]


def test_a_corrupt_checkpoint_takes_no_good_one_s_place(making: Training, folder: Path) -> None:
    (folder / "step-00000099").mkdir(parents=True)
    save(making, folder, [7], keep=1)
    assert step_of(Checkpoints(folder, CheckpointSpec()).newest_good()) == 7


def test_corrupt_checkpoints_are_set_aside_when_a_run_goes_on(making: Training, folder: Path) -> None:
    save(making, folder, [5, 7, 99])
    (folder / "step-00000099" / "state.json").write_text("{}")
    resumed = Checkpoints(folder, CheckpointSpec())
    assert step_of(resumed.newest_good()) == 7
    assert [sentence.partition(" is corrupt")[0] for sentence in resumed.passed_over()] == ["the checkpoint of step 99"]
    resumed.save(snapshot(at(making, 8)))
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["corrupt-step-00000099", "step-00000007", "step-00000008"]


def test_a_checkpoint_newer_than_the_one_saved_is_never_dropped(making: Training, folder: Path) -> None:
    """It is of an attempt that has taken over while this one stood still."""
    save(making, folder, [1, 2, 4, 5])
    save(making, folder, [3], keep=2)
    assert steps_in(folder) == [2, 3, 4, 5]


def test_an_attempt_that_was_replaced_drops_no_checkpoint(making: Training, folder: Path) -> None:
    """Another one takes over when the new checkpoint is in its place, or just before others are dropped."""
    save(making, folder, [1, 2])

    def fence() -> None:
        if (folder / "step-00000003").exists():
            raise SpotterError(Code.WORKER_LOST)

    replaced = Checkpoints(folder, CheckpointSpec(keep=1), fence)
    taken = snapshot(at(making, 3))
    for drop in (lambda: replaced.save(taken), replaced.make_room, lambda: replaced.drop_newer(1)):
        with pytest.raises(SpotterError):
            drop()
    assert steps_in(folder) == [1, 2, 3]


def test_the_best_stay_as_long_as_they_are_the_best(making: Training, folder: Path) -> None:
    checkpoints = Checkpoints(folder, CheckpointSpec(keep=1, best=2))
    kept = []
    for step, loss in enumerate([5.0, 3.0, 4.0, 4.5, 3.5, 6.0], start=1):
        at(making, step, loss)
        best = checkpoints.worth_keeping(Evaluation(loss))
        checkpoints.save(snapshot(making, evaluated=best))
        kept.append(steps_in(folder))
    assert kept == [[1], [1, 2], [2, 3], [2, 3, 4], [2, 5], [2, 5, 6]]


def test_a_better_one_that_was_saved_for_another_reason_is_none_of_the_best(making: Training, folder: Path) -> None:
    """Its last evaluation was of older weights."""
    checkpoints = Checkpoints(folder, CheckpointSpec(keep=1, best=1))
    checkpoints.save(snapshot(at(making, 1, loss=2.0), evaluated=True))
    for step in (2, 3):
        checkpoints.save(snapshot(at(making, step, loss=1.0)))
    assert steps_in(folder) == [1, 3]


def test_a_pinned_one_stays_whatever_comes_after(making: Training, folder: Path) -> None:
    checkpoints = Checkpoints(folder, CheckpointSpec(keep=1, best=0))
    assert checkpoints.save(snapshot(at(making, 1)), pinned=True).pinned
    assert not checkpoints.save(snapshot(at(making, 2))).pinned
    assert checkpoints.save(snapshot(at(making, 2)), pinned=True).pinned, "one that was there already"
    for step in (3, 4):
        checkpoints.save(snapshot(at(making, step)))
    assert checkpoints.make_room() == 0
    assert steps_in(folder) == [1, 2, 4]
    assert step_of(checkpoints.newest_good(at_most=2)) == 2, "a mark does not spoil it"


def test_the_best_makes_room_last(making: Training, folder: Path) -> None:
    checkpoints = Checkpoints(folder, CheckpointSpec(keep=9))
    for step, loss in enumerate([5.0, 3.0, 4.0, 4.5], start=1):
        checkpoints.save(snapshot(at(making, step, loss), evaluated=True))
    assert (checkpoints.make_room(), steps_in(folder)) == (2, [2, 4])
    assert (checkpoints.make_room(), steps_in(folder)) == (1, [4])
    assert checkpoints.make_room() == 0


def test_a_bound_on_the_disk_is_kept_as_far_as_that_goes_and_told_where_it_ends(making: Training, folder: Path) -> None:
    size = Checkpoints(folder, CheckpointSpec()).save(snapshot(at(making, 1))).bytes
    bounded = Checkpoints(folder, CheckpointSpec(keep=9, gigabytes=2.5 * size / 1e9))
    for step in (2, 3, 4):
        bounded.save(snapshot(at(making, step)))
    assert steps_in(folder) == [3, 4] and bounded.complaints.empty()
    for step in (5, 6, 7, 8):
        bounded.save(snapshot(at(making, step)), pinned=step < 8)
    assert steps_in(folder) == [5, 6, 7, 8]
    told = bounded.complaints.get_nowait()
    assert isinstance(told, MetricsGuard) and (told.step, told.action) == (7, "storage")
    assert told.reason.startswith("the newest and the pinned checkpoints take 0.0 GB more than the")
    assert bounded.complaints.empty(), "it is told once"


def test_what_comes_after_the_step_that_a_run_goes_back_to_is_dropped(making: Training, folder: Path) -> None:
    save(making, folder, [1, 2, 4])
    checkpoints = Checkpoints(folder, CheckpointSpec(keep=99))
    checkpoints.save(snapshot(at(making, 3)), pinned=True)
    assert step_of(checkpoints.newest_good(at_most=2)) == 2
    assert checkpoints.newest_good(at_most=0) is None
    checkpoints.drop_newer(1)
    assert sorted(path.name for path in folder.iterdir()) == ["abandoned-step-00000003", "step-00000001"]

    checkpoints.save(snapshot(at(making, 3)), pinned=True)
    checkpoints.drop_newer(1)
    kept = sorted(path.name for path in folder.glob("abandoned-*"))
    assert kept == ["abandoned-step-00000003", "abandoned-step-00000003-2"], "each was asked for"


def test_what_was_pinned_and_abandoned_counts_towards_the_bound(making: Training, folder: Path) -> None:
    size = Checkpoints(folder, CheckpointSpec()).save(snapshot(at(making, 1))).bytes
    checkpoints = Checkpoints(folder, CheckpointSpec(keep=99, gigabytes=3.5 * size / 1e9))
    checkpoints.save(snapshot(at(making, 3)), pinned=True)
    checkpoints.drop_newer(2)
    for step in (2, 3, 4):
        checkpoints.save(snapshot(at(making, step)))
    assert sorted(path.name for path in folder.glob("*step-*")) == [
        "abandoned-step-00000003",
        "step-00000003",
        "step-00000004",
    ]


def test_a_run_that_can_do_without_a_checkpoint_sets_all_aside_that_are_corrupt(making: Training, folder: Path) -> None:
    save(making, folder, [1, 2])
    for step in (1, 2):
        (folder / f"step-0000000{step}" / "state.json").write_text("{}")
    checkpoints = Checkpoints(folder, CheckpointSpec())
    assert checkpoints.newest_sound() is None
    assert [sentence.partition(" is corrupt")[0] for sentence in checkpoints.passed_over()] == [
        "the checkpoint of step 2",
        "the checkpoint of step 1",
    ]
    assert list(checkpoints.passed_over()) == [], "it is told once"
    assert checkpoints.newest_good() is None


def test_only_those_it_may_go_back_to_are_looked_at(making: Training, folder: Path) -> None:
    save(making, folder, [1, 2, 3])
    for step in (2, 3):
        (folder / f"step-0000000{step}" / "state.json").write_text("{}")
    checkpoints = Checkpoints(folder, CheckpointSpec())
    assert step_of(checkpoints.newest_good(at_most=2)) == 1
    assert sorted(path.name for path in folder.iterdir()) == [
        "corrupt-step-00000002",
        "step-00000001",
        "step-00000003",
    ]


def test_a_checkpoint_opens_with_transformers(making: Training, folder: Path) -> None:
    checkpoints = Checkpoints(folder, CheckpointSpec())
    checkpoints.save(snapshot(making))
    opened = AutoModelForCausalLM.from_pretrained(folder / "step-00000000", dtype=torch.float32)
    inputs = making.objective.batch(0, 2).inputs
    with torch.inference_mode():
        assert torch.equal(opened(**inputs).logits, making.network.logits(inputs))


def test_a_folder_that_cannot_be_made_is_no_silent_success(making: Training, folder: Path) -> None:
    folder.write_text("in the way")
    with pytest.raises(OSError, match="file is where the folder"):
        Checkpoints(folder, CheckpointSpec()).save(snapshot(making))

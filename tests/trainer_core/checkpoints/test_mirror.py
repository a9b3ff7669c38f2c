from __future__ import annotations

from pathlib import Path
from queue import SimpleQueue

import pytest

from trainer_core.checkpoints.mirror import Mirror
from trainer_core.events import Event, MetricsGuard
from trainer_core.files.atomic import name_aside
from trainer_core.files.sums import problems_with_sums, write_sums


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    folder = tmp_path / "drive"
    folder.mkdir()
    return folder


@pytest.fixture
def complaints() -> SimpleQueue[Event]:
    return SimpleQueue()


@pytest.fixture
def mirror(drive: Path, complaints: SimpleQueue[Event]) -> Mirror:
    return Mirror(drive / "song", complaints)


def checkpoint(folder: Path, step: int, text: str = "weights") -> Path:
    """A summed folder of a few files."""
    made = folder / "checkpoints" / f"step-{step:08d}"
    made.mkdir(parents=True, exist_ok=True)
    for name in ("model.safetensors", "state.json"):
        (made / name).write_text(f"{text} of {name}")
    write_sums(made)
    return made


def followed(mirror: Mirror, *newest_first: Path) -> None:
    mirror.follow(newest_first)
    assert mirror.wait(60)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_follows_the_checkpoints_there_are(mirror: Mirror, drive: Path, tmp_path: Path) -> None:
    one, two, three = (checkpoint(tmp_path, step) for step in (1, 2, 3))
    half = name_aside(drive / "song" / "step-00000001")
    half.mkdir(parents=True)
    followed(mirror, two, one)
    followed(mirror, three, two)
    assert names(drive / "song") == ["step-00000002", "step-00000003"]
    copy = drive / "song" / "step-00000003"
    assert problems_with_sums(copy) == [] and names(copy) == names(three)


def test_a_copy_of_what_the_step_no_longer_is_is_made_anew(mirror: Mirror, drive: Path, tmp_path: Path) -> None:
    followed(mirror, checkpoint(tmp_path, 1))
    before = (drive / "song" / "step-00000001").stat().st_ino
    (checkpoint(tmp_path, 1) / "pinned").touch()
    followed(mirror, tmp_path / "checkpoints" / "step-00000001")
    assert (drive / "song" / "step-00000001").stat().st_ino == before
    assert (drive / "song" / "step-00000001" / "pinned").exists()
    followed(mirror, checkpoint(tmp_path, 1, "others"))
    assert (drive / "song" / "step-00000001" / "state.json").read_text() == "others of state.json"


def test_a_checkpoint_that_was_dropped_meanwhile_is_no_trouble(
    mirror: Mirror, drive: Path, tmp_path: Path, complaints: SimpleQueue[Event]
) -> None:
    gone = tmp_path / "checkpoints" / "step-00000001"
    followed(mirror, checkpoint(tmp_path, 2), gone)
    assert names(drive / "song") == ["step-00000002"] and complaints.empty()


def test_a_spoilt_checkpoint_gets_no_copy(
    mirror: Mirror, drive: Path, tmp_path: Path, complaints: SimpleQueue[Event]
) -> None:
    spoilt = checkpoint(tmp_path, 1)
    (spoilt / "state.json").write_text("else")
    followed(mirror, spoilt)
    assert names(drive / "song") == [] and not complaints.empty()


def test_a_drive_that_is_not_there_is_told_once_until_it_is(
    mirror: Mirror, drive: Path, tmp_path: Path, complaints: SimpleQueue[Event]
) -> None:
    saved = checkpoint(tmp_path, 4)
    for _ in range(2):
        drive.rmdir()
        for _ in range(2):
            followed(mirror, saved)
        told = complaints.get_nowait()
        assert isinstance(told, MetricsGuard) and (told.step, told.action) == (4, "storage")
        assert told.reason == "the second copy of the checkpoints was not written: its folder is not there"
        assert complaints.empty() and not drive.exists(), "nothing is written where the drive would be"
        drive.mkdir()
        followed(mirror, saved)
        assert names(drive / "song") == ["step-00000004"]
        for path in sorted(drive.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


def test_a_drive_that_refuses_is_told(
    mirror: Mirror, drive: Path, tmp_path: Path, complaints: SimpleQueue[Event]
) -> None:
    (drive / "song").write_text("in the way")
    followed(mirror, checkpoint(tmp_path, 1))
    told = complaints.get_nowait()
    assert isinstance(told, MetricsGuard) and "the disk refuses it" in told.reason

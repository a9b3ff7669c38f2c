"""`spotter train` for real: a small text, a few steps, and everything that can come between."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.catalog.owners import COMMAND_LINE, signature
from bot.train import hand_over
from tests.bot.catalog.laying import take_in
from tests.bot.processes import Done, ended, eventually, interrupt, living, said, spotter, started
from tests.e2e.conftest import TEXT
from tests.trainer_core.data.album import patterns, zipped
from trainer_core.data.documents import TEXT as DOCUMENTS
from trainer_core.errors import Code, SpotterError
from trainer_core.export.model_folder import REQUIRED, verify
from trainer_core.files.layout import AttemptDirectory, Home
from trainer_core.files.sums import write_sums
from trainer_core.process import Identity, read_holders, signal_group


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "song.txt").write_bytes(TEXT)
    return Home(tmp_path / "home")


async def train(home: Home, *more: str) -> Done:
    return await spotter("train", "--data", "song.txt", *more, home=home.path)


@asynccontextmanager
async def training(home: Home, **settings: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, Identity]]:
    """A long training that has made its first steps, and its worker."""
    long = ("train", "--data", "song.txt", "--budget", "1h", "--json")
    async with started(*long, home=home.path, **settings) as process:
        await eventually(lambda: any(b"metrics.progress" in attempt.events.read_bytes() for attempt in attempts(home)))
        [attempt] = attempts(home)
        yield process, read_holders(attempt.lock)["worker"]


def attempts(home: Home) -> list[AttemptDirectory]:
    """Those that have begun to report."""
    return [AttemptDirectory(path.parent) for path in home.runs.glob("*/attempts/*/events.jsonl")]


async def test_a_model_that_verifies_is_written_where_asked(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "models" / "song"
    done = await train(home, "--budget", "2 steps", "--json", "--out", str(out))
    assert done.status == 0, done.err
    numbers = json.loads(done.out)
    assert numbers["model"] == str(out) and verify(out) == []
    assert numbers["steps"] == 2 and numbers["loss"] < numbers["first_loss"]
    assert numbers["bits_per_byte"] < numbers["first_bits_per_byte"]
    assert verify(home.run(numbers["run"]).export) == [], "and it is kept with its run"
    assert f"{numbers['run']} trains gpt2 tiny on song for 2 steps" in done.err and "validation loss" in done.err
    await eventually(lambda: living(home.path) == [])


async def test_a_person_reads_a_table_and_the_text_is_taken_in_once(home: Home) -> None:
    take_in(home, "song.txt", TEXT, added_by=signature(COMMAND_LINE))
    done = await train(home, "--budget", "1 steps")
    assert done.status == 0, done.err
    for part in ("validation loss", "→", "bits per byte", "1 (512 tokens in", "parameters"):
        assert part in done.out
    [attempt] = attempts(home)
    run = attempt.path.parent.parent
    assert done.out.splitlines()[-1] == f"The model is in {run / 'export'}", "in one line, to be copied"
    assert [path.name for path in home.datasets.iterdir()] == ["song"]


async def test_what_is_wrong_with_the_model_is_told_before_anything_is_made(home: Home) -> None:
    """Its settings are held against the model that follows from the data."""
    done = await train(home, "--from", "sung")
    assert done.status == 1 and "from: neither a run of yours nor a model in the approved folders is called" in done.err
    assert not home.path.exists()
    card = take_in(home, "patterns.zip", zipped(patterns()), added_by=signature(COMMAND_LINE))
    done = await spotter("train", "--data", card.name, "--set", "model.augment=wild", home=home.path)
    assert done.status == 1 and "model.augment: take one of none, shift or mirror" in done.err
    assert not home.runs.exists()


async def test_a_text_that_was_changed_fails_with_its_reason(home: Home) -> None:
    take_in(home, "song.txt", TEXT, added_by=signature(COMMAND_LINE))
    (home.dataset("song") / DOCUMENTS).write_bytes(b"something else " * 200)
    done = await spotter("train", "--data", "song", "--budget", "1 steps", home=home.path)
    assert (done.status, done.out) == (1, "")
    assert "the text of song was changed; add the file again" in done.err and "Traceback" not in done.err


async def test_ctrl_c_keeps_what_was_learned(home: Home) -> None:
    async with training(home) as (process, _):
        interrupt(process)
        done = await ended(process)
    assert done.status == 0, done.err
    assert "stopping at the next step and keeping the model" in done.err
    numbers = json.loads(done.out)
    assert numbers["steps"] > 0 and verify(Path(numbers["model"])) == []
    await eventually(lambda: living(home.path) == [])


async def test_ctrl_c_before_the_first_step_is_no_fault_of_any_model(home: Home) -> None:
    """The request waits in the worker's folder before there is a worker: it is heard at the first step's edge."""
    async with started("train", "--data", "song.txt", "--budget", "1h", home=home.path) as process:
        await eventually((home.path / "shim.log").exists)
        interrupt(process)
        done = await ended(process)
    assert (done.status, done.out) == (1, "")
    assert re.search(r"^\S+ was stopped before it began\. Start it again when you like\.$", done.err, re.MULTILINE)
    assert "Traceback" not in done.err
    await eventually(lambda: living(home.path) == [])


async def test_a_line_that_is_no_event_is_left_out(home: Home) -> None:
    async with training(home) as (process, _):
        [attempt] = attempts(home)
        with attempt.events.open("ab") as journal:
            journal.write(b'{"type": "of another version"}\n')
        await said(process.stderr, "a line of the run's journal is left out")
        interrupt(process)
        done = await ended(process)
    assert done.status == 0 and verify(Path(json.loads(done.out)["model"])) == []
    assert "Traceback" not in done.err


async def test_a_worker_that_cannot_be_asked_can_still_be_ended(home: Home, tmp_path: Path) -> None:
    """The disk is full from some moment on: no rule comes true before its marker is removed."""
    rules = [f"atomic.write:{nth}:enospc" for nth in range(1, 50)]
    markers = tmp_path / "not-yet"
    markers.mkdir()
    for rule in rules:
        (markers / rule).touch()
    async with training(home, SPOTTER_FAULT=",".join(rules), SPOTTER_FAULT_ONCE=str(markers)) as (process, worker):
        assert signal_group(worker, signal.SIGSTOP)
        for rule in rules:
            (markers / rule).unlink()
        interrupt(process)
        await said(process.stderr, "cannot be asked to stop (No space left on device)")
        interrupt(process)
        done = await ended(process)
        await eventually(lambda: living(home.path) == [])
    assert done.status == 1 and "The run was stopped." in done.err and "Traceback" not in done.err


async def test_a_second_ctrl_c_ends_at_once(home: Home) -> None:
    """The worker is frozen, so that it cannot stop by itself in between."""
    async with training(home) as (process, worker):
        assert signal_group(worker, signal.SIGSTOP)
        interrupt(process)
        await said(process.stderr, "once more to end at once")
        interrupt(process)
        done = await ended(process)
        await eventually(lambda: living(home.path) == [])
    assert (done.status, done.out) == (1, "")
    assert "The run was stopped." in done.err and "Traceback" not in done.err


async def test_two_ctrl_c_before_there_is_a_worker_end_it_too(home: Home) -> None:
    """The shim is started once the signals are listened to; its worker takes seconds to load torch."""
    async with started("train", "--data", "song.txt", "--budget", "1h", home=home.path) as process:
        await eventually((home.path / "shim.log").exists)
        interrupt(process)
        await said(process.stderr, "once more to end at once")
        interrupt(process)
        done = await ended(process)
        await eventually(lambda: living(home.path) == [])
    assert done.status == 1 and "The run was stopped." in done.err and "Traceback" not in done.err


async def test_a_killed_worker_is_told(home: Home) -> None:
    async with training(home) as (process, worker):
        assert signal_group(worker, signal.SIGKILL)
        done = await ended(process)
    assert (done.status, done.out) == (1, "")
    assert "The training process was killed (signal 9)." in done.err
    assert "memory is the usual cause: free some, then train again." in " ".join(done.err.split())
    assert "Traceback" not in done.err


def model_in(folder: Path) -> Path:
    """A folder that verifies as a finished model."""
    folder.mkdir()
    for name in REQUIRED:
        (folder / name).write_text(name)
    write_sums(folder)
    return folder


def test_a_model_is_handed_over_whole(tmp_path: Path) -> None:
    model, out = model_in(tmp_path / "export"), tmp_path / "out"
    out.mkdir()
    hand_over(model, out)
    assert verify(out) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "out"]


def test_a_copy_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    model, out = model_in(tmp_path / "export"), tmp_path / "models" / "out"
    (model / "extra.json").symlink_to("nowhere")
    with pytest.raises(SpotterError, match=r"^out: the model cannot be copied there") as raised:
        hand_over(model, out)
    assert raised.value.next_step == f"It is in {model}."
    assert list(out.parent.iterdir()) == []


def test_a_copy_that_does_not_verify_is_not_handed_over(tmp_path: Path) -> None:
    model, out = model_in(tmp_path / "export"), tmp_path / "models" / "out"
    (model / "config.json").write_text("something else")
    with pytest.raises(SpotterError, match=r"config\.json is not the file that was written") as raised:
        hand_over(model, out)
    assert raised.value.code is Code.CHECKPOINT_CORRUPT
    assert list(out.parent.iterdir()) == []

"""Tasks as the bot has them done: real processes, where how they end matters."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest

from tests.trainer_core.conftest import prose
from tests.trainer_core.data.adding import upload
from trainer_core import faults
from trainer_core.data.catalog import list_cards
from trainer_core.errors import Code
from trainer_core.files.folders import sweep
from trainer_core.files.layout import Home
from trainer_core.tasks.__main__ import carry_out
from trainer_core.tasks.orders import SAID, AddDataset, Added, FileSource, Progress, Refused, Result

TEXT = prose(2_000).encode()
Process = subprocess.Popen[str]


def order_for(home: Home, data: bytes = TEXT) -> AddDataset:
    return AddDataset(home=home.path, source=FileSource(path=upload(home, data), filename="notes.txt"), added_by="7")


def perform(order: AddDataset) -> Result:
    return carry_out(order, lambda _: None)


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(order: AddDataset, fault: str | None = None) -> Process:
        process = subprocess.Popen(
            [sys.executable, "-m", "trainer_core.tasks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **({faults.VARIABLE: fault} if fault else {})},
        )
        started.append(process)
        assert process.stdin
        process.stdin.write(order.model_dump_json() + "\n")
        process.stdin.flush()
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream
            stream.close()


def wait_for_phase(process: Process, phase: str) -> None:
    assert process.stdout
    for line in process.stdout:
        said = SAID.validate_json(line)
        if isinstance(said, Progress) and said.phase == phase:
            return
    raise AssertionError(f"it ended before {phase}")


def ask_until_it_ends(process: Process) -> None:
    """Again and again, also while it takes away what it made."""
    while process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.002)


def test_a_killed_task_leaves_nothing_that_looks_finished(home: Home, start: Callable[..., Process]) -> None:
    order = order_for(home)
    process = start(order, "folder.rename:1:kill")
    assert process.wait() == -signal.SIGKILL
    assert list_cards(home) == []
    assert isinstance(order.source, FileSource)
    assert order.source.path.read_bytes() == TEXT

    process = start(order)  # the same again: no name is taken, and what was left aside is in nobody's way
    assert process.stdout
    *before, last = process.stdout
    added = SAID.validate_json(last)
    assert isinstance(added, Added)
    assert (added.card.name, added.new) == ("notes", True)
    assert added.gflops > 0
    assert all(isinstance(SAID.validate_json(line), Progress) for line in before)
    assert process.wait() == 0
    assert list_cards(home) == [added.card]
    assert len(sweep(home.datasets)) == 1
    assert [path.name for path in home.datasets.iterdir()] == ["notes"]


@pytest.mark.parametrize("how", ["asked", "deserted"])
def test_a_task_that_is_not_wanted_any_more_takes_away_what_it_made(
    home: Home, start: Callable[..., Process], how: str
) -> None:
    process = start(order_for(home), "folder.rename:1:delay=60")
    wait_for_phase(process, "describing")
    if how == "asked":
        ask_until_it_ends(process)
    else:
        assert process.stdin
        process.stdin.close()
    assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert process.stderr
    assert process.stderr.read() == ""
    assert list(home.datasets.iterdir()) == []


def test_a_task_that_has_answered_ends_well_whatever_it_is_asked(home: Home, start: Callable[..., Process]) -> None:
    process = start(order_for(home))
    assert process.stdout
    while not isinstance(SAID.validate_json(process.stdout.readline()), Added):
        pass
    ask_until_it_ends(process)
    assert process.stderr
    assert (process.returncode, process.stderr.read()) == (0, "")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells of a parent's death")
def test_a_task_whose_parent_was_killed_takes_away_what_it_made(home: Home) -> None:
    """Also where somebody else still holds the other end of its standard input."""
    script = (
        "import subprocess, sys; task = subprocess.Popen([sys.executable, '-m', 'trainer_core.tasks']);"
        "print(task.pid, flush=True); task.wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, faults.VARIABLE: "folder.rename:1:delay=60"},
    ) as parent:
        assert parent.stdin and parent.stdout
        task = int(parent.stdout.readline())
        parent.stdin.write(order_for(home).model_dump_json() + "\n")
        parent.stdin.flush()
        wait_for_phase(parent, "describing")
        parent.kill()
        psutil.Process(task).wait(timeout=30)
        assert list(home.datasets.iterdir()) == []


def test_what_is_wrong_with_the_file_is_an_answer(home: Home) -> None:
    refused = perform(order_for(home, b"x"))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.field) == (Code.CORPUS_EMPTY, "file")
    assert refused.error().code is Code.CORPUS_EMPTY


def test_a_full_disk_is_said_to_be_full(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "trainer_core.files.folders.reach", faults.Faults([faults.Rule("folder.sync", 1, "enospc")]).reach
    )
    refused = perform(order_for(home))
    assert isinstance(refused, Refused)
    assert refused.code is Code.DISK_FULL
    assert os.strerror(errno.ENOSPC) not in refused.message
    assert list(home.datasets.iterdir()) == []


def test_what_nobody_expected_is_told_without_its_details(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        "trainer_core.files.folders.reach", faults.Faults([faults.Rule("folder.sync", 1, "raise")]).reach
    )
    refused = perform(order_for(home))
    assert isinstance(refused, Refused)
    assert refused.code is Code.WORKER_CRASHED
    assert "folder.sync" not in refused.message + refused.next_step
    assert "InjectedError" in caplog.text


def test_a_folder_that_cannot_be_written_is_no_full_disk(home: Home) -> None:
    order = order_for(home)
    home.datasets.write_text("in the way")
    refused = perform(order)
    assert isinstance(refused, Refused)
    assert refused.code is Code.WORKER_CRASHED


def test_an_order_that_nobody_understands_is_none() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "trainer_core.tasks"],
        input='{"task":"dance"}\n',
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""


def test_taking_a_text_in_needs_no_heavy_library(home: Home) -> None:
    script = (
        "import sys; from trainer_core.tasks.__main__ import carry_out; from trainer_core.tasks.orders import ORDER;"
        "carry_out(ORDER.validate_json(sys.stdin.read()), lambda _: None);"
        "print(*sorted({name.split('.')[0] for name in sys.modules}"
        " & {'torch', 'transformers', 'datasets', 'pandas', 'pyarrow', 'detect_secrets', 'sentencepiece'}))"
    )
    order = order_for(home).model_dump_json()
    done = subprocess.run([sys.executable, "-c", script], input=order, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
    assert [card.name for card in list_cards(home)] == ["notes"]

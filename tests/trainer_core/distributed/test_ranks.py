"""How rank 0 learns what became of the others. They are real processes that speak as a rank does, and do nothing."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.trainer_core.conftest import small_spec
from trainer_core.approved import NONE
from trainer_core.compute.mode import Mode
from trainer_core.distributed.ranks import LEFT_ALONE, Ended, Ranks, cause
from trainer_core.distributed.words import Begin, Failed
from trainer_core.errors import Code, SpotterError

READY = "print('{\"ready\": true}', flush=True)"
OBEDIENT = f"{READY}\nfor line in sys.stdin: pass"
"""Ready at once, and there until nobody needs it any more."""


@contextmanager
def started(folder: Path, monkeypatch: pytest.MonkeyPatch, *scripts: str, parting: float = 5.0) -> Iterator[Ranks]:
    """A process for each of `scripts`, whose first line of input is read already."""
    chosen = "\n".join(f"if begin['rank'] == {rank}:\n    exec({script!r})" for rank, script in enumerate(scripts, 1))
    (folder / "a_rank.py").write_text(f"import json, sys\nbegin = json.loads(sys.stdin.readline())\n{chosen}\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    begins = [
        Begin(
            rank=rank,
            size=len(scripts) + 1,
            meeting=folder / "meeting",
            run=folder,
            attempt=1,
            spec=small_spec(),
            approved=NONE,
            checkpoint=None,
            threads=1,
            mode=Mode(),
        )
        for rank, _ in enumerate(scripts, 1)
    ]
    ranks = Ranks(begins, "a_rank", parting)
    try:
        yield ranks
    finally:
        ranks.close()
        assert not any(psutil.pid_exists(pid) for pid in ranks.pids)


def explained(ranks: Ranks) -> SpotterError:
    why = ranks.explained()
    assert why
    return why


def test_processes_get_ready_do_as_they_are_told_and_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = f"{READY}\nopen(begin['meeting'], 'w').write(sys.stdin.read())"
    with started(tmp_path, monkeypatch, writing, OBEDIENT) as ranks:
        ranks.wait_until_ready(20)
        ranks.tell("forward_backward", (12, 4, 2))
        ranks.tell("step", (1e-3,))
    assert (tmp_path / "meeting").read_text().splitlines() == [
        '{"verb":"forward_backward","arguments":[12,4,2]}',
        '{"verb":"step","arguments":[0.001]}',
    ]


def test_what_one_of_them_failed_with_is_what_the_run_fails_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Failed(code=Code.TRAINING_OOM, message="There is no room.", next_step="Make some.")
    failing = f"print({failed.model_dump_json()!r}, flush=True)\nsys.exit(1)"
    with started(tmp_path, monkeypatch, OBEDIENT, failing, parting=0.2) as ranks, pytest.raises(SpotterError) as error:
        ranks.wait_until_ready(20)
        raise explained(ranks)
    assert (error.value.code, error.value.message) == (Code.TRAINING_OOM, "There is no room.")
    assert error.value.next_step == "Make some."


def test_one_that_is_killed_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with started(tmp_path, monkeypatch, OBEDIENT) as ranks:
        ranks.wait_until_ready(20)
        psutil.Process(ranks.pids[0]).kill()
        error = explained(ranks)
        ranks.tell("clip", ())  # which nobody hears
    assert (error.code, error.message) == (
        Code.WORKER_KILLED,
        "Process 2 of the 2 that share each step was killed from outside.",
    )


def test_one_that_never_gets_ready_does_not_hold_up_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        started(tmp_path, monkeypatch, "import time; time.sleep(600)", parting=0.1) as ranks,
        pytest.raises(SpotterError) as error,
    ):
        ranks.wait_until_ready(0.1)
    assert error.value.code is Code.TRAINING_STALLED
    assert error.value.message == "One of the 2 processes that share each step does not answer."


def test_what_came_first_is_told_and_not_what_it_led_to() -> None:
    left_alone, crashed, killed = Ended(1, LEFT_ALONE), Ended(2, 1), Ended(3, -signal.SIGKILL)
    failed = Failed(code=Code.CORPUS_EMPTY, message="There is nothing.", next_step="Give something.")
    heard: list[list[Failed | Ended]] = [
        [left_alone, crashed, failed],
        [left_alone, killed],
        [left_alone, crashed],
        [left_alone],
        [],
    ]
    codes = [why.code if (why := cause(words, 4)) else None for words in heard]
    assert codes == [
        Code.CORPUS_EMPTY,
        Code.WORKER_KILLED,
        Code.WORKER_CRASHED,
        Code.TRAINING_STALLED,
        None,
    ]
    why = cause([left_alone, killed], 4)
    assert why and why.message.startswith("Process 4 of the 4")

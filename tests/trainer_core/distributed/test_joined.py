"""A run whose steps are shared with a real process, from a checkpoint until that process is killed."""

from __future__ import annotations

import psutil
import pytest
import torch

from tests.trainer_core.conftest import run_attempt, small_spec
from trainer_core.control import ControlReader
from trainer_core.data.card import DatasetCard
from trainer_core.distributed.ranks import RANK
from trainer_core.errors import Code, SpotterError
from trainer_core.events import Event, JobStarted, MetricsProgress
from trainer_core.files.layout import Home
from trainer_core.run import run
from trainer_core.spec import RunSpec


def shared_by(workers: int) -> RunSpec:
    return small_spec(
        model={"size": "tiny", "dropout": 0.1},
        budget="8 steps",
        batch={"tokens_per_step": 512, "micro_batch": 1},
        compute={"workers": workers},
    )


def curve(events: list[Event]) -> dict[int, float]:
    return {event.step: event.loss for event in events if isinstance(event, MetricsProgress)}


def others() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if RANK in child.cmdline()]


def test_two_processes_learn_what_one_does_and_the_end_of_one_ends_the_run(home: Home, card: DatasetCard) -> None:
    expected = curve(run_attempt(home.run("alone"), shared_by(1), pause_after=6))

    directory = home.run("shared")
    told = curve(run_attempt(directory, shared_by(1), pause_after=2))
    directory.spec.write_text(shared_by(2).model_dump_json())
    attempt = directory.attempt(2)
    attempt.path.mkdir()
    events: list[Event] = []

    def report(event: Event) -> None:
        events.append(event)
        if isinstance(event, MetricsProgress) and event.step == 6:
            (other,) = others()
            other.kill()

    threads = torch.get_num_threads()
    torch.set_num_threads(2)  # as many cores as the run has
    try:
        with pytest.raises(SpotterError) as error:
            run(directory, 2, report, ControlReader(attempt.control), pauses=())
    finally:
        torch.set_num_threads(threads)
    assert error.value.code is Code.WORKER_KILLED
    assert not others()
    assert sorted(file.name for file in attempt.path.iterdir()) == []

    (started,) = [event for event in events if isinstance(event, JobStarted)]
    assert (started.device, started.resumed_step) == ("CPU (2 threads), 2 processes", 2)
    assert {**told, **curve(events)} == pytest.approx(expected, rel=1e-5)

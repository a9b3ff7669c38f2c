from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from trainer_core.events import (
    Event,
    JobCompleted,
    JobProgress,
    JobStarted,
    MetricsEval,
    MetricsProgress,
    decode,
    encode,
)
from trainer_core.files.layout import AttemptDirectory, Home
from trainer_core.reporter import Reporter


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempt(home: Home) -> AttemptDirectory:
    directory = home.run("brisk-otter-42").attempt(2)
    directory.path.mkdir(parents=True)
    return directory


@pytest.fixture
def report(attempt: AttemptDirectory, clock: Clock) -> Iterator[Reporter]:
    with Reporter(attempt, "brisk-otter-42", interval=0.5, monotonic=clock) as reporter:
        yield reporter


def written(attempt: AttemptDirectory) -> list[Event]:
    return [decode(line) for line in attempt.events.read_bytes().splitlines()]


def step(number: int, loss: float = 1.0) -> MetricsProgress:
    return MetricsProgress(
        step=number,
        steps_total=100,
        fraction=number / 100,
        tokens=number,
        loss=loss,
        learning_rate=0.1,
        gradient_norm=1.0,
        tokens_per_second=1.0,
        elapsed=1.0,
        remaining=1.0,
    )


def test_events_are_stamped_in_order(attempt: AttemptDirectory, report: Reporter) -> None:
    report(JobProgress(phase="reading"))
    report(JobProgress(phase="tokenizer"))
    events = written(attempt)
    assert [(event.run, event.attempt, event.seq) for event in events] == [
        ("brisk-otter-42", 2, 1),
        ("brisk-otter-42", 2, 2),
    ]
    assert all(event.time > 0 for event in events)


def test_progress_is_coalesced_to_the_newest(attempt: AttemptDirectory, report: Reporter, clock: Clock) -> None:
    for number in range(1, 6):
        report(step(number))
        clock.now += 0.2
    steps = [(event.step, event.coalesced) for event in written(attempt) if isinstance(event, MetricsProgress)]
    assert steps == [(1, 0), (4, 2)]


def test_the_loss_told_is_the_mean_of_the_steps_folded_into_it(
    attempt: AttemptDirectory, report: Reporter, clock: Clock
) -> None:
    for number, loss in enumerate((8.0, 6.0, 4.0, 2.0), start=1):
        report(step(number, loss))
        clock.now += 0.2
    losses = [(event.step, event.loss) for event in written(attempt) if isinstance(event, MetricsProgress)]
    assert losses == [(1, 8.0), (4, 4.0)]


def test_a_resumed_attempt_is_where_its_checkpoint_was(report: Reporter) -> None:
    report(JobStarted(pid=1, host="h", device="CPU", resumed_step=50))
    assert report.step == 50
    report(step(51))
    assert report.step == 51


def test_whatever_else_comes_after_the_progress_that_waited(attempt: AttemptDirectory, report: Reporter) -> None:
    report(step(1))
    report(step(2))
    report(MetricsEval(step=2, loss=1.0, bits_per_byte=1.0))
    assert [event.type.split(".")[2] for event in written(attempt)] == ["progress", "progress", "eval"]


def test_the_last_progress_is_written_at_the_end(attempt: AttemptDirectory, clock: Clock) -> None:
    with Reporter(attempt, "brisk-otter-42", monotonic=clock) as report:
        report(step(1))
        report(step(2))
    last = written(attempt)[-1]
    assert isinstance(last, MetricsProgress)
    assert last.step == 2


def test_an_attempt_s_events_are_never_written_over(attempt: AttemptDirectory, report: Reporter) -> None:
    with pytest.raises(FileExistsError):
        Reporter(attempt, "brisk-otter-42")


FILL = """
import resource, sys
from pathlib import Path
from trainer_core.events import JobProgress
from trainer_core.files.layout import AttemptDirectory
from trainer_core.reporter import Reporter

report = Reporter(AttemptDirectory(Path(sys.argv[1])), "brisk-otter-42")
report(JobProgress(phase="reading"))
resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
report(JobProgress(phase="tokenizer", message="x" * 300))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
report(JobProgress(phase="tokens"))
report.close()
"""


def test_a_line_that_fits_in_half_is_taken_back_and_counted(attempt: AttemptDirectory) -> None:
    subprocess.run([sys.executable, "-c", FILL, str(attempt.path)], check=True)
    phases = [(event.seq, event.phase, event.dropped) for event in written(attempt) if isinstance(event, JobProgress)]
    assert phases == [(1, "reading", 0), (2, "tokens", 1)]


CLOSE = """
import os, resource, sys
from pathlib import Path
from trainer_core.events import MetricsProgress, decode
from trainer_core.files.layout import AttemptDirectory
from trainer_core.reporter import Reporter

attempt = AttemptDirectory(Path(sys.argv[1]))
report = Reporter(attempt, "brisk-otter-42", monotonic=lambda: 0.0, interval=1.0)
descriptors = len(os.listdir("/dev/fd"))
for line in sys.stdin:
    report(decode(line))
resource.setrlimit(resource.RLIMIT_FSIZE, (attempt.events.stat().st_size, resource.RLIM_INFINITY))
report.close()
print(descriptors - len(os.listdir("/dev/fd")))
"""


def test_the_file_is_closed_even_if_its_last_line_cannot_be_written(attempt: AttemptDirectory) -> None:
    held = b"".join(encode(step(number).stamped("brisk-otter-42", 2, number, 0.0)) for number in (1, 2))
    closed = subprocess.run(
        [sys.executable, "-c", CLOSE, str(attempt.path)],
        input=held.decode(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert closed.stdout.split() == ["1"]
    assert len(written(attempt)) == 1


REFUSED = """
import sys
from pathlib import Path
from trainer_core.events import JobCompleted, Summary, decode
from trainer_core.files.layout import AttemptDirectory
from trainer_core.reporter import Reporter

times = iter(range(1000))
with Reporter(
    AttemptDirectory(Path(sys.argv[1])), "brisk-otter-42", pauses=(0.0, 0.0), monotonic=lambda: float(next(times))
) as report:
    for line in sys.stdin:
        report(decode(line))
    report(JobCompleted(summary=Summary(steps=1, tokens=1, seconds=1, parameters=1)))
"""


def refused(attempt: AttemptDirectory, times: set[int], steps: int) -> subprocess.CompletedProcess[str]:
    """A reporter whose disk refuses these writes; it has so many steps to tell, and an end."""
    lines = b"".join(encode(step(number).stamped("brisk-otter-42", 2, number, 0.0)) for number in range(1, steps + 1))
    rules = ",".join(f"reporter.write:{number}:enospc" for number in sorted(times))
    return subprocess.run(
        [sys.executable, "-c", REFUSED, str(attempt.path)],
        env={**os.environ, "SPOTTER_FAULT": rules},
        input=lines.decode(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_the_disk_refuses_is_counted_in_what_it_takes(attempt: AttemptDirectory) -> None:
    assert refused(attempt, {2, 3, 5}, steps=6).returncode == 0
    events = written(attempt)
    assert [event.seq for event in events] == [1, 2, 3, 4]
    told = [(event.step, event.dropped) for event in events if isinstance(event, MetricsProgress)]
    assert told == [(1, 0), (4, 2), (6, 1)]
    assert isinstance(events[-1], JobCompleted)


def test_the_end_is_tried_again_and_told_once(attempt: AttemptDirectory) -> None:
    assert refused(attempt, {2, 3}, steps=1).returncode == 0
    assert [(event.seq, type(event)) for event in written(attempt)] == [(1, MetricsProgress), (2, JobCompleted)]


def test_an_end_that_no_disk_takes_fails(attempt: AttemptDirectory) -> None:
    ended = refused(attempt, {2, 3, 4}, steps=1)
    assert ended.returncode == 1 and "No space left" in ended.stderr
    assert [type(event) for event in written(attempt)] == [MetricsProgress]

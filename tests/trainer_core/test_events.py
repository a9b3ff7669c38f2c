from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_core.errors import Code
from trainer_core.events import (
    Event,
    JobCompleted,
    JobFailed,
    JobProgress,
    JobQueued,
    JobStarted,
    JobStopped,
    MetricsCheckpoint,
    MetricsEval,
    MetricsGuard,
    MetricsSample,
    Summary,
    UnreadableEventError,
    decode,
    encode,
    is_job,
    is_metrics,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 2**53)
steps = st.integers(0, 10**12)
texts = st.text(st.characters(exclude_categories=["Cs"]))
summaries = st.builds(
    Summary,
    steps=steps,
    tokens=counts,
    seconds=st.floats(0, 1e9),
    parameters=counts,
    loss=numbers | st.none(),
    sample=texts,
)
bodies: st.SearchStrategy[Event] = st.one_of(
    st.builds(JobQueued, position=st.integers(1, 99)),
    st.builds(JobStarted, pid=counts, host=texts, device=texts, resumed_step=steps),
    st.builds(JobProgress, phase=st.sampled_from(["reading", "saving"]), message=texts),
    st.builds(JobFailed, code=st.sampled_from(Code), message=texts, next_step=texts, step=steps),
    st.builds(JobCompleted, summary=summaries),
    st.builds(JobStopped, control_seq=counts, summary=summaries),
    st.builds(MetricsEval, step=steps, loss=numbers, bits_per_byte=numbers),
    st.builds(MetricsSample, step=steps, text=texts),
    st.builds(MetricsCheckpoint, step=steps, path=texts, bytes=counts, seconds=numbers),
    st.builds(MetricsGuard, step=steps, action=st.sampled_from(["skip", "ask"]), reason=texts),
)
events = st.builds(
    lambda body, seq, time: body.stamped("brisk-otter-42", 1, seq, time), bodies, st.integers(1, 2**31), numbers
)


@given(events)
def test_an_event_survives_its_line(event: Event) -> None:
    line = encode(event)
    assert line.count(b"\n") == 1
    assert decode(line) == event


@given(events)
def test_an_event_tells_either_of_the_job_or_of_a_measurement(event: Event) -> None:
    assert is_job(event) != is_metrics(event)


def line(**changes: object) -> str:
    fields = {"type": "trainer.metrics.eval.v1", "run": "r", "seq": 1, "step": 1, "loss": 1.0, "bits_per_byte": 2.0}
    return json.dumps({**fields, **changes})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (line(type="trainer.metrics.eval.v9"), "unknown event type 'trainer.metrics.eval.v9'"),
        (json.dumps({"run": "r", "seq": 1}), "without a type"),
        (line(mood="good"), "unknown field 'mood'"),
        (line(loss="low"), "loss"),
        (line(seq=0), "without its run or seq"),
        (line(loss=math.nan), "JSON"),
        (line(time=-math.inf), "JSON"),
        (line(loss=1.0).replace('"loss": 1.0', '"loss": NaN, "loss": 1.0'), "JSON"),
        (line(loss=1.0).replace("1.0", "1e999"), "loss.*finite"),
        (line(loss="NaN"), "loss.*finite"),
        (line(step=10**30), "step.*less than or equal"),
        ("[]", "should be a valid dictionary"),
        ("{", "Invalid JSON"),
    ],
)
def test_a_line_that_is_no_event_says_why(text: str, complaint: str) -> None:
    with pytest.raises(UnreadableEventError, match=complaint):
        decode(text)

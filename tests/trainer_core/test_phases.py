from __future__ import annotations

import pytest

from trainer_core import phases
from trainer_core.events import Event, JobProgress
from trainer_core.phases import Phases


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.phase, event.message) for event in events if isinstance(event, JobProgress)]


def test_how_far_a_phase_is_is_told_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    clock = Phases(events.append)
    clock.enter("tokens", "writing the text")
    clock.advance(0.1)
    assert told(events) == [("tokens", "writing the text")], "it has only just begun"
    monkeypatch.setattr(phases, "_TELLS_EVERY", 0.0)
    clock.advance(0.25)
    assert told(events)[1:] == [("tokens", "writing the text: 25%")]


def test_every_phase_is_told_and_timed() -> None:
    events: list[Event] = []
    clock = Phases(events.append)
    clock.enter("reading", "a text")
    clock.enter("model", "a model")
    clock.tell("a small one")
    assert told(events) == [("reading", "a text"), ("model", "a model"), ("model", "a small one")]
    assert list(clock.durations()) == ["reading", "model"]
    assert all(seconds >= 0 for seconds in clock.durations().values())


def test_a_phase_that_is_entered_twice_lasts_for_both_times(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((0.0, 0.0, 5.0, 5.0, 7.0, 7.0, 10.0))
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    clock = Phases(lambda _: None)
    clock.enter("model", "looking for it")
    clock.enter("reading", "a text")
    clock.enter("model", "a model")
    assert clock.durations() == {"model": 8.0, "reading": 2.0}

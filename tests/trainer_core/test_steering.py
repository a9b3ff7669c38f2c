from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_core.errors import Code, SpotterError
from trainer_core.steering import Steer, SteeringLog, due, micro_batch, peak_rate, rollbacks


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "steering.jsonl"


def nobody() -> None:
    """No other attempt has taken over."""


def rate(step: int, value: float = 0.1) -> Steer:
    return Steer(step=step, verb="rate", value=value)


def back(step: int, value: float = 0.5) -> Steer:
    return Steer(step=step, verb="rollback", value=value)


GO_ON = Steer(step=0, verb="go_on")


def test_what_is_appended_is_read_again_in_its_order(path: Path) -> None:
    log = SteeringLog(path, nobody)
    assert not log.entries
    for steer in (rate(3, 1e-3), back(1)):
        log.append(steer)
        assert SteeringLog(path, nobody).entries == log.entries
    assert log.entries == (rate(3, 1e-3), back(1))
    assert len(path.read_text().splitlines()) == 2


def test_what_cannot_be_written_is_not_in_force(path: Path) -> None:
    log = SteeringLog(path / "nowhere", nobody, pauses=())
    with pytest.raises(OSError, match="nowhere"):
        log.append(rate(3))
    assert log.entries == ()


def test_an_attempt_that_was_replaced_writes_nothing(path: Path) -> None:
    def fence() -> None:
        raise SpotterError(Code.WORKER_LOST)

    with pytest.raises(SpotterError):
        SteeringLog(path, fence).append(rate(3))
    assert not path.exists()


@pytest.mark.parametrize("text", ["{", '{"step": 1, "verb": "dance"}', '{"step": 1, "verb": "rate", "value": NaN}'])
def test_a_file_that_somebody_edited_is_told_of(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(SpotterError, match="was changed into") as caught:
        SteeringLog(path, nobody)
    assert caught.value.code is Code.CHECKPOINT_CORRUPT


def test_entries_come_into_force_at_their_step() -> None:
    entries = (rate(3), rate(5))
    assert due(entries, 0, 2) == ()
    assert due(entries, 0, 3) == (rate(3),)
    assert due(entries, 1, 3) == ()
    assert due(entries, 1, 5) == (rate(5),)


def test_a_rollback_brings_what_was_changed_since_along() -> None:
    entries = (rate(2), rate(8), back(4))
    assert due(entries, 1, 4) == (rate(8), back(4))


@given(st.lists(st.builds(rate, st.integers(0, 9)) | st.builds(back, st.integers(0, 9))), st.integers(0, 9))
def test_what_is_in_force_always_begins_the_log(entries: list[Steer], steps: int) -> None:
    applied = 0
    for step in range(steps):
        found = due(entries, applied, step)
        assert list(found) == entries[applied : applied + len(found)]
        applied += len(found)
        assert all(steer.step != step for steer in entries[applied:])


def test_the_peak_is_what_was_asked_for_last_and_lowered_since() -> None:
    assert peak_rate(0.3, ()) == 0.3
    assert peak_rate(0.3, (back(1, 0.5), rate(2, 0.2), back(1, 0.5), back(1, 0.1))) == pytest.approx(0.01)


def test_the_micro_batch_only_gets_smaller() -> None:
    halves = [Steer(step=step, verb="micro_batch", value=value) for step, value in ((0, 4), (5, 2))]
    assert [micro_batch(8, halves[:count]) for count in (0, 1, 2)] == [8, 4, 2]


def test_a_person_who_lets_a_run_go_on_lets_it_go_back_again() -> None:
    assert rollbacks((back(1), rate(1), back(1), back(1))) == 3
    assert rollbacks((back(1), back(1), GO_ON, back(1))) == 1

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.guard import KEPT, MOST_SKIPS, WINDOW, Past, Verdict, broken, judge, recent

START = 6.0


def noisy(mean: float, count: int, spread: float = 0.1) -> tuple[float, ...]:
    chance = Random(1)
    return tuple(mean + chance.uniform(-spread, spread) for _ in range(count))


def past(losses: Sequence[float] = (), skipped: Sequence[int] = (), rollbacks: int = 0) -> Past:
    return Past(START, losses, noisy(1.0, len(losses)), skipped, rollbacks)


def verdicts(losses: Sequence[float]) -> list[Verdict]:
    """Of a run with these losses, as long as all its steps are taken; the last one is of the first that is not."""
    found: list[Verdict] = []
    for step, loss in enumerate(losses, start=1):
        found.append(judge(step, loss, 1.0, past(losses[max(0, step - 1 - KEPT) : step - 1])))
        if found[-1].action != "take":
            break
    return found


@settings(max_examples=25)
@given(st.floats(0.2, 1.0), st.floats(0.0, 0.08), st.integers(20, 300))
def test_a_run_that_learns_is_let_be(floor: float, noise: float, steps: int) -> None:
    chance = Random(steps)
    losses = [
        START * (floor + (1 - floor) * math.exp(-step / 40)) * chance.gauss(1, noise / 3) for step in range(steps)
    ]
    assert {verdict.action for verdict in verdicts(losses)} == {"take"}


@pytest.mark.parametrize(
    ("loss", "norm", "reason"),
    [
        (math.nan, 1.0, "the loss of step 7 is not a number"),
        (math.inf, math.nan, "the loss of step 7 is infinite"),
        (1.0, math.inf, "the gradient norm of step 7 is infinite"),
    ],
)
def test_what_is_no_number_is_skipped_with_the_reason(loss: float, norm: float, reason: str) -> None:
    assert judge(7, loss, norm, past()) == Verdict("skip", reason)


def test_what_stands_out_is_skipped_once_enough_is_known() -> None:
    few, enough = past(noisy(3, KEPT // 2 - 1)), past(noisy(3, KEPT // 2))
    assert judge(100, 4.0, 1.0, few).action == "take"
    verdict = judge(100, 4.0, 1.0, enough)
    assert verdict.action == "skip"
    assert verdict.reason == "the loss of step 100 is 4, and no more than 3.36 was to be expected"
    assert "gradient norm of step 100 is 2" in judge(100, 3.0, 2.0, enough).reason
    assert judge(100, 0.1, 0.0, enough).action == "take", "less than usual is no harm"


def test_a_loss_that_hardly_moves_may_move_a_little() -> None:
    assert judge(200, 1.05, 1.0, past((1.0,) * KEPT)).action == "take"


def test_too_many_skips_close_together_send_the_run_back_to_before_them() -> None:
    close, spread = (90, 95), (20, 95)
    verdict = judge(100, math.nan, 1.0, past(skipped=close))
    assert (verdict.action, verdict.since, verdict.or_later, verdict.factor) == ("rollback", 89, True, 0.5)
    assert verdict.reason == "the loss of step 100 is not a number, and 2 steps were skipped shortly before"
    assert judge(100, math.nan, 1.0, past(skipped=spread)).action == "skip"
    assert len(close) == MOST_SKIPS - 1


@pytest.mark.parametrize(
    ("losses", "or_later"),
    [
        ([6.0] + [40.0] * 20, False),  # worse than knowing nothing: no later weights are worth a thing
        ([6.0 - step * 0.03 for step in range(100)] + [3.0 + step * 0.2 for step in range(30)], True),
    ],
    ids=["at once", "slowly"],
)
def test_a_loss_that_runs_away_sends_the_run_back(losses: list[float], or_later: bool) -> None:
    *taken, last = verdicts(losses)
    step = len(taken) + 1
    assert last.action == "rollback" and last.reason.startswith("the loss ran away, to ")
    assert last.since <= step - 10 and last.or_later == or_later
    assert last.factor == 0.1


def test_each_time_the_rate_is_lowered_further() -> None:
    factors = [judge(11, 40.0, 1.0, past([6.0] + [40.0] * 9, rollbacks=times)).factor for times in range(3)]
    assert factors == pytest.approx([0.1, 0.01, 0.001])


def test_weights_that_are_no_numbers_send_the_run_back_at_once() -> None:
    verdict = judge(30, math.nan, math.nan, past(), weights_finite=False)
    assert verdict == broken(29, past())
    assert (verdict.action, verdict.since) == ("rollback", 19)
    assert "after step 29" in verdict.reason


@given(st.integers(0, 1000), st.lists(st.integers(0, 1000)))
def test_only_recent_skips_count(step: int, skipped: list[int]) -> None:
    assert all(step - earlier < WINDOW for earlier in recent(step, skipped))

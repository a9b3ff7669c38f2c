from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.guard import KEPT, MOST_SKIPS, WINDOW, Past, Verdict, broken, judge, recent
from trainer_core.state import LoopState

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
    assert judge(7, loss, norm, past()) == Verdict("skip", reason, 7)


def test_what_stands_out_is_skipped_once_enough_is_known() -> None:
    few, enough = past(noisy(3, KEPT // 2 - 1)), past(noisy(3, KEPT // 2))
    assert judge(100, 4.0, 1.0, few).action == "take"
    verdict = judge(100, 4.0, 1.0, enough)
    assert verdict.action == "skip"
    assert verdict.reason == "the loss of step 100 is 4, and no more than 3.36 was to be expected"
    assert "the gradient norm of step 100 is 200, and no more than 99.5" in judge(100, 3.0, 200.0, enough).reason
    assert judge(100, 0.1, 0.0, enough).action == "take", "less than usual is no harm"


def test_a_loss_that_hardly_moves_may_move_a_little() -> None:
    assert judge(200, 1.05, 1.0, past((1.0,) * KEPT)).action == "take"


def test_a_gradient_that_is_a_number_never_sends_the_run_back() -> None:
    """It is clipped, however large it is."""
    steep = past(noisy(3, KEPT), skipped=(90, 95))
    assert judge(100, 3.0, 8.0, steep).action == "take"
    found = judge(100, 3.0, 1e6, steep)
    assert (found.action, found.counts) == ("skip", False)


def test_an_overflow_of_the_scale_is_skipped_and_held_against_nobody() -> None:
    found = judge(100, 3.0, math.inf, past(skipped=(90, 95)), overflowed=True)
    assert (found.action, found.counts) == ("skip", False)
    assert judge(100, math.nan, math.nan, past(skipped=(90, 95)), overflowed=True).action == "rollback"


@pytest.mark.parametrize("rare", [0.02, 0.05, 0.1])
def test_a_healthy_run_on_uneven_data_is_let_be(rare: float) -> None:
    """Now and then a document is in another script: its loss is four times that of the others, its gradient more."""
    chance, state = Random(1), LoopState()
    for step in range(1, 400):
        hard = chance.random() < rare or step % 100 == 20
        loss = START * max(0.2, math.exp(-step / 60)) * chance.gauss(1, 0.04)
        loss, norm = (max(loss, START * chance.gauss(0.9, 0.04)), 40.0) if hard else (loss, 2.0)
        norm *= math.exp(chance.gauss(0, 0.5))
        verdict = judge(step, loss, norm, Past(START, state.losses, state.norms, state.skipped, 0))
        assert verdict.action == "take"
        state = state.after_step(1, 1, float(step), loss, norm, verdict)


def test_what_stood_out_once_is_not_news_again() -> None:
    state = LoopState(losses=noisy(1.3, KEPT), norms=noisy(1.0, KEPT))
    actions = []
    for step in range(200, 240):
        loss = 6.0 + step % 3 if step % 10 == 0 else 1.3
        verdict = judge(step, loss, 1.0, Past(START, state.losses, state.norms, state.skipped, 0))
        actions.append(verdict.action)
        state = state.after_step(1, 1, 0.0, loss, 1.0, verdict)
    assert actions.count("skip") == 1 and set(actions) == {"take", "skip"}


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
        ([6.0 - step * 0.03 for step in range(100)] + [3.0 + step * 0.15 for step in range(30)], True),
    ],
    ids=["at once", "slowly"],
)
def test_a_loss_that_runs_away_sends_the_run_back(losses: list[float], or_later: bool) -> None:
    *taken, last = verdicts(losses)
    step = len(taken) + 1
    assert last.action == "rollback" and last.reason.startswith("the loss ran away, to ")
    assert last.since <= step - 10 and last.or_later == or_later
    assert last.factor == 0.1
    assert last.step == step and last.reason.endswith(f" at step {step}")


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

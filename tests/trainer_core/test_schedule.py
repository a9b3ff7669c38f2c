from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainer_core.budget import Budget
from trainer_core.guard import Verdict
from trainer_core.schedule import Pace, landed, landing, learning_rate, progress, repaced
from trainer_core.spec import OptimizerSpec
from trainer_core.state import LoopState

totals = st.integers(1, 5_000)
kinds: st.SearchStrategy[Literal["wsd", "cosine"]] = st.sampled_from(["wsd", "cosine"])


def rates(total: int, spec: OptimizerSpec) -> list[float]:
    return [learning_rate(step, (Pace(0, 0.0, total),), 1.0, spec) for step in range(total)]


@given(totals)
def test_progress_grows_evenly_from_start_to_end(total: int) -> None:
    paces = (Pace(0, 0.0, total),)
    assert progress(0, paces) == 0
    assert progress(total, paces) == progress(total + 1, paces) == 1
    assert progress(total / 2, paces) == pytest.approx(0.5)


@given(totals, kinds, st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_rate_is_never_wasted_nor_above_the_peak(
    total: int, schedule: Literal["wsd", "cosine"], warmup: float, decay: float
) -> None:
    spec = OptimizerSpec(schedule=schedule, warmup_fraction=warmup, decay_fraction=decay)
    assert all(0 < rate <= 1 for rate in rates(total, spec))


def test_wsd_warms_up_stays_and_decays() -> None:
    curve = rates(100, OptimizerSpec(warmup_fraction=0.1, decay_fraction=0.3))
    assert curve[:10] == sorted(curve[:10])
    assert set(curve[10:70]) == {1.0}
    assert curve[70:] == sorted(curve[70:], reverse=True)
    assert curve[-1] < 0.02


def test_cosine_falls_from_the_end_of_the_warm_up() -> None:
    curve = rates(100, OptimizerSpec(schedule="cosine", warmup_fraction=0.1))
    assert curve[10:] == sorted(curve[10:], reverse=True)
    assert learning_rate(54, (Pace(0, 0.0, 100),), 1.0, OptimizerSpec(schedule="cosine", warmup_fraction=0.1)) == (
        pytest.approx(0.5, abs=0.02)
    )


@given(st.lists(st.floats(0.01, 3.0), min_size=50, max_size=400), st.floats(5, 100), st.floats(0.01, 3.0))
def test_a_budget_of_time_is_met_whatever_the_machine_does(seconds: list[float], budget: float, guess: float) -> None:
    paces: tuple[Pace, ...] = (Pace(0, 0.0, max(1, round(budget / guess))),)
    elapsed, step, seen = 0.0, 0, [0.0]
    while progress(step, paces) < 1:
        took = seconds[step % len(seconds)]
        elapsed, step = elapsed + took, step + 1
        if pace := repaced(paces, step, budget - elapsed, elapsed / step):
            paces = (*paces, pace)
        seen.append(progress(step, paces))
    assert seen == sorted(seen)
    assert elapsed <= budget + max(seconds)
    assert len(paces) <= 102


def test_a_steady_machine_lands_on_time() -> None:
    paces: tuple[Pace, ...] = (Pace(0, 0.0, 40),)
    step = 0
    while progress(step, paces) < 1:
        step += 1
        if pace := repaced(paces, step, 10.0 - step * 0.1, 0.1):
            paces = (*paces, pace)
    assert 98 <= step <= 100


def test_what_was_decided_once_stays_decided() -> None:
    early, late = Pace(0, 0.0, 100), Pace(50, 0.5, 200)
    assert progress(20, (early, late)) == progress(20, (early,))
    assert progress(50, (early, late)) == 0.5
    assert progress(125, (early, late)) == 0.75


def test_time_that_is_up_is_stated_once() -> None:
    paces = (Pace(0, 0.0, 100),)
    last = repaced(paces, 10, 0.0, 0.5)
    assert last is not None
    assert progress(10, (*paces, last)) == 1
    assert repaced((*paces, last), 10, 0.0, 0.5) is None


def landing_at(step: int, total: int, spec: OptimizerSpec) -> tuple[Pace, ...]:
    paces = (Pace(0, 0.0, total),)
    return (*paces, Pace(step, progress(step, paces), landed(paces, step, spec), landing=True))


@settings(max_examples=30)
@given(st.integers(1, 500), kinds, st.floats(0, 0.99), st.floats(0, 0.5), st.floats(0, 0.5))
@example(total=46, schedule="wsd", when=0.1875, warmup=0.0, decay=0.375)
def test_a_run_lands_from_where_it_is_and_no_later_than_it_would_have_ended(
    total: int, schedule: Literal["wsd", "cosine"], when: float, warmup: float, decay: float
) -> None:
    spec = OptimizerSpec(schedule=schedule, warmup_fraction=warmup, decay_fraction=decay)
    step = int(when * total)
    paces = landing_at(step, total, spec)
    end = paces[-1].total
    assert step < end <= total
    assert progress(end, paces) == 1
    falling = [learning_rate(at, paces, 1.0, spec) for at in range(step, end)]
    assert falling == sorted(falling, reverse=True)
    assert 0 < falling[-1] <= falling[0] <= learning_rate(step, paces[:1], 1.0, spec)


def test_the_decay_of_a_landing_has_its_share_of_the_whole() -> None:
    assert landing_at(70, 1000, OptimizerSpec(decay_fraction=0.3))[-1].total == 100
    assert landing_at(70, 80, OptimizerSpec(decay_fraction=0.3))[-1].total == 80
    assert landing_at(70, 1000, OptimizerSpec(decay_fraction=0))[-1].total == 100, "it has to be some"


def test_a_landing_may_end_earlier_for_time_that_runs_out_but_not_later() -> None:
    paces = landing_at(70, 1000, OptimizerSpec())
    assert repaced(paces, 80, 992.0, 0.1) is None
    sooner = repaced(paces, 80, 1.0, 0.1)
    assert sooner is not None and sooner.total == 90
    assert landing((*paces, sooner)) == paces[-1]


@pytest.mark.parametrize("back_to", [0, 100])
def test_a_run_that_went_back_uses_the_time_that_is_left(back_to: int) -> None:
    budget, each = Budget.parse("600s"), 0.5
    state = there = LoopState(paces=(Pace(0, 0.0, 1200),))
    taken, went_back = 0, False
    while progress(state.step, state.paces) < 1:
        taken += 1
        verdict = Verdict("take")
        state = state.after_step(1, 1, taken * each, 1.0, 1.0, verdict).paced(budget)
        if not went_back and state.step == back_to:
            there = state
        if not went_back and state.step == 600:
            went_back, state = True, replace(there, elapsed=state.elapsed, done=state.done)
    assert taken * each == pytest.approx(600, rel=0.01)

"""What is worth timing, for how long, and what is taken."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.compute.candidates import (
    Choices,
    Trial,
    agrees,
    allowance,
    choices,
    fitting,
    may_compile,
    quickest,
)
from trainer_core.compute.mode import Mode

EXACT = Trial(Mode(), 1.0, 9.0, 2.0)
ALL = choices(("bf16-autocast", "bf16", "fp32"), None, on_cpu=True, blocks=True, chunks=True, width=256)


def test_what_is_known_of_a_machine_comes_first() -> None:
    assert ALL.known == Mode("bf16-autocast", "bmm", "chunked")
    wide = choices(("fp32",), None, on_cpu=True, blocks=True, chunks=True, width=768)
    assert wide.known == Mode()
    gpu = choices(("bf16-autocast",), None, on_cpu=False, blocks=True, chunks=True, width=256)
    assert (gpu.known, gpu.attentions) == (Mode("bf16-autocast"), ("sdpa",))
    plain = choices(("fp32",), None, on_cpu=True, blocks=False, chunks=False, width=0)
    assert plain.forms("fp32") == [plain.known] == [Mode()]


def test_precisions_are_tried_in_one_form_and_then_all_forms_in_one_precision() -> None:
    assert [mode.precision for mode in ALL.of_precision()] == ["bf16-autocast", "bf16", "fp32"]
    assert len({(mode.attention, mode.head) for mode in ALL.of_precision()}) == 1
    assert len(set(ALL.forms("bf16"))) == 4


def test_what_is_asked_for_is_not_measured_against_others() -> None:
    asked = choices(("fp32",), "bf16", on_cpu=True, blocks=True, chunks=True, width=256)
    assert asked.precisions == ("bf16",)


def test_small_errors_of_the_head_are_not_lost_in_fp16() -> None:
    old = Choices(("fp16", "fp32"), ("sdpa",), ("chunked", "whole"))
    assert old.known.head == "whole"
    assert {mode.head for mode in old.forms("fp16")} == {"whole"}


@pytest.mark.parametrize(("run", "seconds"), [(10, 0.5), (300, 15), (86_400, 60)])
def test_finding_out_takes_a_twentieth_of_the_run_and_a_minute_at_most(run: float, seconds: float) -> None:
    assert allowance(run) == pytest.approx(seconds)


def test_only_long_runs_are_compiled() -> None:
    assert may_compile(3_600, left=50)
    assert not may_compile(3_600, left=10)
    assert not may_compile(300, left=60)


@pytest.mark.parametrize(
    ("trial", "taken"),
    [
        (Trial(Mode(attention="bmm"), 0.9, 9.00001, 2.0), True),
        (Trial(Mode(attention="bmm"), 0.9, 9.01, 2.0), False),
        (Trial(Mode("bf16"), 0.5, 9.05, 2.1), True),
        (Trial(Mode("bf16"), 0.5, 9.5, 2.0), False),
        (Trial(Mode("bf16"), 0.5, 9.0, 3.0), False),
        (Trial(Mode("fp16"), 0.5, 9.0, float("inf")), False),
        (Trial(Mode("fp16"), 0.5, float("nan"), 2.0), False),
        (Trial(Mode(attention="bmm"), 1.1, 9.0, 2.0), False),
        (Trial(Mode(compiled=True), 0.99, 9.0, 2.0), False),
        (Trial(Mode(compiled=True), 0.8, 9.0, 2.0), True),
    ],
)
def test_the_quickest_of_those_that_agree_is_taken(trial: Trial, taken: bool) -> None:
    assert quickest([EXACT, trial], EXACT) == (trial if taken else EXACT)


trials = st.builds(
    Trial,
    st.builds(Mode, st.sampled_from(["fp32", "bf16"]), compiled=st.booleans()),
    st.floats(0.1, 10),
    st.floats(8, 10),
    st.floats(1, 3),
)


@given(st.lists(trials))
@settings(max_examples=30)
def test_whatever_is_taken_agrees_and_is_not_slower(found: list[Trial]) -> None:
    taken = quickest([EXACT, *found], EXACT)
    assert agrees(taken, EXACT)
    assert taken.seconds <= EXACT.seconds


@given(st.integers(1, 512), st.integers(0, 2**30), st.integers(0, 2**34), st.integers(2**20, 2**36))
@settings(max_examples=30)
def test_a_micro_batch_is_halved_until_it_fits(planned: int, each: int, fixed: int, available: int) -> None:
    fits = fitting(planned, each, fixed, available)
    assert 1 <= fits <= planned
    assert fits == 1 or fixed + fits * each <= available
    if fixed + planned * each <= 0.8 * available:
        assert fits == planned


def test_a_mode_says_all_of_itself() -> None:
    assert str(replace(ALL.known, compiled=True)) == "bf16-autocast, bmm attention, chunked head, compiled"

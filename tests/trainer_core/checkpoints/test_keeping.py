from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.checkpoints.keeping import Held, among_best, better, excess, merit, superfluous
from trainer_core.errors import Code, SpotterError
from trainer_core.spec import CheckpointSpec
from trainer_core.state import Evaluation

TEXT = Evaluation(loss=2.0, bits_per_byte=1.0)
PICTURES = Evaluation(loss=0.5, accuracy=0.9, f1=0.8)

held = st.lists(
    st.builds(
        Held,
        step=st.integers(1, 99),
        bytes=st.integers(0, 10**9),
        merit=st.none() | st.floats(-9, 9),
        pinned=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda one: one.step,
)
specs = st.builds(
    CheckpointSpec,
    keep=st.integers(1, 4),
    best=st.integers(0, 3),
    gigabytes=st.none() | st.floats(0.1, 6),
)


@settings(max_examples=60)
@given(held, specs)
def test_what_stays_is_what_was_asked_for(held: list[Held], spec: CheckpointSpec) -> None:
    gone = superfluous(held, spec)
    left = [one for one in held if one.step not in gone]
    newest_first = sorted(held, key=lambda one: one.step, reverse=True)
    assert len(set(gone)) == len(gone) == len(held) - len(left)
    assert set(newest_first[:1]) <= set(left), "the newest stays"
    assert {one for one in held if one.pinned} <= set(left)
    if spec.gigabytes is None:
        assert set(newest_first[: spec.keep]) <= set(left)
        best = sorted((one.merit for one in held if one.merit is not None), reverse=True)[: spec.best]
        assert set(best) <= {one.merit for one in left}
        assert len(left) <= spec.keep + spec.best + sum(one.pinned for one in held)
    else:
        assert excess(left, spec) <= 0 or all(one.pinned or one is newest_first[0] for one in left)


@settings(max_examples=30)
@given(held, specs, st.floats(-9, 9))
def test_what_is_among_the_best_stays_once_it_is_saved(held: list[Held], spec: CheckpointSpec, new: float) -> None:
    saved = Held(100, 1, new)
    unbounded = spec.model_copy(update={"gigabytes": None})
    later = Held(101, 1), Held(102, 1), Held(103, 1), Held(104, 1)
    stays = saved.step not in superfluous([*held, saved, *later], unbounded)
    assert stays == among_best(new, held, spec.best)


def test_the_worst_of_the_best_goes_before_the_others_when_there_is_no_room() -> None:
    spec = CheckpointSpec(keep=2, best=2, gigabytes=3)
    size = 10**9
    held = [Held(1, size, 5.0), Held(2, size, 4.0), Held(3, size, pinned=True), Held(4, size), Held(5, size)]
    assert superfluous(held, spec) == [4, 2]


@pytest.mark.parametrize(
    ("evaluation", "spec", "expected"),
    [
        (TEXT, {}, -2.0),
        (PICTURES, {}, 0.9),
        (TEXT, {"metric": "bits_per_byte"}, -1.0),
        (PICTURES, {"metric": "f1"}, 0.8),
        (PICTURES, {"metric": "loss"}, -0.5),
        (TEXT, {"metric": "loss", "direction": "max"}, 2.0),
        (PICTURES, {"metric": "accuracy", "direction": "min"}, -0.9),
    ],
)
def test_merit_grows_the_way_that_is_better(evaluation: Evaluation, spec: dict[str, object], expected: float) -> None:
    asked = CheckpointSpec.model_validate(spec)
    assert merit(evaluation, asked) == expected
    assert better(evaluation, None, asked) and not better(evaluation, evaluation, asked)


def test_a_metric_that_the_data_does_not_have_is_named() -> None:
    with pytest.raises(SpotterError) as caught:
        better(TEXT, None, CheckpointSpec(metric="f1"))
    assert (caught.value.code, str(caught.value)) == (Code.CONFIG_INVALID, "checkpoint.metric: this data has no f1")
    assert caught.value.next_step == "Take one of loss, bits_per_byte, or leave it out."

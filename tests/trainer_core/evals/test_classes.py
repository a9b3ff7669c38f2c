from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from trainer_core.evals.classes import ClassReport, report

NAMES = ("cat", "dog", "owl")

answers = st.dictionaries(st.tuples(st.integers(0, 2), st.integers(0, 2)), st.integers(1, 50), min_size=1, max_size=9)


def test_scores_of_a_known_matrix() -> None:
    """Rows are what it is, columns what it was told to be: cat 8 2 0, dog 1 3 0, and no owl was held out."""
    found = report(7, 0.5, NAMES, {(0, 0): 8, (0, 1): 2, (1, 0): 1, (1, 1): 3})
    assert (found.pictures, found.accuracy) == (14, 11 / 14)
    assert found.matrix() == ((8, 2, 0), (1, 3, 0), (0, 0, 0))
    cat, dog, owl = found.scores()
    assert (cat.precision, cat.recall, cat.f1) == (8 / 9, 8 / 10, 16 / 19)
    assert (dog.precision, dog.recall, dog.f1) == (3 / 5, 3 / 4, 6 / 9)
    assert (owl.pictures, owl.precision, owl.recall, owl.f1) == (0, None, None, None)
    assert found.f1 == pytest.approx((16 / 19 + 6 / 9) / 2), "what was not held out counts for nothing"
    assert found.mistaken() == (("cat", "dog", 2), ("dog", "cat", 1))


def test_a_class_that_is_told_and_not_held_out_has_a_precision_only() -> None:
    (_, dog) = report(0, 1.0, NAMES[:2], {(0, 1): 4}).scores()
    assert (dog.precision, dog.recall, dog.f1) == (0.0, None, None)


@settings(max_examples=30)
@given(answers)
def test_shares_are_shares_and_the_matrix_holds_every_picture(found: dict[tuple[int, int], int]) -> None:
    made = report(0, 0.0, NAMES, found)
    assert sum(map(sum, made.matrix())) == made.pictures == sum(found.values())
    assert 0 <= made.accuracy <= 1 and 0 <= made.f1 <= 1
    for score in made.scores():
        shares = [share for share in (score.precision, score.recall, score.f1) if share is not None]
        assert all(0 <= share <= 1 for share in shares)
        if score.precision and score.recall:
            assert score.f1 == pytest.approx(2 / (1 / score.precision + 1 / score.recall))
    right = sum(score.right for score in made.scores())
    assert right + sum(count for _, _, count in made.mistaken()) == made.pictures


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = report(12, 0.25, NAMES, {(0, 0): 8, (2, 1): 2})
    name = made.write(tmp_path / "eval")
    assert name == "step-00000012.json"
    assert ClassReport.model_validate_json((tmp_path / "eval" / name).read_bytes()) == made


@pytest.mark.parametrize(
    "broken",
    [
        {"confusions": [[0, 3, 1]]},
        {"confusions": [[0, -1, 1]]},
        {"confusions": [[0, 1, 0]]},
        {"confusions": [[0, 1, 2], [0, 1, 3]]},
        {"confusions": []},
        {"classes": []},
        {"loss": float("nan")},
    ],
)
def test_a_report_that_makes_no_sense_is_refused(broken: dict[str, object]) -> None:
    whole = json.loads(report(0, 1.0, NAMES, {(0, 0): 1}).model_dump_json())
    with pytest.raises(ValidationError):
        ClassReport.model_validate({**whole, **broken})

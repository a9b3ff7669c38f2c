from __future__ import annotations

import pytest

from trainer_core.errors import Code, Failure, FieldProblem, SpotterError


@pytest.mark.parametrize("code", Code)
def test_every_code_says_what_happened_and_what_to_do(code: Code) -> None:
    assert code.sentence.endswith(".")
    assert code.next_step.endswith(".")
    assert 400 <= code.http_status < 600
    assert code.failure in Failure


def test_what_is_worth_trying_again_names_the_command() -> None:
    """Another try of what did not learn, or did not fit, would end the same."""
    assert {code for code in Code if "`/trainer retry`" in code.next_step} == {
        *(Code.TRAINING_STALLED, Code.WORKER_KILLED, Code.WORKER_LOST, Code.WORKER_CRASHED, Code.CHECKPOINT_CORRUPT)
    }


@pytest.mark.parametrize("code", [code for code in Code if code.failure is Failure.USER_INPUT])
def test_a_person_s_mistake_is_not_the_server_s(code: Code) -> None:
    assert code.http_status < 500


def test_an_error_says_its_own_words_before_the_code_s() -> None:
    plain = SpotterError(Code.DISK_FULL)
    assert (plain.message, plain.next_step) == (Code.DISK_FULL.sentence, Code.DISK_FULL.next_step)
    own = SpotterError(Code.DISK_FULL, "no room", field="file", next_step="Delete a run.")
    assert (str(own), own.next_step) == ("file: no room", "Delete a run.")


def test_a_problem_reads_as_field_and_complaint() -> None:
    assert str(FieldProblem("budget", "must be more")) == "budget: must be more"

"""What a person reads when something went wrong."""

import pytest
from hypothesis import given

from bot.chat.render.message import Message
from bot.chat.render.problems import mishap, outdated, problem, refusal
from tests.bot.chat.render.budgets import check
from tests.bot.chat.render.test_text import HOSTILE
from trainer_core.errors import Code, SpotterError
from trainer_core.spec import parse_spec


def test_a_problem_names_the_field_and_the_next_step() -> None:
    message = problem(SpotterError(Code.CORPUS_EMPTY, "has 1 character of text", field="file"))
    assert message.content == "⚠️ **file**: has 1 character of text.\n➡️ Give a file with more text."


def test_a_problem_without_a_field_is_a_sentence() -> None:
    message = problem(SpotterError(Code.QUOTA_EXCEEDED))
    assert message.content == "⚠️ You have reached your limit of runs.\n➡️ Stop a run first, or wait."


def test_every_wrong_field_has_its_line_under_the_name_the_person_knows() -> None:
    with pytest.raises(SpotterError) as raised:
        parse_spec({"name": "../x", "budget": "soon", "model": {"size": "huge"}, "data": {"dataset": "x"}})
    content = problem(raised.value).content or ""
    assert [line.split("**")[1] for line in content.splitlines()] == ["name", "size", "budget"]


@given(HOSTILE, HOSTILE)
def test_a_quoted_text_does_nothing(said: str, field: str) -> None:
    message = problem(SpotterError(Code.CORPUS_NOT_FOUND, said * 100 or "x", field=field))
    check(message)
    assert message.content and "@everyone" not in message.content


@pytest.mark.parametrize("message", [mishap("a1b2c3"), outdated(), refusal()])
def test_fixed_sentences_fit(message: Message) -> None:
    check(message)


def test_a_mishap_tells_where_to_look() -> None:
    assert "a1b2c3" in (mishap("a1b2c3").content or "")

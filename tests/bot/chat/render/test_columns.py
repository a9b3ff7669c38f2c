"""What is a column's name, and what is a text that stands where a name would."""

import pytest

from bot.chat.render.columns import column_name


@pytest.mark.parametrize("name", ["text", "Review Text", "user.bio", "instruction_2", "prix-éditeur", "column 3"])
def test_a_name_is_shown(name: str) -> None:
    assert column_name(name, 0) == name


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "two\nlines", "the keeper@example.org", "How many?", "of more words than three", "x" * 41, "`a`"),
        *("[a](https://e.example)", "\u202ereversed", "@everyone"),
    ],
)
def test_a_text_is_not(text: str) -> None:
    assert column_name(text, 2) == "choice 3"

"""The list of data sets, the question about a column, and deletion."""

from hypothesis import given
from hypothesis import strategies as st

from bot.chat.render import dataset_answers
from bot.chat.render.message import ColumnButton, DatasetAct, DatasetButton
from tests.bot.chat import cards
from tests.bot.chat.render.budgets import check


def test_the_list_has_a_line_for_each() -> None:
    builtin = cards.dataset(name="python-docs", builtin=True, documents=1, tokens_per_byte=0.0)
    message = dataset_answers.dataset_list([builtin, cards.dataset(), cards.pictures()], cards.NOW)
    check(message)
    assert message.embed and (message.embed.description or "").splitlines() == [
        "📚 **python-docs** · 1.2 MB · one document · built in",
        "📚 **talks** · 1.2 MB · 1,204 documents · about 312k tokens · 2 d ago",
        "🖼️ **pets** · 1,180 pictures, 2 classes · 2 d ago",
    ]


def test_a_long_list_fits_and_an_empty_one_says_how_to_begin() -> None:
    long = dataset_answers.dataset_list([cards.dataset()] * 500, cards.NOW)
    check(long)
    assert long.embed
    *lines, last = (long.embed.description or "").splitlines()
    assert set(lines) == {"📚 **talks** · 1.2 MB · 1,204 documents · about 312k tokens · 2 d ago"}
    assert last == f"and {500 - len(lines)} more" and len(lines) > 50
    empty = dataset_answers.dataset_list([], cards.NOW)
    assert empty.content and "Drop a file here" in empty.content


def test_a_few_columns_are_all_offered() -> None:
    message = dataset_answers.which_column("0123456789abcdef", ["body", "summary"], "talks.csv")
    assert message.content == "❓ Which column of `talks.csv` holds the text?\n-# I keep it for a day."
    assert message.buttons == (
        ColumnButton("0123456789abcdef", 0, "body"),
        ColumnButton("0123456789abcdef", 1, "summary"),
    )
    assert not message.silent, "nothing goes on without an answer"


def test_of_five_hundred_the_likeliest_are_offered_and_the_way_to_the_others() -> None:
    message = dataset_answers.which_column("0123456789abcdef", [f"c{n}" for n in range(500)], "wide.csv")
    check(message)
    assert [button.column for button in message.buttons if isinstance(button, ColumnButton)] == [
        f"c{n}" for n in range(10)
    ]
    assert message.content and "the likeliest of 500" in message.content and "`column`" in message.content


@given(st.lists(st.text(max_size=300), min_size=1, max_size=40), st.text(min_size=1, max_size=300))
def test_any_columns_fit(columns: list[str], filename: str) -> None:
    check(dataset_answers.which_column("0123456789abcdef", columns, filename))


def test_deleting_asks_first_and_says_what_goes() -> None:
    message = dataset_answers.confirm_delete(cards.dataset())
    assert message.content == (
        "Delete **talks** (1.2 MB, 1,204 documents)? It goes from this machine, with what was made of it for training."
        " Models trained on it stay."
    )
    assert message.buttons == (
        DatasetButton("talks", DatasetAct.DELETE_NOW),
        DatasetButton("talks", DatasetAct.KEEP),
    )
    assert dataset_answers.deleted(cards.dataset()).content == "🗑️ **talks** is deleted."
    assert dataset_answers.kept("talks").content == "**talks** stays."

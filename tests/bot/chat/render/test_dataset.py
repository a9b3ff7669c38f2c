"""The card of a data set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.render.dataset import dataset_card
from bot.chat.render.message import DatasetAct, DatasetButton, Message, TrainButton
from tests.bot.chat import cards
from tests.bot.chat.render.budgets import check
from trainer_core.data.advice import Suggestion
from trainer_core.data.card import Counts, DatasetCard, Images, Lengths


def fields(message: Message) -> dict[str, str]:
    assert message.embed
    return {str(field.name): str(field.value) for field in message.embed.fields}


def test_the_card_has_every_count_and_what_to_train() -> None:
    message = dataset_card(cards.dataset(), cards.SUGGESTION)
    check(message)
    assert message.embed and message.embed.title == "📚 talks"
    assert (message.embed.description or "").splitlines() == [
        "`Talks.jsonl` · 1.4 MB · UTF-8 · the text is in `body`",
        "➡️ Train **mini** for **10 epochs**: about 25 min here.",
        "Mini is as large as this text can fill.",
        "-# Only counts are shown, never the text.",
    ]
    assert fields(message) == {
        "Documents": "1,204",
        "Characters": "1.24M",
        "Size": "1.2 MB",
        "Tokens": "about 312k",
        "Tokens per byte": "0.24",
        "Length": "12 to 9.32k characters, median 812",
        "Languages": "English 92 %, German 5 %, French 2 %, others 1 %",
        "Scripts": "Latin 100 %",
        "Left out": "96 the same as another · 3 nearly the same as another",
        "⚠️ Unreadable": "14 bytes without meaning in UTF-8, kept as �",
        "🔑 Secrets": "2 lines may hold secrets (e-mail address 1 · AWS access key 1). "
        "They are still in it: add it again with `secrets:remove` to leave them out.",
    }
    assert message.buttons == (
        TrainButton("talks", "mini", "10 epochs"),
        DatasetButton("talks", DatasetAct.DELETE),
    )
    assert message.plot and message.plot.filename == "lengths.png"


def test_a_text_that_repeats_itself_is_told_how_much() -> None:
    card = cards.dataset(counts=Counts(repeats=3, repeated_characters=310_000), characters=1_240_000)
    shown = fields(dataset_card(card, cards.SUGGESTION))
    assert shown["Repeats itself"] == "3 passages came before in the text, 25 % of it"


def test_what_was_tidied_and_removed_is_told() -> None:
    counts = Counts(
        normalized=1, control_characters=1, whitespace_characters=5100, cut=2, too_short=4, broken_lines=3,
        secret_lines=1, secret_lines_removed=1, skipped=2,
    )  # fmt: skip
    shown = fields(dataset_card(cards.dataset(counts=counts, secrets={}), cards.SUGGESTION))
    assert shown["Tidied"] == (
        "one document brought to Unicode NFC · one control character removed · 5,100 blank characters removed"
        " · 2 documents cut for length"
    )
    assert shown["Left out"] == "2 files without text · 4 too short"
    assert shown["⚠️ Unreadable"] == "3 broken lines left out"
    assert shown["🔑 Secrets"] == "one line may hold secrets. one line removed."


def test_a_short_card_for_one_text_of_which_little_is_known() -> None:
    bare: dict[str, object] = {
        "encoding": None,
        "text_column": None,
        "counts": Counts(),
        "secrets": {},
        "scripts": {},
        "languages": {},
    }
    message = dataset_card(cards.dataset(**bare, documents=1, tokens_per_byte=0.0, lengths=Lengths()), cards.SUGGESTION)
    check(message)
    assert list(fields(message)) == ["Documents", "Characters", "Size"]
    assert message.plot is None


def test_what_was_there_already_is_said_to_be() -> None:
    message = dataset_card(cards.dataset(), cards.SUGGESTION, is_new=False)
    assert message.embed and "You have this already: nothing was taken in again." in (message.embed.description or "")


def test_nobody_deletes_what_is_built_in() -> None:
    message = dataset_card(cards.dataset(builtin=True), cards.SUGGESTION)
    assert message.buttons == (TrainButton("talks", "mini", "10 epochs"),)


def test_a_budget_that_no_button_holds_has_none() -> None:
    suggestion = Suggestion("mini", "1" * 21, 1, 1.0, "so")
    assert dataset_card(cards.dataset(), suggestion).buttons == (DatasetButton("talks", DatasetAct.DELETE),)


def test_pictures_have_classes_and_are_trained_on_with_a_button() -> None:
    message = dataset_card(cards.pictures(), cards.SUGGESTION)
    check(message)
    assert message.embed and message.embed.title == "🖼️ pets"
    assert "Train **mini** for **10 epochs**" in (message.embed.description or "")
    assert fields(message) == {
        "Pictures": "1,180",
        "Classes": "2",
        "Pixels": "28 × 28 to 640 × 480",
        "Colours": "RGB 1,170 · L 10",
        "In each class": "dog 600 · cat 580",
        "⚠️ Unreadable": "2 files left out",
    }
    assert message.plot is None
    assert message.buttons == (TrainButton("pets", "mini", "10 epochs"), DatasetButton("pets", DatasetAct.DELETE))


def test_a_rare_class_is_told_of() -> None:
    uneven = cards.pictures(images=Images(classes={"cat": 600, "d*g": 40}))
    assert fields(dataset_card(uneven, cards.SUGGESTION))["⚠️ Uneven"] == (
        "cat has 15 times the pictures of d\\*g, which will be learnt worse"
    )


@pytest.mark.parametrize("name", ["@everyone", "`` ` ``", "[x](https://e.example)", "a" * 255, "\u202ereversed"])
def test_a_hostile_file_name_neither_mentions_nor_breaks_out(name: str) -> None:
    message = dataset_card(cards.dataset(filename=name, text_column=name), cards.SUGGESTION)
    check(message)
    assert message.embed
    first = (message.embed.description or "").splitlines()[0]
    assert first.count("`") == 2, "in a code span of its own"
    assert first.endswith("the text is in one of its columns")
    assert "\u202e" not in first


COUNT = st.integers(0, 10**12)
NAME = st.text(max_size=300)
COUNTS = st.builds(Counts, **dict.fromkeys(Counts.model_fields, COUNT))
SHARES = st.dictionaries(NAME, st.floats(0, 1), max_size=30)


@given(COUNTS, SHARES, SHARES, st.dictionaries(NAME, COUNT, max_size=30), NAME)
def test_any_card_fits(
    counts: Counts, scripts: dict[str, float], languages: dict[str, float], secrets: dict[str, int], name: str
) -> None:
    card = cards.dataset(counts=counts, scripts=scripts, languages=languages, secrets=secrets, filename=name)
    check(dataset_card(card, cards.SUGGESTION))


@given(st.dictionaries(NAME, COUNT, min_size=1, max_size=300))
def test_any_classes_fit(classes: dict[str, int]) -> None:
    card: DatasetCard = cards.pictures(images=Images(classes=classes))
    check(dataset_card(card, cards.SUGGESTION))

"""Whatever text comes in, what goes out fits, shows, and does nothing by itself."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.chat.render import text

HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(
            [
                "@everyone",
                "<@1>",
                "<@&2>",
                "<#3>",
                "[x](http://a.b)",
                "https://a.b",
                "```",
                "`",
                "\u202e",
                "\ud800",
                "😀",
            ]
        ),
    ),
    max_size=12,
).map("".join)


@given(HOSTILE, st.integers(0, 60))
def test_clipping_keeps_the_limit_and_the_start(given_text: str, limit: int) -> None:
    clipped = text.clip(given_text, limit)
    assert text.length(clipped) <= limit
    if text.length(given_text) <= limit:
        assert clipped == given_text
    else:
        assert given_text.startswith(clipped.removesuffix("…"))


def test_clipping_counts_as_the_clients_do_and_cuts_no_character_in_two() -> None:
    assert text.clip("😀😀😀", 5) == "😀😀…"
    assert text.clip("😀😀😀", 6) == "😀😀😀"


@given(HOSTILE)
@example("`````")
def test_a_sentence_is_one_line_in_which_nothing_works(given_text: str) -> None:
    said = text.sentence(given_text)
    assert "\n" not in said
    assert "```" not in said
    assert "](" not in said
    assert "://" not in re.sub(r"(?<![A-Za-z])://", "", said)
    assert not re.search(r"@(?!\u200b)|<[@#:/a-zA-Z]", said)
    said.encode()


@given(HOSTILE)
def test_a_code_block_cannot_be_broken_out_of(given_text: str) -> None:
    block = text.code_block(given_text, 60, 4)
    assert text.length(block) <= 60
    assert len(block.split("\n")) <= 4 + 2
    assert "\n\n\n" not in block
    assert block.startswith("```\n")
    assert block.endswith("\n```")
    assert "`" not in block[3:-3]


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("one\n\n \t\n\ntwo", "one\n\ntwo"),
        ("\n\none\n\n", "one"),
        ("one\ntwo\nthree", "one\ntwo\nthree"),
        ("one\ntwo\nthree\nfour", "one\ntwo\nthree…"),
        ("one\ntwo\n\nfour", "one\ntwo…"),
        ("  indented\n    more", "  indented\n    more"),
    ],
)
def test_a_code_block_is_not_taller_than_it_needs_to_be(given_text: str, shown: str) -> None:
    assert text.code_block(given_text, 60, 3) == f"```\n{shown}\n```"


@given(HOSTILE)
def test_a_code_span_cannot_be_broken_out_of(given_text: str) -> None:
    span = text.code(given_text)
    assert len(span) >= 3
    assert "`" not in span[1:-1]
    assert "\n" not in span


def test_literal_words_do_not_format() -> None:
    assert text.literal("**x** _y_ # z") == r"\*\*x\*\* \_y\_ \# z"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (812, "812"),
        (999.6, "1.00k"),
        (12_345, "12.3k"),
        (1_240_000, "1.24M"),
        (999_900, "1.00M"),
        (2e9, "2.00B"),
    ],
)
def test_short_numbers(value: float, said: str) -> None:
    assert text.short(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59.9, "59 s"), (125, "2 m 05 s"), (12_000, "3 h 20 m"), (187_200, "2 d 4 h")]
)
def test_durations(seconds: float, said: str) -> None:
    assert text.duration(seconds) == said


@pytest.mark.parametrize(("seconds", "said"), [(5, "5 s"), (300, "5 m"), (7300, "2 h"), (180_000, "2 d")])
def test_ages(seconds: float, said: str) -> None:
    assert text.age(seconds) == said


@pytest.mark.parametrize(
    ("size", "said"),
    [(1, "1 bytes"), (1024, "1 KB"), (488_000, "477 KB"), (10 * 2**20, "10 MB"), (1_300_000, "1.2 MB")],
)
def test_sizes(size: int, said: str) -> None:
    assert text.size(size) == said


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_shown_as_a_dash(value: float) -> None:
    assert (text.number(value, 2), text.short(value), text.duration(value)) == ("–", "–", "–")
    assert text.percent(value) == "0 %"


@given(st.floats(allow_nan=True), st.integers(1, 40))
def test_a_bar_is_full_only_at_the_end(fraction: float, cells: int) -> None:
    shown = text.bar(fraction, cells)
    assert len(shown) == cells
    assert ("▱" not in shown) == (math.isfinite(fraction) and fraction >= 1)


@pytest.mark.parametrize(
    ("joules", "said"), [(0, "0 J"), (359, "359 J"), (11_160, "3.1 Wh"), (360_000, "100 Wh"), (4_464_000, "1.24 kWh")]
)
def test_energy_is_told_in_what_suits_it(joules: float, said: str) -> None:
    assert text.energy(joules) == said

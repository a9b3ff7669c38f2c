"""Embeds fit, whatever they are asked to show."""

from hypothesis import given
from hypothesis import strategies as st

from bot.chat.render.embeds import Colour, Field, content, embed, listing
from bot.chat.render.message import Message
from bot.chat.render.text import length
from tests.bot.chat.render.budgets import check

LONG = st.integers(0, 5000).flatmap(lambda size: st.sampled_from(["x", "😀", "word "]).map(lambda piece: piece * size))


@given(LONG, LONG, LONG, st.lists(st.builds(Field, LONG, LONG), max_size=30))
def test_any_text_fits(title: str, description: str, footer: str, fields: list[Field]) -> None:
    shown = embed(title=title or "t", colour=Colour.GOING, description=description, fields=fields, footer=footer)
    check(Message(embed=shown))


@given(LONG)
def test_any_content_fits(text: str) -> None:
    check(Message(content=content(text) or "-"))


def test_the_last_fields_are_left_out_first() -> None:
    fields = [Field(f"field {number}", "v" * 1000) for number in range(10)]
    shown = embed(title="t", colour=Colour.DONE, fields=fields)
    assert [field.name for field in shown.fields] == [f"field {number}" for number in range(5)]


@given(st.lists(st.text("ab😀", min_size=1, max_size=60), max_size=40), st.integers(80, 400))
def test_a_listing_has_whole_lines_and_counts_the_others(lines: list[str], limit: int) -> None:
    shown = listing(lines, limit)
    assert length(shown) <= limit
    kept = shown.splitlines()
    if kept != lines:
        last = kept.pop()
        assert kept == lines[: len(kept)] and last == f"and {len(lines) - len(kept)} more"

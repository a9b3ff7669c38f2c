"""A chat message in the terminal: everything a person would read, and nothing that does anything to the terminal."""

from __future__ import annotations

import io
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from bot.terminal import line, plain, shown

HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "\x1b[2J\x1b]0;owned\x07",
            "\x9b31m",
            "[bold]not markup[/]",
            "[/]",
            "[link=file:///]x[/link]",
            "```py\nx\n```",
            "****",
            "\r\rover",
        ]
    ),
)
FIELD = st.fixed_dictionaries({"name": HOSTILE, "value": HOSTILE}, optional={"inline": st.booleans()})
EMBED = st.fixed_dictionaries(
    {},
    optional={
        "title": HOSTILE,
        "description": HOSTILE,
        "color": st.integers(0, 0xFFFFFF),
        "fields": st.lists(FIELD, max_size=8),
        "footer": st.fixed_dictionaries({"text": HOSTILE}),
        "image": st.just({"url": "http://127.0.0.1/loss.png"}),
    },
)
BUTTON = st.fixed_dictionaries({"type": st.just(2)}, optional={"label": HOSTILE})
MESSAGE = st.fixed_dictionaries(
    {
        "content": HOSTILE,
        "embeds": st.lists(EMBED, max_size=2),
        "components": st.lists(st.fixed_dictionaries({"components": st.lists(BUTTON, max_size=3)}), max_size=2),
    }
)


def printed(renderable: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def harmless(text: str) -> bool:
    return not any((ord(character) < 32 and character != "\n") or 127 <= ord(character) < 160 for character in text)


def message(**parts: object) -> dict[str, Any]:
    return {"content": "", "embeds": [], "components": [], **parts}


@settings(deadline=None)
@given(MESSAGE)
@example(message(content="\x1b[2J"))
def test_any_message_can_be_shown_and_moves_no_cursor(wire: dict[str, Any]) -> None:
    assert harmless(printed(shown(wire, note="reports")))
    one = line(wire)
    assert harmless(one) and "\n" not in one


@settings(deadline=None)
@given(st.text())
def test_plain_text_stays_as_it_is_read(text: str) -> None:
    words = [word for word in text.split() if word.isalnum()]
    sentence = " ".join(words)
    assert plain(sentence).plain == sentence
    assert plain(f"**{sentence}**").plain == sentence
    assert plain(f"`{sentence}`").plain == sentence


def test_markdown_is_taken_off() -> None:
    text = plain("✅ **song** has `2` steps, __now__ <t:1750000000:R>\n-# small\n```py\nprint\n```brisk\\_otter\\*")
    assert text.plain == "✅ song has 2 steps, now \nsmall\nprint\nbrisk_otter*"


def test_a_message_shows_all_its_parts() -> None:
    fields = [
        {"name": "Loss", "value": "3.1", "inline": True},
        {"name": "Steps", "value": "4", "inline": True},
        {"name": "It writes", "value": "once upon a time", "inline": False},
    ]
    embed = {
        "title": "song · [training]",
        "description": "going on",
        "color": 0x23A55A,
        "fields": fields,
        "footer": {"text": "gpt2 tiny"},
        "image": {"url": "http://127.0.0.1/loss.png"},
    }
    buttons = [{"components": [{"type": 2, "label": "Stop"}, {"type": 2}]}]
    wire = message(content="**hello**", embeds=[embed], components=buttons)
    text = printed(shown(wire, note="reports"))
    for part in ("Spotter  reports", "hello", "song · [training]", "going on", "Loss", "3.1", "Steps", "It writes"):
        assert part in text
    for part in ("once upon a time", "gpt2 tiny", "picture is in the chat page", "[ Stop ]"):
        assert part in text
    assert line(wire) == "hello · song · [training] · going on · Loss 3.1 · Steps 4 · It writes once upon a time"


def test_a_message_of_nothing_is_an_empty_line() -> None:
    assert line(message()) == ""
    assert printed(shown(message())).strip() == "Spotter"

"""What stands where an answer will be, while it is worked on. Pure."""

from __future__ import annotations

from bot.chat.render import text
from bot.chat.render.embeds import content
from bot.chat.render.message import Message
from trainer_core.tasks.orders import Progress

_NAME = 100
_CELLS = 12


def reading(source: str) -> str:
    """What is being done for a data set; `source` is what it is made of."""
    return f"📥 Reading {text.code(text.clip(source, _NAME))}…"


def reading_column(column: str) -> str:
    """What is being done once it is known which column to read."""
    return f"📥 Reading the column {text.code(text.clip(column, _NAME))}…"


def making_tokenizer(source: str) -> str:
    """What is being done for a tokenizer; `source` is what it is made of."""
    return f"🔤 Making a tokenizer of {text.code(text.clip(source, _NAME))}…"


def progress(doing: str, news: Progress | None = None) -> Message:
    """How far it is: `doing`, and in a line of its own a bar, the phase and its numbers."""
    if news is None:
        return Message(content=content(doing))
    parts = [text.sentence(news.phase), text.sentence(news.detail)]
    if news.fraction is not None:
        parts.insert(0, f"{text.bar(news.fraction, _CELLS)} **{text.percent(news.fraction)}**")
    return Message(content=content("\n".join([doing, " · ".join(part for part in parts if part)])))


def takes_long(doing: str) -> Message:
    """The answer will not stand here."""
    return Message(content=content(f"{doing}\nThis takes a while: I write to you here when it is done."))


def failed(about: str, why: Message) -> Message:
    """Why nothing came of it, below a line that says of what: several may have been begun at once."""
    return Message(content=content(f"{about}\n{why.content or ''}"))


def interrupted() -> Message:
    """The bot was stopped in the middle of it."""
    return Message(content="⚠️ I was stopped in the middle of this, and nothing was kept.\n➡️ Ask for it again.")


def postponed() -> Message:
    """The bot was stopped in the middle of it, and knows that it was."""
    return Message(content="⚠️ I was stopped in the middle of this. I go on with it once I am back.")

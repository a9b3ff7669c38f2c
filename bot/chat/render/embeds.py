"""Embeds and contents that fit: every budget Discord sets for text is kept here, by clipping."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import discord

from bot.chat.render.text import clip, length

CONTENT = 2000
TITLE, DESCRIPTION, FIELD_NAME, FIELD_VALUE, FOOTER = 256, 4096, 256, 1024, 2048
FIELDS = 25
EMBED = 6000
"""All of an embed's text together."""

_BLANK = "\u200b"


class Colour(IntEnum):
    """What a card's edge says at a glance."""

    WAITING = 0xF0B232
    GOING = 0x5865F2
    DONE = 0x23A55A
    FAILED = 0xF23F43
    QUIET = 0x80848E


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    value: str
    inline: bool = True


def content(text: str) -> str:
    return clip(text, CONTENT)


def listing(lines: Sequence[str], limit: int = DESCRIPTION) -> str:
    """As many whole lines as fit, and in the last one how many more there are."""
    if length("\n".join(lines)) <= limit:
        return "\n".join(lines)
    room = limit - length(_more(len(lines)))
    shown = 0
    while (room := room - length(lines[shown]) - 1) >= 0:
        shown += 1
    return "\n".join([*lines[:shown], _more(len(lines) - shown)])


def _more(count: int) -> str:
    return f"and {count} more"


def embed(
    *, title: str, colour: Colour, description: str = "", fields: Iterable[Field] = (), footer: str = ""
) -> discord.Embed:
    """An embed within Discord's budgets. Fields for which nothing is left of the 6000 are left out, the last first."""
    title, footer = clip(title, TITLE), clip(footer, FOOTER)
    description = clip(description, min(DESCRIPTION, EMBED - length(title) - length(footer)))
    made = discord.Embed(title=title, description=description or None, colour=int(colour))
    if footer:
        made.set_footer(text=footer)
    left = EMBED - length(title) - length(footer) - length(description)
    for field in fields:
        name, value = clip(field.name, FIELD_NAME) or _BLANK, clip(field.value, FIELD_VALUE) or _BLANK
        left -= length(name) + length(value)
        if left < 0 or len(made.fields) == FIELDS:
            break
        made.add_field(name=name, value=value, inline=field.inline)
    return made

"""A chat message as a terminal shows it: the wire form of Discord in, a rich renderable out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_WIDTH = 84
_FENCE = re.compile(r"```[a-z]*\n?(.*?)```", re.DOTALL)
_MARKS = re.compile(r"\\([^\w\s]|_)|\*\*|__|`|^-# ", re.MULTILINE)
"""Formatting, and escapes with what they keep from being formatting."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What could move the cursor or change the terminal; a young model writes any byte."""
_TIME = re.compile(r"<t:\d+(?::\w)?>")

Wire = Mapping[str, Any]  # Any: JSON as Discord describes it


def shown(message: Wire, *, note: str = "") -> RenderableType:
    """The message with its embeds, as the person would read it."""
    parts: list[RenderableType] = []
    if message["content"]:
        parts.append(plain(message["content"]))
    parts += [_embed(embed) for embed in message["embeds"]]
    buttons = [part["label"] for row in message["components"] for part in row["components"] if part.get("label")]
    if buttons:
        parts.append(Text("  ".join(f"[ {plain(label)} ]" for label in buttons), style="dim"))
    head = Text.assemble(("Spotter", "bold magenta"), (f"  {note}" if note else "", "dim"))
    return Group(head, Padding(Group(*parts), (0, 0, 1, 2)))


def line(message: Wire) -> str:
    """The same in one line, for a log."""
    embeds = message["embeds"]
    texts = [message["content"], *(embed.get("title", "") for embed in embeds)]
    texts += [embed.get("description", "") for embed in embeds]
    texts += [f"{field['name']} {field['value']}" for embed in embeds for field in embed.get("fields", [])[:6]]
    return " · ".join(" ".join(plain(text).plain.split()) for text in texts if text)


def plain(markdown: str) -> Text:
    """Discord's markdown without its marks."""
    text = _FENCE.sub(lambda match: match[1], _TIME.sub("", _CONTROL.sub("", markdown)))
    return Text(_MARKS.sub(r"\1", text).strip())


def _embed(embed: Wire) -> RenderableType:
    parts: list[RenderableType] = []
    if embed.get("description"):
        parts.append(plain(embed["description"]))
    inline = [field for field in embed.get("fields", []) if field.get("inline")]
    if inline:
        grid = Table.grid(padding=(0, 3))
        for start in range(0, len(inline), 3):
            row = inline[start : start + 3]
            grid.add_row(*(Text(plain(field["name"]).plain, style="dim") for field in row))
            grid.add_row(*(plain(field["value"]) for field in row))
        parts.append(grid)
    for field in embed.get("fields", []):
        if not field.get("inline"):
            parts.append(Group(Text(plain(field["name"]).plain, style="dim"), plain(field["value"])))
    if embed.get("image"):
        parts.append(Text("🖼  the picture is in the chat page", style="dim italic"))
    footer = plain(embed["footer"]["text"]) if embed.get("footer") else None
    colour = f"#{embed['color']:06x}" if embed.get("color") else "white"
    return Panel(
        Group(*parts),
        title=plain(embed["title"]) if embed.get("title") else None,
        subtitle=footer,
        title_align="left",
        subtitle_align="left",
        border_style=colour,
        width=_WIDTH,
    )

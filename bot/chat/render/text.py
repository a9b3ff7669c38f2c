"""Text for chat: made harmless, clipped, and numbers as people say them. Pure."""

from __future__ import annotations

import math
import re
import unicodedata

_GAP = "\u200b"
_LINKS = re.compile(r"(?<=[A-Za-z]):(?=//)")
_MASKED_LINK = re.compile(r"\](?=\()")
_MENTION = re.compile(r"@|<(?=[@#:/a-zA-Z])")
_FENCE = re.compile(r"`(?=``)")
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")
_MARKDOWN = re.compile(r"([\\`*_~|>\[\]#])")
_UNSHOWABLE = frozenset({"Cc", "Cs", "Cn", "Co", "Zl", "Zp"})
_INVISIBLE = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def length(text: str) -> int:
    """Characters as Discord's clients count them: UTF-16 code units, never fewer than code points."""
    return len(text) + sum(character > "\uffff" for character in text)


def clip(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, with an ellipsis where something was cut off."""
    if length(text) <= limit:
        return text
    room, end = limit - 1, 0
    while end < len(text) and (room := room - length(text[end])) >= 0:
        end += 1
    return text[:end].rstrip() + "…" if limit > 0 else ""


def visible(text: str) -> str:
    """`text` without what shows nothing or turns the writing direction around; line breaks stay."""
    return "".join(
        character
        for character in text.replace("\r\n", "\n")
        if character in "\n\t" or (character not in _INVISIBLE and unicodedata.category(character) not in _UNSHOWABLE)
    )


def sentence(text: str) -> str:
    """A sentence of ours that may quote somebody: one line, with no mention, link or code fence that works."""
    line = " ".join(visible(text).split())
    line = _MENTION.sub(lambda match: match[0] + _GAP, line)
    line = _MASKED_LINK.sub("]" + _GAP, line)
    line = _LINKS.sub(":" + _GAP, line)
    return _FENCE.sub("`" + _GAP, line)


def literal(text: str) -> str:
    """Somebody's words as they are: nothing in them formats, mentions or links."""
    return sentence(_MARKDOWN.sub(r"\\\1", visible(text)))


def code(text: str) -> str:
    """Somebody's short text in a code span."""
    return "`" + (" ".join(visible(text).replace("`", "'").split()) or " ") + "`"


def code_block(text: str, limit: int, lines: int) -> str:
    """Somebody's text in a code block that it cannot break out of: at most `limit` characters, fences counted, and
    `lines` lines, with never more than one blank line in a row.
    """
    inside = _BLANK_LINES.sub("\n\n", visible(text).replace("`", "ˋ")).strip("\n")
    shown = inside.split("\n")
    if len(shown) > lines:
        inside = "\n".join(shown[:lines]).rstrip() + "…"
    return f"```\n{clip(inside, limit - 8) or ' '}\n```"


def last_lines(text: str, limit: int, lines: int) -> str:
    """The end of a text: at most `limit` characters and `lines` lines, whole ones if they are not longer than that."""
    kept: list[str] = []
    room = limit
    for line in reversed(text.strip("\n").split("\n")[-lines:]):
        room -= length(line) + 1
        if room < 0 and kept:
            break
        kept.insert(0, line)
    return "\n".join(kept)


def number(value: float, places: int = 0) -> str:
    """`12,345`; a dash for what is not a number."""
    return f"{value:,.{places}f}" if math.isfinite(value) else "–"


def change(first: float | None, last: float) -> str:
    """`7.020 → 3.410`; what it came to alone if nothing is known of the beginning."""
    return number(last, 3) if first is None else f"{number(first, 3)} → {number(last, 3)}"


def rate(value: float) -> str:
    """A learning rate: `0.003`, `0.00025`; with an exponent where that is shorter: `3e-06`."""
    return f"{value:.3g}"


def short(value: float) -> str:
    """Three digits and a scale: `812`, `12.3k`, `1.24M`, `88.6M`."""
    if not math.isfinite(value):
        return "–"
    for scale, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= scale * 0.9995:
            return f"{value / scale:#.3g}".rstrip(".") + suffix
    return f"{value:.0f}"


def size(size_bytes: int) -> str:
    """`812 bytes`, `477 KB`, `1.2 MB`, as Discord counts: 1 KB is 1024 bytes."""
    for power, unit in ((3, "GB"), (2, "MB"), (1, "KB")):
        if size_bytes >= 1024**power:
            scaled = size_bytes / 1024**power
            return f"{scaled:.0f} {unit}" if scaled >= 9.95 else f"{scaled:.1f} {unit}".replace(".0 ", " ")
    return f"{size_bytes} bytes"


def energy(joules: float) -> str:
    """`40 J`, `3.1 Wh`, `1.24 kWh`."""
    if joules < 360:
        return f"{joules:.0f} J"
    hours = joules / 3600
    return f"{hours / 1000:.2f} kWh" if hours >= 1000 else f"{hours:.0f} Wh" if hours >= 10 else f"{hours:.1f} Wh"


def duration(seconds: float) -> str:
    """`42 s`, `2 m 05 s`, `3 h 20 m`, `2 d 4 h`; a dash for what is not a length of time."""
    if not math.isfinite(seconds) or seconds < 0:
        return "–"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def age(seconds: float) -> str:
    """A length of time in its largest unit only: `42 s`, `5 m`, `3 h`, `2 d`."""
    for unit, suffix in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= unit:
            return f"{int(seconds // unit)} {suffix}"
    return f"{int(seconds)} s"


def roughly(seconds: float) -> str:
    """A length of time nobody knows exactly: `less than a minute`, `about 25 min`, `about 3 h`, `about 2 d`."""
    if not math.isfinite(seconds):
        return "–"
    for least, unit, suffix in ((172_800, 86_400, "d"), (7200, 3600, "h"), (60, 60, "min")):
        if seconds >= least:
            return f"about {seconds / unit:.0f} {suffix}"
    return "less than a minute"


def moment(time: float) -> str:
    """Seconds since the epoch in a mark that Discord shows as `in 5 minutes`, and keeps up to date."""
    return f"<t:{int(time)}:R>"


def bar(fraction: float, cells: int = 16) -> str:
    """A progress bar of `cells` characters; full only when `fraction` is 1."""
    filled = int(min(max(fraction, 0.0), 1.0) * cells) if math.isfinite(fraction) else 0
    return "▰" * filled + "▱" * (cells - filled)


def percent(fraction: float) -> str:
    """`43 %`; 100 only when `fraction` is 1."""
    return f"{int(min(max(fraction, 0.0), 1.0) * 100) if math.isfinite(fraction) else 0} %"

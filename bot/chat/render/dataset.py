"""The card of a data set: what is known of its text, and what to train on it. Counts only, never the text. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bot.chat.render import text
from bot.chat.render.embeds import Colour, Field, embed
from bot.chat.render.histogram import histogram
from bot.chat.render.languages import language
from bot.chat.render.message import AnyButton, DatasetAct, DatasetButton, Message, TrainButton
from trainer_core.data.advice import Suggestion
from trainer_core.data.card import Counts, DatasetCard, Images
from trainer_core.data.headings import is_name

_SHARES = 3
"""Languages or scripts that are named; the others are one."""
_KINDS = 6
"""Kinds of secrets, or classes of pictures, that are named."""
_BUDGET = 20
"""Characters of a budget that a button can hold."""
_CLOSE = "-# Only counts are shown, never the text."
_UNEVEN = 10
"""Times as many pictures of one class as of another, from which the rarer one is learnt worse."""


def dataset_card(card: DatasetCard, suggestion: Suggestion, *, is_new: bool = True) -> Message:
    """The card with its buttons; `is_new` is False if the same was there before it was asked for."""
    pictures = card.images
    fields = _of_pictures(pictures, card.documents) if pictures else _of_text(card)
    lines = [_origin(card), "" if is_new else "You have this already: nothing was taken in again.", _plan(suggestion)]
    return Message(
        embed=embed(
            title=f"{'🖼️' if pictures else '📚'} {card.name}",
            colour=Colour.GOING,
            description="\n".join(line for line in (*lines, _CLOSE) if line),
            fields=[field for field in fields if field.value],
        ),
        plot=None if pictures else histogram(card.name, card.lengths),
        buttons=tuple(_buttons(card, suggestion)),
    )


def documents(count: int) -> str:
    return "one document" if count == 1 else f"{text.number(count)} documents"


def named(counts: Mapping[str, int]) -> str:
    """`cat 600 · dog 580`, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    parts = [f"{text.literal(text.clip(name, 40))} {text.number(count)}" for name, count in ordered[:_KINDS]]
    if len(ordered) > _KINDS:
        parts.append(f"{len(ordered) - _KINDS} more")
    return " · ".join(parts)


def _buttons(card: DatasetCard, suggestion: Suggestion) -> Iterable[AnyButton]:
    if len(suggestion.budget) <= _BUDGET:
        yield TrainButton(card.name, suggestion.size, suggestion.budget)
    if not card.builtin:
        yield DatasetButton(card.name, DatasetAct.DELETE)


def _origin(card: DatasetCard) -> str:
    parts = [text.code(text.clip(card.filename, 100)), text.size(card.source_bytes)]
    if card.encoding:
        parts.append(card.encoding.upper().replace("_", "-"))
    if card.text_column is not None:
        named = is_name(card.text_column)
        parts.append(f"the text is in {text.code(card.text_column) if named else 'one of its columns'}")
    return " · ".join(parts)


def _plan(suggestion: Suggestion) -> str:
    reason = text.sentence(suggestion.reason)
    return (
        f"➡️ Train **{suggestion.size}** for **{suggestion.budget}**: {text.roughly(suggestion.seconds)} here.\n"
        f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
    )


def _of_text(card: DatasetCard) -> list[Field]:
    lengths = card.lengths
    return [
        Field("Documents", text.number(card.documents)),
        Field("Characters", text.short(card.characters)),
        Field("Size", text.size(card.bytes)),
        Field("Tokens", f"about {text.short(card.tokens)}" if card.tokens else ""),
        Field("Tokens per byte", text.number(card.tokens_per_byte, 2) if card.tokens_per_byte else ""),
        Field("Length", _span(lengths.shortest, lengths.median, lengths.longest) if card.documents > 1 else ""),
        Field("Languages", _shares(card.languages, language)),
        Field("Scripts", _shares(card.scripts, str)),
        Field("Left out", _left_out(card.counts), inline=False),
        Field("Tidied", _tidied(card.counts), inline=False),
        Field("Repeats itself", _repeats(card), inline=False),
        Field("⚠️ Unreadable", _unreadable(card), inline=False),
        Field("🔑 Secrets", _secrets(card), inline=False),
    ]


def _of_pictures(images: Images, count: int) -> list[Field]:
    smallest, largest = (f"{width} × {height}" for width, height in (images.smallest, images.largest))
    return [
        Field("Pictures", text.number(count)),
        Field("Classes", text.number(len(images.classes))),
        Field("Pixels", smallest if smallest == largest else f"{smallest} to {largest}"),
        Field("Colours", named(images.modes)),
        Field("In each class", named(images.classes), inline=False),
        Field("⚠️ Uneven", _uneven(images.classes), inline=False),
        Field("⚠️ Unreadable", f"{_count(images.broken, 'file')} left out" if images.broken else "", inline=False),
    ]


def _uneven(classes: Mapping[str, int]) -> str:
    most, fewest = max(classes, key=lambda name: classes[name]), min(classes, key=lambda name: classes[name])
    times = classes[most] // max(1, classes[fewest])
    if times < _UNEVEN:
        return ""
    common, rare = (text.literal(text.clip(name, 40)) for name in (most, fewest))
    return f"{common} has {text.number(times)} times the pictures of {rare}, which will be learnt worse"


def _span(shortest: int, median: int, longest: int) -> str:
    return f"{text.short(shortest)} to {text.short(longest)} characters, median {text.short(median)}"


def _shares(shares: Mapping[str, float], name: Callable[[str], str]) -> str:
    """`English 92 %, German 5 %, others 3 %`; what is less than one percent counts among the others."""
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    shown = {text.literal(name(key)): share for key, share in ordered[:_SHARES] if share >= 0.01}
    if shown:
        shown["others"] = 1 - sum(shown.values())
    return ", ".join(f"{name} {share * 100:.0f} %" for name, share in shown.items() if share >= 0.005)


def _left_out(counts: Counts) -> str:
    files = [f"{_count(counts.skipped, 'file')} without text"] if counts.skipped else []
    reasons = (
        (counts.duplicates, "the same as another"),
        (counts.near_duplicates, "nearly the same as another"),
        (counts.too_short, "too short"),
    )
    return " · ".join([*files, *(f"{text.number(count)} {why}" for count, why in reasons if count)])


def _tidied(counts: Counts) -> str:
    return " · ".join(
        part
        for count, part in (
            (counts.normalized, f"{documents(counts.normalized)} brought to Unicode NFC"),
            (counts.control_characters, f"{_count(counts.control_characters, 'control character')} removed"),
            (counts.whitespace_characters, f"{_count(counts.whitespace_characters, 'blank character')} removed"),
            (counts.cut, f"{documents(counts.cut)} cut for length"),
        )
        if count
    )


def _repeats(card: DatasetCard) -> str:
    """How much of one long document came before in it; it stays, and teaches nothing new."""
    counts = card.counts
    if not counts.repeats or not card.characters:
        return ""
    share = min(1.0, counts.repeated_characters / card.characters)
    return f"{_count(counts.repeats, 'passage')} came before in the text, {share * 100:.0f} % of it"


def _unreadable(card: DatasetCard) -> str:
    counts, parts = card.counts, []
    if counts.undecodable_bytes:
        encoding = f" in {card.encoding.upper().replace('_', '-')}" if card.encoding else ""
        parts.append(f"{_count(counts.undecodable_bytes, 'byte')} without meaning{encoding}, kept as �")
    if counts.broken_lines:
        parts.append(f"{_count(counts.broken_lines, 'broken line')} left out")
    return " · ".join(parts)


def _secrets(card: DatasetCard) -> str:
    counts = card.counts
    if not counts.secret_lines:
        return ""
    kinds = f" ({named(card.secrets)})" if card.secrets else ""
    found = f"{_count(counts.secret_lines, 'line')} may hold secrets{kinds}. "
    if counts.secret_lines_removed:
        return found + f"{_count(counts.secret_lines_removed, 'line')} removed."
    return found + "They are still in it: add it again with `secrets:remove` to leave them out."


def _count(count: int, what: str) -> str:
    return f"one {what}" if count == 1 else f"{text.number(count)} {what}s"

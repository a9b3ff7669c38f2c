"""The card of a tokenizer, with the report on how it does on text it was not trained on; and the list of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bot.chat.render import text
from bot.chat.render.dataset import documents
from bot.chat.render.embeds import Colour, Field, embed, listing
from bot.chat.render.message import Message
from trainer_core.tokenizers.card import TokenizerCard, TokenizerKind, TokenizerReport

KINDS: Mapping[TokenizerKind, str] = {
    "bpe": "byte-level BPE",
    "unigram": "Unigram",
    "wordpiece": "WordPiece",
    "sentencepiece": "SentencePiece",
    "characters": "characters",
    "pretrained": "pretrained",
    "upload": "uploaded",
}
_SPECIAL = 8
"""Special tokens that are named."""


def tokenizer_card(card: TokenizerCard) -> Message:
    """What it is, what it does on the hold-out, and what fails there."""
    report = card.report
    colour = Colour.QUIET if report is None else Colour.WAITING if report.problems else Colour.DONE
    fields = [Field("Vocabulary", text.number(card.vocabulary))]
    fields += _measured(report) if report else []
    fields.append(Field("Special tokens", _special(card.special_tokens, card.further_special_tokens), inline=False))
    if report and report.problems:
        said = "\n".join(f"• {text.sentence(problem)}" for problem in report.problems)
        fields.append(Field("⚠️ Problems", said, inline=False))
    return Message(
        embed=embed(
            title=f"🔤 {card.name}",
            colour=colour,
            description="\n".join([_origin(card), *_tried(report)]),
            fields=[field for field in fields if field.value],
            footer=f"/trainer train tokenizer:{card.name} trains with it",
        )
    )


def tokenizer_list(cards: Sequence[TokenizerCard], now: float) -> Message:
    """One line a tokenizer, in the order given; `now` in seconds since the epoch."""
    if not cards:
        return Message(
            content="You have no tokenizers yet. `/trainer tokenizer train kind:bpe data:python-docs` makes one."
        )
    return Message(
        embed=embed(
            title="Tokenizers",
            colour=Colour.QUIET,
            description=listing([_line(card, now) for card in cards]),
            footer="/trainer tokenizer show has the report",
        )
    )


def _line(card: TokenizerCard, now: float) -> str:
    parts = [f"🔤 **{card.name}**", KINDS[card.kind], f"vocabulary {text.number(card.vocabulary)}"]
    if card.report:
        parts.append(f"{text.number(card.report.tokens_per_byte, 2)} tokens per byte")
        parts += ["⚠️ has problems"] if card.report.problems else []
    return " · ".join([*parts, f"{text.age(max(now - card.added_at.timestamp(), 0))} ago"])


def _origin(card: TokenizerCard) -> str:
    source = text.code(text.clip(card.source, 100))
    match card.kind:
        case "characters":
            said = "Characters, over all scripts: it needed no training."
        case "pretrained":
            said = f"Pretrained, of the family {source}."
        case "upload":
            said = f"Uploaded as {source}."
        case _:
            said = f"{KINDS[card.kind]}, trained on {source} in {_time(card.seconds)}."
    return said[:1].upper() + said[1:]


def _tried(report: TokenizerReport | None) -> list[str]:
    if report is None:
        return []
    tried = f"{documents(report.documents)}, {text.size(report.bytes)}"
    return [f"-# Measured on {tried}, encoded in {_time(report.seconds)}."]


def _measured(report: TokenizerReport) -> list[Field]:
    return [
        Field("Coverage", _share(report.coverage)),
        Field("Unknown", _share(report.unknown_rate)),
        Field("Tokens per byte", text.number(report.tokens_per_byte, 3)),
        Field("Per character", text.number(report.tokens_per_character, 3)),
        Field("Per word", text.number(report.tokens_per_word, 2)),
        Field("Fertility", text.number(report.fertility, 2)),
        Field("Round trip", _share(report.round_trip) + (", has to be exact" if report.exact else "")),
        Field("Ids", f"{text.number(report.smallest_id)} to {text.number(report.largest_id)}"),
    ]


def _special(tokens: Mapping[str, int], further: int) -> str:
    """The first of them by id; `further` are not even in `tokens`."""
    ordered = sorted(tokens.items(), key=lambda item: item[1])
    parts = [f"{text.code(text.clip(token, 40))} {text.number(place)}" for token, place in ordered[:_SPECIAL]]
    left = len(ordered) - len(parts) + further
    return " · ".join([*parts, *([f"{text.number(left)} more"] if left else [])])


def _share(share: float) -> str:
    """`99.98 %`: 100 and 0 only when nothing, or everything, is missing."""
    shown = math.floor(share * 10_000) / 100
    return "under 0.01 %" if share and not shown else f"{shown:g} %"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else text.duration(seconds)

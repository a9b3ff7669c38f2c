"""Cards of data sets and tokenizers as a terminal shows them. Pure: counts only, as in the cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from trainer_core.data.advice import Suggestion
from trainer_core.data.card import Counts, DatasetCard, Lengths
from trainer_core.tokenizers.card import TokenizerCard

_BAR = 32
"""Characters of the longest bar of a histogram."""
_EIGHTHS = " ▏▎▍▌▋▊▉"
_FEW = 5
"""Scripts, languages or classes that are named; the others are counted."""
_CHANGES: Mapping[str, str] = {
    "undecodable_bytes": "bytes that are no text",
    "broken_lines": "lines that could not be read",
    "skipped": "files left out that hold no text",
    "normalized": "documents normalised",
    "control_characters": "control characters removed",
    "whitespace_characters": "characters of white space removed",
    "too_short": "documents too short",
    "cut": "documents cut for their length",
    "duplicates": "duplicates left out",
    "near_duplicates": "near duplicates left out",
    "repeats": "passages of the text that came before in it",
    "secret_lines_removed": "lines with secrets removed",
}


def datasets_table(cards: Sequence[DatasetCard]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("kind")
    for heading in ("documents", "size", "tokens"):
        table.add_column(heading, justify="right")
    table.add_column("added")
    for card in cards:
        tokens = f"{card.tokens:,}" if card.kind == "text" else ""
        added = "built in" if card.builtin else f"{card.added_at:%Y-%m-%d}"
        table.add_row(Text(card.name), card.kind, f"{card.documents:,}", _size(card.bytes), tokens, added)
    return table


def dataset_table(card: DatasetCard, suggestion: Suggestion) -> Table:
    """Everything the card tells, and what to train on it."""
    table = _rows()
    table.add_row("name", Text(card.name, style="bold"))
    column = f", column {card.text_column}" if card.text_column else ""
    encoding = f", {card.encoding}" if card.encoding else ""
    table.add_row("source", Text(f"{card.filename} ({card.format}{encoding}{column}, {_size(card.source_bytes)})"))
    if card.images is not None:
        table.add_row("pictures", f"{card.documents:,}; {card.images.broken:,} broken ones left out")
        table.add_row("classes", Text(_few((name, f"{count:,}") for name, count in card.images.classes.items())))
        table.add_row(
            "sizes", f"{'×'.join(map(str, card.images.smallest))} to {'×'.join(map(str, card.images.largest))}"
        )
    else:
        _add_text_rows(table, card)
    table.add_row("suggestion", f"--size {suggestion.size} --budget '{suggestion.budget}'{_time(suggestion.seconds)}")
    table.add_row("", suggestion.reason)
    return table


def _add_text_rows(table: Table, card: DatasetCard) -> None:
    table.add_row("documents", f"{card.documents:,} of {card.counts.read:,} read")
    table.add_row("text", f"{card.characters:,} characters, {_size(card.bytes)}")
    table.add_row("tokens", f"about {card.tokens:,} ({card.tokens_per_byte:.2f} a byte)")
    table.add_row("languages", _shares(card.languages))
    table.add_row("scripts", _shares(card.scripts))
    table.add_row("lengths", histogram(card.lengths))
    table.add_row("changes", "\n".join(changes(card.counts)) or "none")
    table.add_row("secrets", secrets(card))


def tokenizers_table(cards: Sequence[TokenizerCard]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    table.add_column("kind")
    for heading in ("vocabulary", "tokens a byte"):
        table.add_column(heading, justify="right")
    for heading in ("from", "added"):
        table.add_column(heading)
    for card in cards:
        rate = f"{card.report.tokens_per_byte:.3f}" if card.report else ""
        vocabulary, added = f"{card.vocabulary:,}", f"{card.added_at:%Y-%m-%d}"
        table.add_row(Text(card.name), card.kind, vocabulary, rate, Text(card.source), added)
    return table


def tokenizer_table(card: TokenizerCard) -> Table:
    """Everything the card tells, its report included."""
    table = _rows()
    table.add_row("name", Text(card.name, style="bold"))
    table.add_row("kind", Text(f"{card.kind}, from {card.source}"))
    table.add_row("vocabulary", f"{card.vocabulary:,}")
    specials = ", ".join(f"{text} = {number}" for text, number in card.special_tokens.items())
    if card.further_special_tokens:
        specials += f", and {card.further_special_tokens:,} more"
    table.add_row("special tokens", Text(specials or "none"))
    if card.seconds:
        table.add_row("training took", f"{card.seconds:,.1f} s")
    report = card.report
    if report is None:
        return table
    table.add_row("report on", f"{report.documents:,} documents, {_size(report.bytes)}, in {report.seconds:.2f} s")
    table.add_row("coverage", f"{report.coverage:.2%} of characters; {report.unknown_rate:.2%} of tokens are unknown")
    per = f"{report.tokens_per_character:.3f} a character, {report.tokens_per_byte:.3f} a byte"
    table.add_row("tokens", f"{per}, {report.tokens_per_word:.2f} a word")
    table.add_row("fertility", f"{report.fertility:.2f} tokens to a word by itself")
    exact = "; every one has to" if report.exact else ""
    table.add_row("round trip", f"{report.round_trip:.1%} of the documents come back exactly{exact}")
    table.add_row("ids", f"{report.smallest_id:,} to {report.largest_id:,}")
    table.add_row("problems", Text("\n".join(report.problems) or "none", style="red" if report.problems else ""))
    return table


def changes(counts: Counts) -> list[str]:
    """What taking the source in came upon and changed, a line each."""
    found = counts.model_dump()
    return [f"{what}: {found[field]:,}" for field, what in _CHANGES.items() if found[field]]


def secrets(card: DatasetCard) -> str:
    """How many lines look like secrets, and what became of them."""
    if not card.counts.secret_lines:
        return "none found"
    kinds = _few((kind, f"{count:,}") for kind, count in card.secrets.items())
    became = "removed" if card.counts.secret_lines_removed else "kept"
    return f"{card.counts.secret_lines:,} lines look like one, {became}: {kinds}"


def histogram(lengths: Lengths) -> str:
    """Documents by their length in characters, a bar a line."""
    if not lengths.counts:
        return ""
    most = max(lengths.counts) or 1
    edges = [f"{edge:,}" for edge in lengths.edges]
    wide = max(map(len, edges))
    lines = [
        f"{low:>{wide}} – {high:<{wide}} {_bar(count / most):<{_BAR}} {count:,}"
        for low, high, count in zip(edges, edges[1:], lengths.counts, strict=False)
    ]
    span = f"{lengths.shortest:,} to {lengths.longest:,} characters, half of them up to {lengths.median:,}"
    return "\n".join([span, *lines])


def _bar(share: float) -> str:
    """A bar of that share of the longest; something that is there is never invisible."""
    eighths = max(1, round(share * _BAR * 8)) if share else 0
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _rows() -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    return table


def _shares(shares: Mapping[str, float]) -> str:
    return _few((name, f"{share:.0%}") for name, share in shares.items()) or "none known"


def _few(counted: Iterable[tuple[str, str]]) -> str:
    named = [f"{name} {count}" for name, count in counted]
    more = f", and {len(named) - _FEW} more" if len(named) > _FEW else ""
    return ", ".join(named[:_FEW]) + more


def _size(count: int) -> str:
    size, unit = float(count), "bytes"
    for larger in ("KiB", "MiB", "GiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{count:,} bytes" if unit == "bytes" else f"{size:,.1f} {unit}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f" (about {seconds:.0f} s)"
    minutes = seconds / 60
    return f" (about {minutes:.0f} min)" if minutes < 90 else f" (about {minutes / 60:.1f} h)"

"""How well classes of pictures are told apart, in an embed's fields. Pure."""

from __future__ import annotations

import unicodedata

from bot.chat.render import text
from bot.chat.render.confusion import Confusion, confusion
from bot.chat.render.embeds import Field
from bot.runs.model import RunStatus
from trainer_core.evals.classes import ClassReport, Score
from trainer_core.events import MetricsEval, Summary

_ROWS = 12
"""Classes of a table that a phone shows at once."""
_NAME = 14
"""Columns of a class' name."""
_PAIRS = 3
"""Mistakes that are named."""
_RARE = 5
"""Held-out pictures below which the figures of a class are mostly chance."""


def percent(share: float) -> str:
    """One place, and 100 only for all of them."""
    return f"{min(share * 100, 100.0 if share == 1 else 99.9):.1f} %"


def outcome(summary: Summary) -> str:
    """`Accuracy 20.0 % → 97.5 %.`; empty for what is no classifier."""
    return "" if summary.accuracy is None else f"Accuracy {_change(summary.first_accuracy, summary.accuracy)}."


def final_numbers(summary: Summary) -> list[Field]:
    """Accuracy and F1 of a run that has ended; none of what is no classifier."""
    if summary.accuracy is None:
        return []
    fields = [Field("Accuracy", _change(summary.first_accuracy, summary.accuracy))]
    return [*fields, Field("F1", text.number(summary.f1, 3))] if summary.f1 is not None else fields


def current_numbers(first: MetricsEval, last: MetricsEval) -> list[Field]:
    """The same of a run that goes on."""
    if last.accuracy is None:
        return []
    drop = f" (from {percent(first.accuracy)})" if first.accuracy is not None and first.step != last.step else ""
    return [Field("Accuracy", f"{percent(last.accuracy)}{drop}")]


def table(report: ClassReport) -> list[Field]:
    """Precision, recall and F1 of each class, of very many the worst; what is taken for what; what is not to be
    trusted.
    """
    scores = report.scores()
    shown = scores if len(scores) <= _ROWS else sorted(scores, key=_worst_first)[:_ROWS]
    title = "Each class" if len(scores) <= _ROWS else f"The {_ROWS} hardest of {text.number(len(scores))} classes"
    lines = [f"{'':{_NAME}} prec  rec   F1   n", *map(_row, shown)]
    fields = [Field(title, text.code_block("\n".join(lines), 1024, _ROWS + 1), inline=False)]
    if mistakes := report.mistaken()[:_PAIRS]:
        named = (f"{_named(right)} for {_named(told)} {text.number(count)}×" for right, told, count in mistakes)
        fields.append(Field("Mistaken most", " · ".join(named), inline=False))
    if rare := [score for score in scores if score.pictures < _RARE]:
        names = ", ".join(_named(score.name) for score in rare[:_PAIRS])
        more = f" and {len(rare) - _PAIRS} more" if len(rare) > _PAIRS else ""
        said = f"Fewer than {_RARE} pictures are held out of {names}{more}: their figures are mostly chance."
        fields.append(Field("⚠️ Few pictures", said, inline=False))
    return fields


def matrix(status: RunStatus) -> Confusion | None:
    """The picture that goes with the end of a classifier's run."""
    return confusion(f"{status.run.name} · what is taken for what", status.classes) if status.classes else None


def _row(score: Score) -> str:
    shares = "".join(f" {_two_places(share)}" for share in (score.precision, score.recall, score.f1))
    return f"{_padded(' '.join(text.visible(score.name).split()))}{shares} {score.pictures:3}"


def _padded(name: str) -> str:
    """In just as many columns as a name has, with an ellipsis where something was cut off."""
    if _columns(name) > _NAME:
        while _columns(name) > _NAME - 1:
            name = name[:-1]
        name += "…"
    return name + " " * (_NAME - _columns(name))


def _columns(name: str) -> int:
    """That a monospaced font needs, where Chinese and the like take two a character, and what goes on top of another
    none.
    """
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in name if _takes_room(each))


def _takes_room(character: str) -> bool:
    return unicodedata.category(character) not in ("Mn", "Me", "Cf")


def _two_places(share: float | None) -> str:
    return "   –" if share is None else f"{share:4.2f}"


def _worst_first(score: Score) -> float:
    """Those of which nothing is held out come last: nothing is known of them."""
    return 2.0 if score.f1 is None else score.f1


def _named(name: str) -> str:
    return text.literal(text.clip(name, 30))


def _change(first: float | None, last: float) -> str:
    return percent(last) if first is None else f"{percent(first)} → {percent(last)}"

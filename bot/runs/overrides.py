"""Fields of a spec as a person writes them: `optimizer.schedule=cosine seed=7`. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from trainer_core.errors import Code, FieldProblem, SpotterError

EXAMPLE = "`optimizer.schedule=cosine seed=7`"

_ASSIGNMENT = re.compile(r"(?:^|[\s,;]+)([a-z_0-9]+(?:\.[a-z_0-9]+)*)\s*=\s*(?!=)")
_ELSEWHERE = frozenset({"name", "budget", "data.dataset", "data.sha256", "tokenizer"})
"""Fields that are asked for by options of their own, and are checked there."""
_CURLY = str.maketrans("“”„", '"""')


def parse_overrides(text: str) -> dict[str, object]:
    """The fields that `text` sets, nested as in `RunSpec`. A value is JSON, or else the text that it is.

    Raises SpotterError naming every field that cannot be set so.
    """
    found = list(_ASSIGNMENT.finditer(text))
    if text.strip() and (not found or text[: found[0].start()].strip()):
        raise SpotterError(Code.CONFIG_INVALID, f"cannot be read; write it like {EXAMPLE}", field="settings")
    ends = [*(match.start() for match in found[1:]), len(text)]
    assigned = [(match[1], text[match.end() : end].strip()) for match, end in zip(found, ends, strict=False)]
    problems = tuple(
        FieldProblem(name, problem) for name, value in assigned if (problem := _problem(name, value)) is not None
    )
    if problems:
        said = "; ".join(map(str, problems))
        raise SpotterError(Code.CONFIG_INVALID, said, problems=problems)
    return merged(_nested(name.split("."), _value(value)) for name, value in assigned)


def overrides_of(options: Mapping[str, object | None], further: str) -> dict[str, object]:
    """The fields that options stand for, by their dotted names, without those that were left out, and what `further`
    sets, as `parse_overrides` reads it.
    """
    given = [_nested(name.split("."), value) for name, value in options.items() if value is not None]
    return merged((*given, parse_overrides(further)))


def merged(layers: Iterable[Mapping[str, object]]) -> dict[str, object]:
    """One mapping of all, inner ones merged likewise; what comes later counts."""
    result: dict[str, object] = {}
    for layer in layers:
        for key, value in layer.items():
            before = result.get(key)
            if isinstance(before, Mapping) and isinstance(value, Mapping):
                result[key] = merged((before, value))
            else:
                result[key] = value
    return result


def read_json(text: str) -> object:
    """What `text` says in JSON, also with the quotation marks of phones. Raises ValueError."""
    try:
        return json.loads(text.translate(_CURLY))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _problem(name: str, value: str) -> str | None:
    top = name.partition(".")[0]
    if {name, top} & _ELSEWHERE:
        return "has an option of its own; give it there"
    return None if value else "has no value"


def _nested(path: list[str], value: object) -> dict[str, object]:
    first, *rest = path
    return {first: _nested(rest, value) if rest else value}


def _value(text: str) -> object:
    try:
        return read_json(text)
    except ValueError:
        return text

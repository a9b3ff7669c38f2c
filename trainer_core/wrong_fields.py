"""What pydantic finds wrong with a spec, in words for the person who asked for it. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from trainer_core.errors import FieldProblem
from trainer_core.models.specs import Family

_FAMILIES = get_args(Family)
_ARGUMENTS = "model.arguments"

_PATTERNS = {
    "name": "use lower-case letters, digits and single hyphens, like `brisk-otter-42`",
    "data.dataset": "pick a data set from the list",
    "data.sha256": "must be the 64 digits of the data set's hash, or left out",
    "model.size": "take tiny, mini, small, medium, or a number of layers like `depth=8`, up to 64",
    "model.name": "must be the name of a class or function in the file",
}
"""By field: how a text has to be written."""

_WHOLE, _NUMBER, _GROUP = "must be a whole number", "must be a number", "must be a group of settings"
_SENTENCES = {
    "missing": "is missing",
    "extra_forbidden": "there is no such setting",
    "string_type": "must be text",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number",
    "dict_type": _GROUP,
    "mapping_type": _GROUP,
    "model_type": _GROUP,
    "model_attributes_type": _GROUP,
    "json_invalid": "is not JSON",
    "json_type": "is not JSON",
}
"""By pydantic's name of what is wrong."""
_BOUNDS = {
    "greater_than": ("gt", "must be more than {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "string_too_short": ("min_length", "must have at least {} characters"),
    "string_too_long": ("max_length", "must have at most {} characters"),
}
"""Where it names the bound, and how to tell it."""


def problems(error: ValidationError) -> tuple[FieldProblem, ...]:
    """Each wrong field once, by its name as it is written in the spec."""
    found: dict[str, FieldProblem] = {}
    for one in error.errors():
        problem = _problem(_field(one["loc"]), one["type"], one["msg"], one.get("ctx", {}))
        found.setdefault(problem.field, problem)
    return tuple(found.values())


def _field(place: Sequence[int | str]) -> str:
    """Without what pydantic puts in between: the family after `model`, the types that an argument might have."""
    parts = [str(part) for part in place]
    if parts[:1] == ["model"] and len(parts) > 1 and parts[1] in _FAMILIES:
        del parts[1]
    if ".".join(parts[:2]) == _ARGUMENTS:
        parts = parts[:3]
    return ".".join(parts) or "spec"


def _problem(field: str, kind: str, message: str, context: Mapping[str, Any]) -> FieldProblem:  # Any: as pydantic says
    message = message.removeprefix("Value error, ")
    sentence = _SENTENCES.get(kind, message[:1].lower() + message[1:])
    if field.startswith(f"{_ARGUMENTS}."):
        sentence = "must be a number, text, true or false"
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        field, sentence = f"{field}.family", f"there is no such family; there are {', '.join(_FAMILIES)}"
    elif kind == "string_pattern_mismatch":
        sentence = _PATTERNS.get(field, sentence)
    elif kind == "literal_error":
        sentence = f"take one of {context['expected'].replace(chr(39), '')}"
    elif kind in _BOUNDS:
        bound, says = _BOUNDS[kind]
        sentence = says.format(_said(context[bound]))
    return FieldProblem(field, sentence)


def _said(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"

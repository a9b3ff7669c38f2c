"""What a `forward` asks for, as far as it matters for feeding it. Needs no torch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

_KINDS = inspect.Parameter


@dataclass(frozen=True, slots=True)
class Parameter:
    """One that has a name."""

    name: str
    required: bool = True
    by_place: bool = False
    """Whether it is fed by its place: those that have no name outside, and those that stand before `*args`."""
    default: object = field(default=None, compare=False)
    """None where it is required."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a function, without `self`."""

    parameters: tuple[Parameter, ...] = ()
    rest: str | None = None
    """`*args`, as it is called, with its star; None if there is none."""
    others: bool = False
    """Whether it takes any other name (`**kwargs`)."""

    @property
    def names(self) -> set[str]:
        """Everything that can be fed by name; `rest` too."""
        return {parameter.name for parameter in self.parameters} | ({self.rest} if self.rest else set())


def signature_of(function: Callable[..., object]) -> Signature:
    """Of a bound method or a function. One that does not tell (compiled ones) takes anything."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return Signature(rest="*args", others=True)
    rest = next((f"*{each.name}" for each in found if each.kind is _KINDS.VAR_POSITIONAL), None)
    by_place = {_KINDS.POSITIONAL_ONLY} | ({_KINDS.POSITIONAL_OR_KEYWORD} if rest else set())
    return Signature(
        tuple(
            Parameter(each.name, True, each.kind in by_place)
            if each.default is each.empty
            else Parameter(each.name, False, each.kind in by_place, each.default)
            for each in found
            if each.kind not in (_KINDS.VAR_POSITIONAL, _KINDS.VAR_KEYWORD)
        ),
        rest=rest,
        others=any(each.kind is _KINDS.VAR_KEYWORD for each in found),
    )

"""What a class of somebody's own is made with: what was asked for, and what the data say of themselves."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches

from trainer_core.errors import Code, SpotterError
from trainer_core.models.data import Data
from trainer_core.models.specs import Argument
from trainer_core.wiring.aliases import known_arguments

_FIELD = "model.arguments"


def arguments(maker: Callable[..., object], given: Mapping[str, Argument], data: Data) -> inspect.BoundArguments:
    """What to call `maker` with: `given` first, then what the data tell under one of their names.

    A dataclass that it has to be given (`config: Config`) is filled in the same way. Raises CONFIG_INVALID naming what
    nobody gave, and what was given that is not asked for.
    """
    wanted = _Wanted(given, known_arguments(data))
    bound = wanted.bound(maker)
    if wanted.missing:
        name = getattr(maker, "__name__", "the module")
        raise SpotterError(
            Code.CONFIG_INVALID,
            f"{name} has to be made with {', '.join(wanted.missing)}, which nobody gave",
            field=_FIELD,
            next_step=f"Give a value for each, like `{_FIELD}.{wanted.missing[0]}=64`, or a default in the file.",
        )
    for name in given:
        if name not in wanted.used:
            like = get_close_matches(name, wanted.names, 1)
            takes = f"did you mean {like[0]}?" if like else f"there are {', '.join(wanted.names) or 'none'}"
            raise SpotterError(Code.CONFIG_INVALID, f"nothing asks for it; {takes}", field=f"{_FIELD}.{name}")
    return bound


class _Wanted:
    """What is asked for, as it is come across."""

    def __init__(self, given: Mapping[str, Argument], told: Mapping[str, int]) -> None:
        self._given = given
        self._known: Mapping[str, Argument] = {**told, **given}
        self.names: list[str] = []
        self.missing: list[str] = []
        self.used = set[str]()

    def bound(self, maker: Callable[..., object]) -> inspect.BoundArguments:
        """What to call `maker` with, without what is `missing`."""
        signature = _signature(maker)
        values: dict[str, object] = {}
        for name, parameter in signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                values[name] = {other: value for other, value in self._given.items() if other not in self.used}
                self.used |= self._given.keys()
            elif parameter.kind is parameter.VAR_POSITIONAL:
                continue
            elif name in self._known:
                values[name] = self._known[name]
                self.names.append(name)
                self.used.add(name)
            elif parameter.default is not parameter.empty:
                self.names.append(name)
            elif isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation):
                inner = self.bound(parameter.annotation)
                if not self.missing:
                    values[name] = parameter.annotation(*inner.args, **inner.kwargs)
            else:
                self.names.append(name)
                self.missing.append(name)
        return inspect.BoundArguments(signature, OrderedDict(values))


def _signature(maker: Callable[..., object]) -> inspect.Signature:
    try:
        return inspect.signature(maker, eval_str=True)
    except NameError:  # an annotation of what is there for type checkers only
        return inspect.signature(maker)

"""What each parameter of a module's `forward` is fed with. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Take = str | int | None
"""Which part of an output is meant: of a mapping or an object its name, of a tuple its place; None for all of it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A field of the batch, like `input_ids`."""

    field: str


@dataclass(frozen=True, slots=True)
class Const:
    """The same value each time."""

    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Call:
    """What a submodule returns, which is called outside of `forward`, once; `Wiring.calls` says with what."""

    module: str
    """Its path, like `blocks.0.mhsa`."""
    take: Take = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Nothing: the parameter keeps its default, or is None where it has none."""


Source = Batch | Const | Call | Drop


@dataclass(frozen=True, slots=True)
class Each:
    """For `*args`: one after the other."""

    sources: tuple[Source, ...]


Inputs = Mapping[str, Source | Each]
"""By parameter; that of `*args` with its star."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """How a module is called."""

    inputs: Inputs = field(default_factory=dict)
    """Of the module's own `forward`."""
    calls: Mapping[str, Inputs] = field(default_factory=dict)
    """Of the submodules that are called outside of it, each after those whose outputs it takes."""
    output: Take = None
    """Where the logits are in what `forward` returns."""

    def of(self, path: str) -> Inputs:
        """What the submodule at `path` is called with, as far as it is said; the module itself at the empty path."""
        return self.calls.get(path, {}) if path else self.inputs

    def fields(self) -> set[str]:
        """Fields of the batch that reach the module."""
        return {
            source.field for path in ("", *self.calls) for source in flat(self.of(path)) if isinstance(source, Batch)
        }


def flat(inputs: Inputs) -> Iterator[Source]:
    """Every source in `inputs`."""
    for source in inputs.values():
        if isinstance(source, Each):
            yield from source.sources
        else:
            yield source

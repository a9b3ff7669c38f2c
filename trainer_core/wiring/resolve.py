"""From signatures to a wiring: by what was said, by name, by default, and by the submodule a name points to. Pure.

`ffn_0_output` asks for what the submodule `ffn_0` returns. Whether that one is called by `forward` itself all the same
cannot be read from signatures: `exported` finds it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainer_core.errors import Code, SpotterError
from trainer_core.wiring.aliases import Fields
from trainer_core.wiring.signature import Parameter, Signature
from trainer_core.wiring.wiring import Batch, Call, Drop, Each, Inputs, Source, Wiring, flat

OUTPUT = "_output"
_NONE_WILL_DO = frozenset("hidden hidden_state state states h hx cache memory past past_key_values".split())
"""Names of what modules start without when they are given None, as torch's recurrent ones do."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """A wiring; where there are `problems`, a proposal that a person has to look at."""

    wiring: Wiring
    problems: tuple[str, ...] = ()


def resolve(forwards: Mapping[str, Signature], fields: Fields, given: Wiring) -> Resolution:
    """Wire every parameter of the module whose `forward` is at the empty path, those of submodules at theirs.

    What is `given` stays, and what it leaves out is found. Raises CONFIG_INVALID if it names what is not there.
    """
    _check(forwards, fields, given)
    resolver = _Resolver(forwards, fields, given)
    inputs = resolver.inputs("", ())
    wiring = Wiring(inputs, resolver.calls, given.output)
    if not resolver.problems and fields.main not in wiring.fields():
        resolver.problems.append(f"nothing that forward asks for reads like the {fields.noun} ({fields.main})")
    return Resolution(wiring, tuple(resolver.problems))


def producers(name: str, asking: str, forwards: Mapping[str, Signature]) -> list[str]:
    """Paths of the submodules that `name` (`X_output`) may point to; `asking` is that of whoever has the parameter."""
    wanted = name.removesuffix(OUTPUT)
    if wanted == name:
        return []
    return [path for path in forwards if path and path != asking and wanted in _called(path, asking)]


def _called(path: str, asking: str) -> set[str]:
    """How a parameter's name spells a submodule: `blocks.0.mhsa` is `blocks_0_mhsa`, to `blocks.0` also `mhsa`."""
    below = path.removeprefix(f"{asking}.") if asking else path
    return {path.replace(".", "_"), below.replace(".", "_")}


def _check(forwards: Mapping[str, Signature], fields: Fields, given: Wiring) -> None:
    calls = {
        source.module for path in ("", *given.calls) for source in flat(given.of(path)) if isinstance(source, Call)
    }
    for path in sorted(calls - forwards.keys()):
        raise _wrong(path, f"there is no submodule {path}; there are {_listed(sorted(forwards.keys() - {''}))}")
    for path in ("", *given.calls):
        signature = forwards[path]
        for name in sorted(given.of(path).keys() - signature.names):
            if not signature.others or name.startswith("*"):
                where = f"{path}.forward" if path else "forward"
                raise _wrong(name, f"{where} has no parameter {name}; it has {_listed(sorted(signature.names))}")
    for field in sorted(given.fields() - set(fields.names)):
        raise _wrong(field, f"a batch has no field {field}; it has {_listed(fields.names)}")


class _Resolver:
    def __init__(self, forwards: Mapping[str, Signature], fields: Fields, given: Wiring) -> None:
        self._forwards = forwards
        self._fields = fields
        self._given = given
        self._asked_for = self._chain()
        self.calls: dict[str, Inputs] = {}
        self.problems: list[str] = []

    def inputs(self, path: str, under_way: tuple[str, ...]) -> Inputs:
        """What the one at `path` is fed with. `under_way` are those that wait for its output, outermost first."""
        signature = self._forwards[path]
        given = self._given.of(path)
        readers = self._readers(path, signature, given)
        found: dict[str, Source | Each] = {}
        for parameter in signature.parameters:
            said = given.get(parameter.name)
            found[parameter.name] = (
                self._source(path, parameter, readers, under_way) if said is None else self._followed(said, under_way)
            )
        for name in given.keys() - found.keys():
            found[name] = self._followed(given[name], under_way)
        if signature.rest and signature.rest not in found:
            self.problems.append(f"{_named(path)} takes {signature.rest}, which could be anything")
            found[signature.rest] = Each(
                () if Batch(self._fields.main) in found.values() else (Batch(self._fields.main),)
            )
        return found

    def _readers(self, path: str, signature: Signature, given: Inputs) -> set[str]:
        """The parameters that are fed with the main field."""
        said = Batch(self._fields.main) in flat(given)
        like = [
            parameter
            for parameter in signature.parameters
            if parameter.name not in given
            and (
                self._fields.meant_by(parameter.name) == self._fields.main
                or (not path and parameter.name in self._fields.vague)
            )
        ]
        required = [parameter.name for parameter in like if parameter.required]
        if required or said:
            likely = required
        else:
            exact = [parameter.name for parameter in like if parameter.name == self._fields.main]
            likely = exact or [parameter.name for parameter in like]
        if len(likely) > 1 and not said:
            self.problems.append(f"{' and '.join(likely)} of {_named(path)} could each be the {self._fields.noun}")
        return set(likely)

    def _source(self, path: str, parameter: Parameter, readers: set[str], under_way: tuple[str, ...]) -> Source:
        name, field = parameter.name, self._fields.meant_by(parameter.name)
        if name in readers:
            return Batch(self._fields.main)
        if field and field != self._fields.main and (parameter.required or field in self._fields.sometimes):
            return Batch(field)
        if not parameter.required:
            return Drop()
        if found := producers(name, path, self._forwards):
            if len(found) > 1:
                self.problems.append(f"{name} of {_named(path)} could be what {' or '.join(found)} returns")
            return self._returned(found[0], under_way)
        if path and name in self._fields.vague and not self._other_outputs(path):
            return Batch(self._fields.main)
        self.problems.append(self._nothing_feeds(path, name))
        return self._proposed(path, name, under_way)

    def _nothing_feeds(self, path: str, name: str) -> str:
        if name.endswith(OUTPUT):
            producer = name.removesuffix(OUTPUT)
            return f"{name} of {_named(path)} asks for what {producer} returns, and no submodule is called so"
        if others := self._other_outputs(path):
            could = f"the {self._fields.noun}, or what {' or '.join(others)} returns"
            return f"{name} of {_named(path)} could be {could}"
        return f"nothing feeds {name} of {_named(path)}"

    def _proposed(self, path: str, name: str, under_way: tuple[str, ...]) -> Source:
        """What a person most likely means: the one before it in the chain."""
        if name in _NONE_WILL_DO:
            return Drop()
        if "mask" in name and "attention_mask" in self._fields.names:
            return Batch("attention_mask")
        if path in self._asked_for:
            before = [other for other in self._asked_for[: self._asked_for.index(path)] if not self._needs(other, path)]
            if before and before[-1] not in under_way:
                return self._returned(before[-1], under_way)
        return Batch(self._fields.main)

    def _returned(self, path: str, under_way: tuple[str, ...]) -> Source:
        """A call of the submodule at `path`, which is wired first."""
        if path in under_way:
            circle = (*under_way[under_way.index(path) :], path)
            self.problems.append(f"{' needs '.join(circle)}: none of them can be called first")
            return Batch(self._fields.main)
        if path not in self.calls:
            self.calls[path] = self.inputs(path, (*under_way, path))
        return Call(path)

    def _followed(self, said: Source | Each, under_way: tuple[str, ...]) -> Source | Each:
        """What was said, once the calls in it are wired."""
        if isinstance(said, Each):
            return Each(tuple(self._wired(source, under_way) for source in said.sources))
        return self._wired(said, under_way)

    def _wired(self, said: Source, under_way: tuple[str, ...]) -> Source:
        if not isinstance(said, Call):
            return said
        returned = self._returned(said.module, under_way)
        return said if isinstance(returned, Call) else returned

    def _chain(self) -> list[str]:
        """The submodules whose outputs the module asks for by name, in its order."""
        asked = (producers(each.name, "", self._forwards) for each in self._forwards[""].parameters if each.required)
        return [found[0] for found in asked if found]

    def _other_outputs(self, path: str) -> list[str]:
        """The outputs of the chain that a vague name at `path` could mean."""
        return [other for other in self._asked_for if path and other != path and not self._needs(other, path)]

    def _needs(self, path: str, other: str) -> bool:
        """Whether the one at `path` cannot be called before `other`, going by names."""
        seen, ahead = set[str](), [path]
        while ahead:
            here = ahead.pop()
            if here == other:
                return True
            if here not in seen:
                seen.add(here)
                required = (each.name for each in self._forwards[here].parameters if each.required)
                ahead += [found for name in required for found in producers(name, here, self._forwards)]
        return False


def _named(path: str) -> str:
    return path or "forward"


def _listed(names: tuple[str, ...] | list[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "") if names else "none"


def _wrong(name: str, says: str) -> SpotterError:
    return SpotterError(Code.CONFIG_INVALID, says, field=f"model.wiring.{name}")

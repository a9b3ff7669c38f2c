"""A module tried out: what only a forward pass shows of its wiring."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from trainer_core.errors import Code, SpotterError
from trainer_core.models.data import Data, TextData
from trainer_core.wiring.aliases import Fields
from trainer_core.wiring.example import a_batch, brief, brought, logits_of_a_batch
from trainer_core.wiring.outputs import logits_in, no_logits, only_tensor, parts, taken
from trainer_core.wiring.resolve import Resolution, producers, resolve
from trainer_core.wiring.signature import Signature
from trainer_core.wiring.wired import Wired
from trainer_core.wiring.wiring import Batch, Call, Drop, Inputs, Take, Wiring
from trainer_core.wiring.written import described, unclear

if TYPE_CHECKING:
    from trainer_core.wiring.exported import Seen


@dataclass(frozen=True, slots=True)
class Trial:
    """A module to try wirings on; it is left as it is, whatever a forward pass changes in it."""

    module: nn.Module
    forwards: Mapping[str, Signature]
    fields: Fields
    data: Data
    given: Wiring

    def brief(self) -> Trial:
        """The same on short texts."""
        return replace(self, data=brief(self.data))

    def tried(self, wiring: Wiring, mode: AbstractContextManager[object]) -> tuple[Wiring, dict[str, object]]:
        """`wiring` with the parts of outputs that are meant, and what the submodules returned that it calls.

        Raises MODEL_INCOMPATIBLE where that is not clear, or what the module raises.
        """
        shadow = self._shadow()
        with mode, torch.no_grad():
            batch = a_batch(self.data)
            wiring, returned = self._parts_taken(shadow, wiring, batch)
            return self._logits_found(shadow, wiring, batch, returned), returned

    def run(self, wiring: Wiring) -> None:
        """The first forward passes with numbers in them. Raises what the module raises.

        Raises MODEL_INCOMPATIBLE if it cannot read less than it is trained on, as the end of the held-out text is.
        """
        model = Wired(self._shadow(), wiring, self.fields)
        with torch.no_grad():
            for learning in (True, False):
                model.train(learning)(**a_batch(self.data))
            if isinstance(self.data, TextData):
                _check_short_texts(model, self.data)

    def without_chain(self) -> Resolution | None:
        """A wiring without the outputs that `forward` asks for, if it calls each of those submodules itself anyway."""
        asked = {
            parameter.name: paths
            for parameter in self.forwards[""].parameters
            if parameter.required
            and parameter.name not in self.given.inputs
            and (paths := producers(parameter.name, "", self.forwards))
        }
        dropped = replace(self.given, inputs={**self.given.inputs, **dict.fromkeys(asked, Drop())})
        found = resolve(self.forwards, self.fields, dropped)
        if not asked or found.problems:
            return None
        try:
            called = self._seen("", found.wiring, {}).called
        except Exception:
            return None
        return found if all(called.intersection(paths) for paths in asked.values()) else None

    def _parts_taken(
        self, shadow: nn.Module, wiring: Wiring, batch: Mapping[str, Tensor]
    ) -> tuple[Wiring, dict[str, object]]:
        """Which part of a submodule's output is meant; and the outputs."""
        returned: dict[str, object] = {}
        problems: list[str] = []
        for path in wiring.calls:
            try:
                returned[path] = Wired(shadow, wiring, self.fields).called(path, batch, returned)
            except Exception as error:
                raise unclear((f"{path} does not take what it is fed with ({described(error)})",), wiring) from error
            self._check_taken(path, returned[path])
            takes = only_tensor(returned[path])
            before, wiring = wiring, self._taking(wiring, path, takes[0] if takes else None)
            if not takes or (len(takes) > 1 and wiring != before):
                problems.append(f"{path} returns {len(takes) or 'no'} tensors, and one of them is asked for")
        if problems:
            raise unclear(tuple(problems), wiring)
        return wiring, returned

    def _check_taken(self, path: str, returned: object) -> None:
        """Raises CONFIG_INVALID if the wiring that was given takes a part of what `path` returned that is not there."""
        for of in ("", *self.given.calls):
            for name, source in self.given.of(of).items():
                if isinstance(source, Call) and source.module == path:
                    try:
                        taken(returned, source.take)
                    except (LookupError, AttributeError) as error:
                        raise _no_part(path, source.take, parts(returned), name) from error

    def _taking(self, wiring: Wiring, path: str, take: Take) -> Wiring:
        def inputs(of: str) -> Inputs:
            given = self.given.of(of)
            return {
                name: Call(path, take) if source == Call(path) and name not in given else source
                for name, source in wiring.of(of).items()
            }

        return replace(wiring, inputs=inputs(""), calls={of: inputs(of) for of in wiring.calls})

    def confirmed(self, wiring: Wiring, returned: Mapping[str, object]) -> Wiring:
        """Without the calls of what `forward` calls itself. Raises MODEL_INCOMPATIBLE where it asks for it as well."""
        problems: list[str] = []
        for path in ("", *wiring.calls):
            given = self.given.of(path)
            asked = {
                name: source.module
                for name, source in wiring.of(path).items()
                if isinstance(source, Call) and name not in given
            }
            if not asked:
                continue
            try:
                shown = self._seen(path, wiring, returned)
            except Exception as error:
                names = " and ".join(asked.values())
                problems.append(
                    f"it cannot be seen whether {path or 'forward'} calls {names} itself ({described(error)})"
                )
                continue
            for name, producer in asked.items():
                if name not in shown.used:
                    wiring = _fed(wiring, path, {name: Drop()})
                elif producer.removeprefix(f"{path}." if path else "") in shown.called:
                    problems.append(f"{path or 'forward'} asks for {name}, and calls {producer} itself as well")
        if problems:
            raise unclear(tuple(problems), wiring)
        return _needed(wiring)

    def _logits_found(
        self, shadow: nn.Module, wiring: Wiring, batch: Mapping[str, Tensor], returned: Mapping[str, object]
    ) -> Wiring:
        shape, axes = logits_of_a_batch(self.data)
        labels = [
            parameter.name
            for parameter in self.forwards[""].parameters
            if self.fields.meant_by(parameter.name) == "targets" and parameter.name not in self.given.inputs
        ]
        # Some return all logits only if they are given targets.
        with_targets = _fed(wiring, "", dict.fromkeys(labels, Batch("targets")))
        output: object = None
        for candidate in (wiring, with_targets):
            try:
                output = Wired(shadow, candidate, self.fields).called("", batch, returned)
            except Exception:
                if candidate == with_targets:
                    raise
                continue
            takes = logits_in(output, shape)
            if self.given.output is not None:
                if self.given.output not in (there := parts(output)):
                    raise _no_part("forward", self.given.output, there, "return")
                takes = [self.given.output] * (logits_in(taken(output, self.given.output), shape) == [None])
            if len(takes) > 1:
                problem = f"forward returns {len(takes)} tensors of shape {axes}, and one of them has to be the logits"
                raise unclear((problem,), replace(candidate, output=takes[0]))
            if takes:
                return replace(candidate, output=takes[0])
        raise unclear((no_logits(output, shape, axes) + brought(self.data),), wiring)

    def _seen(self, path: str, wiring: Wiring, returned: Mapping[str, object]) -> Seen:
        """What the graph of the `forward` at `path` shows."""
        from trainer_core.wiring.exported import seen  # few modules need it, and it takes a while to load

        wired = Wired(self._shadow(), wiring, self.fields)
        placed, named = (tree_map(_in_memory, side) for side in wired.arguments(path, a_batch(self.data), returned))
        return seen(wired.module.get_submodule(path), placed, named)

    def _shadow(self) -> nn.Module:
        """A copy that has the same weights, not copies of them, and can be thrown away.

        It also has the same locks, files and whatever else cannot be copied.
        """
        same: dict[int, object] = {id(weight): weight for weight in self.module.parameters()}
        own = vars(nn.Module()).keys()
        for submodule in self.module.modules():
            for name, value in vars(submodule).items():
                if name not in own and not _can_be_copied(value, same):
                    same[id(value)] = value
        return copy.deepcopy(self.module, same)


def _can_be_copied(value: object, same: Mapping[int, object]) -> bool:
    try:
        copy.deepcopy(value, dict(same))
    except Exception:  # each kind of thing has an error of its own for that
        return False
    return True


def _check_short_texts(model: Wired, data: TextData) -> None:
    shortest = brief(data, 1)
    try:
        shape = model(**a_batch(shortest)).shape
        does = f"returns {tuple(shape)}" if shape != logits_of_a_batch(shortest)[0] else None
    except Exception as error:
        does = f"raises {described(error)}"
    if does:
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"forward reads {data.context} tokens, and {does} for fewer",
            field="model.file",
            next_step="Have it go by the shape of what it is given: the end of the held-out text is shorter.",
        )


def _no_part(path: str, take: Take, there: Iterable[Take], place: str) -> SpotterError:
    names = [str(each) for each in there if each is not None]
    has = f"; there are {', '.join(names)}" if names else ": it is one tensor, so leave that out"
    says = f"{path} returns nothing called {take}{has}"
    return SpotterError(Code.CONFIG_INVALID, says, field=f"model.wiring.{place}")


def _fed(wiring: Wiring, path: str, sources: Inputs) -> Wiring:
    if not path:
        return replace(wiring, inputs={**wiring.inputs, **sources})
    return replace(wiring, calls={**wiring.calls, path: {**wiring.calls[path], **sources}})


def _needed(wiring: Wiring) -> Wiring:
    """Without calls whose output goes nowhere."""
    used = set[str]()
    for path in ("", *reversed(list(wiring.calls))):  # each stands after those whose outputs it takes
        if not path or path in used:
            used |= {source.module for source in wiring.of(path).values() if isinstance(source, Call)}
    return replace(wiring, calls={path: inputs for path, inputs in wiring.calls.items() if path in used})


def _in_memory(value: object) -> object:
    """A tensor, which may have been without numbers, with some."""
    return torch.zeros(value.shape, dtype=value.dtype) if isinstance(value, Tensor) else value

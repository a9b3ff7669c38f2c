"""A wiring as it is written in a spec and in a manifest, as JSON. Needs no torch.

    {"tokens": {"batch": "input_ids"},
     "scale": {"const": 0.5},
     "mhsa_0_output": {"call": "mhsa_0", "with": {"x": {"batch": "input_ids"}}, "take": 0},
     "cache": "drop",
     "*args": [{"batch": "input_ids"}],
     "return": "logits"}

A submodule is called once: `with` stands where it is named first, and may leave out what can be found out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeGuard

from trainer_core.errors import Code, SpotterError
from trainer_core.wiring.wiring import Batch, Call, Const, Drop, Each, Inputs, Source, Take, Wiring

RETURN = "return"
"""The key of `Wiring.output`; Python lets no parameter be called so."""
_DROP = "drop"
_LONGEST_MESSAGE = 200


def written(wiring: Wiring) -> dict[str, object]:
    """`wiring` as JSON data, which `read` understands."""
    said = set[str]()

    def inputs(of: Inputs) -> dict[str, object]:
        return {name: each(source) for name, source in of.items()}

    def each(source: Source | Each) -> object:
        match source:
            case Batch(field):
                return {"batch": field}
            case Const(value):
                return {"const": value}
            case Drop():
                return _DROP
            case Each(sources):
                return [each(source) for source in sources]
            case Call(module, take):
                call: dict[str, object] = {"call": module}
                if module not in said:
                    said.add(module)
                    call["with"] = inputs(wiring.calls[module])
                return call if take is None else {**call, "take": take}

    output = {} if wiring.output is None else {RETURN: wiring.output}
    return inputs(wiring.inputs) | output


def as_text(wiring: Wiring) -> str:
    """`wiring` as a person pastes it: on one line."""
    return f"wiring: {json.dumps(written(wiring))}"


def unclear(problems: tuple[str, ...], proposal: Wiring) -> SpotterError:
    """What a person is told where a wiring is not certain: why, and what to paste."""
    return SpotterError(
        Code.MODEL_INCOMPATIBLE,
        "; ".join(problems),
        field="model.wiring",
        next_step=f"Say what feeds each parameter; this is a proposal to correct: {as_text(proposal)}",
    )


def described(error: BaseException) -> str:
    """An error of other people's code: its class, and what it says if that can name no path."""
    message = error.msg if isinstance(error, SyntaxError) else str(error).strip().partition("\n")[0]
    told = "" if isinstance(error, OSError) or "/" in message or "\\" in message else message[:_LONGEST_MESSAGE]
    return f"{type(error).__name__} ({told})" if told else type(error).__name__


def read(said: Mapping[str, object] | None) -> Wiring:
    """The wiring that `said` stands for, with what it leaves out still left out. Raises CONFIG_INVALID."""
    calls: dict[str, Inputs] = {}
    return Wiring(
        inputs=_inputs({name: value for name, value in (said or {}).items() if name != RETURN}, (), calls),
        calls=calls,
        output=_take((said or {}).get(RETURN), (RETURN,)),
    )


def _inputs(said: Mapping[str, object], place: tuple[str, ...], calls: dict[str, Inputs]) -> Inputs:
    return {name: _fed(value, (*place, name), calls) for name, value in said.items()}


def _fed(said: object, place: tuple[str, ...], calls: dict[str, Inputs]) -> Source | Each:
    is_rest = place[-1].startswith("*")
    if is_rest and isinstance(said, list):
        return Each(tuple(_source(value, place, calls) for value in said))
    if is_rest:
        raise _wrong(place, "takes a list of sources, in square brackets")
    return _source(said, place, calls)


def _source(said: object, place: tuple[str, ...], calls: dict[str, Inputs]) -> Source:
    match said:
        case "drop":
            return Drop()
        case {"batch": str(field), **more} if not more:
            return Batch(field)
        case {"const": None | bool() | int() | float() | str() as value, **more} if not more:
            return Const(value)
        case {"call": "", **_more}:
            raise _wrong(place, "names no submodule; say its path, like `blocks.0`")
        case {"call": str(module), **more} if not more.keys() - {"with", "take"}:
            if "with" in more:
                _call(module, more["with"], place, calls)
            return Call(module, _take(more.get("take"), place))
    raise _wrong(place, 'is fed with {"batch": FIELD}, {"const": VALUE}, {"call": SUBMODULE, "with": {...}} or "drop"')


def _call(module: str, said: object, place: tuple[str, ...], calls: dict[str, Inputs]) -> None:
    if not _is_mapping(said):
        raise _wrong((*place, "with"), "names the parameters of the submodule, each with what it is fed with")
    inputs = _inputs(said, (*place, "with"), calls)
    if calls.setdefault(module, inputs) != inputs:
        raise _wrong((*place, "with"), f"{module} is called once, and has been wired otherwise before")


def _take(said: object, place: tuple[str, ...]) -> Take:
    if isinstance(said, bool) or not isinstance(said, str | int | None):
        raise _wrong(place, "names a part of an output, or its place")
    return said


def _is_mapping(said: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(said, Mapping) and all(isinstance(name, str) for name in said)


def _wrong(place: tuple[str, ...], says: str) -> SpotterError:
    return SpotterError(Code.CONFIG_INVALID, says, field=".".join(("model", "wiring", *place)))

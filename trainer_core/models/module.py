"""A module of somebody's own: from a Python file in an approved folder to a model that takes a batch."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from types import ModuleType

from torch import nn
from torch.nn.parameter import UninitializedParameter

from trainer_core.errors import Code, SpotterError
from trainer_core.files.atomic import write_atomic
from trainer_core.models.arguments import arguments
from trainer_core.models.code import MEND, contained, execute, undisturbed
from trainer_core.models.data import Data
from trainer_core.models.listed import located
from trainer_core.models.places import Places
from trainer_core.models.specs import ModuleSpec
from trainer_core.wiring.example import brought
from trainer_core.wiring.wire import wire
from trainer_core.wiring.wired import Wired
from trainer_core.wiring.written import written

_SECONDS = 30.0
"""What loading the file and making the module may take; and again, its first forward passes."""
_MOST_BYTES = 2**20
_FILE, _NAME, _WIRING = "model.file", "model.name", "model.wiring"


def build_module(spec: ModuleSpec, data: Data, places: Places, seconds: float = _SECONDS) -> Wired:
    """The module, on the CPU in fp32, wired and tried.

    Its file is read from the approved folder until it has made a model; from then on the run has a copy of its own,
    `places.run.module`, which nothing changes, and beside it the wiring that was found.

    Raises MODEL_NOT_FOUND, MODEL_LOAD_FAILED (the file raises, or takes longer than `seconds`), MODEL_INCOMPATIBLE,
    CONFIG_INVALID; each names the field that is wrong.
    """
    source = _source(spec, places)
    first = f"its forward runs for the first time{brought(data)}"
    with undisturbed():
        with contained(spec.file, "it is loaded", seconds):
            defined = execute(source, spec.file)
            maker = _maker(defined, spec)
            bound = arguments(maker, spec.arguments, data)
            made = maker(*bound.args, **bound.kwargs)
        module = _checked(made, spec)
        with contained(spec.file, first, seconds, field=_WIRING if spec.wiring else _FILE):
            model = wire(module, data, _wiring_kept(places) or spec.wiring)
    if not places.run.module.exists():
        write_atomic(places.run.wiring, json.dumps(written(model.wiring)).encode())
        write_atomic(places.run.module, source)
    return model


def _wiring_kept(places: Places) -> Mapping[str, object] | None:
    """The wiring that was found before, for the run's copy; None if there is none to read."""
    try:
        kept = json.loads(places.run.wiring.read_bytes()) if places.run.module.exists() else None
    except (OSError, ValueError):
        return None
    return kept if isinstance(kept, dict) else None


def _source(spec: ModuleSpec, places: Places) -> bytes:
    """The text of the file: the run's copy, or as it is now."""
    copy = places.run.module
    file = copy if copy.exists() else located(places.approved.modules, spec.file, _FILE)
    if file.suffix != ".py" or not file.is_file():
        raise SpotterError(Code.MODEL_NOT_FOUND, f"{spec.file} is not a Python file", field=_FILE)
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise _refused(f"{spec.file} is larger than {_MOST_BYTES >> 20} MiB; no module is", _FILE)
        return file.read_bytes()
    except OSError as error:
        raise _refused(f"{spec.file} cannot be read ({error.strerror})", _FILE) from error


def _maker(defined: ModuleType, spec: ModuleSpec) -> Callable[..., object]:
    """The class that was asked for, a function that makes the module, or the only class there is."""
    classes = [
        each.__name__
        for each in vars(defined).values()
        if inspect.isclass(each) and issubclass(each, nn.Module) and each.__module__ == defined.__name__
    ]
    name = spec.name or (classes[0] if len(classes) == 1 else None)
    maker = getattr(defined, name, None) if name else None
    if name is None and classes:
        raise _refused(f"{spec.file} defines {', '.join(classes)}; say which to train, like `{classes[-1]}`", _NAME)
    if name is None:
        raise _refused(f"{spec.file} defines no torch.nn.Module; if a function makes one, say which", _NAME)
    if not (inspect.isfunction(maker) or (inspect.isclass(maker) and issubclass(maker, nn.Module))):
        there = f"there is {', '.join(classes)}" if classes else "a function that returns one will do as well"
        raise _refused(f"{spec.file} defines no torch.nn.Module called {name}; {there}", _NAME)
    return maker


def _checked(module: object, spec: ModuleSpec) -> nn.Module:
    """`module`, if there is something in it that can learn."""
    if not isinstance(module, nn.Module):
        raise _refused(f"{spec.label} returns {type(module).__name__}, and a torch.nn.Module was expected", _NAME)
    weights = list(module.parameters())
    if any(isinstance(weight, UninitializedParameter) for weight in weights):
        raise _refused(f"{spec.label} has lazy layers, whose weights are not there yet; give them their sizes", _FILE)
    if not any(weight.requires_grad for weight in weights):
        raise _refused(f"{spec.label} has no weights that can learn", _FILE)
    return module.float()


def _refused(says: str, field: str) -> SpotterError:
    next_step = "Name the class, or a function that makes the module." if field == _NAME else MEND
    return SpotterError(Code.MODEL_INCOMPATIBLE, says, field=field, next_step=next_step)

"""From a module to a model that takes a batch and returns logits: its wiring is found once, and tried."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext

from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from trainer_core.errors import SpotterError
from trainer_core.models.data import Data
from trainer_core.wiring.aliases import fields_of
from trainer_core.wiring.resolve import Resolution, resolve
from trainer_core.wiring.signature import signature_of
from trainer_core.wiring.trial import Trial
from trainer_core.wiring.wired import Wired
from trainer_core.wiring.wiring import Wiring
from trainer_core.wiring.written import read, unclear


def wire(module: nn.Module, data: Data, said: Mapping[str, object] | None = None) -> Wired:
    """`module`, which need not know of Spotter, as a model for `data`. `said` is the spec's `wiring`.

    Raises CONFIG_INVALID for a wiring that names what is not there, MODEL_INCOMPATIBLE with a wiring to paste where it
    is not clear what feeds a parameter or where the logits are, and whatever the module raises itself.
    """
    fields, given = fields_of(data), read(said)
    forwards = {path: signature_of(submodule.forward) for path, submodule in module.named_modules()}
    found = resolve(forwards, fields, given)
    trial = Trial(module, forwards, fields, data, given)
    try:
        wiring = _settled(found, trial)
    except SpotterError:
        if (without := trial.brief().without_chain()) is None:
            raise
        wiring = _settled(without, trial)
    trial.run(wiring)
    return Wired(module, wiring, fields)


def _settled(found: Resolution, trial: Trial) -> Wiring:
    if found.problems:
        raise unclear(found.problems, found.wiring)
    shapes = trial.brief()
    try:
        wiring, returned = shapes.tried(found.wiring, FakeTensorMode(allow_non_fake_inputs=True))
    except Exception:  # what cannot be followed without numbers; or it is wrong, and then it says so better with them
        wiring, returned = trial.tried(found.wiring, nullcontext())
        return trial.confirmed(wiring, returned)
    return shapes.confirmed(wiring, returned)

"""What a module returns, whatever it is wrapped in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass

import torch
from torch import Tensor

from trainer_core.wiring.wiring import Take

_LOGITS = "logits"


def taken(output: object, take: Take) -> object:
    """The part of `output` that `take` means. Raises LookupError or AttributeError if there is none."""
    if take is None:
        return output
    if isinstance(output, Mapping):
        return output[take]
    if isinstance(take, int) and isinstance(output, Sequence):
        return output[take]
    if not isinstance(output, Tensor):
        return getattr(output, str(take))
    raise LookupError("a tensor has no parts")


def parts(output: object) -> dict[Take, Tensor]:
    """The tensors in `output`, by what takes them."""
    named: Mapping[Take, object]
    if isinstance(output, Tensor):
        named = {None: output}
    elif isinstance(output, Mapping):
        named = {name: part for name, part in output.items() if isinstance(name, str)}
    elif isinstance(output, tuple) and hasattr(output, "_fields"):
        named = {name: getattr(output, name) for name in output._fields}
    elif isinstance(output, Sequence) and not isinstance(output, str):
        named = dict(enumerate(output))
    elif is_dataclass(output):
        named = {each.name: getattr(output, each.name) for each in fields(output)}
    else:
        named = {**getattr(output, "__dict__", {}), _LOGITS: getattr(output, _LOGITS, None)}
    return {take: part for take, part in named.items() if isinstance(part, Tensor)}


def only_tensor(output: object) -> list[Take]:
    """What takes the output of a submodule: one, unless it is not clear."""
    found = parts(output)
    floating = [take for take, part in found.items() if part.is_floating_point()]
    return ["output"] if "output" in floating else floating if len(floating) == 1 else list(found)


def logits_in(output: object, shape: torch.Size) -> list[Take]:
    """What takes the logits, of `shape`: one, unless it is not clear or there are none."""
    fitting = [take for take, part in parts(output).items() if part.shape == shape and part.is_floating_point()]
    return [_LOGITS] if _LOGITS in fitting else fitting


def no_logits(output: object, shape: torch.Size, axes: str) -> str:
    """Why there are none of `shape` in `output`, as a sentence; `axes` is like `(batch, time, vocabulary)`."""
    found = parts(output)
    shapes = {tuple(part.shape) for part in found.values()}
    wanted = f"logits of shape {axes}, here {tuple(shape)}"
    if not found:
        return f"forward returns {_article(type(output).__name__)} without tensors in it, and {wanted} were expected"
    if shapes == {()}:
        return f"forward returns a loss only; it has to return {wanted}, from which Spotter works out the loss"
    hint = ""
    if (shape[0], *shape[:0:-1]) in shapes and len(shape) > 2:
        hint = "; swap the last two dimensions"
    elif (shape[:-1].numel(), shape[-1]) in shapes and len(shape) > 2:
        hint = "; leave batch and time apart"
    elif not any(part.is_floating_point() for part in found.values()):
        hint = "; whole numbers are no logits"
    return f"forward returns {' and '.join(map(str, sorted(shapes, key=str)))}, and {wanted} were expected{hint}"


def _article(name: str) -> str:
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"

"""Whether a submodule is called by `forward` itself, or has to be called outside of it, as the exported graph shows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind


@dataclass(frozen=True, slots=True)
class Seen:
    """What a graph shows of a `forward`."""

    used: frozenset[str]
    """Parameters that something is computed from."""
    called: frozenset[str]
    """Paths of the submodules that it calls, or whose weights it uses."""


def seen(module: nn.Module, placed: Mapping[str, object], named: Mapping[str, object]) -> Seen:
    """Trace the `forward` of `module` with arguments by place and by name, all by parameter.

    Raises whatever forward or torch.export raises.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is unsound in a program that is kept; this one is looked at only
        program = torch.export.export(module, tuple(placed.values()), dict(named), strict=False)
    users = {node.name: node.users for node in program.graph.nodes}
    inputs = program.graph_signature.input_specs
    alive = {spec.target for spec in inputs if spec.target and users.get(spec.arg.name)}
    told = (spec for spec in inputs if spec.kind is InputKind.USER_INPUT)
    used = (name for name, spec in zip(_flat({**placed, **named}), told, strict=True) if users.get(spec.arg.name))
    return Seen(used=frozenset(used), called=frozenset(_called(program) | _of_weights(module, alive)))


def _flat(arguments: Mapping[str, object]) -> list[str]:
    """The parameter of each input of the graph."""
    leaves = ((name, torch.utils._pytree.tree_leaves(value)) for name, value in arguments.items())
    return [name for name, found in leaves for _ in found]


def _called(program: ExportedProgram) -> set[str]:
    stacks = (node.meta.get("nn_module_stack", {}) for node in program.graph.nodes)
    return {path for stack in stacks for path, _ in stack.values()} - {""}


def _of_weights(module: nn.Module, alive: set[str]) -> set[str]:
    """Submodules that own a weight that is `alive`, and share it with no other."""
    owners: dict[int, set[str]] = {}
    for path, submodule in module.named_modules():
        for weight in submodule.parameters(recurse=False):
            owners.setdefault(id(weight), set()).add(path)
    shared = {id(weight): len(owners[id(weight)]) > 1 for weight in module.parameters()}
    named = dict(module.named_parameters(remove_duplicate=False))
    own = [name for name in alive if name in named and not shared[id(named[name])]]
    return {path for name in own for path in _above(name)}


def _above(name: str) -> list[str]:
    """The paths of the submodules that a weight is below: `a.b` and `a` for `a.b.weight`."""
    steps = name.split(".")[:-1]
    return [".".join(steps[: count + 1]) for count in range(len(steps))]

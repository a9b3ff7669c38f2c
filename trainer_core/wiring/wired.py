"""A module of any signature as a model: fields in by name, logits out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainer_core.errors import Code, SpotterError
from trainer_core.wiring.aliases import Fields
from trainer_core.wiring.example import places, sees_what_was
from trainer_core.wiring.outputs import taken
from trainer_core.wiring.signature import signature_of
from trainer_core.wiring.wiring import Batch, Call, Const, Drop, Each, Source, Wiring


class Wired(nn.Module):
    """`module`, fed as `wiring` says."""

    def __init__(self, module: nn.Module, wiring: Wiring, fields: Fields) -> None:
        super().__init__()
        self.module = module
        self.wiring = wiring
        self._fields = fields
        self._reach = wiring.fields()
        self._signatures = {path: signature_of(module.get_submodule(path).forward) for path in ("", *wiring.calls)}

    def forward(self, **fields: Tensor) -> Tensor:
        """Logits, as the module returns them. Raises MODEL_INCOMPATIBLE if it cannot keep documents apart."""
        if "attention_mask" in fields and "attention_mask" not in self._reach:
            raise SpotterError(
                Code.MODEL_INCOMPATIBLE,
                "documents are kept apart by an attention_mask, and the module's forward takes none",
                field="data.attend",
                next_step="Set data.attend to `stream`, or give forward the parameter attention_mask.",
            )
        returned: dict[str, object] = {}
        for path in self.wiring.calls:
            returned[path] = self.called(path, fields, returned)
        logits = taken(self.called("", fields, returned), self.wiring.output)
        assert isinstance(logits, Tensor), "the wiring was tried"
        return logits

    def called(self, path: str, fields: Mapping[str, Tensor], returned: Mapping[str, object]) -> object:
        """What the submodule at `path` returns, the module itself at the empty path.

        `returned` has the outputs of those that it needs.
        """
        placed, named = self.arguments(path, fields, returned)
        return self.module.get_submodule(path)(*placed.values(), **named)

    def arguments(
        self, path: str, fields: Mapping[str, Tensor], returned: Mapping[str, object]
    ) -> tuple[dict[str, object], dict[str, object]]:
        """What the `forward` of the one at `path` is given by place, and by name; both by parameter."""
        signature, inputs = self._signatures[path], self.wiring.of(path)

        def value(source: Source, default: object = None) -> object:
            match source:
                case Batch(field) if field in fields:
                    return fields[field]
                case Batch(field):
                    return _stand_in(field, fields[self._fields.main], self._fields.apart)
                case Const(const):
                    return const
                case Call(module, take):
                    return taken(returned[module], take)
                case Drop():
                    return default

        placed: dict[str, object] = {}
        named: dict[str, object] = {}
        for parameter in signature.parameters:
            source = inputs[parameter.name]
            assert not isinstance(source, Each), "only *args takes several"
            if not parameter.required and self._is_not_brought(source, fields):
                source = Drop()
            side = placed if parameter.by_place else named
            side[parameter.name] = value(source, parameter.default)
        for name in inputs.keys() - {parameter.name for parameter in signature.parameters}:
            source = inputs[name]
            if isinstance(source, Each):
                placed |= {f"{name}[{place}]": value(each) for place, each in enumerate(source.sources)}
            else:
                named[name] = value(source)
        return placed, named

    def _is_not_brought(self, source: Source, fields: Mapping[str, Tensor]) -> bool:
        return isinstance(source, Batch) and source.field in self._fields.sometimes and source.field not in fields


def _stand_in(field: str, main: Tensor, apart: bool) -> Tensor:
    """What a field that the batch does not bring holds: nothing masked, one segment, places from 0.

    The targets are any that are possible: a loss that the module makes of them is not used.
    """
    match field:
        case "attention_mask":
            return sees_what_was(main) if apart else torch.ones_like(main)
        case "position_ids":
            return places(main)
        case "token_type_ids":
            return torch.zeros_like(main)
        case "targets":
            return main if main.ndim == 2 else main.new_zeros(len(main), dtype=torch.long)
    raise AssertionError(f"no batch has the field {field}")

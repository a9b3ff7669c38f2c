"""`spotter models`: what there is to train, how large it gets, what it can do, and what lies in approved folders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from rich.table import Table
from rich.text import Text

from bot.runs.offers import about_parameters
from trainer_core.models.families import FAMILIES, Capability, Known
from trainer_core.models.sizes import SIZES
from trainer_core.models.specs import FOLDER, Family, Size

_LEARNS_FROM = {"text": "text", "images": "pictures"}


def models_table(modules: Sequence[str], folders: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "learns from", "sizes, with their parameters", "can"):
        table.add_column(heading, no_wrap=heading == "model")
    for family, known in FAMILIES.items():
        learns_from = ", ".join(_LEARNS_FROM[kind] for kind in known.learns_from)
        what = Text(family, style="bold").append(f"\n{known.title}", style="dim")
        table.add_row(what, learns_from, _sizes(family), ", ".join(_in_order(known)))
    for option, names in (("--module", modules), ("--from", [f"{FOLDER}{name}" for name in folders])):
        if names:
            table.add_row(Text(option, style="bold"), "", Text("\n".join(names)), "")
    return table


def models_json(modules: Sequence[str], folders: Sequence[str]) -> dict[str, object]:
    """The same for programs; a size's parameters are None where nobody can tell in advance."""
    return {"models": _families(), "modules": list(modules), "folders": list(folders)}


def _families() -> list[dict[str, object]]:
    return [
        {
            "model": family,
            "title": known.title,
            "description": known.description,
            "learns_from": list(known.learns_from),
            "capabilities": _in_order(known),
            "sizes": _parameters(family) if known.sizes else {},
            "opens_with": known.library,
        }
        for family, known in FAMILIES.items()
    ]


def _in_order(known: Known) -> list[Capability]:
    return [capability for capability in get_args(Capability) if capability in known.capabilities]


def _parameters(family: Family) -> dict[Size, int | None]:
    return {size: about_parameters(family, size) for size in SIZES}


def _sizes(family: Family) -> str:
    if not FAMILIES[family].sizes:
        return "has its own"
    known = {size: count for size, count in _parameters(family).items() if count is not None}
    if not known:
        return "yours decides; the size is its recipe"
    return ", ".join(f"{size} {count / 1e6:.3g}M" for size, count in known.items()) + ", or depth=N"

"""What there is to train, one field a family. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.render import text
from bot.chat.render.embeds import Colour, Field, embed, listing
from bot.chat.render.message import Message
from bot.runs.offers import about_parameters
from trainer_core.models.families import FAMILIES
from trainer_core.models.sizes import SIZES
from trainer_core.models.specs import Family

_LISTED = 600
"""Characters of the list of files, or of folders."""


def models_card(modules: Sequence[str], folders: Sequence[str]) -> Message:
    """The families, and what lies in the folders that the owner approved."""
    fields = [
        Field(known.title, f"`model:{family}` {known.description}{_sizes(family)}", inline=False)
        for family, known in FAMILIES.items()
    ]
    for name, option, found in (("Modules here", "module", modules), ("Models here", "from", folders)):
        if found:
            lines = [text.code(f"{option}:{'folder:' if option == 'from' else ''}{one}") for one in found]
            fields.append(Field(name, listing(lines, _LISTED), inline=False))
    return Message(
        embed=embed(
            title="Models",
            colour=Colour.QUIET,
            description="For `/trainer train`. The sizes are tiny, mini, small and medium, or `depth=N` with N layers.",
            fields=fields,
        )
    )


def _sizes(family: Family) -> str:
    known = [(size, count) for size in SIZES if (count := about_parameters(family, size)) is not None]
    said = " · ".join(f"{size} {text.short(count)}" for size, count in known)
    return f"\n-# {said} parameters, about" if said else ""

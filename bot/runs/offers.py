"""The models there are to train, with about how large each is: what menus, tables and help show. Pure."""

from __future__ import annotations

import re

from trainer_core.models.families import FAMILIES
from trainer_core.models.picture_sizes import picture_parameters
from trainer_core.models.sizes import SIZES, parameters
from trainer_core.models.specs import Family, Size

_VOCABULARY = 4096
"""Tokens; the real vocabulary follows the text's size, so parameter counts told in advance are about."""
_CHARACTERS = 128
_CLASSES = 10
_DEPTH = re.compile(r"(?:d|de|dep|dept|depth=?)?\s*([1-9]|[1-5][0-9]|6[0-4])?")
_DEPTHS = ("depth=2", "depth=8", "depth=16")
"""What is offered while no number of layers is typed."""


def about_parameters(family: Family, size: Size) -> int | None:
    """Trainable numbers of that model, about; None where its size says nothing of that."""
    if not FAMILIES[family].sizes or family == "module":
        return None
    if family == "image-cnn":
        return picture_parameters(size, _CLASSES)
    return parameters(size, _CHARACTERS if family == "char-lstm" else _VOCABULARY, family)


def family_named(text: str | None) -> Family:
    """The family that `text` names; the one that texts get where nobody asks, if it names none."""
    return next((family for family in FAMILIES if family == text), "gpt2")


def sizes_for(typed: str) -> list[Size]:
    """What to offer of the dial while somebody types: its names, and the depth that was begun."""
    wanted = typed.strip().lower()
    named = [size for size in SIZES if wanted in size]
    depth = _DEPTH.fullmatch(wanted)
    if depth is None:
        return named
    return [*named, f"depth={depth[1]}"] if depth[1] else [*named, *_DEPTHS]

"""The dial: one word or number gives the shape of a model and the recipe that suits it. Needs no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from trainer_core.models.specs import (
    CharLSTMSpec,
    Family,
    ModelSpec,
    ModuleSpec,
    PretrainedSpec,
    Size,
    SizedSpec,
)

_HEAD = 64
"""Width of an attention head, and of a layer's share of the model's width."""
_RECURRENT_CONTEXT = 256
_UNKNOWN_RATE = 1e-3
"""A peak learning rate that most modules bear, however they are made."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What suits a model, where nobody asks for something else."""

    context: int
    """Tokens the model sees at once."""
    learning_rate: float
    """Peak learning rate of AdamW."""
    per_step: int
    """Tokens (or pictures) that a step learns from."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder-only transformer and its default recipe."""

    layers: int
    width: int
    heads: int
    context: int
    """Tokens the model sees at once."""
    learning_rate: float
    """Peak learning rate of AdamW."""
    tokens_per_step: int

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of {self.heads} heads")

    @property
    def recipe(self) -> Recipe:
        return Recipe(self.context, self.learning_rate, self.tokens_per_step)


SIZES: dict[Size, Shape] = {  # from small to large
    "tiny": Shape(layers=4, width=128, heads=4, context=128, learning_rate=3e-3, tokens_per_step=512),
    "mini": Shape(layers=4, width=256, heads=4, context=256, learning_rate=2e-3, tokens_per_step=1024),
    "small": Shape(layers=6, width=384, heads=6, context=256, learning_rate=1e-3, tokens_per_step=4096),
    "medium": Shape(layers=12, width=768, heads=12, context=512, learning_rate=6e-4, tokens_per_step=16384),
}


def shape_of(size: Size) -> Shape:
    """What the dial stands for. `depth=N` is 64 wide a layer, so that 6 and 12 have the shapes of small and medium."""
    if size in SIZES:
        return SIZES[size]
    layers = int(size.removeprefix("depth="))
    width = _HEAD * layers
    context = 256 if layers <= 6 else 512 if layers <= 12 else 1024
    return Shape(
        layers=layers,
        width=width,
        heads=layers,
        context=context,
        learning_rate=min(3e-3, round(6e-4 * 768 / width, 6)),
        tokens_per_step=context * max(4, min(512, 2 ** math.ceil(math.log2(layers * layers / 4)))),
    )


def recipe_of(spec: SizedSpec) -> Recipe:
    """What suits a model of a size that learns from text."""
    match spec:
        case CharLSTMSpec():
            return recurrent_of(spec.size).recipe
        case ModuleSpec():
            suits = shape_of(spec.size).recipe
            return replace(suits, learning_rate=min(suits.learning_rate, _UNKNOWN_RATE))
        case _:
            return shape_of(spec.size).recipe


@dataclass(frozen=True, slots=True)
class Recurrent:
    """A recurrent network and its default recipe."""

    layers: int
    width: int
    recipe: Recipe


def recurrent_of(size: Size) -> Recurrent:
    """What the dial stands for where layers read a text one character after the other.

    As wide as the transformer of that size, and much less deep: beyond three layers, recurrent networks gain little.
    """
    shape = shape_of(size)
    rate = min(8e-3, round(8e-3 * 128 / shape.width, 6))
    recipe = Recipe(_RECURRENT_CONTEXT, rate, 2 * shape.tokens_per_step)
    return Recurrent(min(3, math.ceil(shape.layers / 4) + 1), shape.width, recipe)


def next_smaller(size: Size) -> Size | None:
    """A smaller size than `size`; None for the smallest."""
    if size in SIZES:
        sizes = list(SIZES)
        place = sizes.index(size)
        return sizes[place - 1] if place else None
    layers = shape_of(size).layers
    return f"depth={layers * 2 // 3}" if layers > 1 else None


def what_fits(spec: ModelSpec, micro_batch: int) -> str:
    """What to do when a run of this model and micro-batch (sequences) had too little memory, as a sentence.

    First a smaller size, which a person can choose anywhere; then the micro-batch, as far as halving can tell.
    """
    smaller = None if isinstance(spec, PretrainedSpec) else next_smaller(spec.size)
    advice = f"Choose the size {smaller}" if smaller else "Free some memory, or train on a machine with more"
    return f"{advice}; a micro-batch of about {micro_batch // 2} would fit." if micro_batch > 1 else f"{advice}."


def inner_width(width: int) -> int:
    """Of a SwiGLU: its three matrices then have about as many numbers as two of four times the width."""
    return 64 * math.ceil(width * 8 / 3 / 64)


def parameters(size: Size, vocabulary: int, family: Family = "gpt2") -> int | None:
    """Number of trainable numbers; the output layer shares the token embedding's. None where the dial does not tell."""
    shape = shape_of(size)
    width = shape.width
    match family:
        case "gpt2":
            return (vocabulary + shape.context) * width + shape.layers * (12 * width * width + 13 * width) + 2 * width
        case "llama" | "qwen":
            norms = 2 * width + (2 * width // shape.heads if family == "qwen" else 0)
            block = 4 * width * width + 3 * width * inner_width(width) + norms
            return vocabulary * width + shape.layers * block + width
        case "char-lstm":
            return vocabulary * (width + 1) + recurrent_of(size).layers * (8 * width * width + 8 * width)
        case _:
            return None

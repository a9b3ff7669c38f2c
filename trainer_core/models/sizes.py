"""The sizes on offer: one dial gives the shape of the model and the recipe that suits it. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from trainer_core.spec import Size


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


SIZES: dict[Size, Shape] = {  # from small to large
    "tiny": Shape(layers=4, width=128, heads=4, context=128, learning_rate=3e-3, tokens_per_step=512),
    "mini": Shape(layers=4, width=256, heads=4, context=256, learning_rate=2e-3, tokens_per_step=1024),
    "small": Shape(layers=6, width=384, heads=6, context=256, learning_rate=1e-3, tokens_per_step=4096),
    "medium": Shape(layers=12, width=768, heads=12, context=512, learning_rate=6e-4, tokens_per_step=16384),
}


def next_smaller(size: Size) -> Size | None:
    """The size below `size`; None for the smallest."""
    sizes = list(SIZES)
    place = sizes.index(size)
    return sizes[place - 1] if place else None


def what_fits(size: Size, micro_batch: int) -> str:
    """What to do when a run of this size and micro-batch (sequences) had too little memory, as a sentence.

    First the next smaller size, which a person can choose anywhere; then the micro-batch, as far as halving can tell.
    """
    smaller = next_smaller(size)
    advice = f"Choose the size {smaller}" if smaller else "Free some memory, or train on a machine with more"
    return f"{advice}; a micro-batch of about {micro_batch // 2} would fit." if micro_batch > 1 else f"{advice}."


def parameters(size: Size, vocabulary: int) -> int:
    """Number of trainable numbers in a GPT-2 of this size; the output layer shares the token embedding's."""
    shape = SIZES[size]
    width = shape.width
    block = 12 * width * width + 13 * width
    return (vocabulary + shape.context) * width + shape.layers * block + 2 * width

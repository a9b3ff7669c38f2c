"""The dial for classifiers of pictures: one word or number gives the shape of the network. Needs no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainer_core.models.sizes import Recipe, shape_of
from trainer_core.models.specs import ModelSpec, PretrainedSpec, Size

_THINNER = 8
"""A transformer of the same place on the dial is so many times as wide as the first stage."""
_STAGES = 4
_RATE = 0.02
"""Learning rate of a network of one channel: of wider ones the weights are smaller."""
_SMALL, _LARGE = 64, 128
"""Pixels that pictures are scaled down to, where nobody asks for another side."""
_LARGE_FROM = 6
"""Blocks from which a network makes use of more pixels."""
_MAP = 32
"""Places, high and wide, that the blocks look at, about."""


@dataclass(frozen=True, slots=True)
class PictureShape:
    """A residual network (He et al. 2016) in stages: each has half as many places, high and wide, as the one before,
    and twice as many channels.
    """

    blocks: tuple[int, ...]
    """In each stage."""
    width: int
    """Channels of the first stage."""
    largest_side: int
    """Pixels that larger pictures are scaled down to, where nobody asks for another side."""
    recipe: Recipe


def picture_shape(size: Size) -> PictureShape:
    """What the dial stands for."""
    shape = shape_of(size)
    layers = shape.layers
    stages, width = min(_STAGES, layers), shape.width // _THINNER
    return PictureShape(
        blocks=tuple((layers + stage) // stages for stage in range(stages)),
        width=width,
        largest_side=_LARGE if layers >= _LARGE_FROM else _SMALL,
        recipe=Recipe(context=1, learning_rate=round(_RATE / math.sqrt(width), 5), per_step=64),
    )


def picture_recipe(spec: ModelSpec) -> Recipe:
    """What suits a model of pictures, whatever its family."""
    return picture_shape("tiny" if isinstance(spec, PretrainedSpec) else spec.size).recipe


def stem_stride(side: int) -> int:
    """By how much the first layer shrinks pictures of `side` pixels, so that every side costs about the same."""
    return max(1, round(side / _MAP))


def picture_parameters(size: Size, classes: int, channels: int = 3, side: int = 32) -> int:
    """Number of trainable numbers in a network of this size."""
    shape = picture_shape(size)

    def convolution(narrow: int, wide: int, kernel: int) -> int:
        return wide * (narrow * kernel * kernel + 2)

    before = shape.width
    total = convolution(channels, before, stem_kernel(stem_stride(side)))
    for stage, blocks in enumerate(shape.blocks):
        width = shape.width * 2**stage
        for _ in range(blocks):
            total += convolution(before, width, 3) + convolution(width, width, 3)
            total += convolution(before, width, 1) if before != width else 0
            before = width
    return total + (before + 1) * classes


def stem_kernel(stride: int) -> int:
    """Pixels that the first layer looks at, high and wide: neighbouring views overlap."""
    return 2 * stride + 1

"""The dial for classifiers of pictures: one word or number gives the shape of the network. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Iterator
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
    last = shape.width << (len(shape.blocks) - 1)
    return sum(layer.weights + 2 * layer.wide for layer in _convolutions(shape, channels, side)) + (last + 1) * classes


def multiplications(size: Size, channels: int, side: int) -> int:
    """Products of numbers that it takes to look at one picture."""
    return sum(layer.weights * layer.places for layer in _convolutions(picture_shape(size), channels, side))


@dataclass(frozen=True, slots=True)
class _Convolution:
    narrow: int
    wide: int
    kernel: int
    across: int
    """Places, high and wide, that it looks at."""

    @property
    def weights(self) -> int:
        return self.wide * self.narrow * self.kernel * self.kernel

    @property
    def places(self) -> int:
        return self.across * self.across


def _convolutions(shape: PictureShape, channels: int, side: int) -> Iterator[_Convolution]:
    stride = stem_stride(side)
    across, before = -(-side // stride), shape.width
    yield _Convolution(channels, before, stem_kernel(stride), across)
    for stage, blocks in enumerate(shape.blocks):
        width = shape.width * 2**stage
        across = -(-across // 2) if stage else across
        for _ in range(blocks):
            yield _Convolution(before, width, 3, across)
            yield _Convolution(width, width, 3, across)
            if before != width:
                yield _Convolution(before, width, 1, across)
            before = width


def stem_kernel(stride: int) -> int:
    """Pixels that the first layer looks at, high and wide: neighbouring views overlap."""
    return 2 * stride + 1

"""The convolutional classifier: a residual network for pictures of any side and any number of classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer_core.models.data import PictureData
from trainer_core.models.picture_sizes import picture_shape, stem_kernel, stem_stride
from trainer_core.models.specs import ImageCNNSpec

_RELU_GAIN = math.sqrt(2 / (1 - 1 / math.pi))
"""Keeps the variance of a normal variable through a ReLU."""
_SHARE = 0.5
"""How much a block adds, where what it adds to has a variance of 1."""


class ImageCNN(nn.Module):
    """`pixel_values`, shape (batch, channels, height, width), to logits, shape (batch, classes).

    Without norm layers (Brock et al. 2021, "Characterizing signal propagation to close the performance gap in
    unnormalized ResNets"): the convolutions' weights are standardised instead. What a picture comes to does not depend
    on those beside it, so that a step is the same however it is cut into micro-batches.
    """

    def __init__(self, spec: ImageCNNSpec, data: PictureData) -> None:
        super().__init__()
        shape, stride = picture_shape(spec.size), stem_stride(data.side)
        self.stem = _Convolution(data.channels, shape.width, stem_kernel(stride), stride)
        blocks: list[nn.Module] = []
        width, variance = shape.width, 1.0
        for stage, count in enumerate(shape.blocks):
            wider = shape.width * 2**stage
            for place in range(count):
                block = _Block(width, wider, 2 if stage and not place else 1, variance)
                variance = (1.0 if block.is_bridge else variance) + _SHARE**2
                width = wider
                blocks.append(block)
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(spec.dropout)
        self.head = nn.Linear(width, len(data.classes))
        nn.init.normal_(self.head.weight, std=0.01)  # fresh weights take every class for about as likely
        nn.init.zeros_(self.head.bias)

    def forward(self, pixel_values: Tensor) -> Tensor:
        features = functional.relu(self.blocks(self.stem(pixel_values)))
        logits = self.head(self.dropout(features.mean(dim=(2, 3))))
        assert isinstance(logits, Tensor)
        return logits


class _Block(nn.Module):
    """Two convolutions beside a way around them, which has a convolution of its own where the shape changes."""

    def __init__(self, narrow: int, wide: int, stride: int, variance: float) -> None:
        """`variance` is that of what comes in, as expected of fresh weights."""
        super().__init__()
        self._scale = _RELU_GAIN / math.sqrt(variance)
        self.is_bridge = narrow != wide
        self.first = _Convolution(narrow, wide, 3, stride)
        self.second = _Convolution(wide, wide, 3, 1)
        if self.is_bridge:
            self.bridge = nn.Sequential(nn.AvgPool2d(stride, ceil_mode=True), _Convolution(narrow, wide, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        active = functional.relu(x) * self._scale
        around = self.bridge(active) if self.is_bridge else x
        added = self.second(functional.relu(self.first(active)) * _RELU_GAIN)
        return torch.add(around, added, alpha=_SHARE)


class _Convolution(nn.Module):
    """A convolution whose weights have mean 0 and variance 1 / inputs for each channel that comes out (scaled weight
    standardisation), times a gain that is learnt.
    """

    def __init__(self, narrow: int, wide: int, kernel: int, stride: int) -> None:
        super().__init__()
        self._inputs = narrow * kernel * kernel
        self.weight = nn.Parameter(torch.randn(wide, narrow, kernel, kernel) / math.sqrt(self._inputs))
        self.gain = nn.Parameter(torch.ones(wide))
        self.bias = nn.Parameter(torch.zeros(wide))
        self._stride, self._padding = stride, kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True)
        scale = self.gain[:, None, None, None] * torch.rsqrt(variance * self._inputs + 1e-4)
        return functional.conv2d(x, (self.weight - mean) * scale, self.bias, self._stride, self._padding)


def build_cnn(spec: ImageCNNSpec, data: PictureData) -> ImageCNN:
    """The classifier with fresh weights."""
    return ImageCNN(spec, data)

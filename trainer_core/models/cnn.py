"""The convolutional classifier: a residual network for pictures of any side and any number of classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer_core.models.data import PictureData
from trainer_core.models.picture_sizes import picture_shape, stem_kernel, stem_stride
from trainer_core.models.specs import ImageCNNSpec

_GROUP = 8
"""Channels that are normed together."""


class ImageCNN(nn.Module):
    """`pixel_values`, shape (batch, channels, height, width), to logits, shape (batch, classes).

    Group norm (Wu & He 2018) in place of batch norm: what a picture comes to does not depend on those beside it, so
    that a step is the same however it is cut into micro-batches.
    """

    def __init__(self, spec: ImageCNNSpec, data: PictureData) -> None:
        super().__init__()
        shape, stride = picture_shape(spec.size), stem_stride(data.side)
        self.stem = _convolution(data.channels, shape.width, stem_kernel(stride), stride)
        blocks: list[nn.Module] = []
        width = shape.width
        for stage, count in enumerate(shape.blocks):
            wider = shape.width * 2**stage
            for place in range(count):
                blocks.append(_Block(width, wider, stride=2 if stage and not place else 1))
                width = wider
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(spec.dropout)
        self.head = nn.Linear(width, len(data.classes))
        nn.init.normal_(self.head.weight, std=0.01)  # fresh weights take every class for about as likely
        nn.init.zeros_(self.head.bias)

    def forward(self, pixel_values: Tensor) -> Tensor:
        features = self.blocks(torch.relu(self.stem(pixel_values)))
        logits = self.head(self.dropout(features.mean(dim=(2, 3))))
        assert isinstance(logits, Tensor)
        return logits


class _Block(nn.Module):
    """Two convolutions beside a way around them."""

    def __init__(self, narrow: int, wide: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(narrow, wide, 3, stride)
        self.second = _convolution(wide, wide, 3, 1)
        around = [nn.AvgPool2d(stride, ceil_mode=True)] if stride > 1 else []
        project = [nn.Conv2d(narrow, wide, 1, bias=False)] if narrow != wide else []
        self.around = nn.Sequential(*around, *project)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.around(x) + self.second(torch.relu(self.first(x))))


def _convolution(narrow: int, wide: int, kernel: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(narrow, wide, kernel, stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.GroupNorm(max(1, wide // _GROUP), wide))


def build_cnn(spec: ImageCNNSpec, data: PictureData) -> ImageCNN:
    """The classifier with fresh weights."""
    return ImageCNN(spec, data)

"""One picture file as an array: any size and colour mode, brought to one square size and one number of channels."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Channels = Literal[1, 3]
"""Grey, or red, green and blue."""

GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "F")
"""Colour modes, as Pillow calls them, of pictures that have no colours."""

_BEHIND = 128
"""What is around a picture that is not square, and behind one that is transparent: black and white show on it alike."""
_WHITE = {"I": 65_535.0, "I;16": 65_535.0, "I;16B": 65_535.0, "I;16L": 65_535.0, "I;16N": 65_535.0, "F": 1.0}
"""What the lightest level is, by the colour mode: how light a picture is does not depend on what is in it."""


def shorter_side(data: bytes) -> int:
    """Pixels, from the beginning of the file. Raises ValueError if it is no picture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            return min(picture.size)
    except Exception as error:  # whatever a decoder makes of bytes that are no picture
        raise ValueError("not a picture") from error


def decoded(data: bytes, channels: Channels) -> Image:
    """The picture in a file's `data`, upright and as large as it is; of an animation, its first.

    Raises ValueError if it is no picture.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as picture:
                return _flattened(ImageOps.exif_transpose(picture), channels)
    except MemoryError:
        raise
    except Exception as error:  # whatever a decoder makes of bytes that are no picture
        raise ValueError("not a picture") from error


def squared(picture: Image, side: int) -> NDArray[np.uint8]:
    """What `decoded` returned, shape (channels, side, side).

    All of it is there and nothing is stretched: one that is not square has grey bars.
    """
    from PIL import Image, ImageOps

    channels = len(picture.getbands())
    behind = _BEHIND if channels == 1 else (_BEHIND,) * channels
    square = ImageOps.pad(picture, (side, side), Image.Resampling.BILINEAR, color=behind)
    return np.asarray(square, np.uint8).reshape(side, side, channels).transpose(2, 0, 1)


def pixels(data: bytes, side: int, channels: Channels) -> NDArray[np.uint8]:
    """The picture in a file's `data`, shape (channels, side, side). Raises ValueError if it is no picture."""
    return squared(decoded(data, channels), side)


def moved(picture: NDArray[np.uint8], chance: np.random.Generator, *, mirrors: bool) -> NDArray[np.uint8]:
    """The picture, shape (channels, side, side), moved by up to an eighth of its side; what comes in is as its edge is.

    Every other one is mirrored, too, if `mirrors`.
    """
    reach = picture.shape[1] // 8
    down, across = chance.integers(2 * reach + 1, size=2)
    wider = np.pad(picture, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    cut = wider[:, down : down + picture.shape[1], across : across + picture.shape[2]]
    return cut[:, :, ::-1] if mirrors and chance.random() < 0.5 else cut


def _flattened(picture: Image, channels: Channels) -> Image:
    """Without transparency and palette, 8 bits a channel."""
    from PIL import Image

    mode = "L" if channels == 1 else "RGB"
    if (white := _WHITE.get(picture.mode)) is not None:  # Pillow would clip them
        levels = np.nan_to_num(np.asarray(picture, np.float32)) * (255 / white)
        return Image.fromarray(levels.clip(0, 255).round().astype(np.uint8)).convert(mode)
    if picture.has_transparency_data:
        behind = Image.new("RGBA", picture.size, (_BEHIND, _BEHIND, _BEHIND, 255))
        return Image.alpha_composite(behind, picture.convert("RGBA")).convert(mode)
    return picture.convert(mode)

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
_DEEP = 257
"""Between a level of 16 bits and one of 8."""


def shorter_side(data: bytes) -> int:
    """Pixels, from the beginning of the file. Raises ValueError if it is no picture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            return min(picture.size)
    except Exception as error:  # whatever a decoder makes of bytes that are no picture
        raise ValueError("not a picture") from error


def pixels(data: bytes, side: int, channels: Channels) -> NDArray[np.uint8]:
    """The picture in a file's `data`, shape (channels, side, side); of an animation, its first.

    All of it is there and nothing is stretched: one that is not square has grey bars. Raises ValueError if it is no
    picture.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as picture:
                picture.draft(
                    "L" if channels == 1 else "RGB", (side, side)
                )  # a JPEG is decoded near the size asked for
                flat = _flattened(ImageOps.exif_transpose(picture), channels)
    except MemoryError:
        raise
    except Exception as error:  # whatever a decoder makes of bytes that are no picture
        raise ValueError("not a picture") from error
    behind = _BEHIND if channels == 1 else (_BEHIND,) * 3
    square = ImageOps.pad(flat, (side, side), Image.Resampling.BILINEAR, color=behind)
    return np.asarray(square, np.uint8).reshape(side, side, channels).transpose(2, 0, 1)


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
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        levels = np.asarray(picture, np.float32)
        if levels.max(initial=0) > 255:  # Pillow would clip them
            levels /= _DEEP
        return Image.fromarray(levels.clip(0, 255).astype(np.uint8)).convert(mode)
    if picture.has_transparency_data:
        behind = Image.new("RGBA", picture.size, (_BEHIND, _BEHIND, _BEHIND, 255))
        return Image.alpha_composite(behind, picture.convert("RGBA")).convert(mode)
    return picture.convert(mode)

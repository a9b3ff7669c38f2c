from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from trainer_core.data.pixels import moved, pixels, shorter_side


class Always(np.random.Generator):
    """Draws the same integer every time, and 0 for a fraction."""

    def __init__(self, drawn: int) -> None:
        super().__init__(np.random.PCG64(0))
        self._drawn = drawn

    def integers(self, *_: object, size: int, **__: object) -> tuple[int, ...]:  # type: ignore[override]  # as used
        return (self._drawn,) * size

    def random(self, *_: object) -> float:  # type: ignore[override]  # as used
        return 0.0


def saved(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_colour_mode_comes_to_the_same_shape(mode: str, channels: int) -> None:
    format = "JPEG" if mode == "CMYK" else "PNG"
    data = saved(Image.new(mode, (9, 5), 1 if mode == "1" else 0), format)
    made = pixels(data, 16, 3 if channels == 3 else 1)
    assert made.shape == (channels, 16, 16) and made.dtype == np.uint8


def test_a_picture_that_is_not_square_keeps_its_proportions() -> None:
    made = pixels(saved(Image.new("L", (20, 10), 255)), 8, 1)[0]
    assert (made[2:6] == 255).all(), "all of it is there"
    assert (made[[0, 7]] == 128).all(), "with bars above and below"


@pytest.mark.parametrize("shade", [0, 255])
def test_what_is_transparent_hides_neither_black_nor_white(shade: int) -> None:
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    picture.paste((shade, shade, shade, 255), (0, 0, 4, 8))
    made = pixels(saved(picture), 8, 3)
    assert (made[:, :, 1] == shade).all() and (made[:, :, 6] == 128).all()


def test_a_palette_with_transparency_is_flattened() -> None:
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([255, 0, 0, 0, 255, 0])
    made = pixels(saved(picture, transparency=0), 8, 3)
    assert (made == 128).all()


def test_sixteen_bits_are_not_clipped() -> None:
    levels = np.repeat(np.asarray([[0, 32_896, 65_535]], np.uint16), 3, axis=0)
    assert pixels(saved(Image.fromarray(levels)), 3, 1)[0, 1].tolist() == [0, 128, 255]


def test_how_light_a_picture_is_follows_from_its_mode_and_not_from_what_is_in_it() -> None:
    dark = np.full((3, 3), 200, np.uint16)
    assert (pixels(saved(Image.fromarray(dark)), 3, 1) == 1).all(), "200 of 65,535"
    shares = np.asarray([[0.0, 0.5, 1.0], [-1.0, 1.2, np.nan], [0.25, 0.25, 0.25]], np.float32)
    made = pixels(saved(Image.fromarray(shares), "TIFF"), 3, 1)[0]
    assert made.tolist() == [[0, 128, 255], [0, 255, 0], [64, 64, 64]]


def test_a_photograph_stands_as_it_was_held() -> None:
    picture = Image.new("L", (8, 8), 0)
    picture.paste(255, (0, 0, 8, 4))
    turned = Image.Exif()
    turned[0x0112] = 3
    made = pixels(saved(picture, exif=turned), 8, 1)[0]
    assert made[0, 0] == 0 and made[7, 7] == 255


def test_the_first_picture_of_an_animation_counts() -> None:
    first, second = Image.new("L", (6, 6), 10), Image.new("L", (6, 6), 200)
    data = saved(first, "GIF", save_all=True, append_images=[second])
    assert (pixels(data, 6, 1) == 10).all()


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n nothing", saved(Image.new("L", (64, 64)))[:60]])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a picture"):
        pixels(data, 8, 1)


def test_a_picture_is_moved_a_little_and_mirrored_if_asked() -> None:
    picture = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    still, seen = moved(picture, Always(2), mirrors=False), moved(picture, Always(4), mirrors=False)
    assert (still == picture).all()
    assert (seen[0, :14, :14] == picture[0, 2:, 2:]).all() and (seen[0, 14:, :14] == picture[0, 15, 2:]).all()
    assert (moved(picture, Always(2), mirrors=True) == picture[:, :, ::-1]).all()


def test_the_shorter_side() -> None:
    assert shorter_side(saved(Image.new("L", (20, 10)))) == 10
    with pytest.raises(ValueError, match="not a picture"):
        shorter_side(b"nothing")

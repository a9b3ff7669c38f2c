"""Pictures of three patterns, which the smallest network tells apart after a few steps."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np
from PIL import Image

from tests.trainer_core.data.adding import add_file
from trainer_core.data.card import DatasetCard
from trainer_core.files.layout import Home

PATTERNS = ("bars", "checks", "rows")
EACH = dict.fromkeys(PATTERNS, 12)


def patterns(counts: Mapping[str, int] = EACH, side: int = 12) -> dict[str, bytes]:
    """PNGs by name, so many of each pattern, no two alike."""
    chance = np.random.default_rng(0)
    files = {}
    for name, count in counts.items():
        for number in range(count):
            down, across = np.indices((side, side)) // 2 + chance.integers(2)
            light = {"bars": across, "checks": down + across, "rows": down}[name] % 2
            levels = 60 + 120 * light[..., None] + chance.integers(0, 60, (side, side, 3))
            files[f"patterns/{name}/{number}.png"] = png(levels.astype(np.uint8))
    return files


def png(levels: np.ndarray) -> bytes:
    """Of uint8 levels, shape (height, width) or (height, width, channels)."""
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    return file.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    return archive.getvalue()


def add_pictures(home: Home, files: Mapping[str, bytes] | None = None) -> DatasetCard:
    """The card of the data set `patterns` that a zip of the files becomes."""
    return add_file(home, "patterns.zip", zipped(patterns() if files is None else files))

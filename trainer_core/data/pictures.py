"""A data set of pictures as one flat file of pixels, mapped into memory.

`pixels.bin` holds every picture, brought to one size; `labels.bin` the class of each, `keys.bin` what is the same for
pictures that were the same before that; `meta.json` says how to read them. All of it is written once for a size, and
shared between runs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from trainer_core.attended import Told, unheard
from trainer_core.data.card import DatasetCard
from trainer_core.data.intake.images import FOLDER
from trainer_core.data.pixels import GREY, Channels, decoded, shorter_side, squared
from trainer_core.errors import Code, SpotterError
from trainer_core.files.folders import new_folder

if TYPE_CHECKING:
    from PIL.Image import Image

SMALLEST = 8
"""Pixels: smaller pictures are enlarged."""
_AT_ONCE = 64
"""Pictures that are decoded between two words on how far it is."""
_LOOKED_AT = 256
"""Pictures whose size decides."""
_PIXELS, _LABELS, _KEYS, _META = "pixels.bin", "labels.bin", "keys.bin", "meta.json"


class PicturesMeta(BaseModel):
    """How to read the pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: Literal[1] = 1
    classes: tuple[str, ...]
    pictures: int = Field(ge=1)
    channels: Channels
    side: int = Field(ge=1)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Every picture of a data set, at one size."""

    pixels: NDArray[np.uint8]
    """Shape (pictures, channels, side, side)."""
    labels: NDArray[np.int64]
    """Places in `meta.classes`, shape (pictures,)."""
    keys: NDArray[np.uint64]
    """The same for pictures that were the same at their own size, at random otherwise, shape (pictures,)."""
    meta: PicturesMeta


def build_pictures(dataset: Path, card: DatasetCard, side: int | None, largest: int, told: Told = unheard) -> Pictures:
    """The pictures under the data set's folder at `side` pixels, decoded or found again.

    Without a `side` it is what most pictures have, `largest` at most. `told` hears how much of the work is done; what
    it raises ends the work, which leaves nothing. Raises CORPUS_UNREADABLE if pictures are gone or others, OSError.
    """
    images = card.images
    assert images is not None, "the card of a data set of pictures"
    channels: Channels = 1 if set(images.modes) <= set(GREY) else 3
    folder = dataset / "pictures" / _key(side, largest, channels)
    if (found := _open(folder)) is not None:
        return found
    files = [(label, file) for label, name in enumerate(images.classes) for file in _files(dataset, name)]
    if len(files) != sum(images.classes.values()):
        raise _changed(card)
    with suppress(FileExistsError), new_folder(folder, makes_way=_is_damaged) as aside:  # or another run wrote the same
        fits = side or _usual_side(card, [file for _, file in files], largest)
        meta = PicturesMeta(classes=tuple(images.classes), pictures=len(files), channels=channels, side=fits)
        _write(aside, card, files, meta, told)
    built = _open(folder)
    if built is None:
        raise OSError("the file of pixels changed while it was being written")
    return built


def _key(side: int | None, largest: int, channels: Channels) -> str:
    """What the pixels follow from; the pictures are the data set's, and never change."""
    size = f"{side}" if side else f"at most {largest}"
    return hashlib.sha256(f"pictures 2, {size}, {channels} channels".encode()).hexdigest()[:16]


def _files(dataset: Path, label: str) -> list[Path]:
    folder = dataset / FOLDER / label
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _usual_side(card: DatasetCard, files: Sequence[Path], largest: int) -> int:
    """The median of the shorter sides of some pictures, as far as it is sensible."""
    some = files[:: -(-len(files) // _LOOKED_AT)]
    try:
        median = int(np.median([shorter_side(file.read_bytes()) for file in some]))
    except ValueError as error:
        raise _changed(card) from error
    return max(SMALLEST, min(median, largest))


def _write(folder: Path, card: DatasetCard, files: Sequence[tuple[int, Path]], meta: PicturesMeta, told: Told) -> None:
    labels = np.asarray([label for label, _ in files], np.int64)
    keys = bytearray()
    with (folder / _PIXELS).open("wb") as stream:
        for done, (picture, key) in enumerate(_decoded(card, [file for _, file in files], meta), start=1):
            stream.write(picture.tobytes())
            keys += key
            if done % _AT_ONCE == 0:
                told(done / len(files))
    labels.tofile(folder / _LABELS)
    (folder / _KEYS).write_bytes(keys)
    (folder / _META).write_text(meta.model_dump_json(indent=2), encoding="utf-8")


def _decoded(card: DatasetCard, files: Sequence[Path], meta: PicturesMeta) -> Iterator[tuple[NDArray[np.uint8], bytes]]:
    """Each picture and its key, in order; several are decoded at once, which Pillow does outside of Python's lock."""

    def decode(file: Path) -> tuple[NDArray[np.uint8], bytes]:
        try:
            data = file.read_bytes()
            if not hashlib.sha256(data).hexdigest().startswith(file.stem):  # as taking it in named it
                raise _changed(card)
            picture = decoded(data, meta.channels)
            return squared(picture, meta.side), _key_of(picture)
        except (ValueError, FileNotFoundError) as error:
            raise _changed(card) from error

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(files), _AT_ONCE):
            yield from pool.map(decode, files[start : start + _AT_ONCE])


def _key_of(picture: Image) -> bytes:
    """Of the picture at its own size: what is held out is the same at whatever size a run sees it."""
    width, height = picture.size
    return hashlib.blake2b(picture.tobytes(), digest_size=8, salt=f"{width} {height}".encode()[:16]).digest()


def _changed(card: DatasetCard) -> SpotterError:
    return SpotterError(
        Code.CORPUS_UNREADABLE,
        f"pictures of {card.name} are gone or are not what they were",
        field="data.dataset",
        next_step="Take the data set away and add it again.",
    )


def _is_damaged(folder: Path) -> bool:
    return _open(folder) is None


def _open(folder: Path) -> Pictures | None:
    """The pictures in `folder`, or None if it does not hold a whole set."""
    try:
        meta = PicturesMeta.model_validate_json((folder / _META).read_bytes())
        shape = (meta.pictures, meta.channels, meta.side, meta.side)
        flat: NDArray[np.uint8] = np.memmap(folder / _PIXELS, np.uint8, mode="r")
        labels = np.fromfile(folder / _LABELS, np.int64)
        keys = np.fromfile(folder / _KEYS, np.uint64)
        whole = flat.reshape(shape)
    except (OSError, ValueError):
        return None
    if not len(labels) == len(keys) == meta.pictures or labels.max(initial=0) >= len(meta.classes):
        return None
    return Pictures(whole, labels, keys, meta)

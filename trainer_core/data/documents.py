"""The documents of a data set on disk: `documents.bin`, their UTF-8 one after the other, and `documents.idx`.

The index holds where each document starts, and where the last one ends (uint64). Both are read and written in pieces:
a document may be larger than memory.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from trainer_core.errors import Code, SpotterError

TEXT, INDEX = "documents.bin", "documents.idx"
PIECE = 2**20
"""Characters of text that are handled at once, about."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A document, or a part of a long one."""

    text: str
    begins: bool = True
    """Whether a document begins with it; otherwise it goes on with the one before."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place between two documents that are being written."""

    documents: int
    bytes: int
    hash: hashlib._Hash


class DocumentsWriter:
    """Writes both files into `folder`. They are whole once the block ends without an exception."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._offsets = array("Q")
        self.bytes = 0
        self.content = ""
        """SHA-256 of text and offsets, once written."""

    def __enter__(self) -> Self:
        self._file = (self._folder / TEXT).open("wb")
        return self

    def add(self, piece: Piece) -> None:
        """Raises OSError; UnicodeEncodeError if the text is none (half a surrogate pair)."""
        assert self._file is not None, "entered"
        data = piece.text.encode()
        if piece.begins or not self._offsets:
            self._offsets.append(self.bytes)
        self._file.write(data)
        self._hash.update(data)
        self.bytes += len(data)

    def mark(self) -> Mark:
        return Mark(len(self._offsets), self.bytes, self._hash.copy())

    def take_back(self, mark: Mark) -> None:
        """Forget what was added since `mark`: no other mark since then is of use. Raises OSError."""
        assert self._file is not None, "entered"
        self._file.seek(mark.bytes)
        self._file.truncate()
        del self._offsets[mark.documents :]
        self.bytes, self._hash = mark.bytes, mark.hash

    @property
    def documents(self) -> int:
        return len(self._offsets)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None, "entered"
        self._file.close()
        if error is None:
            offsets = np.asarray(self._offsets, dtype="<u8").tobytes() + self.bytes.to_bytes(8, "little")
            (self._folder / INDEX).write_bytes(offsets)
            self._hash.update(offsets)
            self.content = self._hash.hexdigest()


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents in a folder, as spans of bytes of one file."""

    path: Path
    """Of `documents.bin`."""
    offsets: NDArray[np.uint64]
    """Shape (documents + 1,)."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def bytes(self) -> int:
        return int(self.offsets[-1])

    def __iter__(self) -> Iterator[str]:
        """Each document as a whole. Raises OSError."""
        with self.path.open("rb") as file:
            for start, end in zip(self.offsets[:-1], self.offsets[1:], strict=True):
                yield file.read(int(end - start)).decode()


def open_documents(folder: Path, name: str) -> Documents:
    """The documents of the data set called `name`. Raises CORPUS_UNREADABLE if they are not whole."""
    try:
        offsets: NDArray[np.uint64] = np.fromfile(folder / INDEX, dtype="<u8")
        size = (folder / TEXT).stat().st_size
    except OSError as error:
        raise _unreadable(name, "is gone") from error
    if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != size or np.any(offsets[1:] < offsets[:-1]):
        raise _unreadable(name, "was changed")
    return Documents(folder / TEXT, offsets)


def _unreadable(name: str, what: str) -> SpotterError:
    return SpotterError(Code.CORPUS_UNREADABLE, f"the text of {name} {what}; add the file again", field="data.dataset")

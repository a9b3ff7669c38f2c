"""What files a source consists of, and their bytes, unpacked: a file, gzipped or not, a zip, a folder.

Nothing is ever written to disk under a name that came from outside, and nothing outside of the source is read: links
and names that lead elsewhere are refused, and what a source unpacks to is counted as it is unpacked.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from trainer_core.data.formats import GZIP, known_kind
from trainer_core.data.sources.readers.found import unreadable
from trainer_core.errors import Code, SpotterError

CHUNK = 2**20
"""Bytes that are read at once."""
MOST_FILES = 100_000
FOLDER = "folder"

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Of packing: those that unpack in pieces of a size that the reader says."""
_AGAIN = "Make the zip again, of plain files only."


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a source."""

    name: str
    """Inside its archive or folder, as it came from there; empty if the source is this one file."""
    kind: str | None
    """`csv`, `jsonl.gz`; None if the name does not tell one that can be read."""
    size: int
    """Bytes, as they will be read; gzip is unpacked after that."""
    open: Callable[[], IO[bytes]]
    packed: bool
    """Whether its bytes can only be read one after the other."""


class Meter:
    """Counts the bytes of a source as they are read, and what they unpack to."""

    def __init__(self, total: int | None, limit: int, advanced: Callable[[int, int | None], None]) -> None:
        self._total = total
        self._limit = limit
        self._advanced = advanced
        self._done = 0
        self._unpacked = 0

    def advance(self, size: int) -> None:
        self._done += size
        self._advanced(self._done if self._total is None else min(self._done, self._total), self._total)

    def unpack(self, size: int) -> None:
        """Raises CORPUS_TOO_LARGE."""
        self._unpacked += size
        refuse_larger(self._unpacked, self._limit)


def refuse_larger(size: int, limit: int) -> None:
    """Raises CORPUS_TOO_LARGE if `size` bytes are more than `limit`."""
    if size > limit:
        most = f"{limit / 2**30:.3g} GB" if limit >= 2**30 else f"{limit:,} bytes"
        raise SpotterError(
            Code.CORPUS_TOO_LARGE,
            f"has more than {most} of text, unpacked, which is the most that is taken in",
            field="file",
            next_step="Give a smaller part of it.",
        )


def chunks(member: Member, meter: Meter) -> Iterator[bytes]:
    """The file's bytes, unpacked, CHUNK at once but for the last ones.

    Raises CORPUS_UNREADABLE if they are damaged, CORPUS_TOO_LARGE, OSError.
    """
    try:
        with member.open() as file:
            counted = _Counted(file, meter)
            gzipped = (member.kind or "").endswith(GZIP)
            stream = gzip.GzipFile(fileobj=counted) if gzipped else counted
            while data := stream.read(CHUNK):
                meter.unpack(len(data))
                yield data
    except EOFError as error:
        raise unreadable("is cut off: its end is missing", "Give the whole file.") from error
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise unreadable("is damaged: it cannot be unpacked", "Pack it again, then give that file.") from error


class _Counted:
    """A file whose reading is counted."""

    def __init__(self, file: IO[bytes], meter: Meter) -> None:
        self._file = file
        self._meter = meter

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._meter.advance(len(data))
        return data

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int) -> int:
        raise OSError("is read forwards only")


@contextmanager
def opened(path: Path, kind: str) -> Iterator[tuple[Member, ...]]:
    """The files of a source of the kind that `kind_of` tells, or FOLDER; they can be opened until the block ends.

    Raises SpotterError for what leads out of it, is locked, or is packed in a way that cannot be read; OSError.
    """
    if kind == FOLDER:
        yield tuple(_in_folder(path))
    elif kind == "zip":
        with open_file(path) as file, _zip(file) as archive:
            yield tuple(_in_zip(archive))
    else:
        yield (Member("", kind, path.stat().st_size, partial(open_file, path), kind.endswith(GZIP)),)


def _nobody(_size: int) -> None:
    """Nobody has to be told."""


def digest(path: Path, kind: str, read: Callable[[int], None] = _nobody) -> tuple[str, int]:
    """SHA-256 and bytes of a source: of the file, or of the names and bytes of a folder's files.

    `read` is told the bytes of each piece that was read. Raises OSError.
    """
    if kind != FOLDER:
        return _digest(path, read).hexdigest(), path.stat().st_size
    total, size = hashlib.sha256(), 0
    for member in _in_folder(path):
        name = os.fsencode(member.name)
        total.update(b"%d %b %b" % (len(name), name, _digest(path / member.name, read).digest()))
        size += member.size
    return total.hexdigest(), size


def _digest(path: Path, read: Callable[[int], None]) -> hashlib._Hash:
    total = hashlib.sha256()
    with open_file(path) as file:
        while data := file.read(CHUNK):
            total.update(data)
            read(len(data))
    return total


def open_file(path: Path) -> io.BufferedReader:
    """Raises OSError, also if the name is a link by now."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def _zip(file: IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise unreadable("is no zip, or a damaged one", _AGAIN) from error


def _in_zip(archive: zipfile.ZipFile) -> Iterator[Member]:
    infos = archive.infolist()
    _refuse_many(len(infos))
    for info in infos:
        if info.header_offset < 0:  # which zipfile would look for before the file's beginning
            raise unreadable("is a damaged zip", _AGAIN)
        shown = printable(info.filename)
        parts = re.split(r"[/\\]", info.orig_filename)
        if parts[0] == "" or ".." in parts or re.match(r"[A-Za-z]:", parts[0]):
            raise unreadable(f"holds a name that leads out of it ({shown})", _AGAIN)
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise unreadable(f"holds a link, or another special file ({shown})", _AGAIN)
        if info.is_dir() or _is_hidden(parts):
            continue
        if info.flag_bits & 1:
            raise unreadable(f"is locked with a password ({shown})", "Make the zip again without a password.")
        if info.filename.lower().endswith(".zip"):
            raise unreadable(f"holds another zip ({shown})", "Unpack the inner one first, then make the zip again.")
        if info.compress_type not in _METHODS:
            raise unreadable(f"holds a file that is packed in a rare way ({shown})", "Make the zip again with Deflate.")
        yield Member(info.filename, known_kind(info.filename), info.file_size, partial(archive.open, info), packed=True)


def _in_folder(folder: Path) -> Iterator[Member]:
    count = 0
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not _is_hidden([name]))
        for name in [*folders, *sorted(name for name in files if not _is_hidden([name]))]:
            path = Path(parent, name)
            within = str(path.relative_to(folder))
            if path.is_symlink():
                raise unreadable(f"holds a link ({printable(within)})", "Put a copy in its place, or remove it.")
            if path.is_file():
                count += 1
                _refuse_many(count)
                kind = known_kind(name)
                yield Member(within, kind, path.stat().st_size, partial(open_file, path), (kind or "").endswith(GZIP))


def _is_hidden(parts: list[str]) -> bool:
    """Whether it is what systems leave beside a person's files."""
    return parts[0] == "__MACOSX" or any(part.startswith(".") and part != "." for part in parts)


def _refuse(error: OSError) -> None:
    raise error


def _refuse_many(files: int) -> None:
    if files > MOST_FILES:
        raise SpotterError(
            Code.CORPUS_TOO_LARGE,
            f"has more than {MOST_FILES:,} files",
            field="file",
            next_step="Put the texts into fewer files: one .jsonl with a text a line, say.",
        )


def printable(name: str) -> str:
    """A name from outside as it can be shown in a sentence."""
    return "".join(char if char.isprintable() else "?" for char in name)[-100:]

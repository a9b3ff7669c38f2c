"""Pictures in folders, a folder a class, taken in for a classifier: each is decoded once, and kept as it came."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trainer_core.data.card import Images
from trainer_core.data.formats import known_kind
from trainer_core.data.sources.archives import FOLDER as IS_FOLDER
from trainer_core.data.sources.archives import Member, digest, opened, printable, refuse_larger
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import BuiltinSource, FileSource, HubSource, LocalSource

FOLDER = "images"
"""In the folder of the data set: `images/<class>/<file>`."""

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".gif": "GIF", ".bmp": "BMP", ".webp": "WEBP"}
"""By the ending of a picture's name, what Pillow calls it."""

LARGEST_FILE = 2**26
"""Bytes of one picture; a larger file counts as broken."""

_LABEL = re.compile(r"(?!\.)[^/\\\x00-\x1f\x7f\ud800-\udfff]{1,60}")
"""What a class can be called: the name of a folder, in any script."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What a source of pictures came to."""

    format: str
    """`zip` or `folder`."""
    images: Images
    read: int
    """Pictures in class folders, the broken and the doubled among them."""
    kept: int
    duplicates: int
    """Left out, since an earlier one has the same bytes."""
    skipped: int
    """Files that are no pictures, and pictures outside of class folders."""
    bytes: int
    """Of the pictures that were kept."""
    source_bytes: int
    sha256: str
    """Of the archive, or of the names and bytes of the folder's files."""
    content: str
    """Of the classes and the pictures in them."""


def looks_like(source: FileSource | LocalSource | HubSource | BuiltinSource) -> bool:
    """Whether most files of the archive or folder are pictures, going by their names. Raises OSError."""
    if isinstance(source, HubSource | BuiltinSource) or (kind := _kind(source)) not in ("zip", IS_FOLDER):
        return False
    try:
        with opened(source.path, kind) as members:
            return 2 * sum(map(_is_picture, members)) > len(members)
    except SpotterError:  # whoever reads it as text says what is wrong with it
        return False


def ingest_images(
    source: FileSource | LocalSource, folder: Path, *, limit: int, advanced: Callable[[int, int | None], None]
) -> TakenIn:
    """Write the pictures of `source` as `folder`/images/<class>/<file>; the class is the folder a picture lies in.

    Only what `looks_like` is true of. `limit` is the most bytes that the pictures may have, unpacked; `advanced` is
    told how many pictures of how many were read. Raises SpotterError of field `file`: CORPUS_UNREADABLE,
    CORPUS_TOO_LARGE, or CORPUS_EMPTY where there are no two classes; OSError.
    """
    kind = _kind(source) or IS_FOLDER
    with opened(source.path, kind) as members:
        pictures = sorted((member for member in members if _is_picture(member)), key=lambda member: member.name)
        album = _Album(folder / FOLDER, skipped=len(members) - len(pictures))
        refuse_larger(sum(picture.size for picture in pictures), limit)
        for done, picture in enumerate(pictures, start=1):
            album.add(picture)
            refuse_larger(album.unpacked, limit)  # an archive may hold more than it says
            advanced(done, len(pictures))
    sha256, source_bytes = digest(source.path, kind)
    return album.closed(kind, sha256, source_bytes)


class _Album:
    """The pictures that were kept, and a tally of them."""

    def __init__(self, folder: Path, skipped: int) -> None:
        self._folder = folder
        self._skipped = skipped
        self._classes: Counter[str] = Counter()
        self._modes: Counter[str] = Counter()
        self._sizes: list[tuple[int, int]] = []
        """Of the smallest picture and the largest, by area."""
        self._seen: set[bytes] = set()
        self._content = hashlib.sha256()
        self._read = self._broken = self._bytes = 0
        self.unpacked = 0
        """Bytes that were read."""

    def add(self, member: Member) -> None:
        """Keep the picture, unless it is broken, in no class, or there already.

        Raises CORPUS_UNREADABLE if it is a bomb or its class cannot be called so; OSError.
        """
        path = PurePosixPath(member.name.replace("\\", "/"))
        label = path.parent.name
        if not label:
            self._skipped += 1
            return
        if not _LABEL.fullmatch(label):
            raise SpotterError(
                Code.CORPUS_UNREADABLE,
                f"has a class that cannot be called so ({printable(label)})",
                field="file",
                next_step="Give the folder a plain name of at most 60 characters.",
            )
        self._read += 1
        data = _bytes(member)
        self.unpacked += len(data or b"")
        picture = _decoded(path.name, data) if data else None
        if not data or picture is None:
            self._broken += 1
            return
        checksum = hashlib.sha256(data).digest()
        if checksum in self._seen:
            return
        self._seen.add(checksum)
        (self._folder / label).mkdir(parents=True, exist_ok=True)
        (self._folder / label / f"{checksum.hex()[:32]}{path.suffix.lower()}").write_bytes(data)
        self._content.update(label.encode() + b"\0" + checksum)
        self._bytes += len(data)
        self._classes[label] += 1
        self._modes[picture.mode] += 1
        by_area = sorted([*self._sizes, picture.size], key=lambda size: size[0] * size[1])
        self._sizes = [by_area[0], by_area[-1]]

    def closed(self, kind: str, sha256: str, source_bytes: int) -> TakenIn:
        """Raises CORPUS_EMPTY where there is nothing to tell apart."""
        if len(self._classes) < 2:
            held = (
                f"pictures of one class only ({next(iter(self._classes))})"
                if self._classes
                else "no pictures in folders"
            )
            broken = f"; {self._broken:,} of {self._read:,} files are broken" if self._broken else ""
            raise SpotterError(
                Code.CORPUS_EMPTY,
                f"has {held}{broken}",
                field="file",
                next_step="Put the pictures of each class into a folder of its own, named like the class; "
                "there have to be two at least.",
            )
        kept = self._classes.total()
        return TakenIn(
            format=kind,
            images=Images(
                classes=dict(sorted(self._classes.items())),
                broken=self._broken,
                smallest=self._sizes[0],
                largest=self._sizes[-1],
                modes=dict(self._modes.most_common()),
            ),
            read=self._read,
            kept=kept,
            duplicates=self._read - self._broken - kept,
            skipped=self._skipped,
            bytes=self._bytes,
            source_bytes=source_bytes,
            sha256=sha256,
            content=self._content.hexdigest(),
        )


@dataclass(frozen=True, slots=True)
class _Decoded:
    size: tuple[int, int]
    """Width and height in pixels."""
    mode: str


def _decoded(name: str, data: bytes) -> _Decoded | None:
    """What the picture is; None if it is broken. Raises CORPUS_UNREADABLE if it unpacks to far more than it looks."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=sorted(set(FORMATS.values()))) as picture:
                picture.load()
                return _Decoded(picture.size, picture.mode)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise SpotterError(
            Code.CORPUS_UNREADABLE,
            f"{printable(name)} has more pixels than Spotter unpacks ({Image.MAX_IMAGE_PIXELS:,})",
            field="file",
            next_step="Leave it out, or make it smaller.",
        ) from error
    except Exception:  # whatever a decoder makes of bytes that are no picture: OSError, SyntaxError, struct.error, ...
        return None


def _bytes(member: Member) -> bytes | None:
    """Of the file; None if it is too large for a picture, or damaged. Raises OSError."""
    try:
        with member.open() as file:
            data = file.read(LARGEST_FILE + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return None
    return data if len(data) <= LARGEST_FILE else None


def _is_picture(member: Member) -> bool:
    return PurePosixPath(member.name.replace("\\", "/")).suffix.lower() in FORMATS


def _kind(source: FileSource | LocalSource) -> str | None:
    if isinstance(source, FileSource):
        return known_kind(source.filename)
    return IS_FOLDER if source.path.is_dir() else known_kind(source.path.name)

"""Files on their way in: each in a folder of its own, until a data set or a tokenizer holds it or nobody wants it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from trainer_core.files.atomic import write_atomic
from trainer_core.files.layout import Home
from trainer_core.process import Identity, identify, is_alive
from trainer_core.tasks.orders import AddDataset, FileSource, LocalSource

_PENDING, _OWNER = "pending.json", "owner.json"
_KEPT_FOR = 86400.0
"""Seconds that a question may wait for its answer."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that a person sends, and the place for it."""

    folder: Path
    """Its own, under `home.incoming`; there already, without the file."""
    filename: str
    """As the person called it."""

    @property
    def path(self) -> Path:
        """Where to download it to."""
        return self.folder / "upload"

    async def discard(self) -> None:
        """Nobody wants it any more. Does nothing if it is gone, or moved to where it belongs. Raises nothing."""
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)


class Pending(BaseModel):
    """An order that waits for the person to choose a column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: AddDataset
    columns: tuple[str, ...]

    @property
    def filename(self) -> str:
        """What the person knows it by."""
        match self.order.source:
            case FileSource(filename=filename):
                return filename
            case LocalSource(path=path):
                return path.name
            case source:
                return source.name


def is_tokenizer(filename: str) -> bool:
    """Whether a file called so is a tokenizer rather than a text."""
    name = filename.lower()
    return name == "tokenizer.json" or name.endswith(".model")


def make_place(home: Home, filename: str) -> Incoming:
    """A place for a file, which this process takes in. Raises OSError."""
    folder = home.incoming / secrets.token_hex(8)
    folder.mkdir(parents=True)
    if owner := identify(os.getpid()):
        (folder / _OWNER).write_text(json.dumps(asdict(owner)))
    return Incoming(folder, filename)


def keep(home: Home, pending: Pending) -> str:
    """Keep an order for a day, beside the file it is about. Returns what stands for it. Raises OSError."""
    source = pending.order.source
    folder = source.path.parent if isinstance(source, FileSource) else make_place(home, pending.filename).folder
    write_atomic(folder / _PENDING, pending.model_dump_json().encode())
    return folder.name


def find_pending(home: Home, pending: str) -> tuple[Incoming, Pending] | None:
    """What was kept; None if it is not there, or `pending` cannot stand for anything."""
    if len(pending) != 16 or not pending.isalnum():
        return None
    folder = home.incoming / pending
    try:
        kept = Pending.model_validate_json((folder / _PENDING).read_bytes())
    except (OSError, ValidationError):
        return None
    return Incoming(folder, kept.filename), kept


def sweep(home: Home) -> None:
    """Remove questions that have waited for a day, and uploads whose process is gone. Raises OSError."""
    if not home.incoming.is_dir():
        return
    for folder in list(home.incoming.iterdir()):
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path) -> bool:
    try:
        return (folder / _PENDING).stat().st_mtime < time.time() - _KEPT_FOR
    except FileNotFoundError:
        pass
    try:
        return not is_alive(Identity(**json.loads((folder / _OWNER).read_bytes())))
    except (OSError, ValueError, TypeError):  # it is only just being made; or nobody can tell any more whose it is
        return folder.exists() and folder.stat().st_mtime < time.time() - _KEPT_FOR

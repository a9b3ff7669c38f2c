"""Files on their way in: each in a folder of its own, until a data set or a tokenizer holds it or nobody wants it."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that a person sends, and the place for it."""

    folder: Path
    """Its own, under `home.incoming`; there already, and empty."""
    filename: str
    """As the person called it."""

    @property
    def path(self) -> Path:
        """Where to download it to."""
        return self.folder / "upload"

    async def discard(self) -> None:
        """Nobody wants it any more. Does nothing if it is gone, or moved to where it belongs. Raises nothing."""
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

"""Files as a person picks them: from the disk, or made up by a script."""

import asyncio
from pathlib import Path
from typing import TypeAlias

from playground.cdn import Upload
from playground.commands import Refused

File: TypeAlias = Path | tuple[str, bytes]


async def read(file: File, limit: int) -> Upload:
    """The file, ready to be sent. Raises Refused if it is over `limit` bytes, OSError if it cannot be read."""
    name, content = (file.name, await asyncio.to_thread(file.read_bytes)) if isinstance(file, Path) else file
    if len(content) > limit:
        raise Refused(f"Your files are too powerful: {name} is over {limit / 2**20:g} MiB.")
    return Upload(name, content)

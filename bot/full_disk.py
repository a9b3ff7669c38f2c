"""A disk that takes nothing more, told to a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from trainer_core.errors import Code, SpotterError
from trainer_core.files import disk


@contextmanager
def full_disk_told(outcome: str) -> Iterator[None]:
    """Have a disk that takes nothing more told to a person, with what came of it. Raises SpotterError."""
    try:
        yield
    except OSError as error:
        if not disk.takes_nothing(error):
            raise
        said = disk.complaint(error)
        raise SpotterError(Code.DISK_FULL, f"{said[:1].upper()}{said[1:]}: {outcome}.") from error

"""What a run's model is made from beside its spec: the files that the run keeps for itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainer_core.files.sums import SUMS, sha256
from trainer_core.models.places import Places


@dataclass(frozen=True, slots=True)
class Origin:
    """SHA-256 of each of them; None for what the run has no need of. Weights go on only from the same ones."""

    base: str | None = None
    """Of the sums of the model that it goes on from."""
    module: str | None = None
    """Of the Python file that makes its module."""


def origin_of(places: Places) -> Origin:
    """Of the run, once its model was made. Raises OSError."""
    return Origin(_digest(places.base / SUMS), _digest(places.run.module))


def _digest(file: Path) -> str | None:
    return sha256(file) if file.is_file() else None

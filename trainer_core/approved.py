"""Folders of the machine that its owner approved for training, as the run service hands them to a worker."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Approved(BaseModel):
    """Nothing outside of these is read or written for a run, besides the home folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    modules: tuple[Path, ...] = ()
    """Python files of people's own models lie below these; no two have one name, since files are called after them."""
    models: tuple[Path, ...] = ()
    """Models that have learnt before lie below these; likewise."""
    mirror: Path | None = None
    """Where a second copy of each checkpoint goes, a folder a run."""


NONE = Approved()

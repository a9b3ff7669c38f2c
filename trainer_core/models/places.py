"""Where models are found that are not made from a spec alone. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainer_core.approved import NONE, Approved
from trainer_core.files.layout import RunDirectory


@dataclass(frozen=True, slots=True)
class Places:
    """The run that the model is for, and what its owner approved."""

    run: RunDirectory
    approved: Approved = NONE

    @property
    def base(self) -> Path:
        """The model that the run goes on from, as it was when the run began."""
        return self.run.path / "base"

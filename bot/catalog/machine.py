"""How fast this machine multiplies matrices, as tasks measured it: what is expected of it before anything has trained.

It is kept in `machine.json` of the home folder.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainer_core.files.atomic import write_atomic
from trainer_core.files.layout import Home

UNKNOWN = 50.0
"""Of a small laptop, about."""


class Machine(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    gflops: float = Field(gt=0)
    """Of a matrix product in float32, in 10^9 operations a second."""


def read_gflops(home: Home) -> float:
    """The most that was measured here; a guess if nothing was."""
    return _read(home) or UNKNOWN


def keep_gflops(home: Home, measured: float) -> None:
    """Keep what a task measured, unless it was faster before: other work may have slowed it. Raises OSError."""
    if measured > _read(home):
        write_atomic(home.path / "machine.json", Machine(gflops=measured).model_dump_json().encode())


def _read(home: Home) -> float:
    try:
        return Machine.model_validate_json((home.path / "machine.json").read_bytes()).gflops
    except (OSError, ValidationError):
        return 0.0

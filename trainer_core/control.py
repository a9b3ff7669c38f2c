"""What the run service asks of a running worker: one small file, read at step edges.

`control.json` holds the newest request only. Its `seq` grows with every request, and the event that answers one
echoes it, so that a request is known to have been heard even when either side was restarted in between.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainer_core.atomic import write_atomic

Verb = Literal["stop", "pause"]


class Control(BaseModel):
    """One request to the worker."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int = Field(ge=1)
    verb: Verb


def write_control(path: Path, verb: Verb) -> Control:
    """Ask for `verb`. Returns the request as written. Raises OSError."""
    before = read_control(path)
    control = Control(seq=before.seq + 1 if before else 1, verb=verb)
    write_atomic(path, control.model_dump_json().encode())
    return control


def read_control(path: Path) -> Control | None:
    """The newest request, or None if there is none that can be read (a hand-edited file asks for nothing)."""
    try:
        return Control.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


class ControlReader:
    """The worker's side: `poll` costs one stat while nothing changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._done = 0

    def poll(self) -> Control | None:
        """A request not returned before, or None."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        mark = (status.st_mtime_ns, status.st_ino)
        if mark == self._seen:
            return None
        self._seen = mark
        control = read_control(self._path)
        if control is None or control.seq <= self._done:
            return None
        self._done = control.seq
        return control

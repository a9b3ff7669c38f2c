"""What the run service asks of a running worker: one small file, read at step edges.

`control.json` holds the newest request only. Its `seq` grows with every request, and the event that answers one
echoes it, so that a request is known to have been heard even when either side was restarted in between.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trainer_core.files.atomic import write_atomic

Verb = Literal["stop", "pause", "land", "rate", "checkpoint"]
"""`land`: the decay begins. `rate`: a new peak learning rate. `checkpoint`: save now, and keep that one."""

log = logging.getLogger(__name__)


class Control(BaseModel):
    """One request to the worker."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int = Field(ge=1)
    verb: Verb
    value: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    """The learning rate of `rate`."""

    @model_validator(mode="after")
    def _a_rate_has_a_value(self) -> Self:
        if (self.verb == "rate") != (self.value is not None):
            raise ValueError("`rate` has a value, and nothing else has")
        return self


def write_control(path: Path, verb: Verb, value: float | None = None, seq: int | None = None) -> Control:
    """Ask for `verb`. Returns the newest request. Raises OSError, ValueError if a rate has no value.

    `seq` is of a request that may have been written before: it is heard once, and takes the place of none that came
    after it. Without one this is the next request.
    """
    before = read_control(path)
    if seq is None:
        # The time goes on where the file was lost or edited, and nobody knows which requests were heard.
        now = time.time_ns() // 1_000_000
        seq = max(now, before.seq + 1) if before else now
    elif before and before.seq >= seq:
        return before
    control = Control(seq=seq, verb=verb, value=value)
    write_atomic(path, control.model_dump_json().encode())
    return control


def read_control(path: Path) -> Control | None:
    """The newest request; None if there is none. A file that is not one asks for nothing and is set aside."""
    try:
        return _read(path)
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        reason = "it is no request" if isinstance(error, ValidationError) else error.strerror
    try:
        aside = _set_aside(path)
        log.warning("%s cannot be read (%s) and was renamed to %s", path.name, reason, aside.name)
        # Whoever asks for something writes whole files: one may have come in between.
        return _read(aside)
    except (OSError, ValidationError):
        return None


class ControlReader:
    """The worker's side: `poll` costs one stat while nothing changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark: tuple[int, int] | None = None
        self._newest: Control | None = None
        self._done = 0

    def peek(self) -> Control | None:
        """What `poll` would return, which it still does."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        mark = (status.st_mtime_ns, status.st_ino)
        if mark != self._mark:
            self._mark = mark
            self._newest = read_control(self._path)
        return self._newest if self._newest and self._newest.seq > self._done else None

    def poll(self) -> Control | None:
        """A request not returned before, or None."""
        control = self.peek()
        if control is not None:
            self._done = control.seq
        return control


def _read(path: Path) -> Control:
    return Control.model_validate_json(path.read_bytes())


def _set_aside(path: Path) -> Path:
    """Rename an unreadable file to a name that nothing has. Raises OSError."""
    names = (path.with_name(f"{path.name}.unreadable" + (f"-{number}" if number else "")) for number in count())
    aside = next(name for name in names if not name.exists())
    with suppress(FileNotFoundError):  # the other side may have been quicker
        path.rename(aside)
    return aside

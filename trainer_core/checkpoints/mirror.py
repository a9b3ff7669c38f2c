"""Second copies of a run's checkpoints in another folder, of a backup drive say. The run never waits for them."""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Condition, Thread

from trainer_core.events import Event, MetricsGuard
from trainer_core.files import disk
from trainer_core.files.atomic import name_aside
from trainer_core.files.folders import new_folder, sweep
from trainer_core.files.sums import SUMS, problems_with_sums

log = logging.getLogger(__name__)


class Mirror:
    """A folder that follows the checkpoints there are: it gets what is new, and loses what the run has dropped."""

    def __init__(self, folder: Path, complaints: SimpleQueue[Event]) -> None:
        """The folder that `folder` is to be in has to be there: a drive that is not, is not mounted.

        What goes wrong is put into `complaints`, once until it goes well again.
        """
        self._folder = folder
        self._complaints = complaints
        self._complained = False
        self._wanted: Sequence[Path] | None = None
        self._busy = False
        self._changed = Condition()

    def follow(self, newest_first: Sequence[Path]) -> None:
        """Have a thread copy these and drop all others. What it is at is finished first."""
        with self._changed:
            self._wanted = newest_first
            if not self._busy:
                self._busy = True
                # A drive that hangs must not keep the process: whatever is half copied counts for nothing.
                Thread(target=self._work, name="mirror", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait until everything is copied. Returns whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, seconds)

    def _work(self) -> None:
        while (wanted := self._next()) is not None:
            try:
                self._copy(wanted)
            except OSError as error:
                log.warning("the checkpoints have no second copy: %s", error)
                if not self._complained:
                    self._complaints.put(_told(wanted, error))
                self._complained = True
            else:
                self._complained = False

    def _next(self) -> Sequence[Path] | None:
        with self._changed:
            wanted, self._wanted = self._wanted, None
            self._busy = wanted is not None
            self._changed.notify_all()
        return wanted

    def _copy(self, newest_first: Sequence[Path]) -> None:
        """Raises OSError."""
        if not self._folder.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "its folder is not there")
        sweep(self._folder)
        for checkpoint in newest_first:
            try:
                _copy(checkpoint, self._folder / checkpoint.name)
            except OSError:
                if checkpoint.exists():  # it may have been dropped meanwhile
                    raise
        kept = {checkpoint.name for checkpoint in newest_first}
        for copy in self._folder.glob("step-*"):
            if copy.name not in kept:
                shutil.rmtree(copy.rename(name_aside(copy)))


def _copy(checkpoint: Path, target: Path) -> None:
    if _read(target / SUMS) == (checkpoint / SUMS).read_bytes():
        for file in checkpoint.iterdir():
            if not (target / file.name).exists():  # it was pinned since
                shutil.copyfile(file, target / file.name)
        return
    with new_folder(target, makes_way=lambda _: True) as aside:
        for file in checkpoint.iterdir():
            shutil.copyfile(file, aside / file.name)
        if problems := problems_with_sums(aside):
            raise OSError(errno.EIO, f"{problems[0]}, in the copy")


def _read(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _told(wanted: Sequence[Path], error: OSError) -> MetricsGuard:
    step = int(wanted[0].name.rpartition("-")[2]) if wanted else 0
    why = "its folder is not there" if error.errno == errno.ENOENT else disk.complaint(error)
    reason = f"the second copy of the checkpoints was not written: {why}"
    return MetricsGuard(step=step, action="storage", reason=reason)

"""Checkpoints: folders that are whole or absent, and count only while every file is the one that was written."""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from itertools import count
from pathlib import Path
from queue import SimpleQueue

from trainer_core.checkpoints.keeping import Held, among_best, excess, merit, superfluous
from trainer_core.checkpoints.mirror import Mirror
from trainer_core.checkpoints.snapshot import Snapshot, record_in
from trainer_core.errors import Code, SpotterError
from trainer_core.events import Event, MetricsCheckpoint, MetricsGuard
from trainer_core.faults import reach
from trainer_core.files.atomic import name_aside, sync_folder
from trainer_core.files.folders import new_folder
from trainer_core.files.sums import problems_with_sums
from trainer_core.spec import CheckpointSpec
from trainer_core.state import Evaluation

_FOLDER = re.compile(r"step-(\d{8,})")
_PINNED = "pinned"
"""An empty file in a checkpoint that stays whatever comes after. It is in no sums: a whole checkpoint can be pinned."""
_ABANDONED = "abandoned"
"""Of a pinned one that the run has gone back behind: its name begins so, and it counts for nothing but the bound."""

log = logging.getLogger(__name__)


def _nobody_else() -> None:
    """Nobody else saves checkpoints in the folder."""


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(
        self,
        folder: Path,
        spec: CheckpointSpec,
        fence: Callable[[], None] = _nobody_else,
        mirror: Path | None = None,
    ) -> None:
        """`spec` says how many stay. `fence` raises SpotterError if another attempt has taken over.

        `mirror` is where second copies of them go, in a folder that is there.
        """
        self._folder = folder
        self._spec = spec
        self._fence = fence
        self._passed_over: list[str] = []
        self.complaints: SimpleQueue[Event] = SimpleQueue()
        """What else a person should know, to be reported."""
        self.mirror = Mirror(mirror, self.complaints) if mirror else None
        self.under_way: Future[tuple[Event, ...]] | None = None
        """What is being written by a thread; what comes of it is to be reported."""
        self.written: int | None = None
        """The step of the newest one that is written and was not dropped for a rollback."""
        self._over_bound = False

    def save(self, snapshot: Snapshot, *, pinned: bool = False) -> MetricsCheckpoint:
        """Write a checkpoint and drop those over the limits. Raises OSError; then none was added.

        `pinned` keeps it whatever comes after. One of the same step that verifies is left as it is, unless nobody had
        evaluated its weights when it was saved, and somebody has by now. What cannot be dropped stays, and is dropped
        after a later one. Raises SpotterError if another attempt has taken over.
        """
        self._fence()
        reach("checkpoint.begin")
        started = time.monotonic()
        step = snapshot.record.loop.step
        target = self._folder / f"step-{step:08d}"

        def says_less(folder: Path) -> bool:
            return bool(problems_with_sums(folder)) or (snapshot.record.evaluated and not _is_evaluated(folder))

        if says_less(target):
            with new_folder(target, makes_way=says_less) as aside:
                snapshot.write(aside)
                if pinned or _is_pinned(target):
                    (aside / _PINNED).touch()
                self._fence()  # writing takes a while, and this process may have been stopped for longer
            reach("checkpoint.saved")
        elif pinned:
            (target / _PINNED).touch()
            sync_folder(target)
        self.written = step
        self._prune(target)
        if self.mirror:
            self.mirror.follow(self._newest_first())
        return MetricsCheckpoint(
            step=step,
            path=f"{self._folder.name}/{target.name}",
            bytes=_size(target),
            seconds=time.monotonic() - started,
            pinned=_is_pinned(target),
        )

    def worth_keeping(self, evaluation: Evaluation) -> bool:
        """Whether weights that were just evaluated so belong to the best, and should be saved for it.

        Raises CONFIG_INVALID if the data has no such metric as the spec asks for.
        """
        new = merit(evaluation, self._spec)
        self._settled()
        return among_best(new, map(self._held, self._newest_first()), self._spec.best)

    def make_room(self) -> int:
        """Drop every checkpoint but the newest that verifies, the best one and the pinned ones. Returns how many.

        Where there is no other to drop, it is the best. Raises OSError, or SpotterError if another attempt has taken
        over.
        """
        self._fence()
        newest_first = self._newest_first()
        good = next((folder for folder in newest_first if not problems_with_sums(folder)), None)
        if good is None:
            return 0
        others = [folder for folder in newest_first if folder != good and not _is_pinned(folder)]
        best = self._best(newest_first)
        making_way = [folder for folder in others if folder != best] or others
        for folder in making_way:
            _remove(folder)
        return len(making_way)

    def newest_good(self, at_most: int | None = None) -> Path | None:
        """The newest checkpoint that verifies, of those of step `at_most` and before; None if there are none.

        Corrupt ones that are newer are renamed, so that they do not count among those kept once the run goes on from
        there. Raises CHECKPOINT_CORRUPT if there are some and none verifies; then none is renamed. Raises OSError.
        """
        good, corrupt = self._newest_good(at_most)
        if corrupt and good is None:
            found = (f"step {step_of(folder):,} ({problem})" for folder, problem in corrupt.items())
            raise SpotterError(Code.CHECKPOINT_CORRUPT, f"No checkpoint of the run verifies: {', '.join(found)}.")
        self._set_aside(corrupt)
        return good

    def newest_sound(self, at_most: int | None = None) -> Path | None:
        """As `newest_good`, for a run that can do without one: where none verifies they are all renamed."""
        good, corrupt = self._newest_good(at_most)
        self._set_aside(corrupt)
        return good

    def passed_over(self) -> Sequence[str]:
        """What was found corrupt and renamed since it was last asked: a sentence each, for a person."""
        told, self._passed_over = self._passed_over, []
        return told

    def best_good(self) -> Path | None:
        """The best that was evaluated, of those that verify; of equals the newest. None if there are none."""
        self._settled()
        return self._best(self._newest_first())

    def drop_newer(self, step: int) -> None:
        """Drop the checkpoints after `step`, which the run has gone back behind. Those pinned are renamed instead.

        Raises OSError, or SpotterError if another attempt has taken over.
        """
        self._settled()
        self._fence()
        self.written = None
        for folder in self._newest_first():
            if step_of(folder) > step:
                if _is_pinned(folder):
                    _rename(folder, _ABANDONED)
                else:
                    _remove(folder)

    def _best(self, folders: Iterable[Path]) -> Path | None:
        by_step = {step_of(folder): folder for folder in folders}
        held = map(self._held, by_step.values())
        best_first = sorted(((one.merit, one.step) for one in held if one.merit is not None), reverse=True)
        return next((by_step[step] for _, step in best_first if not problems_with_sums(by_step[step])), None)

    def _settled(self) -> None:
        """Wait for what is being written. What comes of it is for whoever reports it."""
        if self.under_way:
            wait([self.under_way])

    def _prune(self, saved: Path) -> None:
        """Drop those over the limits. None newer than the one `saved`: those are another attempt's."""
        self._fence()
        ours = {step_of(folder): folder for folder in self._newest_first(step_of(saved))}
        held = [self._held(folder) for folder in ours.values()]
        spec = self._spec_beside_abandoned()
        gone = superfluous(held, spec)
        for step in gone:
            try:
                _remove(ours[step])
            except OSError as error:
                log.warning("checkpoint %s could not be removed: %s", ours[step].name, error)
        over = excess((one for one in held if one.step not in gone), spec)
        if over > 0 and not self._over_bound:
            reason = (
                f"the newest and the pinned checkpoints take {over / 1e9:.1f} GB more than the "
                f"{self._spec.gigabytes:g} GB that all may take; they stay"
            )
            self.complaints.put(MetricsGuard(step=step_of(saved), action="storage", reason=reason))
        self._over_bound = over > 0

    def _spec_beside_abandoned(self) -> CheckpointSpec:
        """How many stay, beside the pinned ones that the run has gone back behind."""
        if self._spec.gigabytes is None:
            return self._spec
        taken = sum(map(_size, self._folder.glob(f"{_ABANDONED}-*")))
        return self._spec.model_copy(update={"gigabytes": self._spec.gigabytes - taken / 1e9})

    def _held(self, folder: Path) -> Held:
        record = record_in(folder)
        last = record.loop.last if record and record.evaluated else None
        return Held(step_of(folder), _size(folder), merit(last, self._spec) if last else None, _is_pinned(folder))

    def _newest_good(self, at_most: int | None) -> tuple[Path | None, Mapping[Path, str]]:
        """The newest that verifies, and what is wrong with each that is newer."""
        self._settled()
        corrupt: dict[Path, str] = {}
        for folder in self._newest_first(at_most):
            problems = problems_with_sums(folder)
            if not problems:
                return folder, corrupt
            log.warning("checkpoint %s is corrupt: %s", folder.name, "; ".join(problems))
            corrupt[folder] = problems[0]
        return None, corrupt

    def _set_aside(self, corrupt: Iterable[Path]) -> None:
        for folder in corrupt:
            _rename(folder, "corrupt")
            self._passed_over.append(f"the checkpoint of step {step_of(folder):,} is corrupt and was set aside")

    def _newest_first(self, at_most: int | None = None) -> list[Path]:
        found = sorted(_checkpoints(self._folder), reverse=True)
        return [path for step, path in found if at_most is None or step <= at_most]


def step_of(checkpoint: Path | None) -> int:
    """The step a checkpoint was saved after; 0 for none."""
    match = _FOLDER.fullmatch(checkpoint.name) if checkpoint else None
    return int(match[1]) if match else 0


def _checkpoints(folder: Path) -> Iterator[tuple[int, Path]]:
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := _FOLDER.fullmatch(path.name):
            yield int(match[1]), path


def _size(folder: Path) -> int:
    """Bytes that its files take; 0 if it is none."""
    return sum(file.stat().st_size for file in folder.iterdir()) if folder.is_dir() else 0


def _is_evaluated(folder: Path) -> bool:
    record = record_in(folder)
    return record is not None and record.evaluated


def _is_pinned(folder: Path) -> bool:
    return (folder / _PINNED).exists()


def _rename(folder: Path, word: str) -> None:
    """So that it counts no more, and whoever looks sees why; one that was renamed before stays. Raises OSError."""
    names = (f"{word}-{folder.name}{'' if times == 1 else f'-{times}'}" for times in count(1))
    folder.rename(next(path for path in map(folder.with_name, names) if not path.exists()))


def _remove(folder: Path) -> None:
    """At once for whoever looks: a checkpoint that is half gone would count as corrupt. Raises OSError."""
    reach("checkpoint.prune")
    shutil.rmtree(folder.rename(name_aside(folder)))

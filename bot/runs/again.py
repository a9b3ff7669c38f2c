"""A run that failed or was stopped, tried again: a new run that goes on from the newest checkpoint of the old one.

What the checkpoint is of goes with it: the model that the run began with or its module; and the checkpoint with the
best weights, which the new run may end with. What changed the old run's course goes with it in any case, so that a run
whose guard went back to the beginning does not fail as it did before.
All of it is made ready aside, which may take a while, and takes its place in one rename once the new run has a name.
Files of a checkpoint are never changed once they are written, so both runs share them where the file system can: a run
that a full disk ended can be tried again on a disk that is nearly full.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Awaitable, Callable, Collection, Container, Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from bot.runs.model import Run, RunState
from trainer_core.errors import Code, SpotterError
from trainer_core.files.atomic import name_aside, sync_folder, write_atomic
from trainer_core.files.folders import new_folder, sweep
from trainer_core.files.layout import RunDirectory
from trainer_core.files.sums import problems_with_sums
from trainer_core.models.places import Places
from trainer_core.models.specs import ModuleSpec
from trainer_core.steering import Steer, SteeringLog, rollbacks

RETRYABLE = frozenset({RunState.FAILED, RunState.STOPPED})

_CHECKPOINT = re.compile(r"step-(\d{8,})")
_STATE = "state.json"
_NUMBERED = re.compile(r"(.+)-[2-9]")
_LONGEST_STEM = 40
"""Characters, so that a number fits behind them."""


def check(run: Run) -> None:
    """Raises SpotterError, field `run`, if the run cannot be tried again."""
    match run.state:
        case _ if run.state in RETRYABLE:
            return
        case RunState.SUCCEEDED:
            says, next_step = "has succeeded already", "Start a new one with `/trainer train`."
        case RunState.PAUSED:
            says, next_step = "is paused", f"`/trainer resume run:{run.name}` lets it go on."
        case _:
            says, next_step = f"is still {run.state}", "Only a run that failed or was stopped can be tried again."
    raise SpotterError(Code.CONFIG_INVALID, f"`{run.name}` {says}", field="run", next_step=next_step)


async def check_module(run: Run, approved: Callable[[], Awaitable[Collection[str]]]) -> None:
    """Raises SpotterError, field `run`, if the run's module is not among the `approved` files any more.

    The run has a copy of it, which a new run would go on with; but what the machine's owner took back is not run.
    """
    model = run.spec.model
    if isinstance(model, ModuleSpec) and model.file not in await approved():
        file = model.file.replace("`", "'")
        raise SpotterError(
            Code.MODEL_NOT_FOUND,
            f"`{run.name}` trains `{file}`, which is no longer in the approved folders",
            field="run",
            next_step="The machine's owner can put it back, or name its folder in SPOTTER_MODULE_DIRS.",
        )


@dataclass(slots=True)
class Carried:
    """What a new run goes on from, ready to become its folder; there is no folder where there is nothing."""

    folder: Path
    step: int
    """Of the checkpoint; 0 if there is none."""

    def become(self, directory: RunDirectory) -> None:
        """Raises OSError, FileExistsError among them."""
        if self.folder.is_dir():
            self.folder.rename(directory.path)
            self.folder = directory.path
            sync_folder(directory.path.parent)

    def discard(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def carry_over(old: RunDirectory) -> Carried:
    """Make ready for a new run what changed the course of `old`, its newest checkpoint that verifies with what it is
    of, and its best one.

    Not for two at once: what is aside in the runs' folder is taken for what a bot left there that was killed.
    Raises OSError, or SpotterError if nobody can tell what changed the course; then nothing is left.
    """
    sweep(old.home.runs)
    carried = Carried(name_aside(old.path), 0)
    try:
        newest_first = _newest_first(old.checkpoints)
        newest = next((found for found in newest_first if not problems_with_sums(found[1])), None)
        if newest is not None:
            carried.step, checkpoint = newest
            older = [path for step, path in newest_first if step < carried.step]
            for going_along in (checkpoint, *_best(checkpoint, older)):
                _share(going_along, RunDirectory(carried.folder).checkpoints / going_along.name)
            _share_what_it_is_of(old, carried.folder)
            sync_folder(carried.folder)
        _follow_the_course_of(old, carried.folder)
    except BaseException:
        # Whatever it was, nothing half-made stays.
        carried.discard()
        raise
    return carried


def newest_step(directory: RunDirectory) -> int:
    """The step of the newest checkpoint in the run's folder; 0 if there is none. Raises OSError."""
    return next((step for step, _ in _newest_first(directory.checkpoints)), 0)


def next_name(name: str, taken: Container[str]) -> str:
    """What to call another try: `song-2` after `song`, `song-3` after `song-2`; the first that is not in `taken`."""
    numbered = _NUMBERED.fullmatch(name)
    stem = (numbered[1] if numbered else name)[:_LONGEST_STEM].rstrip("-")
    return next(found for number in count(2) if (found := f"{stem}-{number}") not in taken)


def _newest_first(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := _CHECKPOINT.fullmatch(path.name))]
    return sorted(found, reverse=True)


def _best(newest: Path, older: Iterable[Path]) -> list[Path]:
    """The one of the `older` that has the weights which did best by the time of the `newest`; none if that has them."""
    best = _state(newest).get("loop", {}).get("best")
    for checkpoint in older if best else ():
        state = _state(checkpoint)
        if state.get("evaluated") and state["loop"].get("last") == best and not problems_with_sums(checkpoint):
            return [checkpoint]
    return []


def _state(checkpoint: Path) -> dict[str, Any]:  # Any: as JSON is
    """What its `state.json` holds; empty if that cannot be read. To parse it in full would take torch."""
    try:
        state = json.loads((checkpoint / _STATE).read_bytes())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) and isinstance(state.get("loop"), dict) else {}


def _share_what_it_is_of(old: RunDirectory, folder: Path) -> None:
    """Beside the checkpoint: without them the run would be made from what they were made from, as that is now."""
    base = Places(old).base
    if base.is_dir():
        _share(base, folder / base.name)
    for file in (old.module, old.wiring):
        if file.is_file():
            write_atomic(folder / file.name, file.read_bytes())


def _follow_the_course_of(old: RunDirectory, folder: Path) -> None:
    """Who has a run tried again lets it go on, whatever its guard asked: that counts anew how often it goes back."""
    if not old.steering.is_file():
        return
    folder.mkdir(exist_ok=True)
    copy = RunDirectory(folder).steering
    write_atomic(copy, old.steering.read_bytes())
    log = SteeringLog(copy, _nobody_else, pauses=())
    if rollbacks(log.entries):
        # Beside the last entry, so that what comes into force at which step stays as it was.
        log.append(Steer(step=log.entries[-1].step, verb="go_on", reason="a person had the run tried again"))


def _nobody_else() -> None:
    """No attempt at a run that is not there yet can take over from another."""


def _share(folder: Path, target: Path) -> None:
    with new_folder(target) as aside:
        for file in folder.iterdir():
            try:
                (aside / file.name).hardlink_to(file)
            except OSError:  # not every file system has hard links
                shutil.copyfile(file, aside / file.name)

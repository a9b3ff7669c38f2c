"""Checkpoints: folders that are whole or absent, and count only while every file is the one that was written."""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import load_model

from trainer_core import disk
from trainer_core.atomic import name_aside, sync_folder
from trainer_core.errors import GOES_ON, Code, SpotterError
from trainer_core.events import MetricsCheckpoint
from trainer_core.export import problems_with_sums, write_sums
from trainer_core.failures import is_out_of_memory
from trainer_core.faults import reach
from trainer_core.folders import new_folder
from trainer_core.keeping import Held, among_best, merit, superfluous
from trainer_core.mode import Mode
from trainer_core.models.files import save_weights
from trainer_core.spec import CheckpointSpec
from trainer_core.state import Evaluation, LoopState
from trainer_core.tokenizing import Chosen
from trainer_core.training import Training

_STATE = "state.json"
_PINNED = "pinned"
"""An empty file in a checkpoint that stays whatever comes after. It is in no sums: a whole checkpoint can be pinned."""
_FOLDER = re.compile(r"step-(\d{8,})")

log = logging.getLogger(__name__)


class Record(BaseModel):
    """What `state.json` holds: where the run was, and what was decided for it once and for all."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: Literal[2] = 2
    loop: LoopState
    evaluated: bool = False
    """Whether `loop.last` is of these very weights."""
    mode: Mode
    micro_batch: int
    """When the run began; `loop.steering` tells what became of it."""
    tokenizer: Chosen | None = None


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

        `mirror` is a folder for second copies.
        """
        self._folder = folder
        self._spec = spec
        self._fence = fence
        self._mirror = mirror
        self.set_aside: list[str] = []
        """What `newest_good` found corrupt and renamed: a sentence each, for a person."""

    def save(self, training: Training, *, pinned: bool = False, best: bool = False) -> MetricsCheckpoint:
        """Write a checkpoint of `training` and drop those over the limits. Raises OSError; then none was added.

        `pinned` keeps it whatever comes after. `best` says that the last evaluation is of these very weights, which
        keeps it as long as that is among the best. One of the same step that verifies is left as it is. What cannot be
        dropped stays, and is dropped after a later one. Raises SpotterError if another attempt has taken over.
        """
        self._fence()
        reach("checkpoint.begin")
        started = time.monotonic()
        target = self._folder / f"step-{training.state.step:08d}"
        if problems_with_sums(target):
            with new_folder(target, makes_way=problems_with_sums) as aside:
                _write(aside, training, evaluated=best)
                if pinned:
                    (aside / _PINNED).touch()
                self._fence()  # writing takes a while, and this process may have been stopped for longer
            reach("checkpoint.saved")
        elif pinned:
            (target / _PINNED).touch()
            sync_folder(target)
        self._prune(target)
        return MetricsCheckpoint(
            step=training.state.step,
            path=f"{self._folder.name}/{target.name}",
            bytes=_size(target),
            seconds=time.monotonic() - started,
            pinned=(target / _PINNED).exists(),
        )

    def worth_keeping(self, evaluation: Evaluation) -> bool:
        """Whether weights that were just evaluated so belong to the best, and should be saved as such.

        Raises CONFIG_INVALID if the data has no such metric as the spec asks for.
        """
        return among_best(merit(evaluation, self._spec), map(self._held, self._newest_first()), self._spec.best)

    def _prune(self, saved: Path) -> None:
        """Drop those over the limits. None newer than the one `saved`: those are another attempt's."""
        self._fence()
        ours = [folder for folder in self._newest_first() if step_of(folder) <= step_of(saved)]
        by_step = {step_of(folder): folder for folder in ours}
        for step in superfluous(map(self._held, ours), self._spec):
            try:
                _remove(by_step[step])
            except OSError as error:
                log.warning("checkpoint %s could not be removed: %s", by_step[step].name, error)

    def _held(self, folder: Path) -> Held:
        record = record_in(folder)
        last = record.loop.last if record and record.evaluated else None
        return Held(
            step=step_of(folder),
            bytes=_size(folder),
            merit=merit(last, self._spec) if last else None,
            pinned=(folder / _PINNED).exists(),
        )

    def make_room(self) -> int:
        """Drop every checkpoint but the newest that verifies and the pinned. Returns how many.

        Raises OSError, or SpotterError if another attempt has taken over.
        """
        self._fence()
        newest_first = self._newest_first()
        good = next((folder for folder in newest_first if not problems_with_sums(folder)), None)
        if good is None:
            return 0
        others = [folder for folder in newest_first if folder != good and not (folder / _PINNED).exists()]
        for folder in others:
            _remove(folder)
        return len(others)

    def newest_good(self, at_most: int | None = None) -> Path | None:
        """The newest checkpoint that verifies, of those of step `at_most` or before; None if there are none.

        Corrupt ones that are newer are renamed, so that they do not count among those kept once the run goes on from
        there. Raises CHECKPOINT_CORRUPT if there are some and none verifies; then none is renamed. Raises OSError.
        """
        corrupt: list[Path] = []
        found: list[str] = []
        for folder in self._newest_first():
            if at_most is not None and step_of(folder) > at_most:
                continue
            problems = problems_with_sums(folder)
            if not problems:
                for passed_over in corrupt:
                    self._set_aside(passed_over)
                return folder
            log.warning("checkpoint %s is corrupt: %s", folder.name, "; ".join(problems))
            corrupt.append(folder)
            found.append(f"step {step_of(folder):,} ({problems[0]})")
        if corrupt:
            raise SpotterError(
                Code.CHECKPOINT_CORRUPT,
                f"No checkpoint of the run verifies: {', '.join(found)}.",
            )
        return None

    def drop_newer(self, step: int) -> None:
        """Drop the checkpoints after `step`, which the run has gone back behind; those pinned are renamed.

        Raises OSError, or SpotterError if another attempt has taken over.
        """
        self._fence()
        for folder in self._newest_first():
            if step_of(folder) > step and (folder / _PINNED).exists():
                _rename(folder, "abandoned")
            elif step_of(folder) > step:
                _remove(folder)

    def _set_aside(self, corrupt: Path) -> None:
        _rename(corrupt, "corrupt")
        self.set_aside.append(f"the checkpoint of step {step_of(corrupt):,} is corrupt and was set aside")

    def _newest_first(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        found = [(int(match[1]), path) for path in self._folder.iterdir() if (match := _FOLDER.fullmatch(path.name))]
        return [path for _, path in sorted(found, reverse=True)]


def step_of(checkpoint: Path | None) -> int:
    """The step a checkpoint was saved after; 0 for none."""
    match = _FOLDER.fullmatch(checkpoint.name) if checkpoint else None
    return int(match[1]) if match else 0


def record_in(checkpoint: Path) -> Record | None:
    """Where the run was and what was decided for it; None if it cannot be read. `restore` tells what is wrong then."""
    try:
        return Record.model_validate_json((checkpoint / _STATE).read_bytes())
    except (OSError, ValidationError):
        return None


def tokenizer_in(checkpoint: Path) -> Chosen | None:
    """The tokenizer that its weights were trained with; None if it does not say."""
    record = record_in(checkpoint)
    return record.tokenizer if record else None


def restore(training: Training, checkpoint: Path) -> None:
    """Put weights, optimizer, random generators and loop state back. Raises CHECKPOINT_CORRUPT."""
    part = _STATE
    try:
        record = Record.model_validate_json((checkpoint / part).read_bytes())
        assert record.loop.step == step_of(checkpoint), "the folder was renamed"
        part = "model.safetensors"
        load_model(training.model, checkpoint / part, device=training.device.kind)
        part = "optim.pt"
        optimizer = torch.load(checkpoint / part, weights_only=True, map_location=training.device.kind)
        training.optimizer.load(optimizer)
    except Exception as error:  # the sums are right, but somebody may have written files and sums alike
        if is_out_of_memory(error):
            raise
        raise SpotterError(
            Code.CHECKPOINT_CORRUPT,
            f"The checkpoint of step {step_of(checkpoint):,} cannot be restored: its {part} is not of this model.",
            next_step=f"Remove {checkpoint.name} from the run's checkpoints, then {GOES_ON}.",
        ) from error
    training.state = record.loop


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _rename(folder: Path, word: str) -> None:
    """So that it counts no more, and whoever looks sees why. Raises OSError."""
    renamed = folder.with_name(f"{word}-{folder.name}")
    shutil.rmtree(renamed, ignore_errors=True)
    folder.rename(renamed)


def _remove(folder: Path) -> None:
    """At once for whoever looks: a checkpoint that is half gone would count as corrupt. Raises OSError."""
    reach("checkpoint.prune")
    shutil.rmtree(folder.rename(name_aside(folder)))


@disk.unwrapped()
def _write(folder: Path, training: Training, *, evaluated: bool) -> None:
    save_weights(training.model, folder)
    reach("checkpoint.model")
    with (folder / "optim.pt").open("wb") as file:  # by path, torch would not tell a full disk from anything else
        torch.save(training.optimizer.state(), file)
    reach("checkpoint.optimizer")
    record = Record(
        loop=training.state,
        evaluated=evaluated,
        mode=training.mode,
        micro_batch=training.batching.micro_batch,
        tokenizer=training.objective.chosen,
    )
    (folder / _STATE).write_text(record.model_dump_json(), encoding="utf-8")
    reach("checkpoint.state")
    write_sums(folder)
    reach("checkpoint.sums")

"""Checkpoints: folders that are whole or absent, and count only while every file is the one that was written."""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import load_model

from trainer_core import disk
from trainer_core.atomic import name_aside
from trainer_core.errors import GOES_ON, Code, SpotterError
from trainer_core.events import MetricsCheckpoint
from trainer_core.export import problems_with_sums, write_sums
from trainer_core.failures import is_out_of_memory
from trainer_core.faults import reach
from trainer_core.folders import new_folder
from trainer_core.mode import Mode
from trainer_core.models.files import save_weights
from trainer_core.state import LoopState
from trainer_core.tokenizing import Chosen
from trainer_core.training import Training

_STATE = "state.json"
_FOLDER = re.compile(r"step-(\d{8,})")

log = logging.getLogger(__name__)


class _Record(BaseModel):
    """What `state.json` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    loop: LoopState
    mode: Mode
    tokenizer: Chosen | None = None


def _nobody_else() -> None:
    """Nobody else saves checkpoints in the folder."""


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, folder: Path, keep: int, fence: Callable[[], None] = _nobody_else) -> None:
        """`keep` is how many of the newest stay. `fence` raises SpotterError if another attempt has taken over."""
        self._folder = folder
        self._keep = keep
        self._fence = fence
        self.set_aside: list[str] = []
        """What `newest_good` found corrupt and renamed: a sentence each, for a person."""

    def save(self, training: Training) -> MetricsCheckpoint:
        """Write a checkpoint of `training` and drop the oldest over the limit. Raises OSError; then none was added.

        One of the same step that verifies is left as it is. What cannot be dropped stays, and is dropped after a later
        one. Raises SpotterError if another attempt has taken over.
        """
        self._fence()
        reach("checkpoint.begin")
        started = time.monotonic()
        target = self._folder / f"step-{training.state.step:08d}"
        if problems_with_sums(target):
            with new_folder(target, makes_way=problems_with_sums) as aside:
                _write(aside, training)
                self._fence()  # writing takes a while, and this process may have been stopped for longer
            reach("checkpoint.saved")
        self._prune(target)
        return MetricsCheckpoint(
            step=training.state.step,
            path=f"{self._folder.name}/{target.name}",
            bytes=sum(file.stat().st_size for file in target.iterdir()),
            seconds=time.monotonic() - started,
        )

    def _prune(self, saved: Path) -> None:
        """Drop the oldest over the limit. None newer than the one `saved`: those are another attempt's."""
        self._fence()
        older = [folder for folder in self._newest_first() if step_of(folder) < step_of(saved)]
        for folder in older[self._keep - 1 :]:
            try:
                _remove(folder)
            except OSError as error:
                log.warning("checkpoint %s could not be removed: %s", folder.name, error)

    def make_room(self) -> int:
        """Drop every checkpoint but the newest that verifies. Returns how many.

        Raises OSError, or SpotterError if another attempt has taken over.
        """
        self._fence()
        newest_first = self._newest_first()
        good = next((folder for folder in newest_first if not problems_with_sums(folder)), None)
        if good is None:
            return 0
        newest_first.remove(good)
        for folder in newest_first:
            _remove(folder)
        return len(newest_first)

    def newest_good(self) -> Path | None:
        """The newest checkpoint that verifies, or None if the run has saved none.

        Corrupt ones that are newer are renamed, so that they do not count among those kept once the run goes on from
        there. Raises CHECKPOINT_CORRUPT if there are some and none verifies; then none is renamed. Raises OSError.
        """
        corrupt: list[Path] = []
        found: list[str] = []
        for folder in self._newest_first():
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

    def _set_aside(self, corrupt: Path) -> None:
        kept = corrupt.with_name(f"corrupt-{corrupt.name}")
        shutil.rmtree(kept, ignore_errors=True)
        corrupt.rename(kept)
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


def tokenizer_in(checkpoint: Path) -> Chosen | None:
    """The tokenizer that its weights were trained with; None if it does not say. `restore` tells what is wrong then."""
    try:
        return _Record.model_validate_json((checkpoint / _STATE).read_bytes()).tokenizer
    except (OSError, ValidationError):
        return None


def restore(training: Training, checkpoint: Path) -> None:
    """Put weights, optimizer, random generators and loop state back. Raises CHECKPOINT_CORRUPT."""
    part = _STATE
    try:
        record = _Record.model_validate_json((checkpoint / part).read_bytes())
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


def _remove(folder: Path) -> None:
    """At once for whoever looks: a checkpoint that is half gone would count as corrupt. Raises OSError."""
    reach("checkpoint.prune")
    shutil.rmtree(folder.rename(name_aside(folder)))


@disk.unwrapped()
def _write(folder: Path, training: Training) -> None:
    save_weights(training.model, folder)
    reach("checkpoint.model")
    with (folder / "optim.pt").open("wb") as file:  # by path, torch would not tell a full disk from anything else
        torch.save(training.optimizer.state(), file)
    reach("checkpoint.optimizer")
    record = _Record(
        loop=training.state,
        mode=training.mode,
        tokenizer=training.objective.chosen,
    )
    (folder / _STATE).write_text(record.model_dump_json(), encoding="utf-8")
    reach("checkpoint.state")
    write_sums(folder)
    reach("checkpoint.sums")

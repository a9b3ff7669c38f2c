"""Checkpoints: folders that are whole or absent, and count only while every file is the one that was written."""

from __future__ import annotations

import logging
import re
import shutil
import time
from pathlib import Path
from pickle import UnpicklingError

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from safetensors.torch import load_model

from trainer_core.errors import Code, SpotterError
from trainer_core.events import MetricsCheckpoint
from trainer_core.export import problems_with_sums, write_sums
from trainer_core.failures import is_out_of_memory
from trainer_core.folders import new_folder
from trainer_core.state import LoopState
from trainer_core.training import Training

_FOLDER = re.compile(r"step-(\d{8,})")

log = logging.getLogger(__name__)


class _Record(BaseModel):
    """`state.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    loop: LoopState
    cpu_random: str
    """State of torch's CPU generator, in hex."""
    device_random: str = ""


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, folder: Path, keep: int) -> None:
        """`keep` is how many of the newest stay."""
        self._folder = folder
        self._keep = keep
        self.set_aside: list[str] = []
        """What `newest_good` found corrupt and renamed: a sentence each, for a person."""

    def save(self, training: Training) -> MetricsCheckpoint:
        """Write a checkpoint of `training` and drop the oldest over the limit. Raises OSError; then none was added.

        One of the same step that verifies is left as it is.
        """
        started = time.monotonic()
        target = self._folder / f"step-{training.state.step:08d}"
        if problems_with_sums(target):
            with new_folder(target, makes_way=problems_with_sums) as aside:
                _write(aside, training)
        others = [folder for folder in self._newest_first() if folder != target]
        for old in others[self._keep - 1 :]:
            shutil.rmtree(old)
        return MetricsCheckpoint(
            step=training.state.step,
            path=f"{self._folder.name}/{target.name}",
            bytes=sum(file.stat().st_size for file in target.iterdir()),
            seconds=time.monotonic() - started,
        )

    def newest_good(self) -> Path | None:
        """The newest checkpoint that verifies, or None if the run has saved none.

        Corrupt ones that are newer are renamed, so that they do not count among those kept once the run goes on from
        there. Raises CHECKPOINT_CORRUPT if there are some and none verifies; then none is renamed. Raises OSError.
        """
        corrupt: list[Path] = []
        for folder in self._newest_first():
            problems = problems_with_sums(folder)
            if not problems:
                for passed_over in corrupt:
                    self._set_aside(passed_over)
                return folder
            log.warning("checkpoint %s is corrupt: %s", folder.name, "; ".join(problems))
            corrupt.append(folder)
        if corrupt:
            raise SpotterError(Code.CHECKPOINT_CORRUPT)
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


def restore(training: Training, checkpoint: Path) -> None:
    """Put weights, optimizer, random generators and loop state back. Raises CHECKPOINT_CORRUPT."""
    try:
        record = _Record.model_validate_json((checkpoint / "state.json").read_bytes())
        load_model(training.model, checkpoint / "model.safetensors", device=training.device.kind)
        optimizer = torch.load(checkpoint / "optim.pt", weights_only=True, map_location=training.device.kind)
        training.optimizer.load_state_dict(optimizer)
    except (
        OSError,
        EOFError,
        RuntimeError,
        TypeError,
        ValueError,
        KeyError,
        SafetensorError,
        UnpicklingError,
    ) as error:
        if is_out_of_memory(error):
            raise
        raise SpotterError(Code.CHECKPOINT_CORRUPT, f"the checkpoint {checkpoint.name} is not of this model") from error
    training.state = record.loop
    torch.set_rng_state(_from_hex(record.cpu_random))
    if training.device.kind == "cuda" and record.device_random:
        torch.cuda.set_rng_state(_from_hex(record.device_random))


def _write(folder: Path, training: Training) -> None:
    training.model.save_pretrained(folder)
    torch.save(training.optimizer.state_dict(), folder / "optim.pt")
    record = _Record(
        loop=training.state,
        cpu_random=_to_hex(torch.get_rng_state()),
        device_random=_to_hex(torch.cuda.get_rng_state()) if training.device.kind == "cuda" else "",
    )
    (folder / "state.json").write_text(record.model_dump_json(), encoding="utf-8")
    write_sums(folder)


def _to_hex(state: torch.Tensor) -> str:
    return bytes(state.tolist()).hex()


def _from_hex(text: str) -> torch.Tensor:
    return torch.tensor(list(bytes.fromhex(text)), dtype=torch.uint8)

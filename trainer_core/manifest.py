"""Where a model came from: `manifest.json`, for programs. It names no path of this machine."""

from __future__ import annotations

import logging
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from trainer_core.compute.mode import Mode
from trainer_core.data.card import DatasetCard
from trainer_core.events import MetricsConfig, Summary
from trainer_core.files.atomic import write_atomic
from trainer_core.files.layout import RunDirectory
from trainer_core.spec import RunSpec
from trainer_core.steering import Steer

_PACKAGES = ("spotter-trainer", "torch", "transformers", "tokenizers", "safetensors", "numpy")

log = logging.getLogger(__name__)


class Decision(BaseModel):
    """A choice that was made for the run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: int | float | str
    reason: str


class Manifest(BaseModel):
    """One run: what it was made from, how, on what, and the sums of what it made."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    version: int = 1
    run: str
    attempts: int
    spec: RunSpec
    dataset: DatasetCard
    tokenizer: str
    versions: dict[str, str]
    git_commit: str | None
    """Of the checkout that Spotter runs from; None if it was installed."""
    system: str
    device: str
    precision: str
    decisions: dict[str, Decision]
    """What was chosen for the run, or asked for, by the names of `MetricsConfig`."""
    durations: dict[str, float]
    """Seconds of each phase of the last attempt."""
    summary: Summary
    mode: Mode = Mode()
    """How a step's arithmetic was done."""
    wiring: dict[str, object] | None = None
    """What each parameter of a module's `forward` was fed with, as `model.wiring` of a spec takes it."""
    module_sha256: str | None = None
    """Of the Python file of a module."""
    steering: tuple[Steer, ...] = ()
    """What changed the run's course on its way."""
    averaged: bool = False
    """Whether the finished weights are the moving average."""
    sums: dict[str, str] = {}
    """SHA-256 of each file of the finished model."""

    def write(self, directory: RunDirectory) -> None:
        """Raises OSError."""
        write_atomic(directory.manifest, self.model_dump_json(indent=2).encode())


def decisions(config: MetricsConfig) -> dict[str, Decision]:
    """The numbers in `config` that have a reason there, with it."""
    values = config.model_dump(include=set(config.reasons))
    return {name: Decision(value=values[name], reason=reason) for name, reason in config.reasons.items()}


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide what comes out."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_commit(package: Path = Path(__file__).parent, seconds: float = 10.0) -> str | None:
    """The commit of the checkout that `package` is a folder of, marked `-dirty` if it was changed since.

    None outside of one, without git, or if git takes more than `seconds` to answer. A package that was installed
    somewhere below another project's checkout is not of that checkout.
    """
    top = _git(package, seconds, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != package.resolve().parent:
        return None
    return _git(package, seconds, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(folder: Path, seconds: float, *arguments: str) -> str | None:
    """What git prints for `folder`; None if it fails or does not answer."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "-C", str(folder), *arguments]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds)
    except (OSError, subprocess.SubprocessError) as error:
        log.info("git %s: %s", arguments[0], error)
        return None
    return result.stdout.strip() or None


def system() -> str:
    """Operating system and processor architecture: `Linux x86_64`."""
    return f"{platform.system()} {platform.machine()}"

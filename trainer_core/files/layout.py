"""Where everything lies: the home folder, a run's directory, an attempt's. Paths, and what is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_SAFE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def _confined(name: str) -> str:
    """`name` if it can only be a folder right under its parent. Raises ValueError otherwise."""
    if not _SAFE.fullmatch(name) or ".." in name:
        raise ValueError(f"{name!r} is not a plain name")
    return name


@dataclass(frozen=True, slots=True)
class AttemptDirectory:
    """`attempts/<n>/`: one worker process' doings."""

    path: Path

    @property
    def number(self) -> int:
        return int(self.path.name)

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "worker.log"

    @property
    def control(self) -> Path:
        return self.path / "control.json"

    @property
    def exit(self) -> Path:
        return self.path / "exit.json"

    @property
    def lock(self) -> Path:
        return self.path / "run.lock"


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """`runs/<run>/`: the truth about one run."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def home(self) -> Home:
        return Home(self.path.parent.parent)

    @property
    def spec(self) -> Path:
        return self.path / "spec.json"

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def steering(self) -> Path:
        """What changed the run's course on its way."""
        return self.path / "steering.jsonl"

    @property
    def evaluations(self) -> Path:
        """Reports of evaluations that are more than a few numbers."""
        return self.path / "eval"

    @property
    def module(self) -> Path:
        """The Python file of the run's own module, as it was when the run began."""
        return self.path / "module.py"

    @property
    def wiring(self) -> Path:
        """How that module is called."""
        return self.path / "module.json"

    @property
    def export(self) -> Path:
        return self.path / "export"

    @property
    def card(self) -> Path:
        return self.path / "card.md"

    def attempt(self, number: int) -> AttemptDirectory:
        return AttemptDirectory(self.path / "attempts" / str(number))

    def newest_attempt(self) -> int:
        """The highest number of an attempt's folder; 0 if there is none. Raises OSError."""
        folders = (self.path / "attempts").iterdir()
        return max((int(folder.name) for folder in folders if folder.name.isdecimal()), default=0)


@dataclass(frozen=True, slots=True)
class Home:
    """`$SPOTTER_HOME`."""

    path: Path

    @property
    def database(self) -> Path:
        return self.path / "spotter.db"

    @property
    def lock(self) -> Path:
        """Held by the one bot that uses the folder."""
        return self.path / "spotter.lock"

    @property
    def datasets(self) -> Path:
        return self.path / "datasets"

    @property
    def tokenizers(self) -> Path:
        return self.path / "tokenizers"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def incoming(self) -> Path:
        """Files on their way in: uploads that no data set or tokenizer holds yet."""
        return self.path / "incoming"

    @property
    def measured(self) -> Path:
        """What was measured on this machine: a file a question."""
        return self.path / "measured"

    def run_names(self) -> set[str]:
        """Names of the run directories there are."""
        return {folder.name for folder in self.runs.iterdir()} if self.runs.is_dir() else set()

    def dataset(self, name: str) -> Path:
        """Raises ValueError if `name` could leave the folder."""
        return self.datasets / _confined(name)

    def tokenizer(self, name: str) -> Path:
        """Raises ValueError if `name` could leave the folder."""
        return self.tokenizers / _confined(name)

    def run(self, name: str) -> RunDirectory:
        """Raises ValueError if `name` could leave the folder."""
        return RunDirectory(self.runs / _confined(name))

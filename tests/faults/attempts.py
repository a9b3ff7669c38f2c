"""A run whose attempts are made one by one, with no bot: what the worker alone promises."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from tests.faults import zygote
from tests.faults.stage import small_spec
from trainer_core.events import Event, decode
from trainer_core.files.layout import Home

E = TypeVar("E")

_SMALLER = {
    "budget": "5 steps",
    "batch": {"tokens_per_step": 128},
    "evaluation": {"times": 1, "max_tokens": 128, "sample_tokens": 0},
}
"""It still saves after every step."""


class Attempts:
    """One run. Its attempts are made one at a time."""

    def __init__(self, home: Home, name: str, **changes: object) -> None:
        """`changes` are fields of the small run's spec."""
        self.directory = home.run(name)
        self.directory.path.mkdir(parents=True)
        spec = small_spec(home, name, **{**_SMALLER, **changes})
        self.directory.spec.write_text(spec.model_dump_json())
        self._count = 0

    def start(self, faults: str = "", before: str = "") -> None:
        self._count += 1
        attempt = self.directory.attempt(self._count)
        attempt.path.mkdir(parents=True)
        zygote.start(attempt.path, faults, before)

    def make(self, faults: str = "", before: str = "") -> int:
        """One more attempt. Its exit status, or the negative number of the signal that ended it."""
        self.start(faults, before)
        return zygote.ended()

    @property
    def events(self) -> list[Event]:
        """What the newest attempt reported, which is in order and without a gap."""
        events = decode_all(self.directory.attempt(self._count).events)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        return events

    def all_of(self, kind: type[E]) -> list[E]:
        """Those of the newest attempt's events that are of this kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def log(self) -> str:
        return self.directory.attempt(self._count).log.read_text()

    @property
    def weights(self) -> bytes:
        return (self.directory.export / "model.safetensors").read_bytes()

    @property
    def checkpoints(self) -> list[str]:
        """The folders and files there are among the checkpoints."""
        return sorted(path.name for path in self.directory.checkpoints.iterdir())


def decode_all(journal: Path) -> list[Event]:
    """The events in a journal so far; none if there is none yet."""
    data = journal.read_bytes() if journal.exists() else b""
    return [decode(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]

"""What the run service asks of whoever starts runs and tends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.runs.model import Run
from bot.runs.slots import Slot


class Dispatch(Protocol):
    """Who starts runs and tends them."""

    @property
    def slots(self) -> Sequence[Slot]:
        """What runs can be given to run on."""
        ...

    @property
    def held(self) -> Mapping[str, float]:
        """Seconds for which each run that failed waits before it is tried again, by name."""
        ...

    @property
    def running_cap(self) -> int:
        """How many runs of one person may train at once; 0 for any number."""
        ...

    def wake(self) -> None:
        """There may be something to start."""
        ...

    def stop(self, run: Run) -> None:
        """The run's worker has to end."""
        ...

    def pause(self, run: Run) -> None:
        """The run's worker has to save and end."""
        ...

    def steer(self, run: Run) -> None:
        """The run's worker has to hear of the first of `run.requests`."""
        ...

    def restart(self, run: Run) -> None:
        """The run's worker is to be killed; the run goes on from its newest checkpoint."""
        ...

    def wait(self, run: Run) -> None:
        """The run's worker has stalled and is to be left alone for now."""
        ...

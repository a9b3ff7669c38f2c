"""How well a run uses its machine: what stands beside the loss of a step."""

from __future__ import annotations

from typing import TypedDict

from trainer_core.training import Training

_SMOOTHING = 0.1
"""Weight of the newest step in the mean that the speed is told from."""


class Measured(TypedDict):
    """Fields of `MetricsProgress`; None for what is not known here, or not yet."""

    tokens_per_second: float
    peak_share: float | None
    data_wait: float | None
    memory: int | None
    busy: float | None
    joules: float | None


class Telemetry:
    """Watches one attempt at a run. The system is asked only once in a while: a step pays some microseconds."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._step_seconds = 0.0

    def measured(self, seconds: float) -> Measured:
        """What is known after one more step, which took `seconds`."""
        self._step_seconds += _SMOOTHING * (seconds - self._step_seconds) if self._step_seconds else seconds
        return Measured(
            tokens_per_second=self._training.batching.tokens_per_step / self._step_seconds,
            peak_share=None,
            data_wait=None,
            memory=None,
            busy=None,
            joules=None,
        )

"""By how much a loss is multiplied before fp16 gradients are taken of it, so that small ones do not become zero. Pure.

Torch's own scaler decides by itself which steps are taken. Here the guard does; this one only follows.
"""

from __future__ import annotations

from dataclasses import dataclass

_PATIENCE = 1_000
"""Steps without an overflow after which the scale is doubled."""
_LARGEST = 2.0**24


@dataclass(frozen=True, slots=True)
class LossScale:
    """A power of two, so that multiplying by it rounds nothing."""

    value: float = 2.0**12
    """As a loss in nats and a mean over a step need little: an overflow costs a step, which the guard does not hold
    against the run.
    """
    steps: int = 0
    """Taken since it changed."""

    @property
    def least(self) -> bool:
        """Whether it cannot become smaller: then no overflow is its doing."""
        return self.value <= 1

    def after_overflow(self) -> LossScale:
        return LossScale(max(1.0, self.value / 4))

    def after_step(self) -> LossScale:
        if self.steps + 1 < _PATIENCE:
            return LossScale(self.value, self.steps + 1)
        return LossScale(min(_LARGEST, self.value * 2))

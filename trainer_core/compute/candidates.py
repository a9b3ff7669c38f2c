"""Which ways of computing a step are worth timing, for how long, and which is taken. Pure; needs no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from trainer_core.compute.mode import Attention, Head, Mode, Precision

_SHARE = 0.05
"""Of the run's time, the most that finding out may take."""
_LONGEST = 60.0
"""Seconds that it may take at most."""
WORTH_IT = 1.5
"""Seconds below which it is not begun: what is known of such machines has to do."""
COMPILING = 45.0
"""Seconds that compiling a model takes, about."""
_TIMES_COMPILING = 20
"""So many times as long as that a run has to be."""
_COMPILED_GAIN = 1.03
"""Timings differ by less between two tries of the same; and compiled code has to be compiled again in each attempt."""
_WIDE = 512
"""Width up to which cutting the head and the attention is known to pay on a CPU."""

_TOLERANCE: Mapping[Precision, tuple[float, float]] = {
    "fp32": (1e-4, 1e-2),
    "bf16": (2e-2, 0.15),
    "bf16-autocast": (2e-2, 0.15),
    "fp16": (2e-2, 0.15),
}
"""By how much a loss, and the norm of its gradients, may differ from those of fp32, as shares of them."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from, for one model on one device; the first of each is what is known to be good."""

    precisions: tuple[Precision, ...]
    attentions: tuple[Attention, ...]
    heads: tuple[Head, ...]

    @property
    def known(self) -> Mode:
        """What to take without measuring."""
        return Mode(self.precisions[0], self.attentions[0], self.heads[0] if self.precisions[0] != "fp16" else "whole")

    def of_precision(self) -> list[Mode]:
        """One mode for each precision, the known one first."""
        return [replace(self.known, precision=precision) for precision in self.precisions]

    def forms(self, precision: Precision) -> list[Mode]:
        """All combinations of attention and head: what pays alone may cost together."""
        heads: Sequence[Head] = ("whole",) if precision == "fp16" else self.heads  # small errors would become zeros
        return [Mode(precision, attention, head) for attention in self.attentions for head in heads]


@dataclass(frozen=True, slots=True)
class Trial:
    """How a mode did on one batch."""

    mode: Mode
    seconds: float
    """Of a forward and backward pass."""
    loss: float
    norm: float
    """Of the gradients."""


def choices(
    precisions: Sequence[Precision], asked: Precision | None, *, on_cpu: bool, blocks: bool, chunks: bool, width: int
) -> Choices:
    """From what the device multiplies well in, what was `asked` for, and what the model can do.

    `blocks`: attention by our products; `chunks`: the head a few rows at a time. `width`: of the model.
    """
    narrow = on_cpu and width <= _WIDE
    attentions: tuple[Attention, ...] = ("sdpa", "bmm") if blocks and on_cpu else ("sdpa",)
    heads: tuple[Head, ...] = ("whole", "chunked") if chunks else ("whole",)
    return Choices(
        (asked,) if asked else tuple(precisions),
        attentions[::-1] if narrow else attentions,
        heads[::-1] if narrow else heads,
    )


def allowance(run: float) -> float:
    """Seconds that may be spent on finding out, for a run of so many seconds."""
    return min(_LONGEST, _SHARE * run)


def may_compile(run: float, left: float) -> bool:
    """Whether compiling is worth a try, for a run of so many seconds, with so many `left` to find out."""
    return run >= _TIMES_COMPILING * COMPILING and left >= COMPILING


def agrees(trial: Trial, exact: Trial) -> bool:
    """Whether it computes the same as `exact`, which is in fp32, to what its precision can tell apart."""
    of_loss, of_norm = _TOLERANCE[trial.mode.precision]
    return (
        math.isfinite(trial.loss + trial.norm)
        and abs(trial.loss - exact.loss) <= of_loss * max(abs(exact.loss), 1.0)
        and abs(trial.norm - exact.norm) <= of_norm * exact.norm
    )


def quickest(trials: Iterable[Trial], exact: Trial) -> Trial:
    """Of those that agree; `exact` if none does. A compiled one has to be clearly quicker than the others."""
    good = [trial for trial in trials if agrees(trial, exact)] or [exact]
    plain = min((trial for trial in good if not trial.mode.compiled), key=_seconds, default=good[0])
    best = min(good, key=_seconds)
    return best if best.seconds * _COMPILED_GAIN < plain.seconds or not best.mode.compiled else plain


def _seconds(trial: Trial) -> float:
    return trial.seconds


def fitting(micro_batch: int, each: int, fixed: int, available: int) -> int:
    """The largest micro-batch of those reached by halving that fits, 1 if none does.

    `each`: bytes that an example takes; `fixed`: what is taken besides; `available`: what there is. A fifth is left.
    """
    while micro_batch > 1 and fixed + micro_batch * each > 0.8 * available:
        micro_batch = math.ceil(micro_batch / 2)
    return micro_batch

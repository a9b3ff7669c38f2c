"""Which checkpoints stay: the newest, the best, the pinned, within a bound. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from trainer_core.errors import Code, SpotterError
from trainer_core.spec import CheckpointSpec
from trainer_core.state import Evaluation


@dataclass(frozen=True, slots=True)
class Held:
    """A checkpoint on the disk."""

    step: int
    bytes: int
    merit: float | None = None
    """How good its weights are, if they were evaluated: greater is better."""
    pinned: bool = False
    """Somebody asked for it: it stays whatever comes after."""


def merit(evaluation: Evaluation, spec: CheckpointSpec) -> float:
    """How good an evaluation is by the metric asked for: greater is better, whatever the metric.

    Raises CONFIG_INVALID, field `checkpoint.metric`, if the data has no such metric.
    """
    name = spec.metric or ("loss" if evaluation.accuracy is None else "accuracy")
    found = {
        "loss": evaluation.loss,
        "bits_per_byte": evaluation.bits_per_byte,
        "accuracy": evaluation.accuracy,
        "f1": evaluation.f1,
    }
    value = found[name]
    if value is None:
        there = ", ".join(metric for metric, measured in found.items() if measured is not None)
        raise SpotterError(
            Code.CONFIG_INVALID,
            f"this data has no {name}",
            field="checkpoint.metric",
            next_step=f"Take one of {there}, or leave it out.",
        )
    direction = spec.direction or ("min" if name in ("loss", "bits_per_byte") else "max")
    return value if direction == "max" else -value


def better(new: Evaluation, best: Evaluation | None, spec: CheckpointSpec) -> bool:
    """Whether `new` beats the best so far; without one, it does. Raises as `merit` does, the first time already."""
    found = merit(new, spec)
    return best is None or found > merit(best, spec)


def best_first(held: Iterable[Held]) -> list[Held]:
    """Those that were evaluated; of equals, the older first."""
    evaluated = [(one.merit, -one.step, one) for one in held if one.merit is not None]
    return [one for *_, one in sorted(evaluated, key=lambda found: found[:2], reverse=True)]


def among_best(new: float, held: Iterable[Held], best: int) -> bool:
    """Whether weights of merit `new` belong to the `best` best, beside those there are. A tie is no news."""
    return sum(one.merit is not None and one.merit >= new for one in held) < best


def superfluous(held: Iterable[Held], spec: CheckpointSpec) -> list[int]:
    """The steps of those to drop, in the order to drop them: none of them is needed, whatever becomes of the others.

    The newest and the pinned ones always stay, even where they take more than the bound.
    """
    newest_first = sorted(held, key=lambda one: one.step, reverse=True)
    newest, best = newest_first[: spec.keep], best_first(newest_first)[: spec.best]
    gone = [one for one in reversed(newest_first) if one not in newest and one not in best and not one.pinned]
    dearer = [one for one in reversed(newest) if one not in best] + best[::-1]
    for one in dearer:
        if excess((other for other in newest_first if other not in gone), spec) <= 0:
            break
        if one is not newest_first[0] and not one.pinned:
            gone.append(one)
    return [one.step for one in gone]


def excess(held: Iterable[Held], spec: CheckpointSpec) -> float:
    """Bytes that they take more than the spec allows; negative for what is left."""
    return -inf if spec.gigabytes is None else sum(one.bytes for one in held) - spec.gigabytes * 1e9

"""The processes that share each step of a run, as `Training` sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from torch import Tensor

from trainer_core.distributed.words import Verb


class Group(Protocol):
    """Rank 0 runs the loop; the others do what it tells them, on their share of the micro-batches."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    @property
    def others(self) -> Sequence[int]:
        """Pids of the processes that this one has started."""

    def tell(self, verb: Verb, *arguments: float) -> None:
        """Have the others do the same at the same time. Only what rank 0 tells is heard."""

    def add_up(self, loss: float, gradients: Callable[[], Sequence[Tensor]]) -> float:
        """Make each of the `gradients` the sum of all processes', in place. Returns the sum of their losses.

        Raises MemoryError if one of them ran out of memory, SpotterError if one is gone.
        """

    def lost(self) -> None:
        """Instead of `add_up`: this process ran out of memory, and the others are to know."""

    def hand_out(self, tensors: Sequence[Tensor]) -> None:
        """Make each tensor what it is in rank 0, in place. Raises SpotterError if a process is gone."""

    def hand_out_state(self, state: dict[str, Any]) -> dict[str, Any]:  # Any: as torch types an optimizer's
        """The `state` of rank 0, on the CPU."""


class Alone:
    """One process, which has nobody to tell."""

    rank = 0
    size = 1
    others = ()

    def tell(self, verb: Verb, *arguments: float) -> None:
        pass

    def add_up(self, loss: float, gradients: Callable[[], Sequence[Tensor]]) -> float:
        return loss

    def lost(self) -> None:
        pass

    def hand_out(self, tensors: Sequence[Tensor]) -> None:
        pass

    def hand_out_state(self, state: dict[str, Any]) -> dict[str, Any]:  # Any: as torch types an optimizer's
        return state


ALONE: Group = Alone()

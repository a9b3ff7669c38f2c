"""A group of several processes, over torch.distributed."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, distributed
from torch.utils._pytree import tree_leaves, tree_map_only

from trainer_core.distributed.ranks import unanswered
from trainer_core.distributed.words import Verb
from trainer_core.failures import classify, is_out_of_memory

_BUCKET = 2**22
"""Numbers that are added up at once: enough to make up for the delay, few enough to copy."""

_TIMED_OUT = re.compile(r"tim(ed |e)out", re.IGNORECASE)
"""In whatever a collective raises: torch has a class of its own for it in some backends only."""


class Lead(Protocol):
    """How rank 0 has the others follow."""

    @property
    def pids(self) -> Sequence[int]: ...

    def tell(self, verb: Verb, arguments: Sequence[float]) -> None:
        """Have all of them do this."""

    def explained(self) -> Exception | None:
        """Why nothing can be done together any more; None if that is not because one of them is gone."""


class Shared:
    """This process' place in the group; `lead` is rank 0's alone."""

    def __init__(self, processes: distributed.ProcessGroup, lead: Lead | None = None) -> None:
        self._processes = processes
        self._lead = lead
        self.rank = processes.rank()
        self.size = processes.size()

    @property
    def others(self) -> Sequence[int]:
        return self._lead.pids if self._lead else ()

    def tell(self, verb: Verb, *arguments: float) -> None:
        if self._lead:
            self._lead.tell(verb, arguments)

    def add_up(self, loss: float, gradients: Callable[[], Sequence[Tensor]]) -> float:
        # On the CPU, on whatever device the gradients are: there a process that is gone is noticed at once.
        total, without_memory = self._counted(loss, 0.0)
        if without_memory:
            raise MemoryError("another process of the run ran out of memory")
        for bucket in buckets(gradients(), _BUCKET):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            self._reduce(flat)
            parts = torch.split(flat, [gradient.numel() for gradient in bucket])
            for gradient, part in zip(bucket, parts, strict=True):
                gradient.copy_(part.view_as(gradient))
        return total

    def lost(self) -> None:
        self._counted(0.0, 1.0)

    def _counted(self, loss: float, without_memory: float) -> tuple[float, float]:
        counts = torch.tensor([loss, without_memory], dtype=torch.float64)
        self._reduce(counts)
        total, lost = counts.tolist()
        return total, lost

    def hand_out(self, tensors: Sequence[Tensor]) -> None:
        for tensor in tensors:
            whole = tensor.contiguous()
            with self._explained():  # as bytes: there are types of numbers that gloo does not know
                distributed.broadcast(whole.view(-1).view(torch.uint8), group=self._processes, group_src=0)
            if whole is not tensor:
                tensor.copy_(whole)

    def hand_out_state(self, state: dict[str, Any]) -> dict[str, Any]:  # Any: as torch types an optimizer's
        """The tensors go one by one: together they are as large as the weights several times over."""
        if self.rank == 0:
            self._say(tree_map_only(Tensor, _without_content, state))
        else:
            state = tree_map_only(Tensor, _with_some_content, self._hear())
        for part in tree_leaves(state):
            if isinstance(part, Tensor):
                self.hand_out([part.cpu()])
        return state

    def _say(self, state: dict[str, Any]) -> None:
        file = io.BytesIO()
        torch.save(state, file)
        content = torch.frombuffer(file.getbuffer(), dtype=torch.uint8)
        self.hand_out([torch.tensor([len(content)]), content])

    def _hear(self) -> dict[str, Any]:
        """What rank 0 says."""
        size = torch.empty(1, dtype=torch.int64)
        self.hand_out([size])
        content = torch.empty(int(size), dtype=torch.uint8)
        self.hand_out([content])
        said: dict[str, Any] = torch.load(io.BytesIO(content.numpy().tobytes()), weights_only=True)
        return said

    def _reduce(self, tensor: Tensor) -> None:
        with self._explained():
            distributed.all_reduce(tensor, group=self._processes)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Whatever breaks while they do something together: mostly because one of them is gone or does not answer."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise classify(error) from error  # too late for all of them to begin the step anew
            if self._lead is None:
                raise GoneError() from error
            why = self._lead.explained()
            if why is None and not _TIMED_OUT.search(str(error)):
                raise  # all are there: it is something else
            raise (why or unanswered(self.size)) from error


class GoneError(Exception):
    """Another process of the group is gone: whoever started this one knows why."""


def _without_content(tensor: Tensor) -> Tensor:
    return tensor.to("meta")


def _with_some_content(tensor: Tensor) -> Tensor:
    return torch.empty_like(tensor, device="cpu")


def buckets(tensors: Sequence[Tensor], most: int) -> Iterator[list[Tensor]]:
    """`tensors` in order, together as long as they are of one type and have at most `most` numbers; none is split."""
    bucket: list[Tensor] = []
    numbers = 0
    for tensor in tensors:
        if bucket and (numbers + tensor.numel() > most or tensor.dtype != bucket[0].dtype):
            yield bucket
            bucket, numbers = [], 0
        bucket.append(tensor)
        numbers += tensor.numel()
    if bucket:
        yield bucket

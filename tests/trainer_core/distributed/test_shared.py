"""Two processes' worth of a group: each half trains in a thread, with its own place in the real collectives."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from queue import SimpleQueue
from typing import cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributed
from torch._C._distributed_c10d import HashStore  # torch.distributed has it, too, but its stub forgets that

from tests.trainer_core.conftest import Settings, small_spec, weights
from trainer_core.distributed.rank import obey
from trainer_core.distributed.shared import GoneError, Shared, buckets
from trainer_core.distributed.words import Order, Verb
from trainer_core.errors import SpotterError
from trainer_core.failures import is_out_of_memory
from trainer_core.objectives.objective import Fields
from trainer_core.spec import RunSpec
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]

os.environ["GLOO_SOCKET_IFNAME"] = "lo"


@dataclass
class Spoken:
    """Orders by word of mouth, from one thread to the other."""

    orders: SimpleQueue[Order | None] = field(default_factory=SimpleQueue)
    pids: Sequence[int] = ()

    def tell(self, verb: Verb, arguments: Sequence[float]) -> None:
        self.orders.put(Order.model_validate_json(Order(verb=verb, arguments=tuple(arguments)).line()))

    def explained(self) -> SpotterError | None:
        return None


def place(store: HashStore, rank: int) -> distributed.ProcessGroup:
    """One of two, whichever thread it is in. It does what a group of torch's does, and torch types it otherwise."""
    return cast(distributed.ProcessGroup, distributed.ProcessGroupGloo(store, rank, 2, timedelta(seconds=20)))


@contextmanager
def sharing(first: Training, second: Training) -> Iterator[None]:
    """`second` does as `first` does, in a thread of its own."""
    spoken, store = Spoken(), HashStore()
    failures: list[BaseException] = []

    def follow() -> None:
        try:
            second.group = Shared(place(store, 1))
            while order := spoken.orders.get():
                obey(second, order)
        except GoneError as error:
            failures.append(error)

    follower = threading.Thread(target=follow)
    follower.start()
    first.group = Shared(place(store, 0), spoken)
    first.synchronize()
    try:
        yield
    finally:
        spoken.orders.put(None)
        follower.join()
    assert not failures


def steps(training: Training, number: int) -> list[float]:
    """The losses and gradient norms of so many steps, as the loop takes them."""
    told = []
    for _ in range(number):
        told.append(training.forward_backward(training.state.cursor, training.batching.sequences))
        told.append(training.clip())
        training.step(1e-3)
        training.state = replace(training.state, cursor=training.state.cursor + training.batching.sequences)
    return told


SPEC: Settings = {"batch": {"tokens_per_step": 640, "micro_batch": 1}}
"""Five forward passes in a step: three for one process, two for the other."""


def test_a_shared_run_learns_what_one_process_learns_and_goes_on_bit_for_bit(training: Make) -> None:
    alone, first, second = (training(small_spec(**SPEC)) for _ in range(3))
    expected = steps(alone, 3)
    with sharing(first, second):
        shared = steps(first, 3)
    assert shared == pytest.approx(expected, rel=1e-5)
    for name, weight in weights(first).items():
        torch.testing.assert_close(weight, weights(alone)[name], rtol=1e-3, atol=1e-5)
        assert torch.equal(weight, weights(second)[name])

    begun, helper, later = (training(small_spec(**SPEC)) for _ in range(3))
    with sharing(begun, helper):
        told = steps(begun, 2)
    with sharing(begun, later):  # it has learnt nothing yet, and takes over what `begun` has
        assert [*told, *steps(begun, 1)] == shared
    assert all(torch.equal(weight, weights(first)[name]) for name, weight in weights(begun).items())


def test_an_averaged_muon_run_with_odd_buffers_is_shared_too(training: Make) -> None:
    spec = small_spec(**SPEC, optimizer={"name": "muon", "average": 0.9})
    alone, first, second = (training(spec) for _ in range(3))
    second.average = None  # as a rank has it
    for making in (first, second):
        making.model.register_buffer("counts", torch.full((3,), making is first, dtype=torch.int16))
        making.model.register_buffer("seen", torch.tensor(making is first))
    expected = steps(alone, 2)
    with sharing(first, second):
        shared = steps(first, 2)
        first.synchronize()  # with moments by now, as after a rollback
        shared += steps(first, 1)
    assert shared == pytest.approx([*expected, *steps(alone, 1)], rel=1e-3)
    assert all(torch.equal(weight, weights(second)[name]) for name, weight in weights(first).items())
    for name, weight in first.learnt().items():
        torch.testing.assert_close(
            weight, {**alone.learnt(), **dict(first.model.named_buffers())}[name], rtol=1e-2, atol=1e-3
        )
    buffers = dict(second.model.named_buffers())
    assert buffers["counts"].tolist() == [1, 1, 1] and bool(buffers["seen"])


def both(work: Callable[[Shared], object], lead: Spoken) -> tuple[Future[object], Future[object]]:
    """What comes of `work` in two processes' places."""
    store = HashStore()
    with ThreadPoolExecutor(2) as threads:
        places = list(threads.map(partial(place, store), range(2)))
        first, second = Shared(places[0], lead), Shared(places[1])
        return threads.submit(work, first), threads.submit(work, second)


def test_a_state_arrives_as_it_was_and_only_the_tensors_are_sent_whole() -> None:
    state = {"state": {0: {"step": torch.tensor(3.0), "mean": torch.rand(4, 3).T}}, "rate": 0.1, "some": [None, 2]}
    told, heard = both(lambda group: group.hand_out_state(state if group.rank == 0 else {}), Spoken())
    assert told.result() is state
    torch.testing.assert_close(heard.result(), state, rtol=0, atol=0)


def test_what_breaks_while_all_are_there_is_told_as_it_is() -> None:
    def work(group: Shared) -> float:
        return group.add_up(1.0, lambda: [torch.ones(2, dtype=torch.int16)])

    told, heard = both(work, Spoken())
    with pytest.raises(RuntimeError, match="Invalid scalar type"):
        told.result()
    with pytest.raises(GoneError):
        heard.result()


def test_gradients_that_are_discarded_reach_no_process(training: Make) -> None:
    first, second = (training(small_spec(**SPEC)) for _ in range(2))
    before = weights(first)
    with sharing(first, second):
        first.forward_backward(0, 5)
        first.discard()
        assert not any(parameter.grad is not None for parameter in first.model.parameters())
        norms = [first.forward_backward(0, 2), first.clip()]
        first.discard()
        assert norms == [first.forward_backward(0, 2), first.clip()]
    assert all(torch.equal(weight, before[name]) for name, weight in weights(second).items())


class _Full:
    """Memory that is there for so many sequences at once, and no more."""

    def __init__(self, training: Training, most: int) -> None:
        self._loss = training.network.loss
        self._most = most

    def __call__(self, inputs: Fields, targets: torch.Tensor) -> torch.Tensor:
        if len(targets) > self._most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return self._loss(inputs, targets)


@pytest.mark.parametrize("full", [0, 1])
def test_memory_that_runs_out_in_one_process_is_known_to_both(
    training: Make, monkeypatch: pytest.MonkeyPatch, full: int
) -> None:
    both = [training(small_spec(batch={"tokens_per_step": 512, "micro_batch": 2})) for _ in range(2)]
    first, second = both
    with sharing(first, second):
        monkeypatch.setattr(both[full].network, "loss", _Full(both[full], most=1))
        with pytest.raises((MemoryError, RuntimeError)) as error:
            first.forward_backward(0, 4)
        assert is_out_of_memory(error.value)
        first.discard()
        first.batching = replace(first.batching, micro_batch=1)
        in_halves = [first.forward_backward(0, 4), first.clip()]
    alone = training(small_spec(batch={"tokens_per_step": 512, "micro_batch": 2}))
    assert in_halves == pytest.approx([alone.forward_backward(0, 4), alone.clip()], rel=1e-5)


def test_whoever_is_left_alone_notices() -> None:
    store = HashStore()
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(partial(place, store), range(2))
    left = Shared(second)
    del first
    with pytest.raises(GoneError):
        left.add_up(1.0, list)


@settings(max_examples=30)
@given(sizes=st.lists(st.tuples(st.integers(1, 30), st.sampled_from([torch.float32, torch.bfloat16]))))
def test_buckets_hold_every_tensor_once_in_order(sizes: list[tuple[int, torch.dtype]]) -> None:
    tensors = [torch.empty(size, dtype=dtype) for size, dtype in sizes]
    made = list(buckets(tensors, most=40))
    assert [id(tensor) for bucket in made for tensor in bucket] == [id(tensor) for tensor in tensors]
    for bucket in made:
        assert len({tensor.dtype for tensor in bucket}) == 1
        assert sum(tensor.numel() for tensor in bucket) <= 40

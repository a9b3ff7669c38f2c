from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.runs import queue
from bot.runs.model import Run, RunState
from bot.runs.slots import Slot, SlotKind, choose, fits, share
from tests.bot.chat.stories import run
from trainer_core.spec import DeviceChoice

queued_runs = st.lists(
    st.builds(
        lambda number, owner, priority, at: run(
            RunState.QUEUED, name=f"run-{number}", owner_id=owner, priority=priority, queued_at=float(at)
        ),
        st.integers(0, 999),
        st.integers(1, 3),
        st.integers(0, 2),
        st.integers(0, 50),
    ),
    max_size=12,
    unique_by=lambda each: each.name,
)
running_runs = st.lists(st.builds(lambda owner: run(RunState.RUNNING, owner_id=owner), st.integers(1, 3)), max_size=4)


@given(queued_runs, running_runs)
def test_the_queue_is_an_order_of_what_waits(queued: list[Run], running: list[Run]) -> None:
    order = queue.order(queued, running)
    assert sorted(each.name for each in order) == sorted(each.name for each in queued)
    assert list(order) == list(queue.order(reversed(queued), running)), "whatever order they are given in"
    priorities = [each.priority for each in order]
    assert priorities == sorted(priorities, reverse=True)


@given(queued_runs, running_runs)
def test_ones_own_runs_keep_their_order(queued: list[Run], running: list[Run]) -> None:
    order = queue.order(queued, running)
    for owner in {each.owner_id for each in queued}:
        for priority in {each.priority for each in queued}:
            own = [each for each in order if (each.owner_id, each.priority) == (owner, priority)]
            assert [each.queued_at for each in own] == sorted(each.queued_at for each in own)


def test_ten_runs_of_one_do_not_starve_the_one_of_another() -> None:
    many = [run(RunState.QUEUED, name=f"many-{n}", owner_id=1, queued_at=float(n)) for n in range(10)]
    late = run(RunState.QUEUED, name="late", owner_id=2, queued_at=100.0)
    assert queue.order([*many, late], [])[1] is late
    assert queue.order([*many, late], [run(RunState.RUNNING, owner_id=1)])[0] is late


devices: st.SearchStrategy[DeviceChoice] = st.sampled_from(("auto", "cpu", "cuda"))
machines = st.builds(
    lambda cpus, gpus: share(cpus, 8, [f"GPU-{number}" for number in range(gpus)]), st.integers(1, 3), st.integers(0, 2)
)


def on(device: DeviceChoice, **changes: object) -> Run:
    queued = run(RunState.QUEUED, **changes)
    return replace(queued, spec=queued.spec.model_copy(update={"device": device}))


@st.composite
def waiting(draw: st.DrawFn) -> list[Run]:
    return [
        on(draw(devices), **{"name": r.name, "owner_id": r.owner_id, "queued_at": r.queued_at})
        for r in draw(queued_runs)
    ]


@given(waiting(), running_runs, machines, st.integers(0, 3), st.data())
def test_a_slot_is_given_once_to_a_run_that_fits_and_none_waits_that_could_start(
    queued: list[Run], running: list[Run], slots: tuple[Slot, ...], cap: int, data: st.DataObject
) -> None:
    free = data.draw(st.lists(st.sampled_from(slots), unique=True))
    starts = queue.starts(queued, running, free, slots, cap)
    given_ = [start.slot for start in starts]
    assert len(set(given_)) == len(given_) and set(given_) <= set(free)
    assert all(fits(start.slot, start.run.spec.device, slots) for start in starts)
    started = [start.run for start in starts]
    going = Counter(each.owner_id for each in [*running, *started])
    left = [slot for slot in free if slot not in given_]
    for each in queued:
        if each in started:
            assert not cap or going[each.owner_id] <= max(cap, Counter(r.owner_id for r in running)[each.owner_id])
        else:
            capped = bool(cap) and going[each.owner_id] >= cap
            assert capped or not any(fits(slot, each.spec.device, slots) for slot in left)


@given(waiting(), running_runs, machines, st.data())
def test_a_forecast_is_in_the_order_of_the_queue(
    queued: list[Run], running: list[Run], slots: tuple[Slot, ...], data: st.DataObject
) -> None:
    seconds = st.one_of(st.none(), st.floats(0, 1000))
    busy = {slot.id: data.draw(seconds) for slot in slots if data.draw(st.booleans())}
    found = queue.forecast(queued, running, busy, slots, lambda each: 60.0)
    for device in ("auto", "cpu", "cuda"):
        told = [found[r.name] for r in queue.order(queued, running) if r.spec.device == device and r.name in found]
        assert told == sorted(told)
    for each in queued:
        could = [busy.get(slot.id, 0.0) for slot in slots if fits(slot, each.spec.device, slots)]
        assert (each.name in found) == any(at is not None for at in could)


def test_a_run_is_expected_when_the_slot_before_it_gets_free() -> None:
    queued = [on("cpu", name=f"run-{number}", queued_at=float(number)) for number in range(4)]
    found = queue.forecast(queued, [], {"cpu-0": 30.0, "cpu-1": 100.0}, share(2, 2, []), lambda each: 600.0)
    assert found == {"run-0": 30.0, "run-1": 100.0, "run-2": 630.0, "run-3": 700.0}


def test_nobody_can_tell_when_a_run_of_unknown_length_ends() -> None:
    queued = [on("cpu", name=f"run-{number}", queued_at=float(number)) for number in range(2)]
    assert queue.forecast(queued, [], {"cpu-0": 5.0}, share(1, 2, []), lambda each: None) == {"run-0": 5.0}
    assert queue.forecast(queued, [], {"cpu-0": None}, share(1, 2, []), lambda each: 60.0) == {}


def test_cards_are_for_those_who_ask_for_them_and_for_those_who_do_not_care() -> None:
    slots = share(1, 8, ["GPU-1"])
    assert [choose(device, slots, slots) for device in ("auto", "cuda", "cpu", "mps")] == [
        slots[1],
        slots[1],
        slots[0],
        slots[0],
    ]
    assert choose("auto", share(1, 8, []), share(1, 8, [])) == Slot("cpu-0", SlotKind.CPU, 8)
    assert choose("cuda", share(1, 8, []), share(1, 8, [])) is None


def test_the_threads_are_shared() -> None:
    assert [slot.threads for slot in share(3, 8, ["GPU-1"])] == [2, 2, 2, 2]
    assert [slot.threads for slot in share(4, 2, [])] == [1, 1, 1, 1]

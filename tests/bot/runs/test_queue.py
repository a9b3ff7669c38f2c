from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.runs import queue
from bot.runs.model import Run, RunState
from tests.bot.chat.stories import run

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
    for place, each in enumerate(order, start=1):
        assert queue.position(each.name, queued, running) == place


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
    assert queue.position("late", [*many, late], []) == 2
    assert queue.position("late", [*many, late], [run(RunState.RUNNING, owner_id=1)]) == 1


def test_what_does_not_wait_has_no_place() -> None:
    assert queue.position("gone", [], []) is None

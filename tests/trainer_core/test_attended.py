from __future__ import annotations

from itertools import count
from threading import Event

import pytest

from trainer_core.attended import Told, UnwantedError, attended


def test_work_is_looked_at_until_it_is_done() -> None:
    seen: list[float] = []
    begun, may_end = Event(), Event()

    def work(told: Told) -> str:
        told(0.25)
        begun.set()
        may_end.wait()
        return "done"

    def look(done: float) -> None:
        begun.wait()
        seen.append(done)
        if len(seen) == 3:
            may_end.set()

    assert attended(work, look, every=0) == "done"
    assert seen[1:3] == [0.25, 0.25]


def test_work_that_is_not_wanted_any_more_ends_where_it_tells_how_far_it_is() -> None:
    ended_by: list[type[BaseException]] = []

    def work(told: Told) -> None:
        try:
            for _ in count():
                told(0.5)
        except BaseException as error:
            ended_by.append(type(error))
            raise

    def look(_: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        attended(work, look, every=0)
    assert ended_by == [UnwantedError]


def test_what_goes_wrong_with_the_work_is_raised() -> None:
    def work(_: Told) -> None:
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        attended(work, lambda _: None)

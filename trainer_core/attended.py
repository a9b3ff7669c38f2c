"""Long work that must not be silent or deaf: done in a thread, while the run says how far it is and listens."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

T = TypeVar("T")

Told = Callable[[float], None]
"""Is given how much of the work is done, from 0 to 1. What it raises ends the work."""


def unheard(_: object) -> None:
    """For what is told to nobody."""


class UnwantedError(Exception):
    """Ends work that nobody waits for any more."""


def attended(work: Callable[[Told], T], look: Callable[[float], None], every: float = 0.5) -> T:
    """What `work` returns; `look` is called every so many seconds meanwhile, with how much is done.

    What `look` raises is raised once the work has ended too, which it does the next time it tells how far it is.
    """
    unwanted = Event()
    done = 0.0

    def told(fraction: float) -> None:
        nonlocal done
        done = fraction
        if unwanted.is_set():
            raise UnwantedError

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work, told)
        try:
            while wait([future], every).not_done:
                look(done)
        finally:
            unwanted.set()
    return future.result()

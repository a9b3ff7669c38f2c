"""A disk that takes no more: how it is recognised, and how long it is waited for. Standard library only."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

PAUSES = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds between the tries of what a run cannot do without. A stop is waited for twice as long before it is forced."""

_FULL = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger(__name__)

T = TypeVar("T")


def _nobody(_: OSError) -> None:
    """Nobody wants to know."""


def patiently(
    write: Callable[[], T], pauses: Iterable[float] = PAUSES, refused: Callable[[OSError], None] = _nobody
) -> T:
    """What `write` returns, tried again after each of the `pauses` while it raises OSError. Raises the last one.

    `refused` is told of the first one before it is waited for.
    """
    for number, pause in enumerate(pauses):
        try:
            return write()
        except OSError as error:
            log.warning("trying again in %.0f s: %s", pause, error)
            if number == 0:
                refused(error)
        time.sleep(pause)
    return write()


@contextmanager
def unwrapped() -> Iterator[None]:
    """A disk's refusal of what the block writes leaves it as the OSError it was, whatever a library made of it."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if refused := refusal(error):
            raise refused from error
        raise


def refusal(error: BaseException | None) -> OSError | None:
    """The OSError that `error` is, or was raised from; None if no disk is to blame.

    torch raises an error of its own over it; safetensors repeats the words only.
    """
    while error is not None:
        if isinstance(error, OSError):
            return error
        if os.strerror(errno.ENOSPC) in str(error):
            return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        error = error.__cause__ or error.__context__
    return None


def is_full(error: OSError) -> bool:
    """Whether the disk, or a quota, has no room left."""
    return error.errno in _FULL


def takes_nothing(error: OSError) -> bool:
    """Whether the disk takes nothing more, whatever it is: it is full, or read-only."""
    return is_full(error) or error.errno == errno.EROFS


def complaint(error: OSError) -> str:
    """What the disk says, as half a sentence without a path."""
    if is_full(error):
        return "the disk is full"
    return "the disk is read-only" if error.errno == errno.EROFS else f"the disk refuses it ({error.strerror})"

"""What keeps a data set from being deleted while a process, any process, trains on it or is about to.

The bot's database knows of the bot's runs only, and not of what becomes of them between two looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from trainer_core.data import catalog
from trainer_core.data.card import DatasetCard
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.process import Lock

_LOCK = ".in-use"


@contextmanager
def in_use(home: Home, name: str) -> Iterator[DatasetCard]:
    """The data set's card; nobody deletes it while the block lasts. Others may use it, too.

    Not for two at once in one process. Raises CORPUS_NOT_FOUND, also when it is just being deleted; OSError.
    """
    card = catalog.read_card(home, name)
    lock = _take(home, name, shared=True)
    if lock is None:
        raise catalog.not_found(name, catalog.BUILTINS)
    try:
        yield card
    finally:
        lock.release()


@contextmanager
def unused(home: Home, name: str) -> Iterator[None]:
    """Nobody begins to use the data set while the block lasts.

    Raises CONFIG_INVALID (`data`) if somebody does, CORPUS_NOT_FOUND; OSError.
    """
    lock = _take(home, name, shared=False)
    if lock is None:
        raise SpotterError(
            Code.CONFIG_INVALID,
            f"somebody trains on `{name}`, or is just deleting it",
            field="data",
            next_step="Wait for the end of the training, or stop it; then delete the data set.",
        )
    try:
        yield
    finally:
        lock.release()


def _take(home: Home, name: str, *, shared: bool) -> Lock | None:
    try:
        return Lock.take(home.dataset(name) / _LOCK, shared=shared)
    except FileNotFoundError as error:  # its folder is gone
        raise catalog.not_found(name, catalog.BUILTINS) from error

"""`Catalog`: the data sets and tokenizers there are, and the way in for new ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from bot.catalog.incoming import Incoming
from bot.catalog.wanted import Asked, TokenizerWish, Wanted
from bot.runs.intake import Person
from trainer_core.data.advice import Suggestion
from trainer_core.data.card import DatasetCard
from trainer_core.layout import Home
from trainer_core.spec import Size, TokenizerSpec
from trainer_core.tasks.orders import Added, Progress
from trainer_core.tokenizers.card import TokenizerCard

Told = Callable[[Progress], None]
"""Is told how a task gets on: often, and on the event loop."""


class Runs(Protocol):
    """What the catalog has to know of runs."""

    async def training_on(self, dataset: str) -> str | None:
        """A run that has not ended and trains on the data set; None if there is none."""
        ...

    async def speeds(self) -> Mapping[Size, float]:
        """Tokens a second that runs on this machine came to, for the sizes that were trained here."""
        ...


class Catalog:
    """Every method raises SpotterError, with a sentence for the person and nothing left behind.

    People see and use what is built in and what they added themselves; the owner also what the command line added.
    """

    def __init__(
        self, home: Home, runs: Runs, *, upload_limit: int, corpus_limit: int, data_dirs: Sequence[Path] = ()
    ) -> None:
        """`upload_limit` is the most bytes a file may have that is sent, `corpus_limit` the most that any source may
        have unpacked; `data_dirs` are the folders whose files may be taken in where they lie.
        """
        raise NotImplementedError

    async def start(self) -> None:
        """Sweep what earlier bots left on its way in, and begin to make the built-in data sets."""
        raise NotImplementedError

    async def close(self) -> None:
        """End every task; who waits for one is cancelled."""
        raise NotImplementedError

    async def receive(self, filename: str, size: int) -> Incoming:
        """A place to download a file to, of so many bytes as announced. Discard it if the download fails.

        Raises SpotterError with field `file` if its name or size tells that it is of no use.
        """
        raise NotImplementedError

    async def add_dataset(self, person: Person, wanted: Wanted, told: Told | None = None) -> Added | Asked:
        """Take a source in, which may take minutes. A file that was received is no longer the caller's from here on.

        The same source, taken in in the same way by the same person, is the data set there is already.
        """
        raise NotImplementedError

    async def choose_column(self, person: Person, pending: str, index: int, told: Told | None = None) -> Added:
        """Go on with what was asked back, with column `index` of those asked for."""
        raise NotImplementedError

    async def datasets(self, person: Person) -> list[DatasetCard]:
        """Those the person may train on: the built-in ones, then theirs by name."""
        raise NotImplementedError

    async def dataset(self, person: Person, name: str) -> tuple[DatasetCard, Suggestion]:
        """One of theirs, and what to train on it."""
        raise NotImplementedError

    async def delete_dataset(self, person: Person, name: str) -> DatasetCard:
        """Remove one of theirs: not a built-in one, and none that a run trains on. Returns what it was."""
        raise NotImplementedError

    async def make_tokenizer(self, person: Person, wish: TokenizerWish, told: Told | None = None) -> TokenizerCard:
        """Train a tokenizer or take one in. A file that was received is no longer the caller's from here on."""
        raise NotImplementedError

    async def tokenizers(self, person: Person) -> list[TokenizerCard]:
        """Theirs, by name."""
        raise NotImplementedError

    async def tokenizer(self, person: Person, name: str) -> TokenizerCard:
        """One of theirs."""
        raise NotImplementedError

    async def tokenizer_spec(self, person: Person, named: str, vocabulary: int | None = None) -> TokenizerSpec:
        """What a run is to use: `named` is one of their tokenizers, a kind to make, or a known model family."""
        raise NotImplementedError

    async def local_sources(self, person: Person) -> list[str]:
        """Names of files and folders under the approved folders; the owner's to take in, nobody else's."""
        raise NotImplementedError

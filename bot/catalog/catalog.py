"""`Catalog`: the data sets and tokenizers there are, and the way in for new ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from bot.catalog import incoming as inbox
from bot.catalog import machine
from bot.catalog.builtins import Builtins
from bot.catalog.in_use import unused
from bot.catalog.incoming import Incoming, Pending, is_tokenizer
from bot.catalog.named import invalid, is_family, no_tokenizer
from bot.catalog.named import tokenizer_spec as named_spec
from bot.catalog.owners import COMMAND_LINE, is_theirs, signature
from bot.catalog.tasks import Performs, Tasks, Told
from bot.catalog.wanted import Asked, TokenizerWish, Wanted
from bot.catalog.wishes import tokenizer_order
from bot.full_disk import full_disk_told
from bot.person import Person
from trainer_core.data import advice, catalog
from trainer_core.data.advice import Suggestion
from trainer_core.data.card import DatasetCard
from trainer_core.data.formats import kind_of
from trainer_core.data.headings import listed
from trainer_core.data.sources import local
from trainer_core.errors import Code, SpotterError
from trainer_core.files.folders import sweep
from trainer_core.files.layout import Home
from trainer_core.models.specs import Size
from trainer_core.spec import TokenizerSpec
from trainer_core.tasks.orders import (
    AddDataset,
    Added,
    FileSource,
    HubSource,
    LocalSource,
    Made,
    Progress,
    Undecided,
)
from trainer_core.tokenizers import families, shelf, strategy
from trainer_core.tokenizers.card import TokenizerCard
from trainer_core.tokenizers.located import check_here, locate
from trainer_core.tokenizers.strategy import Available

_COLUMN_IN_CHAT = "Add it with `/trainer dataset add`, which takes a `column:`, then train on it by its name."
_COLUMN_HERE = "Add it with `spotter dataset add --column`, then train on it by its name."
_ABANDONED = 4 * 3600.0
"""Seconds without a change in a half-made folder, after which nobody works on it any more."""

log = logging.getLogger(__name__)


class Runs(Protocol):
    """What the catalog has to know of runs."""

    def training_on(self, dataset: str) -> AbstractAsyncContextManager[str | None]:
        """A run that has not ended and trains on the data set; None is queued while the block lasts."""
        ...

    async def speeds(self) -> Mapping[Size, float]:
        """Tokens a second that runs on this machine came to, for the sizes that were trained here."""
        ...


class Catalog:
    """Every method raises SpotterError, with a sentence for the person and nothing left behind.

    People see and use what is built in and what they added themselves; the owner also what the command line added.
    """

    def __init__(
        self,
        home: Home,
        runs: Runs,
        *,
        upload_limit: int,
        corpus_limit: int,
        data_dirs: Sequence[Path] = (),
        tasks: Performs | None = None,
    ) -> None:
        """`upload_limit` is the most bytes a file may have that is sent, `corpus_limit` the most that any source may
        have unpacked; `data_dirs` are the folders whose files may be taken in where they lie.
        """
        self._home = home
        self._runs = runs
        self._upload_limit = upload_limit
        self._corpus_limit = corpus_limit
        self.data_dirs = data_dirs
        self._tasks: Performs = tasks or Tasks()
        self._builtins = Builtins(home, self._add)
        self._chosen: set[str] = set()
        """What is pending and being answered."""

    async def start(self) -> None:
        """Sweep, and begin to make the built-in data sets."""
        await self.tidy()
        await self._builtins.begin()

    async def close(self) -> None:
        """End every task; who waits for one gets a SpotterError."""
        self._builtins.stop()
        await self._tasks.close()
        await self._builtins.close()

    async def sweep(self) -> None:
        """Remove what nobody comes back to, and what processes that were killed have half made. Raises OSError."""
        await asyncio.to_thread(inbox.sweep, self._home)
        for folder in (self._home.datasets, self._home.tokenizers):
            await asyncio.to_thread(sweep, folder, idle=_ABANDONED)

    async def tidy(self) -> None:
        """`sweep`, where something else is wanted: a disk that does not let it is only logged."""
        try:
            await self.sweep()
        except OSError as error:
            log.warning("what an earlier process left cannot be swept: %s", error)

    async def receive(self, filename: str, size: int) -> Incoming:
        """A place to download a file to, of so many bytes as announced. Discard it if the download fails.

        Raises SpotterError with field `file` if its name or size tells that it is of no use.
        """
        if not is_tokenizer(filename):
            kind_of(filename)
        if size > self._upload_limit:
            raise SpotterError(
                Code.CORPUS_TOO_LARGE,
                f"is {size / 2**20:,.1f} MiB; give a file of at most {self._upload_limit / 2**20:,.1f} MiB",
                field="file",
            )
        with full_disk_told("nothing was taken in"):
            return await asyncio.to_thread(inbox.make_place, self._home, filename)

    async def add_dataset(self, person: Person, wanted: Wanted, told: Told | None = None) -> Added | Asked:
        """Take a source in, which may take minutes. A file that was received is no longer the caller's from here on.

        The same source, taken in in the same way by the same person, is the data set there is already.
        """
        file = wanted.source if isinstance(wanted.source, Incoming) else None
        try:
            order = await self._order(person, wanted)
            result = await self._add(order, told)
            if isinstance(result, Added):
                return result
            pending = Pending(order=order, columns=result.columns)
            with full_disk_told("nothing was taken in"):
                key = await asyncio.to_thread(inbox.keep, self._home, pending)
            file = None  # it stays until the answer
            return Asked(key, result.columns, pending.filename)
        finally:
            if file is not None:
                await file.discard()

    async def take_in(self, person: Person, wanted: Wanted, told: Told | None = None) -> Added:
        """`add_dataset` for who cannot be asked back: raises SpotterError, naming the columns, where it would ask."""
        try:
            result = await self._add(await self._order(person, wanted), told)
        finally:
            if isinstance(wanted.source, Incoming):
                await wanted.source.discard()
        if isinstance(result, Added):
            return result
        raise SpotterError(
            Code.CORPUS_UNREADABLE,
            f"has several columns that could be the text: {listed(result.columns)}",
            field="file",
            next_step=_COLUMN_HERE if person == COMMAND_LINE else _COLUMN_IN_CHAT,
        )

    async def choose_column(self, person: Person, pending: str, index: int, told: Told | None = None) -> Added:
        """Go on with what was asked back, with column `index` of those asked for.

        It can be answered again if that column turns out to hold no text.
        """
        found = await asyncio.to_thread(inbox.find_pending, self._home, pending)
        if found is None or pending in self._chosen:
            taken_up = found is not None
            raise SpotterError(
                Code.CORPUS_NOT_FOUND,
                "it is being taken in already" if taken_up else "the file is no longer here: only a day is it kept",
                field="column",
                next_step="Wait for its card." if taken_up else "If there is no card of it, send it again.",
            )
        place, kept = found
        if kept.order.added_by != signature(person) or not 0 <= index < len(kept.columns):
            raise SpotterError(Code.UNAUTHORIZED, "this is for whoever sent the file to decide", field="column")
        self._chosen.add(pending)
        try:
            result = await self._add(kept.order.model_copy(update={"text_column": kept.columns[index]}), told)
            assert isinstance(result, Added), "its column is known"
            await place.discard()
        finally:
            self._chosen.discard(pending)
        return result

    async def datasets(self, person: Person) -> list[DatasetCard]:
        """Those the person may train on: the built-in ones, then theirs by name."""
        builtin = await self._builtins.cards()
        cards = await asyncio.to_thread(catalog.list_cards, self._home)
        return builtin + [card for card in cards if not card.builtin and is_theirs(person, card.added_by)]

    async def find(self, person: Person, name: str) -> DatasetCard:
        """The data set of that name that the person may train on. Raises CORPUS_NOT_FOUND."""
        wanted = name.strip().lower()
        if wanted in catalog.BUILTINS:
            return await self._builtins.card(wanted)
        card = await asyncio.to_thread(catalog.find_card, self._home, wanted)
        if card is None or not is_theirs(person, card.added_by):
            cards = await asyncio.to_thread(catalog.list_cards, self._home)
            theirs = [card.name for card in cards if is_theirs(person, card.added_by)]
            raise catalog.not_found(name.strip(), [*catalog.BUILTINS, *theirs])
        return card

    async def dataset(self, person: Person, name: str) -> tuple[DatasetCard, Suggestion]:
        """One of theirs, and what to train on it."""
        card = await self.find(person, name)
        gflops = await asyncio.to_thread(machine.read_gflops, self._home)
        return card, advice.suggest(card, {**advice.speeds_from(gflops), **await self._runs.speeds()})

    async def delete_dataset(self, person: Person, name: str) -> DatasetCard:
        """Remove one of theirs: not a built-in one, and none that a run trains on. Returns what it was."""
        card = await self.deletable(person, name)
        # In this order: what is queued until the lock is held is found, and nothing is queued from then on.
        with unused(self._home, card.name):
            async with self._runs.training_on(card.name) as run:
                if run is not None:
                    raise SpotterError(
                        Code.CONFIG_INVALID,
                        f"`{run}` trains on `{card.name}` and has not ended",
                        field="data",
                        next_step="Stop it with `/trainer stop`, or wait for its end; then delete the data set.",
                    )
                await asyncio.to_thread(catalog.delete, self._home, card.name)
        return card

    async def deletable(self, person: Person, name: str) -> DatasetCard:
        """One of theirs that is not built in. Raises SpotterError."""
        card = await self.find(person, name)
        if card.builtin:
            raise SpotterError(
                Code.CONFIG_INVALID,
                f"`{card.name}` is built in and stays",
                field="data",
                next_step="Only what somebody added can be deleted.",
            )
        return card

    async def make_tokenizer(self, person: Person, wish: TokenizerWish, told: Told | None = None) -> TokenizerCard:
        """Train a tokenizer or take one in. A file that was received is no longer the caller's from here on."""
        try:
            dataset = None if wish.dataset is None else await self.find(person, wish.dataset)
            family = None if wish.family is None else await self._family(person, wish.family)
            order = tokenizer_order(self._home, signature(person), wish, dataset, family)
            if order.family is not None:
                await asyncio.to_thread(locate, order.family)
            result = await self._tasks.perform(order, told or _nobody)
            assert isinstance(result, Made), "what the order is answered by"
            return result.card
        finally:
            if wish.file is not None:
                await wish.file.discard()

    async def tokenizers(self, person: Person) -> list[TokenizerCard]:
        """Theirs, by name."""
        cards = await asyncio.to_thread(shelf.list_cards, self._home)
        return [card for card in cards if is_theirs(person, card.added_by)]

    async def tokenizer(self, person: Person, name: str) -> TokenizerCard:
        """One of theirs. Raises TOKENIZER_NOT_FOUND."""
        theirs = {card.name: card for card in await self.tokenizers(person)}
        card = theirs.get(name.strip().lower())
        if card is None:
            raise no_tokenizer(name, theirs)
        return card

    async def tokenizer_spec(self, person: Person, named: str, vocabulary: int | None = None) -> TokenizerSpec:
        """What a run is to use: `named` is one of their tokenizers, a kind to make, or a known model family.

        It is here, or can be made, and has the vocabulary.
        """
        saved = {card.name: card.vocabulary for card in await self.tokenizers(person)}
        spec = named_spec(named, vocabulary, saved)
        if spec.kind in ("saved", "pretrained"):
            strategy.choose(spec, "", 0, Available(saved))
        if spec.kind == "pretrained":
            await asyncio.to_thread(check_here, self._home, spec.name or "")
        return spec

    async def local_sources(self, person: Person) -> list[str]:
        """Names of what lies in the approved folders, for anybody who may train here."""
        return await asyncio.to_thread(local.list_local, self.data_dirs)

    async def _order(self, person: Person, wanted: Wanted) -> AddDataset:
        try:
            return AddDataset(
                home=self._home.path,
                source=await self._source(wanted.source),
                added_by=signature(person),
                name=wanted.name,
                text_column=wanted.column,
                preprocessing=wanted.preprocessing,
                limit=self._corpus_limit,
            )
        except ValidationError as error:
            raise invalid(error, "name") from error

    async def _source(self, wanted: Incoming | HubSource | LocalSource | str) -> FileSource | HubSource | LocalSource:
        match wanted:
            case Incoming(filename=filename):
                return FileSource(path=wanted.path, filename=Path(filename).name[-255:])
            case str():
                return await asyncio.to_thread(local.locate, self.data_dirs, wanted)
            case _:
                return wanted

    async def _add(self, order: AddDataset, told: Told | None = None) -> Added | Undecided:
        result = await self._tasks.perform(order, told or _nobody)
        assert isinstance(result, Added | Undecided), "what the order is answered by"
        if isinstance(result, Added):
            with suppress(OSError):  # it only makes a guess better
                await asyncio.to_thread(machine.keep_gflops, self._home, result.gflops)
        return result

    async def _family(self, person: Person, named: str) -> str:
        """What to load a pretrained tokenizer from. Only the command line may name any folder."""
        if is_family(named) or person == COMMAND_LINE:
            return named
        if named in await self.local_sources(person):
            return str((await asyncio.to_thread(local.locate, self.data_dirs, named)).path)
        raise no_tokenizer(named, [known.name for known in families.FAMILIES])


def _nobody(_: Progress) -> None:
    """Nobody wants to know."""

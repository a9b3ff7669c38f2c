"""What may be queued, and by whom: submissions, and runs that are tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import Random

from bot.catalog.catalog import Catalog
from bot.catalog.in_use import in_use
from bot.catalog.tasks import Told
from bot.catalog.wanted import Wanted
from bot.full_disk import full_disk_told
from bot.person import Person
from bot.runs import again, intake, views
from bot.runs.again import Carried
from bot.runs.announce import Announce, Change
from bot.runs.dispatch import Dispatch
from bot.runs.intake import Submission
from bot.runs.model import Run, RunState
from bot.runs.names import new_name
from bot.runs.slots import choose
from bot.runs.sources import Sources
from bot.store import runs as rows
from bot.store.db import Database, Transaction
from trainer_core.data import catalog as folders
from trainer_core.data.card import DatasetCard
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.spec import RunSpec, TokenizerSpec


@dataclass(frozen=True, slots=True)
class Submitted:
    run: Run
    card: DatasetCard
    position: int | None
    """Place in the queue, from 1; None if it started already."""
    starts_in: float | None = None
    """Seconds until it is expected to start; None if nobody can tell."""
    resumes_from: int = 0
    """Step of the checkpoint from which it goes on; 0 if it starts from the beginning."""


class Admission:
    """The way into the queue, for `RunService`."""

    def __init__(
        self,
        database: Database,
        home: Home,
        catalog: Catalog,
        sources: Sources,
        announce: Announce,
        dispatch: Dispatch,
        *,
        queued_cap: int,
        now: Callable[[], float],
        random: Random,
    ) -> None:
        """`queued_cap` is the most runs one person may have waiting."""
        self._database = database
        self._home = home
        self._catalog = catalog
        self._sources = sources
        self._announce = announce
        self._dispatch = dispatch
        self._queued_cap = queued_cap
        self._now = now
        self._random = random
        self._retrying, self._entering = asyncio.Lock(), asyncio.Lock()

    async def submit(
        self, person: Person, submission: Submission, request_key: str | None = None, told: Told | None = None
    ) -> Submitted:
        """See `RunService.submit`."""
        try:
            if request_key is not None and (earlier := await self._by_request(request_key)):
                return earlier
            try:
                return await self._accept(person, submission, request_key, told)
            except SpotterError:
                # The same request, made twice at once, may have been accepted meanwhile: its name is taken then.
                if request_key is not None and (earlier := await self._by_request(request_key)):
                    return earlier
                raise
        finally:
            if submission.file is not None:
                await submission.file.discard()

    async def retry(self, person: Person, name: str, request_key: str | None = None) -> Submitted:
        """See `RunService.retry`."""
        async with self._retrying:
            if request_key is not None and (earlier := await self._by_request(request_key)):
                step = await asyncio.to_thread(again.newest_step, self._home.run(earlier.run.name))
                return replace(earlier, resumes_from=step)
            async with self._database.snapshot() as tx:
                old = await views.find_own(tx, person, name)
                again.check(old)
                await self.check_cap(tx, person.id)
            self._check_device(old.spec)
            await again.check_module(old, self._sources.modules)
            card = await self._same_data(person, old)
            with full_disk_told("the run was not tried again"):
                carried = await asyncio.to_thread(again.carry_over, self._home.run(old.name))
                try:
                    return await self._go_on(person, old, card, carried, request_key)
                except Exception:
                    # Not when cancelled: the run may be in the store by then, and needs its folder.
                    await asyncio.to_thread(carried.discard)
                    raise

    async def check_cap(self, tx: Transaction, owner_id: int) -> None:
        """Raises SpotterError if no further run of the person may wait."""
        queued = await rows.in_states(tx, [RunState.QUEUED])
        if sum(run.owner_id == owner_id for run in queued) >= self._queued_cap:
            raise SpotterError(
                Code.QUOTA_EXCEEDED,
                f"{self._queued_cap} runs are waiting already, the most one person may have.",
                next_step="Take one out of the queue with `/trainer stop`, or wait until one starts.",
            )

    async def _accept(
        self, person: Person, submission: Submission, request_key: str | None, told: Told | None
    ) -> Submitted:
        async with self._database.snapshot() as tx:
            await self.check_cap(tx, person.id)
            taken = await rows.all_names(tx)
            own = taken if person.is_owner else await rows.names_of(tx, person.id)
        taken |= await asyncio.to_thread(self._home.run_names)
        submission = replace(submission, model=await self._sources.named(submission.model, own))
        tokenizer = await self._tokenizer_of(person, submission)
        card = await self._named_data(person, submission)
        draft = intake.draft(submission, tokenizer, card.kind if card else None)
        priority = intake.priority(person, submission)
        self._check_device(draft)
        if draft.name in taken:
            raise _taken(draft.name)
        model = await self._sources.settled(draft.model, own)
        if card is None:  # last, as it may take minutes to read a file
            assert submission.file is not None, "the draft would have been refused"
            card = (await self._catalog.take_in(person, Wanted(submission.file), told)).card
            draft = intake.draft(submission, tokenizer, card.kind)
            model = await self._sources.settled(draft.model, own)
        intake.check_fits(card, draft)
        name = draft.name or new_name(taken, self._random)
        now = self._now()
        run = Run(
            name=name,
            owner_id=person.id,
            state=RunState.QUEUED,
            attempt=0,
            spec=intake.complete(draft, card, name, model),
            created_at=now,
            queued_at=now,
            priority=priority,
        )
        async with self._queueing(card) as tx:
            # Somebody may have been quicker while the data set was taken in.
            if request_key is not None and (before := await rows.find_by_request(tx, request_key)):
                return await self._submitted(tx, before, card)
            if await rows.find(tx, name):
                raise _taken(name)
            return await self._queue(tx, run, card, request_key)

    async def _go_on(
        self, person: Person, old: Run, card: DatasetCard, carried: Carried, request_key: str | None
    ) -> Submitted:
        now = self._now()
        async with self._queueing(card) as tx:
            taken = await rows.all_names(tx) | await asyncio.to_thread(self._home.run_names)
            name = again.next_name(old.name, taken)
            run = Run(
                name=name,
                owner_id=person.id,
                state=RunState.QUEUED,
                attempt=0,
                spec=old.spec.model_copy(update={"name": name}),
                created_at=now,
                queued_at=now,
            )
            submitted = await self._queue(tx, run, card, request_key)
            await asyncio.to_thread(carried.become, self._home.run(name))
            return replace(submitted, resumes_from=carried.step)

    async def _tokenizer_of(self, person: Person, submission: Submission) -> TokenizerSpec | None:
        """What was asked for, if anything was. Raises SpotterError."""
        named, vocabulary = submission.tokenizer, submission.vocabulary
        if named is None and vocabulary is None:
            return None
        return await self._catalog.tokenizer_spec(person, named or "auto", vocabulary)

    async def _named_data(self, person: Person, submission: Submission) -> DatasetCard | None:
        """The data set to train on; None if it comes as a file. Raises SpotterError."""
        if submission.data is None or submission.file is not None:
            return None
        return await self._catalog.find(person, submission.data)

    async def _same_data(self, person: Person, old: Run) -> DatasetCard:
        """The data set that `old` was to train on, for another run of this person's. Raises SpotterError."""
        wanted = old.spec.data
        card = next((card for card in await self._catalog.datasets(person) if card.name == wanted.dataset), None)
        if card is None or wanted.sha256 not in ("", card.content):
            raise intake.no_longer_there(old.name, wanted.dataset)
        return card

    @asynccontextmanager
    async def _queueing(self, card: DatasetCard) -> AsyncIterator[Transaction]:
        """For a run on the data set: it is still there, and no process deletes it until the run is in the store."""
        async with self._entering:
            with in_use(self._home, card.name):
                async with self._database.transaction() as tx:
                    yield tx

    async def _queue(self, tx: Transaction, run: Run, card: DatasetCard, request_key: str | None) -> Submitted:
        await self.check_cap(tx, run.owner_id)
        await rows.insert(tx, run, request_key)
        await rows.add_watcher(tx, run.name, run.owner_id, run.created_at)
        await self._announce(tx, Change(run, run))
        tx.after_commit["dispatch"] = self._dispatch.wake
        return await self._submitted(tx, run, card)

    def _check_device(self, spec: RunSpec) -> None:
        """Raises SpotterError if nothing here is what the spec asks to run on: it would wait for ever."""
        slots = self._dispatch.slots
        if choose(spec.device, slots, slots) is None:
            raise SpotterError(Code.CUDA_NOT_AVAILABLE, field="device")

    async def _by_request(self, request_key: str) -> Submitted | None:
        async with self._database.snapshot() as tx:
            run = await rows.find_by_request(tx, request_key)
            if run is None:
                return None
            card = await asyncio.to_thread(folders.read_card, self._home, run.spec.data.dataset)
            return await self._submitted(tx, run, card)

    async def _submitted(self, tx: Transaction, run: Run, card: DatasetCard) -> Submitted:
        dispatch = self._dispatch
        waiting = await views.load_waiting(tx, dispatch.slots, dispatch.held, dispatch.running_cap)
        return Submitted(run, card, waiting.positions.get(run.name), waiting.starts_in.get(run.name))


def _taken(name: str) -> SpotterError:
    return SpotterError(
        Code.CONFIG_INVALID, f"there is a run called `{name}` already; choose another name, or none", field="name"
    )

"""`RunService`: what a person can ask for. It checks, decides and stores; others start and show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol

from bot.runs import queue
from bot.runs.announce import Announce, Change
from bot.runs.model import WITH_WORKER, Run, RunState, RunStatus, status_of
from bot.runs.names import new_name
from bot.store import events as event_rows
from bot.store import runs as rows
from bot.store.db import Database, Transaction
from trainer_core.data import corpus
from trainer_core.data.corpus import DatasetCard
from trainer_core.errors import Code, SpotterError
from trainer_core.layout import Home
from trainer_core.spec import RunSpec, parse_spec


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks. The owner of the machine may see and steer everybody's runs, others only their own."""

    id: int
    is_owner: bool


@dataclass(frozen=True, slots=True)
class Upload:
    """A file a person attached."""

    filename: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """What `/trainer train` was given. Either `data` names a data set, or `file` brings one."""

    data: str | None = None
    file: Upload | None = None
    name: str | None = None
    budget: str = "10m"
    model: Mapping[str, object] | None = None
    """`RunSpec.model`'s fields; those left out take their defaults."""
    overrides: Mapping[str, object] | None = None
    """Further fields of `RunSpec`."""


@dataclass(frozen=True, slots=True)
class Submitted:
    run: Run
    card: DatasetCard
    position: int | None
    """Place in the queue, from 1; None if it started already."""


class Dispatch(Protocol):
    """Who starts runs and tends them."""

    def wake(self) -> None:
        """There may be something to start."""
        ...

    def stop(self, run: Run) -> None:
        """The run's worker has to end."""
        ...


class RunService:
    def __init__(
        self,
        database: Database,
        home: Home,
        announce: Announce,
        dispatch: Dispatch,
        *,
        upload_limit: int,
        now: Callable[[], float] = time.time,
        random: Random | None = None,
    ) -> None:
        """`upload_limit` is the most bytes an attached file may have."""
        self._upload_limit = upload_limit
        self._database = database
        self._home = home
        self._announce = announce
        self._dispatch = dispatch
        self._now = now
        self._random = random or Random()  # noqa: S311 names are not secrets

    async def submit(self, person: Person, submission: Submission, request_key: str | None = None) -> Submitted:
        """Queue a run. The same `request_key` again is the same run, not a second one.

        Raises SpotterError, with nothing changed, if anything about the submission is wrong.
        """
        if request_key is not None and (earlier := await self._by_request(request_key)):
            card = await asyncio.to_thread(corpus.read_card, self._home, earlier.spec.data.dataset)
            return Submitted(earlier, card, await self._position(earlier.name))
        draft = _draft(submission)
        taken = await self._names()
        if draft.name in taken:
            raise _taken(draft.name)
        card = await asyncio.to_thread(self._dataset, person, submission)
        name = draft.name or new_name(taken, self._random)
        now = self._now()
        run = Run(
            name=name,
            owner_id=person.id,
            state=RunState.QUEUED,
            attempt=0,
            spec=_with_dataset(draft, card, name),
            created_at=now,
            queued_at=now,
        )
        async with self._database.transaction() as tx:
            # Somebody may have been quicker while the data set was taken in.
            if request_key is not None and (earlier := await rows.find_by_request(tx, request_key)):
                return Submitted(earlier, card, await _position(tx, earlier.name))
            if await rows.find(tx, name):
                raise _taken(name)
            await rows.insert(tx, run, request_key)
            await rows.add_watcher(tx, run.name, person.id, now)
            await self._announce(tx, Change(run, run))
            tx.after_commit["dispatch"] = self._dispatch.wake
            return Submitted(run, card, await _position(tx, run.name))

    async def stop(self, person: Person, name: str) -> Run:
        """End a run, keeping what it learned. Raises SpotterError if it is not the person's, or has ended."""
        async with self._database.transaction() as tx:
            run = await self._find(tx, person, name)
            if run.state.is_terminal:
                raise SpotterError(
                    Code.CONFIG_INVALID,
                    f"`{run.name}` has {run.state} already",
                    field="run",
                    next_step=f"`/trainer status run:{run.name}` shows how it ended.",
                )
            if run.state is RunState.STOPPING:
                return run
            now = self._now()
            to = RunState.STOPPING if run.state.has_worker else RunState.STOPPED
            stopped = run.moved(to, now)
            await rows.update(tx, run, stopped, now)
            await self._announce(tx, Change(run, stopped))
            if to is RunState.STOPPING:
                tx.after_commit["stop"] = lambda: self._dispatch.stop(stopped)
            return stopped

    async def watch(self, person: Person, name: str) -> tuple[Run, bool]:
        """Send the person reports of a run. The flag is False if they were watching already. Raises SpotterError."""
        async with self._database.transaction() as tx:
            run = await self._find(tx, person, name)
            added = await rows.add_watcher(tx, run.name, person.id, self._now())
            if added:
                await self._announce(tx, Change(run, run))
            return run, added

    async def unwatch(self, person: Person, name: str) -> tuple[Run, bool]:
        """Send no more reports. The flag is False if the person did not watch. Raises SpotterError."""
        async with self._database.transaction() as tx:
            run = await self._find(tx, person, name)
            removed = await rows.remove_watcher(tx, run.name, person.id)
            if removed:
                await self._announce(tx, Change(run, run))
            return run, removed

    async def status(self, person: Person, name: str | None = None) -> RunStatus:
        """A run as it stands; without a name the person's newest that has not ended, else their newest.

        Raises SpotterError if there is none.
        """
        async with self._database.snapshot() as tx:
            if name is not None:
                return await load_status(tx, await self._find(tx, person, name))
            own = await rows.owned_by(tx, person.id, limit=50)
            if not own:
                raise SpotterError(
                    Code.RUN_NOT_FOUND,
                    "you have no runs yet",
                    field="run",
                    next_step="Start one with `/trainer train`.",
                )
            chosen = next((run for run in own if not run.state.is_terminal), own[0])
            return await load_status(tx, chosen)

    async def status_for_view(self, name: str) -> RunStatus | None:
        """A run as it stands, for the reports Spotter sends by itself; None if there is no such run."""
        async with self._database.snapshot() as tx:
            run = await rows.find(tx, name)
            return await load_status(tx, run) if run else None

    async def runs(self, person: Person, limit: int = 20) -> list[RunStatus]:
        """The person's runs, newest first; for the owner everybody's that have not ended, too."""
        async with self._database.snapshot() as tx:
            found = await rows.owned_by(tx, person.id, limit)
            if person.is_owner:
                known = {run.name for run in found}
                going = await rows.in_states(tx, [state for state in RunState if not state.is_terminal])
                found += [run for run in going if run.name not in known]
                found.sort(key=lambda run: run.created_at, reverse=True)
            return [await load_status(tx, run, points=1) for run in found[:limit]]

    async def run_names(self, person: Person, typed: str, *, ended: bool = True, limit: int = 25) -> list[str]:
        """Names to offer while the person types, newest first; without `ended` only those that can be stopped."""
        async with self._database.snapshot() as tx:
            found = await rows.owned_by(tx, person.id, limit=500)
            if person.is_owner:
                found += await rows.in_states(tx, [state for state in RunState if not state.is_terminal])
        names = dict.fromkeys(run.name for run in found if ended or not run.state.is_terminal)
        return [name for name in names if typed.strip().lower() in name][:limit]

    async def datasets(self, person: Person) -> list[DatasetCard]:
        """The data sets the person may train on: built-in ones and their own."""
        return await asyncio.to_thread(self._usable, person)

    def _usable(self, person: Person) -> list[DatasetCard]:
        builtin = [corpus.add_builtin(self._home, name) for name in corpus.BUILTINS]
        return builtin + [card for card in corpus.list_cards(self._home) if card.added_by == str(person.id)]

    def _dataset(self, person: Person, submission: Submission) -> DatasetCard:
        """The data set to train on, taken in first if it comes as a file."""
        if submission.file is not None and submission.data is not None:
            raise SpotterError(Code.CONFIG_INVALID, "give a data set's name or a file, not both", field="data")
        if submission.file is not None:
            return corpus.add_file(
                self._home,
                submission.file.filename,
                submission.file.data,
                added_by=str(person.id),
                limit=self._upload_limit,
            )
        if submission.data is None:
            raise SpotterError(Code.CONFIG_INVALID, "name a data set, or attach a file to train on", field="data")
        wanted = submission.data.strip().lower()
        usable = {card.name: card for card in self._usable(person)}
        if wanted not in usable:
            raise corpus.not_found(submission.data.strip(), list(usable))
        return usable[wanted]

    async def _names(self) -> set[str]:
        """Every name that is taken: by a run in the store, or by a folder of `spotter train`'s."""
        async with self._database.snapshot() as tx:
            return await rows.all_names(tx) | await asyncio.to_thread(self._home.run_names)

    async def _by_request(self, request_key: str) -> Run | None:
        async with self._database.snapshot() as tx:
            return await rows.find_by_request(tx, request_key)

    async def _position(self, name: str) -> int | None:
        async with self._database.snapshot() as tx:
            return await _position(tx, name)

    async def _find(self, tx: Transaction, person: Person, name: str) -> Run:
        run = await rows.find(tx, name.strip().lower())
        if run is None or not (person.is_owner or run.owner_id == person.id):
            shown = name.strip()[:48].replace("`", "'")
            raise SpotterError(Code.RUN_NOT_FOUND, f"you have no run called `{shown}`", field="run")
        return run


def _taken(name: str) -> SpotterError:
    return SpotterError(
        Code.CONFIG_INVALID, f"there is a run called `{name}` already; choose another name, or none", field="name"
    )


def _draft(submission: Submission) -> RunSpec:
    """The submission as a spec whose data set is still open. Raises SpotterError naming every wrong field."""
    raw: dict[str, object] = {
        **(submission.overrides or {}),
        "name": submission.name,
        "budget": submission.budget,
        "data": {"dataset": "undecided"},
    }
    if submission.model is not None:
        raw["model"] = dict(submission.model)
    return parse_spec(raw)


def _with_dataset(draft: RunSpec, card: DatasetCard, name: str) -> RunSpec:
    data = draft.data.model_copy(update={"dataset": card.name, "sha256": card.sha256})
    return draft.model_copy(update={"data": data, "name": name})


async def _position(tx: Transaction, name: str) -> int | None:
    queued = await rows.in_states(tx, [RunState.QUEUED])
    running = await rows.in_states(tx, WITH_WORKER)
    return queue.position(name, queued, running)


async def load_status(tx: Transaction, run: Run, points: int = 1000) -> RunStatus:
    """Read everything a view of `run` shows, with about `points` points of its curve."""
    position = await _position(tx, run.name) if run.state is RunState.QUEUED else None
    watching = await rows.watches(tx, run.name)
    events = await event_rows.events_for_view(tx, run.name, points)
    return status_of(run, events, position=position, watchers=watching)

"""`RunService`: what a person can ask for. It checks, decides and stores; others start and show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from random import Random

from bot.runs import again, intake, views
from bot.runs.again import Carried
from bot.runs.announce import Announce, Change
from bot.runs.dispatch import Dispatch
from bot.runs.intake import Person, Submission
from bot.runs.model import Run, RunState, RunStatus
from bot.runs.names import new_name
from bot.runs.slots import choose
from bot.runs.stalls import Choice
from bot.runs.views import Waiting
from bot.store import runs as rows
from bot.store.db import Database, Transaction
from trainer_core.data import corpus
from trainer_core.data.corpus import DatasetCard
from trainer_core.errors import Code, SpotterError
from trainer_core.layout import Home
from trainer_core.spec import RunSpec

GOING = frozenset(state for state in RunState if not state.is_terminal)


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


class RunService:
    def __init__(
        self,
        database: Database,
        home: Home,
        announce: Announce,
        dispatch: Dispatch,
        *,
        upload_limit: int,
        queued_cap: int = 20,
        now: Callable[[], float] = time.time,
        random: Random | None = None,
    ) -> None:
        """`upload_limit` is the most bytes an attached file may have, `queued_cap` the most runs one person may have
        waiting.
        """
        self._upload_limit = upload_limit
        self._queued_cap = queued_cap
        self._database = database
        self._home = home
        self._announce = announce
        self._dispatch = dispatch
        self._now = now
        self._random = random or Random()  # noqa: S311 names are not secrets
        self._retrying = asyncio.Lock()

    async def submit(self, person: Person, submission: Submission, request_key: str | None = None) -> Submitted:
        """Queue a run. The same `request_key` again is the same run, not a second one.

        Raises SpotterError, with nothing changed, if anything about the submission is wrong.
        """
        if request_key is not None and (earlier := await self._by_request(request_key)):
            return earlier
        try:
            return await self._accept(person, submission, request_key)
        except SpotterError:
            # The same request, made twice at once, may have been accepted meanwhile: its name is taken then.
            if request_key is not None and (earlier := await self._by_request(request_key)):
                return earlier
            raise

    async def retry(self, person: Person, name: str, request_key: str | None = None) -> Submitted:
        """Queue a new run of what one that failed or was stopped was to do, from that one's newest checkpoint.

        The same `request_key` again is the same run. Raises SpotterError, with nothing changed, if the run is not the
        person's, has not ended or has succeeded, if its data set is not the person's, or if too many wait already.
        """
        async with self._retrying:
            if request_key is not None and (earlier := await self._by_request(request_key)):
                step = await asyncio.to_thread(again.newest_step, self._home.run(earlier.run.name))
                return replace(earlier, resumes_from=step)
            async with self._database.snapshot() as tx:
                old = await self._find(tx, person, name)
                again.check(old)
                await self._check_cap(tx, person.id)
            self._check_device(old.spec)
            card = await asyncio.to_thread(intake.taken_in, self._home, person, old.name, old.spec)
            with intake.full_disk_told("the run was not tried again"):
                carried = await asyncio.to_thread(again.carry_over, self._home.run(old.name))
                try:
                    return await self._go_on(person, old, card, carried, request_key)
                except Exception:
                    await asyncio.to_thread(carried.discard)
                    raise

    async def stop(self, person: Person, name: str) -> Run:
        """End a run, keeping what it learned. Raises SpotterError if it is not the person's, or has ended."""
        async with self._database.transaction() as tx:
            run = await self._find_going(tx, person, name)
            if run.state is RunState.STOPPING:
                return run
            if not run.state.has_worker:
                return await self._move(tx, run, RunState.STOPPED)
            stopping = await self._move(tx, run, RunState.STOPPING)
            tx.after_commit["stop"] = lambda: self._dispatch.stop(stopping)
            return stopping

    async def pause(self, person: Person, name: str) -> Run:
        """Have a run save and leave its slot until it is resumed; one that waits is paused at once.

        Raises SpotterError if it is not the person's, has ended, or is being stopped.
        """
        async with self._database.transaction() as tx:
            run = await self._find_going(tx, person, name)
            if run.state in (RunState.PAUSING, RunState.PAUSED):
                return run
            if run.state is RunState.STOPPING:
                raise _wrong_state(run, "is being stopped already")
            if not run.state.has_worker:
                return await self._move(tx, run, RunState.PAUSED)
            pausing = await self._move(tx, run, RunState.PAUSING)
            tx.after_commit["pause"] = lambda: self._dispatch.pause(pausing)
            return pausing

    async def resume(self, person: Person, name: str) -> Run:
        """Queue a paused run again: it goes on from its newest checkpoint. One that waits or trains is left alone.

        Raises SpotterError if it is not the person's, has ended, or is on its way out, or if too many wait already.
        """
        async with self._database.transaction() as tx:
            run = await self._find_going(tx, person, name)
            if run.state in (RunState.PAUSING, RunState.STOPPING):
                raise _wrong_state(run, f"is still {run.state}; try again in a moment")
            if run.state is not RunState.PAUSED:
                return run
            await self._check_cap(tx, run.owner_id)
            queued = await self._move(tx, run, RunState.QUEUED)
            tx.after_commit["dispatch"] = self._dispatch.wake
            return queued

    async def decide(self, person: Person, name: str, choice: Choice) -> tuple[Run, bool]:
        """Do as chosen about a run that has stalled. The flag is False if there is nothing to decide any more.

        Raises SpotterError if it is not the person's.
        """
        async with self._database.transaction() as tx:
            run = await self._find(tx, person, name)
            if run.undecided is None:
                return run, False
            now = self._now()
            if choice is Choice.RESTART:
                after = replace(run, stall=replace(run.undecided, restarts_at=now))
                tx.after_commit["restart"] = lambda: self._dispatch.restart(after)
            else:
                after = replace(run, stall=None)
                tx.after_commit["wait"] = lambda: self._dispatch.wait(after)
            await rows.update(tx, run, after, now)
            await self._announce(tx, Change(run, after))
            return after, True

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
                return await self._status(tx, await self._find(tx, person, name))
            own = await rows.owned_by(tx, person.id, limit=50)
            if not own:
                raise SpotterError(
                    Code.RUN_NOT_FOUND,
                    "you have no runs yet",
                    field="run",
                    next_step="Start one with `/trainer train`.",
                )
            chosen = next((run for run in own if not run.state.is_terminal), own[0])
            return await self._status(tx, chosen)

    async def status_for_view(self, name: str) -> RunStatus | None:
        """A run as it stands, for the reports Spotter sends by itself; None if there is no such run."""
        async with self._database.snapshot() as tx:
            run = await rows.find(tx, name)
            return await self._status(tx, run) if run else None

    async def runs(self, person: Person, limit: int = 20) -> list[RunStatus]:
        """The person's runs, newest first; for the owner everybody's that have not ended, too."""
        async with self._database.snapshot() as tx:
            found = await rows.owned_by(tx, person.id, limit)
            if person.is_owner:
                known = {run.name for run in found}
                found += [run for run in await rows.in_states(tx, GOING) if run.name not in known]
                found.sort(key=lambda run: run.created_at, reverse=True)
            waiting = await self._waiting(tx)
            return [await views.status_with(tx, run, waiting, points=1) for run in found[:limit]]

    async def run_names(
        self, person: Person, typed: str, *, states: Collection[RunState] = frozenset(RunState), limit: int = 25
    ) -> list[str]:
        """Names to offer while the person types, newest first, of runs in one of `states`."""
        async with self._database.snapshot() as tx:
            found = await rows.owned_by(tx, person.id, limit=500)
            if person.is_owner:
                found += await rows.in_states(tx, GOING)
        names = dict.fromkeys(run.name for run in found if run.state in states)
        return [name for name in names if typed.strip().lower() in name][:limit]

    async def datasets(self, person: Person) -> list[DatasetCard]:
        """The data sets the person may train on: built-in ones and their own."""
        return await asyncio.to_thread(intake.usable, self._home, person)

    async def _accept(self, person: Person, submission: Submission, request_key: str | None) -> Submitted:
        draft, priority = intake.draft(submission), intake.priority(person, submission)
        self._check_device(draft)
        async with self._database.snapshot() as tx:
            await self._check_cap(tx, person.id)
            taken = await rows.all_names(tx)
        taken |= await asyncio.to_thread(self._home.run_names)
        if draft.name in taken:
            raise _taken(draft.name)
        card = await asyncio.to_thread(intake.take_in, self._home, person, submission, self._upload_limit)
        name = draft.name or new_name(taken, self._random)
        now = self._now()
        run = Run(
            name=name,
            owner_id=person.id,
            state=RunState.QUEUED,
            attempt=0,
            spec=intake.complete(draft, card, name),
            created_at=now,
            queued_at=now,
            priority=priority,
        )
        async with self._database.transaction() as tx:
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
        async with self._database.transaction() as tx:
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

    async def _queue(self, tx: Transaction, run: Run, card: DatasetCard, request_key: str | None) -> Submitted:
        await self._check_cap(tx, run.owner_id)
        await rows.insert(tx, run, request_key)
        await rows.add_watcher(tx, run.name, run.owner_id, run.created_at)
        await self._announce(tx, Change(run, run))
        tx.after_commit["dispatch"] = self._dispatch.wake
        return await self._submitted(tx, run, card)

    async def _status(self, tx: Transaction, run: Run) -> RunStatus:
        dispatch = self._dispatch
        return await views.load_status(tx, run, dispatch.slots, dispatch.held, dispatch.running_cap)

    async def _waiting(self, tx: Transaction) -> Waiting:
        return await views.load_waiting(tx, self._dispatch.slots, self._dispatch.held, self._dispatch.running_cap)

    def _check_device(self, spec: RunSpec) -> None:
        """Raises SpotterError if nothing here is what the spec asks to run on: it would wait for ever."""
        slots = self._dispatch.slots
        if choose(spec.device, slots, slots) is None:
            raise SpotterError(Code.CUDA_NOT_AVAILABLE, field="device")

    async def _check_cap(self, tx: Transaction, owner_id: int) -> None:
        queued = await rows.in_states(tx, [RunState.QUEUED])
        if sum(run.owner_id == owner_id for run in queued) >= self._queued_cap:
            raise SpotterError(
                Code.QUOTA_EXCEEDED,
                f"{self._queued_cap} runs are waiting already, the most one person may have.",
                next_step="Take one out of the queue with `/trainer stop`, or wait until one starts.",
            )

    async def _by_request(self, request_key: str) -> Submitted | None:
        async with self._database.snapshot() as tx:
            run = await rows.find_by_request(tx, request_key)
            if run is None:
                return None
            card = await asyncio.to_thread(corpus.read_card, self._home, run.spec.data.dataset)
            return await self._submitted(tx, run, card)

    async def _submitted(self, tx: Transaction, run: Run, card: DatasetCard) -> Submitted:
        waiting = await self._waiting(tx)
        return Submitted(run, card, waiting.positions.get(run.name), waiting.starts_in.get(run.name))

    async def _move(self, tx: Transaction, run: Run, to: RunState) -> Run:
        now = self._now()
        after = run.moved(to, now)
        await rows.update(tx, run, after, now)
        await self._announce(tx, Change(run, after))
        return after

    async def _find_going(self, tx: Transaction, person: Person, name: str) -> Run:
        run = await self._find(tx, person, name)
        if run.state.is_terminal:
            raise _wrong_state(run, f"has {run.state} already", f"`/trainer status run:{run.name}` shows how it ended.")
        return run

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


def _wrong_state(run: Run, says: str, next_step: str | None = None) -> SpotterError:
    return SpotterError(Code.CONFIG_INVALID, f"`{run.name}` {says}", field="run", next_step=next_step)

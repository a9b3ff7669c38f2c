"""`RunService`: what a person can ask for. It checks, decides and stores; others start and show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from random import Random

from bot.catalog.catalog import Catalog
from bot.catalog.tasks import Told
from bot.person import Person
from bot.runs import views
from bot.runs.admission import Admission, Submitted
from bot.runs.announce import Announce, Change
from bot.runs.dispatch import Dispatch
from bot.runs.evaluations import read_report
from bot.runs.intake import Submission
from bot.runs.model import STEERABLE, Request, Run, RunState, RunStatus
from bot.runs.sources import Sources, can_be_gone_on_from
from bot.runs.stalls import Choice
from bot.store import events
from bot.store import runs as rows
from bot.store.db import Database, Transaction
from trainer_core.approved import NONE, Approved
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home

MOST_REQUESTS = 5
"""That may wait for one run's worker."""
GOING = frozenset(state for state in RunState if not state.is_terminal)


class RunService:
    def __init__(
        self,
        database: Database,
        home: Home,
        catalog: Catalog,
        announce: Announce,
        dispatch: Dispatch,
        *,
        queued_cap: int = 20,
        approved: Approved = NONE,
        now: Callable[[], float] = time.time,
        random: Random | None = None,
    ) -> None:
        """`queued_cap` is the most runs one person may have waiting; `approved`: where models may come from."""
        self._database = database
        self._home = home
        self._sources = Sources(home, approved)
        self._announce = announce
        self._dispatch = dispatch
        self._now = now
        self._admission = Admission(
            database,
            home,
            catalog,
            self._sources,
            announce,
            dispatch,
            queued_cap=queued_cap,
            now=now,
            random=random or Random(),  # noqa: S311 names are not secrets
        )

    async def submit(
        self, person: Person, submission: Submission, request_key: str | None = None, told: Told | None = None
    ) -> Submitted:
        """Queue a run. The same `request_key` again is the same run, not a second one.

        A file is taken in first, which may take minutes: `told` hears how that gets on. It is no longer the caller's
        from here on. Raises SpotterError, with nothing changed, if anything about the submission is wrong.
        """
        return await self._admission.submit(person, submission, request_key, told)

    async def retry(self, person: Person, name: str, request_key: str | None = None) -> Submitted:
        """Queue a new run of what one that failed or was stopped was to do, from that one's newest checkpoint.

        The same `request_key` again is the same run. Raises SpotterError, with nothing changed, if the run is not the
        person's, has not ended or has succeeded, if its data set is not the person's, if its module is no longer
        approved, if its steering log cannot be read, or if too many wait already.
        """
        return await self._admission.retry(person, name, request_key)

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
            return await self._queue_again(tx, run)

    async def go_on(self, person: Person, name: str) -> tuple[Run, bool]:
        """Queue a run again whose guard asks whether it is to go on. The flag is False if it does not ask any more.

        Raises SpotterError if it is not the person's, or if too many wait already.
        """
        async with self._database.transaction() as tx:
            run = await views.find_own(tx, person, name)
            if run.question is None:
                return run, False
            return await self._queue_again(tx, run), True

    async def steer(self, person: Person, name: str, request: Request) -> Run:
        """Ask a run for something at its next step, after all that it was asked before.

        The same twice in a row is meant once. Raises SpotterError if the run is not the person's or does not train, if
        it has taken its last step or has much to do already, or if the request makes no sense.
        """
        if request.value is not None and not 0 < request.value <= 1:
            raise SpotterError(Code.CONFIG_INVALID, "must be more than 0, and at most 1", field="learning_rate")
        async with self._database.transaction() as tx:
            run = await self._find_going(tx, person, name)
            if run.state not in STEERABLE:
                raise _wrong_state(run, f"is {run.state}; only a run that trains can be asked for that")
            if await events.newest_phase(tx, run.name, run.attempt) == "saving":
                raise _wrong_state(run, "has taken its last step, and saves its model")
            if run.requests and replace(run.requests[-1], seq=0) == request:
                return run
            if len(run.requests) >= MOST_REQUESTS:
                raise _wrong_state(run, "has not done yet what it was asked before; try again in a moment")
            now = self._now()
            after = run.asked_for(request, now)
            await rows.update(tx, run, after, now)
            await self._announce(tx, Change(run, after))
            if not run.requests:
                tx.after_commit["steer"] = lambda: self._dispatch.steer(after)
            return after

    async def decide(self, person: Person, name: str, choice: Choice) -> tuple[Run, bool]:
        """Do as chosen about a run that has stalled. The flag is False if there is nothing to decide any more.

        Raises SpotterError if it is not the person's.
        """
        async with self._database.transaction() as tx:
            run = await views.find_own(tx, person, name)
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
            run = await views.find_own(tx, person, name)
            added = await rows.add_watcher(tx, run.name, person.id, self._now())
            if added:
                await self._announce(tx, Change(run, run))
            return run, added

    async def unwatch(self, person: Person, name: str) -> tuple[Run, bool]:
        """Send no more reports. The flag is False if the person did not watch. Raises SpotterError."""
        async with self._database.transaction() as tx:
            run = await views.find_own(tx, person, name)
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
                return await self._status(tx, await views.find_own(tx, person, name))
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
            waiting = await views.load_waiting(
                tx, self._dispatch.slots, self._dispatch.held, self._dispatch.running_cap
            )
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

    async def sources(self, person: Person) -> list[str]:
        """Names of the person's runs that fine-tuning may go on from, newest first."""
        async with self._database.snapshot() as tx:
            found = await rows.owned_by(tx, person.id, limit=500)
        return [run.name for run in found if run.state.is_terminal and run.attempt and can_be_gone_on_from(run.spec)]

    async def model_folders(self) -> list[str]:
        """Models in the folders that the owner approved, for anybody who may train here."""
        return await self._sources.folders()

    async def modules(self) -> list[str]:
        """Python files in the folders that the owner approved, for anybody who may train here."""
        return await self._sources.modules()

    async def _status(self, tx: Transaction, run: Run) -> RunStatus:
        dispatch = self._dispatch
        status = await views.load_status(tx, run, dispatch.slots, dispatch.held, dispatch.running_cap)
        if not run.summary or not run.summary.evaluation:
            return status
        directory = self._home.run(run.name)
        return replace(status, classes=await asyncio.to_thread(read_report, directory, run.summary.evaluation))

    async def _move(self, tx: Transaction, run: Run, to: RunState) -> Run:
        now = self._now()
        after = run.moved(to, now)
        await rows.update(tx, run, after, now)
        await self._announce(tx, Change(run, after))
        return after

    async def _queue_again(self, tx: Transaction, paused: Run) -> Run:
        await self._admission.check_cap(tx, paused.owner_id)
        queued = await self._move(tx, paused, RunState.QUEUED)
        tx.after_commit["dispatch"] = self._dispatch.wake
        return queued

    async def _find_going(self, tx: Transaction, person: Person, name: str) -> Run:
        run = await views.find_own(tx, person, name)
        if run.state.is_terminal:
            raise _wrong_state(run, f"has {run.state} already", f"`/trainer status run:{run.name}` shows how it ended.")
        return run


def _wrong_state(run: Run, says: str, next_step: str | None = None) -> SpotterError:
    return SpotterError(Code.CONFIG_INVALID, f"`{run.name}` {says}", field="run", next_step=next_step)

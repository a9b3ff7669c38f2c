"""`spotter train`: the same run as in chat, in the same workers, without Discord and without a database."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random

from rich.console import Console
from rich.markup import escape

from bot.catalog.catalog import Catalog
from bot.catalog.in_use import in_use
from bot.catalog.owners import COMMAND_LINE
from bot.catalog.tasks import Told
from bot.catalog.wanted import Wanted
from bot.config import Settings
from bot.here import ending_signals, no_source, open_catalog, shown, source_of, until_signalled
from bot.run_display import displayed, summary_table
from bot.runs import intake
from bot.runs.executor import ExecutorError, Exit, Job
from bot.runs.intake import Submission
from bot.runs.lifecycle import exit_error
from bot.runs.local import LocalPool
from bot.runs.names import new_name
from bot.runs.sources import Sources
from trainer_core.data.card import DatasetCard
from trainer_core.data.formats import known_kind
from trainer_core.errors import GOES_ON, Code, SpotterError
from trainer_core.events import (
    Event,
    JobCompleted,
    JobFailed,
    JobPaused,
    JobStopped,
    Summary,
    UnreadableEventError,
    decode,
)
from trainer_core.export.model_folder import verify
from trainer_core.files.folders import can_hold, nearest, new_folder
from trainer_core.files.layout import Home
from trainer_core.spec import RunSpec

_CHUNK = 1 << 20

log = logging.getLogger(__name__)


def train(settings: Settings, submission: Submission, *, out: Path | None, as_json: bool) -> None:
    """Train, show how it goes on standard error, print the final numbers. A model that verifies was written then.

    `submission.data`: a file or folder, `hub:NAME`, or a data set's name. Raises SpotterError if anything asked for is
    wrong, or the run fails or is given up.
    """
    home = Home(settings.home.resolve())
    if out is not None:
        _check_new(out)
    errors = Console(stderr=True)
    try:
        spec = until_signalled(_spec(settings, home, submission, errors))
    except KeyboardInterrupt:
        raise SpotterError(Code.TRAINING_CANCELLED) from None
    said = f"trains {spec.model.label} on {spec.data.dataset} for {spec.budget}"
    errors.print(f"[bold]{spec.name}[/] {escape(said)}")
    try:
        with in_use(home, spec.data.dataset):
            summary = asyncio.run(_run(settings, home, spec, errors))
    except asyncio.CancelledError:
        raise SpotterError(Code.TRAINING_CANCELLED) from None
    if not summary.model:
        raise SpotterError(Code.TRAINING_CANCELLED, f"{spec.name} was stopped before it began")
    folder = home.run(str(spec.name)).path / summary.model
    if out is None:
        _check_model(folder)
    else:
        hand_over(folder, out)
        folder = out
    if as_json:
        print(json.dumps({"run": spec.name, "model": str(folder.resolve()), **_numbers(summary)}))
    else:
        console = Console(highlight=False)
        console.print(summary_table(summary))
        console.print(f"The model is in {folder}", markup=False, soft_wrap=True)


def _check_new(out: Path) -> None:
    """Raises SpotterError unless `out` can be made, or is an empty folder: better now than after the training."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SpotterError(Code.CONFIG_INVALID, "the folder is not empty; name a new one", field="out")
    if not can_hold(out):
        raise SpotterError(Code.CONFIG_INVALID, f"{nearest(out)} takes no new folder; name another", field="out")


def hand_over(model: Path, out: Path) -> None:
    """Copy the finished `model` to `out`, which appears whole and verified or not at all. Raises SpotterError."""
    try:
        with new_folder(out) as aside:
            shutil.copytree(model, aside, dirs_exist_ok=True)
            _check_model(aside)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SpotterError(
            Code.CONFIG_INVALID,
            f"the model cannot be copied there ({reason})",
            field="out",
            next_step=f"It is in {model}.",
        ) from error


def _check_model(folder: Path) -> None:
    if problems := verify(folder):
        raise SpotterError(
            Code.CHECKPOINT_CORRUPT,
            f"the model does not verify: {'; '.join(problems)}",
            next_step="Check the disk, and train again.",
        )


async def _spec(settings: Settings, home: Home, submission: Submission, console: Console) -> RunSpec:
    """What is asked for as a spec; its data is taken in first, if need be. Raises SpotterError."""
    runs, sources = await asyncio.to_thread(home.run_names), Sources(home, settings.approved)
    submission = replace(submission, model=await sources.named(submission.model, runs))
    # Before a file is read, which may take minutes.
    await sources.settled(intake.draft(submission).model, runs)
    async with open_catalog(settings) as catalog:
        tokenizer = None
        if submission.tokenizer is not None or submission.vocabulary is not None:
            named = submission.tokenizer or "auto"
            tokenizer = await catalog.tokenizer_spec(COMMAND_LINE, named, submission.vocabulary)
        with shown(console) as told:
            card = await _card(catalog, submission.data or "", told)
    drafted = intake.draft(submission, tokenizer, card.kind)
    intake.check_fits(card, drafted)
    model = await sources.settled(drafted.model, runs)
    name = drafted.name or new_name(runs, Random())  # noqa: S311 not a secret
    return intake.complete(drafted, card, name, model)


async def _card(catalog: Catalog, data: str, told: Told) -> DatasetCard:
    """The data set that `data`, a source or a name, stands for. Raises SpotterError."""
    source = await asyncio.to_thread(source_of, data, catalog.data_dirs)
    if source is None:
        if "/" in data or known_kind(data) is not None:
            raise no_source(data)
        return await catalog.find(COMMAND_LINE, data)
    return (await catalog.take_in(COMMAND_LINE, Wanted(source), told)).card


async def _run(settings: Settings, home: Home, spec: RunSpec, console: Console) -> Summary:
    """Run `spec` in a worker. Raises SpotterError with the failure the worker reported, or what became of it."""
    pool = LocalPool(home, standby=0, approved=settings.approved)
    job = Job(str(spec.name), 1)
    training = asyncio.current_task()
    assert training is not None, "asyncio.run made it"
    await pool.start()
    stop = asyncio.create_task(_stop_on_signal(training, pool, job, console))
    try:
        await pool.submit(job, spec, pool.slots[0])
        with displayed(console) as display:
            async for event in _reported(pool, job):
                match event:
                    case JobCompleted() | JobStopped():
                        return event.summary
                    case JobPaused():
                        raise _asks(event)
                    case JobFailed():
                        raise SpotterError(event.code, event.message, next_step=_here(event.next_step))
                    case Exit():
                        error = exit_error(event)
                        raise SpotterError(error.code, error.message, next_step=_here(error.next_step))
                    case _:
                        display.show(event)
    except ExecutorError as error:
        said = f"no worker could be started: {error}"
        raise SpotterError(error.code, said, next_step=_here(error.next_step)) from error
    finally:
        stop.cancel()
        await pool.close()
    raise AssertionError("the worker's end is the last that is reported")


def _asks(event: JobPaused) -> SpotterError:
    """The guard would ask somebody what to do, and here it ends."""
    reason = event.reason or "training came to no good"
    return SpotterError(
        Code.TRAINING_DIVERGED,
        f"training stopped at step {event.step:,}: {reason}",
        next_step="Its checkpoints are kept. Train again with a lower --learning-rate, or a smaller size.",
    )


def _here(next_step: str) -> str:
    """What to do next, for somebody without the chat and its commands."""
    return next_step.replace(GOES_ON, "train again")


async def _reported(pool: LocalPool, job: Job) -> AsyncIterator[Event | Exit]:
    """What the job reports, then how it ended."""
    offset, rest = 0, b""
    exit_: Exit | None = None
    while exit_ is None:
        data = await pool.read_events(job, offset, _CHUNK)
        offset += len(data)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            try:
                event = decode(line)
            except UnreadableEventError as error:
                log.warning("a line of the run's journal is left out: %s", error)
            else:
                yield event
        exit_ = await pool.wait(job, offset)
    yield exit_


async def _stop_on_signal(training: asyncio.Task[object], pool: LocalPool, job: Job, console: Console) -> None:
    """The first Ctrl-C keeps what was learned; the second ends the worker, or the wait for one."""
    asked = asyncio.Queue[None]()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, *ending_signals()):
        loop.add_signal_handler(number, asked.put_nowait, None)
    await asked.get()
    try:
        await pool.control(job, "stop")
        console.print("stopping at the next step and keeping the model; once more to end at once")
    except OSError as error:
        console.print(f"the worker cannot be asked to stop ({error.strerror}); once more to end it at once")
    await asked.get()
    await pool.kill(job, force=True)
    training.cancel()


def _numbers(summary: Summary) -> dict[str, object]:
    return summary.model_dump(exclude={"model"})

"""One run, from its spec to a finished model. Read it top to bottom."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from transformers.utils import logging as transformers_logging

from trainer_core.approved import NONE, Approved
from trainer_core.checkpoints.checkpoint import Checkpoints, step_of
from trainer_core.compute import device as devices
from trainer_core.compute.tuning import settle
from trainer_core.control import ControlReader
from trainer_core.data.catalog import read_card
from trainer_core.distributed.joined import joined
from trainer_core.distributed.sharing import divided
from trainer_core.errors import Code, SpotterError
from trainer_core.events import (
    Event,
    JobCompleted,
    JobPaused,
    JobStarted,
    JobStopped,
    MetricsCompleted,
    MetricsConfig,
    MetricsGuard,
    UnreadableEventError,
    decode,
)
from trainer_core.export.finishing import finish
from trainer_core.failures import explained
from trainer_core.files import disk
from trainer_core.files.folders import sweep
from trainer_core.files.layout import AttemptDirectory, RunDirectory
from trainer_core.loop import train
from trainer_core.manifest import Manifest, decisions, git_commit, system, versions
from trainer_core.models.build import Places
from trainer_core.phases import Phases
from trainer_core.plan import first_pace
from trainer_core.preflight import preflight
from trainer_core.preparation import prepared
from trainer_core.spec import RunSpec, parse_spec
from trainer_core.steering import Steer, SteeringLog
from trainer_core.training import Training

log = logging.getLogger(__name__)

Report = Callable[[Event], None]

_DEAD_AFTER = 86_400.0
"""Seconds after which nobody is still writing a tokenizer or a data set."""
_LAST_LINE = 1 << 16
"""More bytes than the last line of a journal has."""


def run(
    directory: RunDirectory,
    attempt: int,
    report: Report,
    control: ControlReader,
    approved: Approved = NONE,
    pauses: Iterable[float] = disk.PAUSES,
) -> None:
    """Do one attempt of the run in `directory`, from the newest checkpoint that verifies.

    The last event reported is `JobCompleted`, `JobStopped` or `JobPaused`. Raises SpotterError, or whatever broke;
    then no ending was reported. `pauses` are the seconds between the tries to write the finished model.
    """
    # What this process has loaded; the checkout may be updated while it trains.
    loaded, commit = versions(), git_commit()
    spec = _spec(directory)
    _sweep(directory, spec)
    fence = partial(_check_current, directory, attempt)
    mirror = approved.mirror / directory.name if approved.mirror else None
    checkpoints = Checkpoints(directory.checkpoints, spec.checkpoint, fence, mirror)
    checkpoint = checkpoints.newest_good()
    steering = SteeringLog(directory.steering, fence)
    if _asked_before(directory, attempt):
        steering.append(Steer(step=step_of(checkpoint), verb="go_on", reason="a person let the run go on"))
    device = divided(devices.choose(spec.device), devices.gpus(), spec.compute.workers)
    devices.prepare(device)
    report(JobStarted(pid=os.getpid(), host=socket.gethostname(), device=device.name, resumed_step=step_of(checkpoint)))
    for sentence in checkpoints.passed_over():
        reason = f"{sentence}; training goes on from step {step_of(checkpoint):,}"
        report(MetricsGuard(step=step_of(checkpoint), action="rollback", reason=reason))
    clock = Phases(report)

    card, places = read_card(directory.home, spec.data.dataset), Places(directory, approved)
    with explained(spec.model, lambda: 1):
        training = prepared(places, spec, card, device, checkpoint, control, clock)
    if not isinstance(training, Training):
        report(training)
        return

    clock.enter("preflight", "a few passes forward and back")
    with explained(spec.model, lambda: training.batching.micro_batch):
        decision = settle(training, directory.home, began=checkpoint is not None)
        checks = preflight(training)
    clock.tell(str(checks))
    if not training.state.paces:
        seconds = checks.seconds_per_step / spec.compute.workers
        pace = first_pace(spec.budget, training.batching, training.objective.examples, seconds)
        training.state = replace(training.state, paces=(pace,))
    config = _config(training, decision.reasons)
    report(config)

    clock.enter("training", f"{spec.budget} at {training.batching.tokens_per_step:,} tokens a step")
    with explained(spec.model, lambda: training.batching.micro_batch), joined(training, places, attempt, checkpoint):
        ending = _ending(train(training, checkpoints, control, steering), report)
    if isinstance(ending, JobPaused) or not ending.summary.steps:
        report(ending)
        return

    clock.enter("saving", "writing the model")
    result = ending.summary.model_copy(update={"model": directory.export.name})
    manifest = Manifest(
        run=directory.name,
        attempts=attempt,
        spec=spec,
        dataset=card,
        tokenizer=config.tokenizer,
        versions=loaded,
        git_commit=commit,
        system=system(),
        device=device.name,
        precision=str(training.mode),
        decisions=decisions(config),
        durations=clock.durations(),
        summary=result,
        sums={},
    )

    def tell(error: OSError) -> None:
        reason = f"{disk.complaint(error)}: the finished model was not saved; it is tried again for some minutes"
        report(MetricsGuard(step=result.steps, action="disk", reason=reason))

    disk.patiently(lambda: finish(training, directory, manifest, fence), pauses, tell)
    report(MetricsCompleted(summary=result))
    report(ending.model_copy(update={"summary": result}))


def _ending(events: Iterable[Event], report: Report) -> JobCompleted | JobStopped | JobPaused:
    """Report what comes before the event that ends the attempt, and return that one."""
    for event in events:
        if isinstance(event, JobCompleted | JobStopped | JobPaused):
            return event
        report(event)
    raise AssertionError("the last event of an attempt ends it")


def _check_current(directory: RunDirectory, attempt: int) -> None:
    """Raises WORKER_LOST if a newer attempt has taken over: then nothing of the run's may be touched any more."""
    if directory.newest_attempt() > attempt:
        raise SpotterError(Code.WORKER_LOST, "A newer attempt at the run has taken over from this one.")


def _spec(directory: RunDirectory) -> RunSpec:
    """What the run was asked for. Raises CONFIG_INVALID naming the file, and every field that is wrong in it."""
    name, remedy = directory.spec.name, "`/trainer retry` writes it anew and goes on from the newest checkpoint."
    try:
        return parse_spec(directory.spec.read_bytes())
    except FileNotFoundError:
        raise SpotterError(Code.CONFIG_INVALID, f"{name} is gone from the run's folder.", next_step=remedy) from None
    except SpotterError as error:
        raise SpotterError(Code.CONFIG_INVALID, f"{name}: {error}", next_step=remedy) from error


def _asked_before(directory: RunDirectory, attempt: int) -> bool:
    """Whether the guard's question is what the run last rested with: then a person has let it go on since.

    Attempts in between that never began, as no worker took them up or their worker failed at once, tell nothing of
    that, and heard nothing of it.
    """
    for number in reversed(range(1, attempt)):
        first, last = _first_and_last(directory.attempt(number))
        if isinstance(first, JobStarted):
            return isinstance(last, JobPaused) and not last.control_seq
    return False


def _first_and_last(attempt: AttemptDirectory) -> tuple[Event | None, Event | None]:
    """What the attempt told first and last; None where there is no whole line, or one that is no event."""
    try:
        with attempt.events.open("rb") as file:
            first = file.readline()
            file.seek(-min(_LAST_LINE, attempt.events.stat().st_size), os.SEEK_END)
            whole, _, _ = file.read().rpartition(b"\n")
    except FileNotFoundError:
        return None, None
    return _event_in(first), _event_in(whole.rpartition(b"\n")[2])


def _event_in(line: bytes) -> Event | None:
    try:
        return decode(line)
    except UnreadableEventError:
        return None


def _config(training: Training, decided: dict[str, str]) -> MetricsConfig:
    """The numbers that decide what is learnt, each with the reason why it is what it is."""
    spec, batching, objective = training.spec, training.batching, training.objective
    asked, suits = "as asked for", f"what suits {spec.model.label}"
    reasons = {
        "tokens_per_step": f"{asked if spec.batch.tokens_per_step else suits}, in whole sequences",
        "accumulation": "the forward passes that make up a step",
        "learning_rate": asked if spec.optimizer.learning_rate else suits,
        **decided,
    }
    tokenizer, chosen = objective.tokenizer, objective.chosen
    if tokenizer is not None and chosen is not None:
        own = spec.tokenizer.vocabulary == tokenizer.vocabulary
        reasons |= {
            "tokenizer": chosen.reason,
            "vocabulary": asked if own else "what the tokenizer has",
            "context": f"{suits}, or the text is no longer",
        }
    return MetricsConfig(
        parameters=training.parameters,
        unit=objective.unit,
        vocabulary=objective.answers,
        context=batching.length,
        tokens_per_step=batching.tokens_per_step,
        micro_batch=batching.micro_batch,
        accumulation=batching.accumulation,
        learning_rate=training.peak_learning_rate,
        train_tokens=objective.training,
        validation_tokens=objective.held_out,
        precision=str(training.mode),
        tokenizer=tokenizer.name if tokenizer else "",
        reasons=reasons,
    )


def _sweep(directory: RunDirectory, spec: RunSpec) -> None:
    """Remove what writers that died left. This attempt alone writes in its run; elsewhere only old things are dead."""
    home = directory.home
    swept = sweep(directory.path) + sweep(directory.checkpoints)
    dataset = home.dataset(spec.data.dataset)
    for folder in (home.datasets, home.tokenizers, dataset / "splits", dataset / "tokens", dataset / "pictures"):
        swept += sweep(folder, idle=_DEAD_AFTER)
    if swept:
        log.info("removed what was left half-written: %s", ", ".join(swept))


transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # unannotated in transformers
transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # unannotated in transformers

"""One run, from its spec to a finished model. Read it top to bottom."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from transformers.utils import logging as transformers_logging

from trainer_core import device as devices
from trainer_core.checkpoint import Checkpoints, restore, step_of
from trainer_core.control import ControlReader
from trainer_core.data.corpus import DatasetCard, documents, read_card
from trainer_core.data.order import Order
from trainer_core.data.split import Split, split
from trainer_core.data.tokens import build_tokens
from trainer_core.errors import Code, SpotterError
from trainer_core.events import (
    Event,
    JobCompleted,
    JobPaused,
    JobProgress,
    JobStarted,
    JobStopped,
    MetricsCompleted,
    MetricsConfig,
    Phase,
)
from trainer_core.export import verify, write_model
from trainer_core.failures import explained
from trainer_core.layout import Home, RunDirectory
from trainer_core.loop import summary, train
from trainer_core.manifest import Manifest, git_commit, system, versions
from trainer_core.models.build import build_model
from trainer_core.models.sizes import SIZES
from trainer_core.optim import build_optimizer
from trainer_core.plan import first_pace, plan_batching
from trainer_core.preflight import preflight
from trainer_core.spec import RunSpec, parse_spec
from trainer_core.state import LoopState
from trainer_core.tokenizers.bpe import suggested_vocabulary, train_bpe
from trainer_core.training import Training

log = logging.getLogger(__name__)

Report = Callable[[Event], None]


def run(directory: RunDirectory, attempt: int, report: Report, control: ControlReader) -> None:
    """Do one attempt of the run in `directory`, from the newest checkpoint that verifies.

    The last event reported is `JobCompleted`, `JobStopped` or `JobPaused`. Raises SpotterError, or whatever broke;
    then no ending was reported.
    """
    spec = parse_spec(directory.spec.read_bytes())
    checkpoints = Checkpoints(directory.checkpoints, spec.checkpoint.keep)
    checkpoint = checkpoints.newest_good()
    device = devices.choose(spec.device)
    devices.prepare(device)
    report(JobStarted(pid=os.getpid(), host=socket.gethostname(), device=device.name, resumed_step=step_of(checkpoint)))
    clock = _Phases(report)

    card = read_card(directory.home, spec.data.dataset)
    clock.enter("reading", f"{card.characters:,} characters in {card.documents:,} documents of {card.name}")
    text, text_key = _text(directory.home, card, spec)

    vocabulary = spec.tokenizer.vocabulary or suggested_vocabulary(card.characters)
    clock.enter("tokenizer", f"byte-level BPE of {vocabulary:,} tokens")
    tokenizer = train_bpe(directory.home, text_key, text.train, vocabulary)

    clock.enter("tokens", f"writing the text in {tokenizer.vocabulary:,} tokens")
    tokens = build_tokens(directory.home.dataset(card.name), text_key, text, tokenizer)

    shape = SIZES[spec.model.size]
    batching = plan_batching(spec.batch, shape, len(tokens.train), tokenizer.vocabulary, device.kind)
    peak = spec.optimizer.learning_rate or shape.learning_rate
    model = build_model(spec.model, tokenizer.vocabulary, tokenizer.end_of_text, spec.seed, device.kind)
    training = Training(
        spec=spec,
        device=device,
        model=model,
        optimizer=build_optimizer(model, spec.optimizer, peak),
        tokenizer=tokenizer,
        tokens=tokens,
        order=Order(len(tokens.train), batching.length, spec.seed),
        batching=batching,
        peak_learning_rate=peak,
        state=LoopState(),
    )
    torch.manual_seed(spec.seed)
    if checkpoint:
        restore(training, checkpoint)
    clock.enter(
        "model",
        f"{spec.model.family} {spec.model.size}, {training.parameters:,} parameters; "
        f"{len(tokens.train):,} tokens to train on, {len(tokens.validation):,} held out",
    )

    with explained(batching.micro_batch):
        checks = preflight(training)
    clock.enter("preflight", str(checks))
    if not training.state.paces:
        pace = first_pace(spec.budget, batching, training.order.sequences, checks.seconds_per_step)
        training.state = replace(training.state, paces=(pace,))
    config = MetricsConfig(
        parameters=training.parameters,
        vocabulary=tokenizer.vocabulary,
        context=batching.length,
        tokens_per_step=batching.tokens_per_step,
        micro_batch=batching.micro_batch,
        accumulation=batching.accumulation,
        learning_rate=peak,
        train_tokens=len(tokens.train),
        validation_tokens=len(tokens.validation),
        precision=device.precision,
        reasons=_reasons(spec) | {"precision": device.reason, "micro_batch": batching.reason},
    )
    report(config)

    clock.enter("training", f"{spec.budget} at {batching.tokens_per_step:,} tokens a step")
    ending: JobStopped | JobPaused | None = None
    with explained(batching.micro_batch):
        for event in train(training, checkpoints, control):
            if isinstance(event, JobStopped | JobPaused):
                ending = event
            else:
                report(event)
    if isinstance(ending, JobPaused) or (ending and not training.state.step):
        report(ending)
        return

    clock.enter("saving", "writing the model")
    sums = write_model(directory.export, model, tokenizer.folder)
    if problems := verify(directory.export):
        raise SpotterError(Code.WORKER_CRASHED, f"The finished model does not verify: {problems[0]}.")
    result = summary(training, model=directory.export.name)
    Manifest(
        run=directory.name,
        attempts=attempt,
        spec=spec,
        dataset=card,
        tokenizer=tokenizer.name,
        versions=versions(),
        git_commit=git_commit(),
        system=system(),
        device=device.name,
        precision=device.precision,
        decisions=config.reasons,
        durations=clock.durations(),
        summary=result,
        sums=sums,
    ).write(directory)
    report(MetricsCompleted(summary=result))
    report(ending.model_copy(update={"summary": result}) if ending else JobCompleted(summary=result))


def _text(home: Home, card: DatasetCard, spec: RunSpec) -> tuple[Split, str]:
    """Both sides of the corpus, and a key that stands for their content. Raises CORPUS_EMPTY, CORPUS_UNREADABLE."""
    if spec.data.sha256 and spec.data.sha256 != card.sha256:
        raise SpotterError(
            Code.CORPUS_UNREADABLE,
            f"{card.name} is not the text it was when the run was asked for; start the run again",
            field="data.sha256",
        )
    fraction = spec.data.validation_fraction
    text = split(list(documents(home, card)), fraction, spec.seed)
    if not text.train:
        raise SpotterError(Code.CORPUS_EMPTY, "repeats itself too much to hold any of it out", field="data.dataset")
    return text, f"split 1 of {card.sha256}, {fraction} held out, seed {spec.seed}"


def _reasons(spec: RunSpec) -> dict[str, str]:
    """Why each number that the person left open is what it is."""
    reasons = {}
    if spec.tokenizer.vocabulary is None:
        reasons["vocabulary"] = "it grows with the square root of the corpus"
    if spec.batch.tokens_per_step is None:
        reasons["tokens_per_step"] = f"what suits the size {spec.model.size}"
    if spec.optimizer.learning_rate is None:
        reasons["learning_rate"] = f"what suits the size {spec.model.size}"
    return reasons


class _Phases:
    """Reports each phase as it begins, and how long each took."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._entered: list[tuple[Phase, float]] = []

    def enter(self, phase: Phase, message: str) -> None:
        self._entered.append((phase, time.monotonic()))
        self._report(JobProgress(phase=phase, message=message))
        log.info("%s: %s", phase, message)

    def durations(self) -> dict[str, float]:
        """Seconds of each phase so far, the present one included."""
        ends = [*(entered for _, entered in self._entered[1:]), time.monotonic()]
        return {phase: round(end - began, 3) for (phase, began), end in zip(self._entered, ends, strict=True)}


transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # unannotated in transformers
transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # unannotated in transformers

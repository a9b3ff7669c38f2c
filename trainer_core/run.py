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
from trainer_core.data import formats
from trainer_core.data.corpus import DatasetCard, documents, read_card
from trainer_core.data.order import Order
from trainer_core.data.split import VERSION as SPLIT_VERSION
from trainer_core.data.split import Split, split
from trainer_core.data.tokens import Tokens, build_tokens
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
from trainer_core.folders import sweep
from trainer_core.layout import Home, RunDirectory
from trainer_core.loop import summary, train
from trainer_core.manifest import Manifest, decisions, git_commit, system, versions
from trainer_core.models.build import build_model
from trainer_core.models.sizes import SIZES
from trainer_core.optim import build_optimizer
from trainer_core.plan import first_pace, plan_batching
from trainer_core.preflight import preflight
from trainer_core.spec import RunSpec, parse_spec
from trainer_core.state import LoopState
from trainer_core.tokenizers.bpe import BPE, suggested_vocabulary, train_bpe
from trainer_core.training import Training

log = logging.getLogger(__name__)

Report = Callable[[Event], None]

_DEAD_AFTER = 86_400.0
"""Seconds after which nobody is still writing a tokenizer or a data set."""


def run(directory: RunDirectory, attempt: int, report: Report, control: ControlReader) -> None:
    """Do one attempt of the run in `directory`, from the newest checkpoint that verifies.

    The last event reported is `JobCompleted`, `JobStopped` or `JobPaused`. Raises SpotterError, or whatever broke;
    then no ending was reported.
    """
    # What this process has loaded; the checkout may be updated while it trains.
    loaded, commit = versions(), git_commit()
    spec = parse_spec(directory.spec.read_bytes())
    _sweep(directory, spec)
    checkpoints = Checkpoints(directory.checkpoints, spec.checkpoint.keep)
    checkpoint = checkpoints.newest_good()
    device = devices.choose(spec.device)
    devices.prepare(device)
    report(JobStarted(pid=os.getpid(), host=socket.gethostname(), device=device.name, resumed_step=step_of(checkpoint)))
    clock = _Phases(report)

    card = read_card(directory.home, spec.data.dataset)
    clock.enter("reading", f"{card.characters:,} characters in {card.documents:,} documents of {card.name}")
    for sentence in checkpoints.set_aside:
        clock.tell(sentence)
    text, text_key = _text(directory.home, card, spec)

    vocabulary = spec.tokenizer.vocabulary or suggested_vocabulary(card.characters)
    clock.enter("tokenizer", f"byte-level BPE of {vocabulary:,} tokens")
    tokenizer = train_bpe(directory.home, text_key, text.train, vocabulary)

    clock.enter("tokens", f"writing the text in {tokenizer.vocabulary:,} tokens")
    tokens = build_tokens(directory.home.dataset(card.name), text_key, text, tokenizer)

    clock.enter("model", f"{spec.model.family} {spec.model.size}")
    training = _built(spec, device, tokenizer, tokens)
    if checkpoint:
        restore(training, checkpoint)
    clock.tell(
        f"{spec.model.family} {spec.model.size}, {training.parameters:,} parameters; "
        f"{len(tokens.train):,} tokens to train on, {len(tokens.validation):,} held out",
    )

    clock.enter("preflight", "a few passes forward and back")
    with explained(spec.model.size, training.batching.micro_batch):
        checks = preflight(training)
    clock.tell(str(checks))
    if not training.state.paces:
        pace = first_pace(spec.budget, training.batching, training.order.sequences, checks.seconds_per_step)
        training.state = replace(training.state, paces=(pace,))
    config = _config(training)
    report(config)

    clock.enter("training", f"{spec.budget} at {training.batching.tokens_per_step:,} tokens a step")
    ending: JobStopped | JobPaused | None = None
    with explained(spec.model.size, training.batching.micro_batch):
        for event in train(training, checkpoints, control):
            if isinstance(event, JobStopped | JobPaused):
                ending = event
            else:
                report(event)
    if isinstance(ending, JobPaused) or (ending and not training.state.step):
        report(ending)
        return

    clock.enter("saving", "writing the model")
    sums = write_model(directory.export, training.model, tokenizer.folder)
    if problems := verify(directory.export):
        raise SpotterError(Code.WORKER_CRASHED, f"The finished model does not verify: {problems[0]}.")
    result = summary(training, model=directory.export.name)
    Manifest(
        run=directory.name,
        attempts=attempt,
        spec=spec,
        dataset=card,
        tokenizer=tokenizer.name,
        versions=loaded,
        git_commit=commit,
        system=system(),
        device=device.name,
        precision=device.precision,
        decisions=decisions(config),
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
        raise SpotterError(
            Code.CORPUS_EMPTY, f"{card.name} repeats itself too much to hold any of it out", field="data.dataset"
        )
    source = f"{card.sha256} read as {card.kind} {formats.VERSION}"
    return text, f"{source}, split {SPLIT_VERSION}, {fraction} held out, seed {spec.seed}"


def _built(spec: RunSpec, device: devices.Device, tokenizer: BPE, tokens: Tokens) -> Training:
    """Everything that a loop needs, with fresh weights."""
    shape = SIZES[spec.model.size]
    batching = plan_batching(spec.batch, shape, len(tokens.train), tokenizer.vocabulary, device.kind)
    peak = spec.optimizer.learning_rate or shape.learning_rate
    model = build_model(spec.model, tokenizer.vocabulary, tokenizer.end_of_text, spec.seed, device.kind)
    torch.manual_seed(spec.seed)
    return Training(
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


def _config(training: Training) -> MetricsConfig:
    """The numbers that decide what is learnt, each with the reason why it is what it is."""
    spec, batching = training.spec, training.batching
    asked, suits = "as asked for", f"what suits the size {spec.model.size}"
    whole = batching.length == SIZES[spec.model.size].context
    return MetricsConfig(
        parameters=training.parameters,
        vocabulary=training.tokenizer.vocabulary,
        context=batching.length,
        tokens_per_step=batching.tokens_per_step,
        micro_batch=batching.micro_batch,
        accumulation=batching.accumulation,
        learning_rate=training.peak_learning_rate,
        train_tokens=len(training.tokens.train),
        validation_tokens=len(training.tokens.validation),
        precision=training.device.precision,
        reasons={
            "vocabulary": asked if spec.tokenizer.vocabulary else "it grows with the square root of the corpus",
            "context": suits if whole else "the text is no longer",
            "tokens_per_step": f"{asked if spec.batch.tokens_per_step else suits}, in whole sequences",
            "micro_batch": batching.reason,
            "accumulation": "the forward passes that make up a step",
            "learning_rate": asked if spec.optimizer.learning_rate else suits,
            "precision": training.device.reason,
        },
    )


def _sweep(directory: RunDirectory, spec: RunSpec) -> None:
    """Remove what writers that died left. This attempt alone writes in its run; elsewhere only old things are dead."""
    home = directory.home
    swept = sweep(directory.path) + sweep(directory.checkpoints)
    for folder in (home.datasets, home.tokenizers, home.dataset(spec.data.dataset) / "tokens"):
        swept += sweep(folder, idle=_DEAD_AFTER)
    if swept:
        log.info("removed what was left half-written: %s", ", ".join(swept))


class _Phases:
    """Reports each phase as it begins, and how long each took."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._entered: list[tuple[Phase, float]] = []

    def enter(self, phase: Phase, message: str) -> None:
        """`phase` begins now."""
        self._entered.append((phase, time.monotonic()))
        self.tell(message)

    def tell(self, message: str) -> None:
        """What is known of the present phase by now."""
        phase, _ = self._entered[-1]
        self._report(JobProgress(phase=phase, message=message))
        log.info("%s: %s", phase, message)

    def durations(self) -> dict[str, float]:
        """Seconds of each phase so far, the present one included."""
        ends = [*(entered for _, entered in self._entered[1:]), time.monotonic()]
        return {phase: round(end - began, 3) for (phase, began), end in zip(self._entered, ends, strict=True)}


transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # unannotated in transformers
transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # unannotated in transformers

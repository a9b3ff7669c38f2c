"""From the text of a data set to a model that can be trained, fresh or as a checkpoint left it."""

from __future__ import annotations

from pathlib import Path

import torch

from trainer_core import device as devices
from trainer_core.checkpoint import restore, step_of
from trainer_core.control import ControlReader
from trainer_core.data import formats
from trainer_core.data.corpus import DatasetCard, documents
from trainer_core.data.order import Order
from trainer_core.data.split import VERSION as SPLIT_VERSION
from trainer_core.data.split import Split, split
from trainer_core.data.tokens import Tokens, build_tokens
from trainer_core.errors import Code, SpotterError
from trainer_core.events import JobPaused, JobStopped, Summary
from trainer_core.layout import Home
from trainer_core.models.build import build_model
from trainer_core.models.sizes import SIZES
from trainer_core.optim import build_optimizer
from trainer_core.phases import Phases
from trainer_core.plan import plan_batching
from trainer_core.spec import RunSpec
from trainer_core.state import LoopState
from trainer_core.tokenizers.bpe import BPE, suggested_vocabulary, train_bpe
from trainer_core.training import Training


def prepared(
    home: Home,
    spec: RunSpec,
    card: DatasetCard,
    device: devices.Device,
    checkpoint: Path | None,
    control: ControlReader,
    clock: Phases,
) -> Training | JobStopped | JobPaused:
    """From the text to a model that can be trained, or the ending that was asked for meanwhile."""
    clock.enter("reading", f"{card.characters:,} characters in {card.documents:,} documents of {card.name}")
    text, text_key = _text(home, card, spec)
    if ending := _early_ending(control, checkpoint):
        return ending

    vocabulary = spec.tokenizer.vocabulary or suggested_vocabulary(card.characters)
    clock.enter("tokenizer", f"byte-level BPE of {vocabulary:,} tokens")
    tokenizer = train_bpe(home, text_key, text.train, vocabulary)
    if ending := _early_ending(control, checkpoint):
        return ending

    clock.enter("tokens", f"writing the text in {tokenizer.vocabulary:,} tokens")
    tokens = build_tokens(home.dataset(card.name), text_key, text, tokenizer)
    if ending := _early_ending(control, checkpoint):
        return ending

    clock.enter("model", f"{spec.model.family} {spec.model.size}")
    training = _built(spec, device, tokenizer, tokens)
    if checkpoint:
        restore(training, checkpoint)
    clock.tell(
        f"{spec.model.family} {spec.model.size}, {training.parameters:,} parameters; "
        f"{len(tokens.train):,} tokens to train on, {len(tokens.validation):,} held out",
    )
    return training


def _early_ending(control: ControlReader, checkpoint: Path | None) -> JobStopped | JobPaused | None:
    """The ending that was asked for while nothing is in memory that is not on the disk; None to go on.

    What a checkpoint holds has to become a model when the run is stopped: the loop sees to that.
    """
    request = control.peek()
    if request is None:
        return None
    if request.verb == "pause":
        return JobPaused(control_seq=request.seq, step=step_of(checkpoint))
    return (
        None
        if checkpoint
        else JobStopped(control_seq=request.seq, summary=Summary(steps=0, tokens=0, seconds=0, parameters=0))
    )


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

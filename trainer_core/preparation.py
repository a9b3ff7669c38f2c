"""From a data set to a model that can be trained, fresh or as a checkpoint left it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from trainer_core.attended import Told, attended
from trainer_core.checkpoints.checkpoint import step_of
from trainer_core.checkpoints.restoring import restore
from trainer_core.checkpoints.snapshot import Record, record_in
from trainer_core.compute import device as devices
from trainer_core.compute.mode import Mode
from trainer_core.compute.network import Network
from trainer_core.control import ControlReader
from trainer_core.data.card import DatasetCard
from trainer_core.data.documents import Documents, open_documents
from trainer_core.data.order import Order
from trainer_core.data.split import Split, kept_split
from trainer_core.data.tokens import Tokens, build_tokens
from trainer_core.distributed.sharing import cut
from trainer_core.errors import Code, SpotterError
from trainer_core.events import JobPaused, JobStopped, Summary
from trainer_core.files.layout import Home
from trainer_core.models.build import Places, build, recipe
from trainer_core.models.families import FAMILIES
from trainer_core.models.origin import origin_of
from trainer_core.models.picture_sizes import picture_recipe
from trainer_core.models.sizes import Recipe
from trainer_core.models.specs import PretrainedSpec
from trainer_core.objectives.next_token import NextToken
from trainer_core.objectives.objective import Objective
from trainer_core.objectives.pictures import pictures
from trainer_core.optim.optimizer import Optimizer
from trainer_core.phases import Phases
from trainer_core.plan import plan_batching
from trainer_core.spec import RunSpec
from trainer_core.state import LoopState
from trainer_core.tokenizers.tokenizer import Tokenizer
from trainer_core.tokenizing import Chosen, choice_for, tokenizer_for
from trainer_core.training import Training

_T = TypeVar("_T")


class Listening(Protocol):
    """Does work that takes long, tells how far it is, and ends the run early if that is asked for meanwhile."""

    def __call__(self, work: Callable[[Told], _T]) -> _T: ...


class _EndedError(Exception):
    """The run is to end before it has begun to train."""

    def __init__(self, ending: JobStopped | JobPaused) -> None:
        super().__init__(ending.type)
        self.ending = ending


def prepared(
    places: Places,
    spec: RunSpec,
    card: DatasetCard,
    device: devices.Device,
    checkpoint: Path | None,
    control: ControlReader,
    clock: Phases,
) -> Training | JobStopped | JobPaused:
    """From the data set to a model that can be trained, or the ending that was asked for meanwhile.

    Raises SpotterError: what is wrong with the data, the tokenizer, the model, or the checkpoint.
    """

    def look(done: float) -> None:
        clock.advance(done)
        listen()

    def listen() -> None:
        if ending := _early_ending(control, checkpoint):
            raise _EndedError(ending)

    def listening(work: Callable[[Told], _T]) -> _T:
        result = attended(work, look)
        listen()
        return result

    record = record_in(checkpoint) if checkpoint else None
    try:
        if card.kind == "images":
            suits = picture_recipe(spec.model)
            clock.enter("reading", f"{card.documents:,} pictures of {card.name}")
            objective: Objective = listening(lambda told: pictures(places.run, card, spec, told))
        else:
            if isinstance(spec.model, PretrainedSpec):
                clock.enter("model", f"looking for {spec.model.label}")
            suits = listening(lambda told: recipe(spec.model, places, told))
            objective = _text(places, spec, card, suits, record, clock, listening)
    except _EndedError as early:
        return early.ending

    clock.enter("model", spec.model.label)
    training = assembled(spec, device, places, suits, objective, record)
    if checkpoint:
        restore(training, checkpoint)
    clock.tell(
        f"{spec.model.label}, {training.parameters:,} parameters; "
        f"{objective.training:,} {objective.unit} to train on, {objective.held_out:,} held out",
    )
    return training


def _text(
    places: Places,
    spec: RunSpec,
    card: DatasetCard,
    suits: Recipe,
    record: Record | None,
    clock: Phases,
    listening: Listening,
) -> NextToken:
    """The documents, a tokenizer for them, and their tokens. Raises CORPUS_*, TOKENIZER_*, MODEL_INCOMPATIBLE."""
    home = places.run.home
    clock.enter("reading", f"{card.characters:,} characters in {card.documents:,} documents of {card.name}")
    documents, sides = listening(lambda told: _split(home, card, spec, told))

    began_with = record.tokenizer if record else None
    choice = choice_for(home, spec, card, began_with)
    clock.enter("tokenizer", f"{choice.kind}, {choice.reason}")
    tokenizer, chosen = listening(
        lambda told: tokenizer_for(places, spec, choice, card, documents, sides, began_with, told)
    )

    clock.enter("tokens", f"writing the text in {tokenizer.vocabulary:,} tokens")
    folder = home.dataset(card.name)
    tokens = listening(lambda told: build_tokens(folder, documents, sides, tokenizer, told))
    return next_token(spec, suits, tokens, tokenizer, chosen)


def _early_ending(control: ControlReader, checkpoint: Path | None) -> JobStopped | JobPaused | None:
    """The ending that was asked for while nothing is in memory that is not on the disk; None to go on.

    What a checkpoint holds has to become a model when the run is stopped: the loop sees to that.
    """
    request = control.peek()
    if request and request.verb == "pause":
        return JobPaused(control_seq=request.seq, step=step_of(checkpoint))
    if request and request.verb == "stop" and not checkpoint:
        return JobStopped(control_seq=request.seq, summary=Summary(steps=0, tokens=0, seconds=0, parameters=0))
    return None


def _split(home: Home, card: DatasetCard, spec: RunSpec, told: Told) -> tuple[Documents, Split]:
    """The documents and both sides of them. Raises CORPUS_EMPTY, CORPUS_UNREADABLE, MODEL_INCOMPATIBLE."""
    if "text" not in FAMILIES[spec.model.family].learns_from:
        raise SpotterError(
            Code.MODEL_INCOMPATIBLE,
            f"{card.name} holds text, and {spec.model.family} learns from pictures",
            field="model.family",
            next_step="Take a language model, or a data set of pictures.",
        )
    if spec.data.sha256 and spec.data.sha256 != card.content:
        raise SpotterError(
            Code.CORPUS_UNREADABLE,
            f"{card.name} is not the text it was when the run was asked for; start the run again",
            field="data.sha256",
        )
    documents = open_documents(home.dataset(card.name), card.name)
    try:
        sides = kept_split(home.dataset(card.name), documents, spec.data.validation_fraction, spec.seed, told)
    except ValueError:
        sides = None
    if sides is None or not len(sides.train):
        raise SpotterError(
            Code.CORPUS_EMPTY, f"{card.name} repeats itself too much to hold any of it out", field="data.dataset"
        )
    return documents, sides


def next_token(spec: RunSpec, suits: Recipe, tokens: Tokens, tokenizer: Tokenizer, chosen: Chosen) -> NextToken:
    """What a language model is to learn from `tokens`. Raises CORPUS_EMPTY if they are not even one sequence."""
    if len(tokens.train) < 2:
        raise SpotterError(Code.CORPUS_EMPTY, "the text to train on is a single token", field="data.dataset")
    order = Order(len(tokens.train), min(suits.context, len(tokens.train) - 1), spec.seed)
    return NextToken(tokens, order, tokenizer, chosen, spec.data.attend)


def assembled(
    spec: RunSpec,
    device: devices.Device,
    places: Places,
    suits: Recipe,
    objective: Objective,
    record: Record | None = None,
) -> Training:
    """Everything that a loop needs, with fresh weights, computed as the checkpoint of `record` says if there is one."""
    batching = plan_batching(spec.batch, suits, objective.length, objective.answers, objective.examples, device.kind)
    batching = cut(batching, spec.compute.workers)
    mode = Mode(precision=device.precision)
    if record:
        batching = replace(batching, micro_batch=record.micro_batch, reason="as when the run began")
        mode = record.mode
    fresh = partial(build, spec.model, objective.data, spec.seed, places)
    model = fresh().to(device.kind)
    training = Training(
        spec=spec,
        device=device,
        mode=mode,
        model=model,
        network=Network(model, mode, device),
        optimizer=Optimizer(model, spec.optimizer),
        objective=objective,
        batching=batching,
        peak_learning_rate=spec.optimizer.learning_rate or suits.learning_rate,
        state=LoopState(),
        fresh=fresh,
        origin=origin_of(places),
    )
    training.compute_in(mode)
    return training

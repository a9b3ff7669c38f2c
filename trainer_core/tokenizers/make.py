"""Making a tokenizer that a person asked for: trained, character-level, pretrained or uploaded; with its report."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from threading import Event, Thread

from trainer_core.data import catalog
from trainer_core.data.card import DatasetCard
from trainer_core.data.documents import Documents, open_documents
from trainer_core.data.spans import bytes_in, sample
from trainer_core.data.split import Split, kept_split
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.spec import TokenizerSpec
from trainer_core.tasks.orders import Made, MakeTokenizer, Progress
from trainer_core.tokenizers import shelf
from trainer_core.tokenizers.card import MOST_NAMED, TokenizerCard
from trainer_core.tokenizers.report import check, report
from trainer_core.tokenizers.strategy import SUITED_CHARACTERS, TrainedKind, choose, too_large

Told = Callable[[Progress], None]

_HELD_OUT = 0.1
_REPORTED_ON = 4 * 2**20
"""Bytes of the hold-out that the report is on; it is held in memory."""
_TOLD_EVERY = 0.5
"""Seconds."""


@dataclass(frozen=True, slots=True)
class _Text:
    """The data set to train and to report on."""

    card: DatasetCard
    documents: Documents
    split: Split


@dataclass(frozen=True, slots=True)
class _Ready:
    """A tokenizer that only has to be written."""

    save: Callable[[Path], object]
    """Fills an empty folder."""
    seconds: float = 0.0
    """That training took."""


def make(order: MakeTokenizer, told: Told) -> Made:
    """Carry the order out. `told` is called from another thread while training goes on.

    Raises SpotterError, and OSError; nothing is left behind then.
    """
    home = Home(order.home)
    text = _text(home, order.dataset, told) if order.dataset is not None else None
    vocabulary = _vocabulary(order, text)
    stem, source = _called(order, vocabulary)
    name = shelf.free_name(home, order.name, stem)
    ready = _ready(order, text, vocabulary, told)

    def fill(folder: Path) -> TokenizerCard:
        ready.save(folder)
        tokenizer = shelf.open_tokenizer(folder)
        measured = None
        if text is not None:
            told(Progress(phase="report"))
            measured = report(tokenizer, list(sample(text.documents, text.split.validation, _REPORTED_ON)))
            if order.strict:
                check(name, measured)
        return TokenizerCard(
            name=name,
            kind=order.kind,
            vocabulary=tokenizer.vocabulary,
            special_tokens=dict(islice(tokenizer.special_tokens.items(), MOST_NAMED)),
            further_special_tokens=max(0, len(tokenizer.special_tokens) - MOST_NAMED),
            source=source,
            sha256=tokenizer.sha256,
            seconds=ready.seconds,
            report=measured,
            added_by=order.added_by,
            added_at=datetime.now(UTC),
        )

    while True:
        try:
            return Made(card=shelf.publish(home, name, fill))
        except FileExistsError:  # somebody was quicker to take the name
            name = shelf.free_name(home, order.name, stem)


def _text(home: Home, dataset: str, told: Told) -> _Text:
    told(Progress(phase="reading"))
    card = catalog.read_card(home, dataset)
    if card.kind != "text":
        raise _invalid("data", f"{card.name} holds pictures; choose a data set of text")
    folder = home.dataset(card.name)
    documents = open_documents(folder, card.name)
    try:
        split = kept_split(folder, documents, _HELD_OUT, seed=1)
    except ValueError as error:
        raise _repeats_itself(card.name) from error
    if not len(split.train):
        raise _repeats_itself(card.name)
    return _Text(card, documents, split)


def _vocabulary(order: MakeTokenizer, text: _Text | None) -> int:
    """How many tokens to make; 0 for what has its own number."""
    match order.kind:
        case "pretrained" | "upload":
            return 0
        case "characters":
            return order.vocabulary or SUITED_CHARACTERS
        case kind:
            assert text is not None, "the order names what to train on"
            asked = TokenizerSpec(kind=kind, vocabulary=order.vocabulary)
            return choose(asked, "", text.card.characters).vocabulary or 0


def _called(order: MakeTokenizer, vocabulary: int) -> tuple[str, str]:
    """A name for the tokenizer if nobody wishes for one, and what it is of, for display."""
    match order.kind:
        case "characters":
            return f"characters-{vocabulary}", "all scripts"
        case "pretrained":
            assert order.family is not None, "it goes with the kind"
            last = Path(order.family).name
            return _slug(last), last if Path(order.family).is_absolute() else order.family
        case "upload":
            assert order.file is not None, "it goes with the kind"
            filename = Path(order.filename or order.file.name).name[-100:]
            return _slug(Path(filename).stem), filename
        case kind:
            return f"{_slug(order.dataset or '')}-{kind}-{vocabulary}", order.dataset or ""


def _ready(order: MakeTokenizer, text: _Text | None, vocabulary: int, told: Told) -> _Ready:
    match order.kind:
        case "characters":
            from trainer_core.tokenizers.characters import save_characters

            return _Ready(lambda folder: save_characters(folder, vocabulary))
        case "pretrained":
            from trainer_core.tokenizers import pretrained

            return _Ready(lambda folder: pretrained.load(order.family or "", folder))
        case "upload":
            from trainer_core.tokenizers import uploads

            file = order.file or Path()
            return _Ready(lambda folder: uploads.take_in(file, order.filename or file.name, folder))
        case kind:
            assert text is not None, "the order names what to train on"
            return _trained(kind, text, vocabulary, order.vocabulary, told)


def _trained(kind: TrainedKind, text: _Text, vocabulary: int, asked: int | None, told: Told) -> _Ready:
    from trainer_core.tokenizers.train import MOST, train

    total = min(MOST, bytes_in(text.split.train))
    taken = 0

    def count(size: int) -> None:
        nonlocal taken
        taken = size

    def tell(seconds: float) -> None:
        if taken < total:
            told(Progress(phase="training", fraction=taken / total, detail=f"{_mb(taken)} of {_mb(total)} MB read"))
        else:  # how far the rest is, nobody knows
            told(Progress(phase="training", detail=f"choosing {vocabulary:,} tokens, {seconds:.0f} s"))

    began = time.monotonic()
    with _every(_TOLD_EVERY, lambda: tell(time.monotonic() - began)):
        made = train(kind, sample(text.documents, text.split.train, MOST), vocabulary, count)
    if asked is not None and made.vocabulary < asked:
        raise too_large(asked, made.vocabulary)
    return _Ready(made.save, time.monotonic() - began)


@contextmanager
def _every(seconds: float, call: Callable[[], None]) -> Iterator[None]:
    """Call at once, and again and again from another thread until the block ends."""
    call()
    ended = Event()

    def go_on() -> None:
        while not ended.wait(seconds):
            call()

    thread = Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-_")[:24].rstrip("-_") or "tokenizer"


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f}"


def _invalid(field: str, problem: str) -> SpotterError:
    return SpotterError(Code.CONFIG_INVALID, problem, field=field)


def _repeats_itself(name: str) -> SpotterError:
    return SpotterError(Code.TOKENIZER_TRAIN_FAILED, f"{name} repeats one text over and over", field="data")

"""Small runs on a small text, with the real parts."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["HF_HUB_OFFLINE"] = "1"

import torch

from trainer_core.approved import NONE, Approved
from trainer_core.compute import device as devices
from trainer_core.control import ControlReader, write_control
from trainer_core.data.card import DatasetCard
from trainer_core.data.catalog import CARD
from trainer_core.data.documents import Documents, DocumentsWriter, Piece, open_documents
from trainer_core.data.split import kept_split
from trainer_core.data.tokens import build_tokens
from trainer_core.events import Event, MetricsProgress
from trainer_core.files.layout import Home, RunDirectory
from trainer_core.models.build import Places, recipe
from trainer_core.plan import first_pace
from trainer_core.preparation import assembled, next_token
from trainer_core.run import run
from trainer_core.spec import RunSpec, parse_spec
from trainer_core.state import LoopState
from trainer_core.tokenizing import choice_for, tokenizer_for
from trainer_core.training import Training

torch.set_num_threads(1)  # the models are too small for two, and other tests run beside these
settings.register_profile("spotter", deadline=None)
settings.load_profile("spotter")

_WORDS = "the a bar lifts slowly when someone stands by and counts every careful breath aloud until it rests".split()


def prose(characters: int, seed: int = 0) -> str:
    """Sentences in paragraphs, the same for the same seed."""
    chance = random.Random(seed)
    text = ""
    while len(text) < characters:
        sentence = " ".join(chance.choices(_WORDS, k=chance.randint(4, 12)))
        text += sentence.capitalize() + ("." if chance.random() < 0.7 else ".\n\n")
    return text


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def card(home: Home) -> DatasetCard:
    return make_dataset(home, "gym", [prose(12_000)])


def make_documents(folder: Path, texts: Iterable[str]) -> Documents:
    with DocumentsWriter(folder) as writer:
        for text in texts:
            writer.add(Piece(text))
    return open_documents(folder, folder.name)


def make_dataset(home: Home, name: str, texts: Sequence[str]) -> DatasetCard:
    """A data set of these documents, as it is when it has been taken in."""
    folder = home.dataset(name)
    folder.mkdir(parents=True)
    documents = make_documents(folder, texts)
    source = hashlib.sha256("".join(texts).encode()).hexdigest()
    card = DatasetCard(
        name=name,
        format="txt",
        filename=f"{name}.txt",
        documents=len(documents),
        characters=sum(map(len, texts)),
        bytes=documents.bytes,
        source_bytes=documents.bytes,
        sha256=source,
        content=source,
        added_by="1",
        added_at=datetime.now(UTC),
    )
    (folder / CARD).write_text(card.model_dump_json())
    return card


Settings = dict[str, object]


def small_spec(**settings: object) -> RunSpec:
    """A spec of a few quick steps on the data set `gym`; `settings` replace whole sections."""
    base: Settings = {
        "data": {"dataset": "gym"},
        "tokenizer": {"vocabulary": 300},
        "budget": "6 steps",
        "batch": {"tokens_per_step": 256, "micro_batch": 2},
        "evaluation": {"times": 2, "max_tokens": 200, "sample_tokens": 4},
    }
    return parse_spec({**base, **settings})


@pytest.fixture
def training(home: Home, card: DatasetCard) -> Callable[[RunSpec], Training]:
    """Makes everything that a loop needs, as `run` does."""

    def make(spec: RunSpec) -> Training:
        places = Places(home.run("a-run"))
        folder = home.dataset(card.name)
        documents = open_documents(folder, card.name)
        sides = kept_split(folder, documents, spec.data.validation_fraction, spec.seed)
        choice = choice_for(home, spec, card, None)
        tokenizer, chosen = tokenizer_for(places, spec, choice, card, documents, sides, None, lambda _: None)
        tokens = build_tokens(folder, documents, sides, tokenizer)
        suits = recipe(spec.model, places)
        objective = next_token(spec, suits, tokens, tokenizer, chosen)
        making = assembled(spec, devices.choose("cpu"), places, suits, objective)
        making.state = LoopState(paces=(first_pace(spec.budget, making.batching, objective.examples, 0.05),))
        return making

    return make


def run_attempt(
    directory: RunDirectory,
    spec: RunSpec,
    attempt: int = 1,
    pause_after: int | None = None,
    approved: Approved = NONE,
) -> list[Event]:
    """One attempt in this process, paused after a step if one is given; what it reported. It waits for no disk."""
    control = directory.attempt(attempt).control
    control.parent.mkdir(parents=True)
    directory.spec.write_text(spec.model_dump_json())
    events: list[Event] = []

    def report(event: Event) -> None:
        events.append(event)
        if isinstance(event, MetricsProgress) and event.step == pause_after:
            write_control(control, "pause")

    run(directory, attempt, report, ControlReader(control), approved, pauses=())
    return events


def weights(training: Training) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in training.model.named_parameters()}

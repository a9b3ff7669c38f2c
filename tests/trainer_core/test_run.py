from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import groupby, pairwise
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2LMHeadModel

from tests.trainer_core.conftest import make_dataset, prose, run_attempt, small_spec
from trainer_core.control import ControlReader, Verb, write_control
from trainer_core.data.card import DatasetCard
from trainer_core.errors import Code, SpotterError
from trainer_core.events import (
    Event,
    JobCompleted,
    JobFailed,
    JobPaused,
    JobProgress,
    JobStarted,
    JobStopped,
    MetricsCheckpoint,
    MetricsConfig,
    MetricsGuard,
    MetricsProgress,
    decode,
    encode,
)
from trainer_core.export.model_folder import verify
from trainer_core.files.atomic import name_aside
from trainer_core.files.layout import AttemptDirectory, Home, RunDirectory
from trainer_core.manifest import Manifest
from trainer_core.models.sizes import SIZES
from trainer_core.reporter import Reporter
from trainer_core.run import run
from trainer_core.spec import RunSpec
from trainer_core.steering import Steer, SteeringLog
from trainer_core.tokenizers import shelf
from trainer_core.tokenizers.card import TokenizerCard
from trainer_core.tokenizers.characters import character_tokenizer
from trainer_core.training import Training

Make = Callable[[RunSpec], Training]


def test_a_run_ends_with_a_model_that_opens(home: Home, card: DatasetCard) -> None:
    directory = home.run("brisk-otter-42")
    spec = small_spec(data={"dataset": card.name, "sha256": card.content}, tokenizer={"vocabulary": None})
    events = run_attempt(directory, spec)

    assert isinstance(events[0], JobStarted)
    said = [event for event in events if isinstance(event, JobProgress)]
    assert [phase for phase, _ in groupby(event.phase for event in said)] == [
        "reading",
        "tokenizer",
        "tokens",
        "model",
        "preflight",
        "training",
        "saving",
    ]
    results = [event.message for before, event in pairwise(said) if event.phase == before.phase]
    assert len(results) == 2, "a phase is entered before its work, and what came of it is told after"
    assert "parameters" in results[0] and "loss at start" in results[1]
    last = events[-1]
    assert isinstance(last, JobCompleted)
    assert last.summary.steps == 6
    assert last.summary.first_loss is not None and last.summary.loss is not None
    assert last.summary.loss < last.summary.first_loss
    for seq, event in enumerate(events, start=1):
        stamped = event.stamped("brisk-otter-42", 1, seq, 0.0)
        assert decode(encode(stamped)) == stamped

    assert last.summary.model == "export"
    assert verify(directory.export) == []
    tokenizer = AutoTokenizer.from_pretrained(directory.export)
    model = AutoModelForCausalLM.from_pretrained(directory.export, dtype=torch.float32)
    assert sum(parameter.numel() for parameter in model.parameters()) == last.summary.parameters
    prompt = tokenizer("The bar", return_tensors="pt").input_ids
    assert model(prompt).logits.shape == (1, prompt.shape[1], len(tokenizer))
    writer = GPT2LMHeadModel.from_pretrained(directory.export)
    ten = torch.arange(10).unsqueeze(0)
    written = writer.generate(ten, eos_token_id=-1)  # type: ignore[misc]  # transformers hides the signature
    assert isinstance(written, torch.Tensor)
    assert written.shape == (1, model.config.n_positions), "left to itself it writes to the end of its context"


def test_what_a_run_leaves_says_where_it_came_from(home: Home, card: DatasetCard) -> None:
    directory = home.run("brisk-otter-42")
    run_attempt(directory, small_spec())
    manifest = Manifest.model_validate_json(directory.manifest.read_bytes())
    assert manifest.spec == small_spec()
    assert manifest.dataset == card
    assert {"python", "torch", "transformers"} <= set(manifest.versions)
    assert manifest.sums == json.loads((directory.export / "sums.json").read_text())
    assert set(manifest.durations) >= {"reading", "training", "saving"}
    chosen = {name: decision.value for name, decision in manifest.decisions.items()}
    assert chosen["learning_rate"] == SIZES["tiny"].learning_rate
    assert {name: chosen[name] for name in ("vocabulary", "context", "tokens_per_step")} == {
        "vocabulary": 300,
        "context": 128,
        "tokens_per_step": 256,
    }
    assert (chosen["micro_batch"], chosen["accumulation"], chosen["precision"]) == (2, 1, manifest.precision)
    assert all(decision.reason for decision in manifest.decisions.values())
    card_text = directory.card.read_text()
    assert f"{manifest.summary.bits_per_byte:.3f}" in card_text
    for text in (card_text, directory.manifest.read_text(), *(p.read_text() for p in directory.export.glob("*.json"))):
        assert str(home.path) not in text
        assert str(Path.home()) not in text


def test_an_attempt_goes_on_from_the_last(home: Home, card: DatasetCard) -> None:
    directory, spec = home.run("brisk-otter-42"), small_spec()
    first = run_attempt(directory, spec, pause_after=3)
    assert isinstance(first[-1], JobPaused)
    shutil.rmtree(home.tokenizers)  # what was made from the text is made again, the same
    shutil.rmtree(home.dataset(card.name) / "tokens")
    events = run_attempt(directory, spec, attempt=2)
    started = events[0]
    assert isinstance(started, JobStarted)
    assert started.resumed_step == 3
    assert [event.step for event in events if isinstance(event, MetricsProgress)] == [4, 5, 6]
    assert isinstance(events[-1], JobCompleted)
    uninterrupted = run_attempt(home.run("calm-heron-7"), spec)[-1]
    assert isinstance(uninterrupted, JobCompleted)
    assert events[-1].summary.loss == uninterrupted.summary.loss
    assert events[-1].summary.sample == uninterrupted.summary.sample


def test_a_run_goes_on_with_the_tokenizer_it_began_with(home: Home, card: DatasetCard) -> None:
    directory, spec = home.run("brisk-otter-42"), small_spec(tokenizer={"kind": "saved", "name": "letters"})
    save_tokenizer(home, "letters", 300)
    run_attempt(directory, spec, pause_after=3)
    shutil.rmtree(home.tokenizer("letters"))
    with pytest.raises(SpotterError, match="the tokenizer letters could not be loaded"):
        run_attempt(directory, spec, attempt=2)
    save_tokenizer(home, "letters", 301)
    with pytest.raises(SpotterError, match="letters, which the run began with, is gone or was changed") as caught:
        run_attempt(directory, spec, attempt=3)
    assert caught.value.code is Code.TOKENIZER_NOT_FOUND
    shutil.rmtree(home.tokenizer("letters"))
    save_tokenizer(home, "letters", 300)
    events = run_attempt(directory, spec, attempt=4)
    assert isinstance(events[-1], JobCompleted)
    [config] = [event for event in events if isinstance(event, MetricsConfig)]
    assert (config.tokenizer, config.reasons["tokenizer"]) == ("letters", "letters was asked for")


def save_tokenizer(home: Home, name: str, vocabulary: int) -> None:
    """A character-level one, as it is when a person has made it."""
    shutil.copytree(character_tokenizer(home, vocabulary).folder, home.tokenizer(name))
    card = TokenizerCard(
        name=name,
        kind="characters",
        vocabulary=vocabulary,
        source="",
        sha256="0" * 64,
        added_by="1",
        added_at=datetime.now(UTC),
    )
    (home.tokenizer(name) / shelf.CARD).write_text(card.model_dump_json())


@pytest.mark.parametrize("kind", ["unigram", "wordpiece", "characters"])
def test_whatever_the_tokenizer_a_run_ends_with_a_model_and_bits_per_byte(
    home: Home, card: DatasetCard, kind: str
) -> None:
    spec = small_spec(tokenizer={"kind": kind}, budget="2 steps")
    directory = home.run("brisk-otter-42")
    last = run_attempt(directory, spec)[-1]
    assert isinstance(last, JobCompleted)
    assert last.summary.bits_per_byte is not None and 0 < last.summary.bits_per_byte < 10
    opened = AutoTokenizer.from_pretrained(directory.export)
    assert opened("The bar lifts").input_ids


def test_more_entries_than_the_text_has_are_no_tokenizer(home: Home, card: DatasetCard) -> None:
    asked = {"kind": "bpe", "vocabulary": 1_200}
    with pytest.raises(SpotterError, match="more than this text supports") as caught:
        run_attempt(home.run("brisk-otter-42"), small_spec(tokenizer=asked))
    assert caught.value.code is Code.TOKENIZER_TRAIN_FAILED
    events = run_attempt(home.run("calm-heron-7"), small_spec(tokenizer={"vocabulary": 1_200}, budget="1 steps"))
    [config] = [event for event in events if isinstance(event, MetricsConfig)]
    assert config.vocabulary == 1_200
    assert config.tokenizer.startswith("characters")
    assert "not bpe, since 1,200 is more than this text supports" in config.reasons["tokenizer"]


def test_pictures_are_no_text(home: Home, card: DatasetCard) -> None:
    pictures = card.model_copy(update={"kind": "images"})
    (home.dataset(card.name) / "dataset.json").write_text(pictures.model_dump_json())
    with pytest.raises(SpotterError, match="gym holds pictures, and gpt2 learns from text") as caught:
        run_attempt(home.run("brisk-otter-42"), small_spec())
    assert caught.value.code is Code.MODEL_INCOMPATIBLE


def test_an_attempt_begins_by_sweeping_up(home: Home, card: DatasetCard) -> None:
    directory, spec = home.run("brisk-otter-42"), small_spec(budget="1 steps")
    dead = [
        name_aside(place / name)
        for place, name in (
            (directory.checkpoints, "step-00000001"),
            (directory.path, "export"),
            (home.datasets, "half"),
            (home.tokenizers, "bpe-half"),
            (home.dataset(card.name) / "splits", "half"),
            (home.dataset(card.name) / "pictures", "half"),
            (home.dataset(card.name) / "tokens", "half"),
        )
    ]
    for folder in dead:
        folder.mkdir(parents=True)
        os.utime(folder, (1_000_000, 1_000_000))
    busy = name_aside(home.tokenizers / "bpe-other")
    busy.mkdir()
    run_attempt(directory, spec)
    assert not [folder for folder in dead if folder.exists()]
    assert busy.exists()


def test_a_corrupt_checkpoint_that_was_passed_over_is_told_of(home: Home, card: DatasetCard) -> None:
    directory, spec = home.run("brisk-otter-42"), small_spec()
    run_attempt(directory, spec, pause_after=3)
    (directory.checkpoints / "step-00000099").mkdir()
    events = run_attempt(directory, spec, attempt=2)
    assert [event.resumed_step for event in events if isinstance(event, JobStarted)] == [3]
    assert [(event.step, event.action, event.reason) for event in events if isinstance(event, MetricsGuard)] == [
        (3, "rollback", "the checkpoint of step 99 is corrupt and was set aside; training goes on from step 3")
    ]
    assert sorted(path.name for path in directory.checkpoints.iterdir()) == [
        "corrupt-step-00000099",
        "step-00000003",
        "step-00000006",
    ]


def test_a_text_of_the_least_size_can_be_trained_on(home: Home) -> None:
    make_dataset(home, "note", [prose(1_100)])
    spec = small_spec(data={"dataset": "note"}, tokenizer={"vocabulary": None}, batch={})
    events = run_attempt(home.run("short-run-1"), spec)
    [config] = [event for event in events if isinstance(event, MetricsConfig)]
    assert config.context <= config.train_tokens - 1
    assert isinstance(events[-1], JobCompleted)


def test_data_that_changed_since_it_was_asked_for_is_refused(home: Home, card: DatasetCard) -> None:
    with pytest.raises(SpotterError, match="not the text it was") as caught:
        run_attempt(home.run("brisk-otter-42"), small_spec(data={"dataset": card.name, "sha256": "0" * 64}))
    assert caught.value.field == "data.sha256"


def test_data_that_repeats_itself_too_much_is_refused(home: Home) -> None:
    sentence = "the bar lifts slowly when someone stands by and counts every careful breath until it rests"
    texts = [sentence.replace(" ", "  ", spaces) for spaces in range(8)] * 2
    make_dataset(home, "echo", texts)
    with pytest.raises(SpotterError, match=r"^data\.dataset: echo repeats itself") as caught:
        run_attempt(home.run("brisk-otter-42"), small_spec(data={"dataset": "echo"}))
    assert caught.value.code is Code.CORPUS_EMPTY


def test_data_that_is_not_there_is_refused(home: Home) -> None:
    with pytest.raises(SpotterError) as caught:
        run_attempt(home.run("brisk-otter-42"), small_spec())
    assert caught.value.code is Code.CORPUS_NOT_FOUND


def test_a_disk_that_is_in_the_way_fails_the_run(home: Home, card: DatasetCard) -> None:
    directory = home.run("brisk-otter-42")
    directory.path.mkdir(parents=True)
    directory.export.write_text("in the way")
    with pytest.raises(NotADirectoryError):
        run_attempt(directory, small_spec(budget="1 steps"))
    assert any(path.name.startswith("step-") for path in directory.checkpoints.iterdir())


def test_a_finished_model_waits_for_the_disk_which_is_told_once(home: Home, card: DatasetCard) -> None:
    """Something is in the way of the model first, and of its card then; each time it is taken away after a while."""
    directory = home.run("brisk-otter-42")
    directory.attempt(1).path.mkdir(parents=True)
    directory.spec.write_text(small_spec(budget="1 steps").model_dump_json())
    directory.export.write_text("in the way")
    directory.card.mkdir()
    events: list[Event] = []

    def pauses() -> Iterator[float]:
        yield 0.0
        assert [event.action for event in events if isinstance(event, MetricsGuard)] == ["disk"]
        directory.export.unlink()
        yield 0.0
        assert verify(directory.export) == []
        directory.card.rmdir()

    run(directory, 1, events.append, ControlReader(directory.attempt(1).control), pauses=pauses())
    [guard] = [event for event in events if isinstance(event, MetricsGuard)]
    assert guard.reason.startswith("the disk refuses it (")
    assert guard.reason.endswith("): the finished model was not saved; it is tried again for some minutes")
    assert isinstance(events[-1], JobCompleted)
    assert verify(directory.export) == [] and directory.card.is_file()


def test_an_attempt_that_was_replaced_touches_nothing_more(home: Home, card: DatasetCard) -> None:
    """Another one begins while this one is between two checkpoints."""
    directory = home.run("brisk-otter-42")
    directory.attempt(1).path.mkdir(parents=True)
    directory.spec.write_text(small_spec(checkpoint={"every_seconds": 1e-6}).model_dump_json())
    events: list[Event] = []

    def report(event: Event) -> None:
        events.append(event)
        if isinstance(event, MetricsCheckpoint) and event.step == 2:
            directory.attempt(2).path.mkdir()

    with pytest.raises(SpotterError, match="newer attempt") as caught:
        run(directory, 1, report, ControlReader(directory.attempt(1).control))
    assert caught.value.code is Code.WORKER_LOST
    assert sorted(path.name for path in directory.checkpoints.iterdir()) == ["step-00000001", "step-00000002"]
    assert [event.step for event in events if isinstance(event, MetricsProgress)] == [1, 2, 3]
    assert not directory.export.exists()


def test_an_attempt_that_was_replaced_exports_nothing(home: Home, card: DatasetCard) -> None:
    directory = home.run("brisk-otter-42")
    directory.attempt(1).path.mkdir(parents=True)
    directory.spec.write_text(small_spec(budget="1 steps").model_dump_json())

    def report(event: Event) -> None:
        if isinstance(event, MetricsCheckpoint):
            directory.attempt(2).path.mkdir()

    with pytest.raises(SpotterError, match="newer attempt"):
        run(directory, 1, report, ControlReader(directory.attempt(1).control))
    assert not directory.export.exists() and not directory.manifest.exists()


BEGUN = JobStarted(pid=41, host="here", device="CPU")
ASKED = JobPaused(control_seq=0, step=0, reason="the loss ran away")
FAILED = JobFailed(code=Code.WORKER_CRASHED, message="The disk went away.", next_step="Put it back.")


def was(attempt: AttemptDirectory, *events: Event) -> None:
    """There was such an attempt."""
    attempt.path.mkdir(parents=True)
    with Reporter(attempt, attempt.path.parent.parent.name) as report:
        for event in events:
            report(event)


def steered(directory: RunDirectory) -> list[str]:
    return [steer.verb for steer in SteeringLog(directory.steering, lambda: None).entries]


def test_who_resumes_a_run_whose_guard_has_asked_lets_it_go_on(home: Home, card: DatasetCard) -> None:
    """Also where attempts that never began lie between the question and the worker that hears the answer."""
    directory = home.run("brisk-otter-42")
    was(directory.attempt(1), BEGUN, ASKED)
    was(directory.attempt(3))
    was(directory.attempt(4), FAILED)
    was(directory.attempt(5))
    directory.attempt(5).events.write_text('{"type":"trainer.job.sta')  # the machine went down
    run_attempt(directory, small_spec(budget="1 steps"), attempt=6)
    assert steered(directory) == ["go_on"]


@pytest.mark.parametrize("last", [[FAILED], [JobPaused(control_seq=5, step=0)], []], ids=["failed", "paused", "killed"])
def test_an_answer_is_for_one_question(home: Home, card: DatasetCard, last: list[Event]) -> None:
    directory = home.run("brisk-otter-42")
    was(directory.attempt(1), BEGUN, ASKED)
    was(directory.attempt(2), BEGUN, *last)
    run_attempt(directory, small_spec(budget="1 steps"), attempt=3)
    assert steered(directory) == []


def test_a_run_that_begins_where_another_ones_rollbacks_led_learns_at_their_rate(home: Home, card: DatasetCard) -> None:
    """As one that is tried again after its guard went back to the beginning and asked."""
    spec = small_spec(budget="2 steps")
    before = run_attempt(home.run("calm-heron-7"), spec)
    directory = home.run("brisk-otter-42")
    directory.path.mkdir(parents=True)
    log = SteeringLog(directory.steering, lambda: None)
    for _ in range(3):
        log.append(Steer(step=0, verb="rollback", value=0.5, skip=4, reason="it broke"))
    log.append(Steer(step=0, verb="go_on"))
    after = run_attempt(directory, spec)
    assert isinstance(after[-1], JobCompleted)
    usual, lowered = ([e.learning_rate for e in told if isinstance(e, MetricsProgress)] for told in (before, after))
    assert lowered == pytest.approx([rate / 8 for rate in usual]) and len(usual) == 2


@pytest.mark.parametrize("verb", ["stop", "pause"])
def test_a_request_is_heard_between_the_phases(home: Home, card: DatasetCard, verb: Verb) -> None:
    directory = home.run("brisk-otter-42")
    directory.attempt(1).path.mkdir(parents=True)
    directory.spec.write_text(small_spec().model_dump_json())
    events: list[Event] = []

    def report(event: Event) -> None:
        events.append(event)
        if isinstance(event, JobProgress) and event.phase == "tokenizer":
            write_control(directory.attempt(1).control, verb)

    run(directory, 1, report, ControlReader(directory.attempt(1).control))
    *_, before, last = events
    assert isinstance(before, JobProgress) and before.phase == "tokenizer"
    if verb == "pause":
        assert isinstance(last, JobPaused) and last.step == 0
    else:
        assert isinstance(last, JobStopped) and last.summary.steps == 0 and not last.summary.model
    assert not directory.checkpoints.exists()


def test_a_resumed_run_that_is_stopped_at_once_still_gives_its_model(home: Home, card: DatasetCard) -> None:
    directory, spec = home.run("brisk-otter-42"), small_spec()
    run_attempt(directory, spec, pause_after=3)
    control = directory.attempt(2).control
    control.parent.mkdir(parents=True)
    verbs: tuple[Verb, ...] = ("pause", "stop")
    events: list[Event] = []
    for verb in verbs:
        write_control(control, verb)
        run(directory, 2, events.append, ControlReader(control))
    assert [event.step for event in events if isinstance(event, JobPaused)] == [3]
    assert isinstance(events[-1], JobStopped) and events[-1].summary.steps == 3
    assert verify(directory.export) == []

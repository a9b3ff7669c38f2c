"""Models that have learnt before: where they are found, what is taken of them, and what is not."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from transformers import (
    CONFIG_MAPPING,
    AutoModelForCausalLM,
    BertConfig,
    BertLMHeadModel,
    PreTrainedConfig,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from tests.trainer_core.models.conftest import TEXT, VOCABULARY, finished_run, logits, tokens
from tests.trainer_core.tokenizers.made_elsewhere import byte_level
from trainer_core.approved import Approved
from trainer_core.errors import Code, SpotterError
from trainer_core.files.sums import write_sums
from trainer_core.models.build import build, open_model, recipe
from trainer_core.models.files import save_finished, save_weights
from trainer_core.models.places import Places
from trainer_core.models.pretrained import check_config, kept
from trainer_core.models.sources import find, telling
from trainer_core.models.specs import CharLSTMSpec, GPT2Spec, LlamaSpec, LoraSpec, PretrainedSpec
from trainer_core.tokenizers import shelf

FROM_RUN = PretrainedSpec(source="run:brisk-otter-42")
FROM_FOLDER = PretrainedSpec(source="folder:published/mine")


@pytest.fixture
def published(places: Places, tmp_path: Path) -> tuple[Places, Path]:
    """A model as others publish them, in an approved folder: padded rows, a tokenizer of the library's own."""
    folder = tmp_path / "published" / "mine"
    tokenizer = byte_level("<|endoftext|>", vocabulary=VOCABULARY)
    data = replace(TEXT, vocabulary=tokenizer.get_vocab_size() + 20)
    model = build(LlamaSpec(), data, 5, places).to(torch.bfloat16)
    save_finished(model, folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return replace(places, approved=Approved(models=(tmp_path / "published",))), folder


def test_a_run_goes_on_from_what_another_has_finished(places: Places) -> None:
    export = finished_run(places, "brisk-otter-42", GPT2Spec())
    windows = tokens()
    expected = logits(open_model(export), input_ids=windows)
    model = build(FROM_RUN, TEXT, 9, places).train(False)
    assert torch.equal(logits(model, input_ids=windows), expected)
    shutil.rmtree(export)
    again = build(FROM_RUN, TEXT, 9, places).train(False)
    assert torch.equal(logits(again, input_ids=windows), expected), "the run keeps what it began with"
    assert shelf.open_tokenizer(places.base).vocabulary == VOCABULARY


def test_a_run_that_has_not_ended_gives_its_newest_checkpoint_that_verifies(places: Places) -> None:
    export = finished_run(places, "brisk-otter-42", GPT2Spec())
    checkpoints = export.with_name("checkpoints")
    for step, seed in ((10, 3), (20, 4)):
        folder = checkpoints / f"step-{step:08d}"
        folder.mkdir(parents=True)
        save_weights(build(GPT2Spec(), TEXT, seed, places), folder)
        (folder / "state.json").write_text(json.dumps({"tokenizer": {"name": f"characters-1-{VOCABULARY}"}}))
        write_sums(folder)
    shutil.rmtree(export)
    (checkpoints / "step-00000020" / "config.json").write_text("{}")
    model, expected = build(FROM_RUN, TEXT, 9, places), build(GPT2Spec(), TEXT, 3, places)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), expected.parameters(), strict=True))


def test_a_published_model_is_opened_in_fp32_with_a_row_for_each_token(published: tuple[Places, Path]) -> None:
    places, folder = published
    vocabulary = shelf.open_tokenizer(kept(FROM_FOLDER, places)).vocabulary
    assert vocabulary < VOCABULARY + 20
    model = build(FROM_FOLDER, replace(TEXT, vocabulary=vocabulary), 1, places).train(False)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    found, expected = (logits(one, input_ids=tokens()) for one in (model, theirs))
    assert torch.equal(found, expected[..., :vocabulary])


def test_a_token_that_ends_a_text_is_added_where_there_is_none(published: tuple[Places, Path]) -> None:
    places, folder = published
    plain = byte_level(vocabulary=VOCABULARY)
    data = replace(TEXT, vocabulary=plain.get_vocab_size())
    save_finished(build(LlamaSpec(), data, 5, places), folder)
    plain.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    vocabulary = shelf.open_tokenizer(kept(FROM_FOLDER, places)).vocabulary
    assert vocabulary == data.vocabulary + 1
    model, again = (build(FROM_FOLDER, replace(TEXT, vocabulary=vocabulary), 1, places) for _ in range(2))
    assert logits(model, input_ids=tokens()).shape[-1] == vocabulary
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_what_suits_it_is_its_own_context_and_small_steps(published: tuple[Places, Path]) -> None:
    places, _ = published
    whole = recipe(FROM_FOLDER, places)
    assert (whole.context, whole.per_step) == (128, 8 * 128)
    assert whole.learning_rate < recipe(LlamaSpec(), places).learning_rate / 5
    adapters = recipe(FROM_FOLDER.model_copy(update={"lora": LoraSpec()}), places)
    assert adapters.learning_rate == pytest.approx(10 * whole.learning_rate)


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def another_tokenizer(folder: Path) -> None:
    byte_level("<|endoftext|>", vocabulary=265).save(str(folder / "tokenizer.json"))


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": 1}))


def half_of_its_weights(folder: Path) -> None:
    parts = {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def configured(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **changes}))

    change.__name__ = "-".join(changes)
    return change


def torn_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def no_json(folder: Path) -> None:
    (folder / "config.json").write_text("[")


def an_encoder(folder: Path) -> None:
    small = BertConfig(vocab_size=300, hidden_size=16, num_hidden_layers=1, num_attention_heads=1, intermediate_size=16)
    BertLMHeadModel(small).save_pretrained(folder)


def an_encoder_and_decoder(folder: Path) -> None:
    T5ForConditionalGeneration(T5Config(vocab_size=300, d_model=16, num_layers=1, num_heads=1)).save_pretrained(folder)


def a_link_out(folder: Path) -> None:
    elsewhere = folder.parent.parent / "model.safetensors"
    (folder / "model.safetensors").rename(elsewhere)
    (folder / "model.safetensors").symlink_to(elsewhere)


INCOMPATIBLE, LOAD_FAILED, NOT_FOUND = Code.MODEL_INCOMPATIBLE, Code.MODEL_LOAD_FAILED, Code.MODEL_NOT_FOUND


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (no_tokenizer, Code.TOKENIZER_NOT_FOUND, "has no tokenizer in it"),
        (another_tokenizer, INCOMPATIBLE, "mine has 320 tokens, and the tokenizer beside it 265"),
        (pickled, INCOMPATIBLE, "pickled, which could run code"),
        (no_weights, NOT_FOUND, "mine has no model.safetensors"),
        (half_of_its_weights, NOT_FOUND, "mine lacks model-00002-of-00002.safetensors"),
        (no_config, INCOMPATIBLE, "mine has no config.json"),
        (no_json, LOAD_FAILED, "config.json of the model is missing or cannot be read"),
        (configured(model_type="unheard-of"), LOAD_FAILED, "config.json is of no architecture"),
        (configured(hidden_size="wide"), LOAD_FAILED, "config.json is of no architecture"),
        (configured(hidden_size=256), LOAD_FAILED, "its weights"),
        (configured(num_hidden_layers=6), LOAD_FAILED, "weights are not all there"),
        (configured(quantization_config={"quant_method": "fp8"}), INCOMPATIBLE, "quantised"),
        (torn_weights, LOAD_FAILED, "its weights cannot be opened"),
        (an_encoder, INCOMPATIBLE, "BertLMHeadModel is no causal language model"),
        (an_encoder_and_decoder, INCOMPATIBLE, "T5ForConditionalGeneration is no causal language model"),
        (a_link_out, INCOMPATIBLE, "behind links"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_cannot_be_fine_tuned_is_refused(
    published: tuple[Places, Path], spoil: Callable[[Path], None], code: Code, said: str
) -> None:
    places, folder = published
    spoil(folder)
    with pytest.raises(SpotterError, match=said) as caught:
        build(FROM_FOLDER, replace(TEXT, vocabulary=VOCABULARY), 1, places)
    assert caught.value.code is code
    assert caught.value.next_step
    assert str(folder.parent) not in f"{caught.value} {caught.value.next_step}"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("run:no-such-run", "no run 'no-such-run'"),
        ("run:brisk-otter-42", "has saved no model yet"),
        ("folder:published/notes.txt", "published/notes.txt is no folder"),
        ("folder:published/other", "there is no published/other in the approved folders"),
        ("folder:elsewhere/mine", "there is no elsewhere/mine in the approved folders"),
        ("folder:published/way-out", "there is no published/way-out in the approved folders"),
        ("org/unheard-of-model", "org/unheard-of-model is not on this machine, which is set to stay offline"),
    ],
)
def test_what_is_not_there_is_told_by_its_name(published: tuple[Places, Path], source: str, said: str) -> None:
    places, folder = published
    places.run.home.run("brisk-otter-42").path.mkdir(parents=True)
    (folder.parent / "notes.txt").touch()
    (folder.parent / "way-out").symlink_to(folder.parent.parent)
    with pytest.raises(SpotterError, match=said) as caught:
        build(PretrainedSpec(source=source), TEXT, 1, places)
    assert (caught.value.code, caught.value.field) == (Code.MODEL_NOT_FOUND, "model.source")
    assert caught.value.next_step
    assert not places.base.exists(), "nothing is left behind"


def test_runs_of_other_models_are_refused(places: Places) -> None:
    finished_run(places, "brisk-otter-42", CharLSTMSpec())
    with pytest.raises(SpotterError, match="brisk-otter-42 is a char-lstm") as caught:
        build(FROM_RUN, TEXT, 1, places)
    assert caught.value.code is Code.MODEL_INCOMPATIBLE


def configuration(kind: str) -> PreTrainedConfig:
    config = CONFIG_MAPPING[kind]()
    config.architectures = [MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[kind]]
    assert isinstance(config, PreTrainedConfig)
    return config


@pytest.mark.parametrize(
    "kind",
    "gpt2 gpt_neo gpt_neox gptj llama mistral mixtral qwen2 qwen3 gemma gemma2 gemma3_text phi phi3 falcon bloom "
    "opt mpt olmo2 granite stablelm starcoder2 cohere smollm3 mamba rwkv".split(),
)
def test_decoders_are_taken_as_they_are_published(kind: str) -> None:
    check_config(configuration(kind))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("bert", "is no causal language model"),
        ("roberta", "is no causal language model"),
        ("bert-generation", "is no causal language model"),
        ("llama4", "Llama4ForCausalLM reads more than text"),
        ("gemma3", "reads more than text"),
        ("blt", "BltForCausalLM does not say its hidden_size"),
    ],
)
def test_what_is_no_decoder_of_text_is_refused(kind: str, said: str) -> None:
    with pytest.raises(SpotterError, match=said) as caught:
        check_config(configuration(kind))
    assert (caught.value.code, caught.value.field) == (INCOMPATIBLE, "model.source")


def test_of_the_hub_a_model_is_here_when_all_of_its_weights_are(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--org--large" / "snapshots" / ("a" * 40)
    folder.mkdir(parents=True)
    (tmp_path / "models--org--large" / "refs").mkdir()
    (tmp_path / "models--org--large" / "refs" / "main").write_text("a" * 40)
    parts = {layer: f"model-0000{layer}-of-00002.safetensors" for layer in "12"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    (folder / "config.json").touch()
    (folder / parts["1"]).touch()
    with pytest.raises(SpotterError, match="org/large is not on this machine"):
        find("org/large", places)
    (folder / parts["2"]).touch()
    assert {file.name for file in find("org/large", places).files} > set(parts.values())
    assert find("hub:org/large", places) == find("org/large", places)
    assert PretrainedSpec(source="hub:org/large").label == "org/large"


def test_how_much_of_a_download_is_done_is_told() -> None:
    heard: list[float] = []
    bar = telling(heard.append)
    with bar(total=10, unit="B") as received, bar(total=3, unit="it") as files:
        received.update(4)
        files.update(1)
        received.update(6)
    assert heard == [0.4, 1.0]


def test_what_a_run_began_with_must_not_change(places: Places) -> None:
    finished_run(places, "brisk-otter-42", GPT2Spec())
    build(FROM_RUN, TEXT, 1, places)
    save_weights(build(GPT2Spec(), TEXT, 2, places), places.base)
    with pytest.raises(SpotterError, match="was changed in the run's folder"):
        build(FROM_RUN, TEXT, 1, places)

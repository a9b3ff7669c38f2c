from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.constants
import pytest
from transformers import AutoTokenizer

from tests.trainer_core.tokenizers.made_elsewhere import (
    TEXTS,
    publish_bert,
    publish_gpt2,
    publish_llama3,
    publish_t5,
)
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.tokenizers.fast import END_OF_TEXT
from trainer_core.tokenizers.located import available
from trainer_core.tokenizers.pretrained import for_run, load

PUBLISHED = {
    "gpt2": (publish_gpt2, "<|endoftext|>"),
    "bert": (publish_bert, "[SEP]"),
    "t5": (publish_t5, END_OF_TEXT),  # a text can spell its own
    "llama-3": (publish_llama3, "<|end_of_text|>"),
}
REVISION = "607a30d783dfa663caf39e06633721c8d4cfcd7e"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def put(cache: Path, source: str, publish: Callable[[Path], None]) -> Path:
    """As a download leaves a model in the cache. Returns where its files are."""
    model = cache / f"models--{source.replace('/', '--')}"
    publish(model / "snapshots" / REVISION)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(REVISION)
    return model / "snapshots" / REVISION


def emptied(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("family", PUBLISHED)
def test_a_published_tokenizer_encodes_as_before_and_reopens_the_same(family: str, tmp_path: Path) -> None:
    publish, end = PUBLISHED[family]
    publish(tmp_path / "published")
    tokenizer = load(str(tmp_path / "published"), emptied(tmp_path / "taken"))
    published = AutoTokenizer.from_pretrained(tmp_path / "published")
    reopened = AutoTokenizer.from_pretrained(tmp_path / "taken")
    for text in TEXTS:
        ids = tokenizer.encode_batch([text]).ids.tolist()
        assert ids == published(text, add_special_tokens=False).input_ids
        assert ids == reopened(text).input_ids
        assert tokenizer.decode(ids) == reopened.decode(ids, skip_special_tokens=True)
        assert all(index < tokenizer.vocabulary for index in ids)
    assert reopened.eos_token == reopened.bos_token == end
    assert tokenizer.end_of_text == reopened.eos_token_id
    assert tokenizer.vocabulary == len(reopened)
    assert tokenizer.end_of_text not in tokenizer.encode_batch([f"one {end} two"]).ids


def test_the_parts_that_a_classifier_needs_are_kept(tmp_path: Path) -> None:
    publish_bert(tmp_path / "published")
    tokenizer = load(str(tmp_path / "published"), emptied(tmp_path / "taken"))
    reopened = AutoTokenizer.from_pretrained(tmp_path / "taken")
    assert (reopened.pad_token, reopened.mask_token, reopened.unk_token) == ("[PAD]", "[MASK]", "[UNK]")
    assert tokenizer.special_tokens.keys() == {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    assert tokenizer.unknown_characters(["fox 你"]) == 1


def test_a_family_is_found_in_the_cache_by_any_of_its_models(cache: Path, tmp_path: Path) -> None:
    assert available() == frozenset()
    put(cache, "distilbert/distilgpt2", publish_gpt2)
    assert available() == {"gpt2"}
    assert (
        load("gpt2", emptied(tmp_path / "by-family")).sha256
        == load("distilbert/distilgpt2", emptied(tmp_path / "by-model")).sha256
    )


def test_a_model_that_no_family_knows_is_found_by_its_name(cache: Path, tmp_path: Path) -> None:
    put(cache, "someone/some-model", publish_llama3)
    assert load("someone/some-model", emptied(tmp_path / "taken")).exact


def test_a_run_goes_on_with_the_tokenizer_that_it_began_with(cache: Path, home: Home) -> None:
    snapshot = put(cache, "gpt2", publish_gpt2)
    first = for_run(home, "gpt2")
    assert first.folder.parent == home.tokenizers
    for file in snapshot.iterdir():
        file.unlink()
    assert for_run(home, "openai-community/gpt2").sha256 == first.sha256
    (first.folder / "tokenizer.json").write_text("{}")
    with pytest.raises(SpotterError, match="not on this machine"):
        for_run(home, "gpt2")
    assert list(home.tokenizers.iterdir()) == [first.folder]


@pytest.mark.parametrize(
    ("name", "said", "next_step"),
    [
        ("qwen3", "Qwen/Qwen3-0.6B-Base is not on this machine", "hf download Qwen/Qwen3-0.6B-Base"),
        ("someone/some-model", "someone/some-model is not on this machine", "hf download someone/some-model"),
        ("gpt-2", "did you mean gpt2", "org/model"),
        ("x/y'; rm -rf ~ #", "no model family", "org/model"),
        ("../../secrets/tokenizer", "no model family", "org/model"),
        ("a/b/c", "no model family", "org/model"),
    ],
)
def test_what_is_not_there_is_said_with_what_to_do(
    cache: Path, tmp_path: Path, name: str, said: str, next_step: str
) -> None:
    with pytest.raises(SpotterError, match=said) as caught:
        load(name, emptied(tmp_path / "taken"))
    assert caught.value.code is Code.TOKENIZER_NOT_FOUND
    assert next_step in caught.value.next_step
    assert list((tmp_path / "taken").iterdir()) == []


def test_a_folder_without_a_tokenizer_is_named_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(SpotterError) as caught:
        load(str(emptied(tmp_path / "bare")), emptied(tmp_path / "taken"))
    assert caught.value.code is Code.TOKENIZER_NOT_FOUND
    assert str(tmp_path) not in f"{caught.value} {caught.value.next_step}"


def test_no_code_that_comes_with_a_tokenizer_is_run(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    publish_gpt2(folder)
    config = {"tokenizer_class": "Sly", "auto_map": {"AutoTokenizer": ["sly.Sly", "sly.Sly"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    ran = tmp_path / "ran"
    (folder / "sly.py").write_text(f"open({str(ran)!r}, 'w')\nclass Sly: pass\n")
    with pytest.raises(SpotterError) as caught:
        load(str(folder), emptied(tmp_path / "taken"))
    assert caught.value.code is Code.TOKENIZER_LOAD_FAILED
    assert not ran.exists()


def test_a_pickle_in_place_of_a_tokenizer_is_not_opened(tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    class Sly:
        def __reduce__(self) -> tuple[object, ...]:
            return open, (str(ran), "w")

    folder = emptied(tmp_path / "published")
    for name in ("tokenizer.json", "vocab.json", "tokenizer.model"):
        (folder / name).write_bytes(pickle.dumps(Sly()))
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(SpotterError, match="published is no tokenizer") as caught:
        load(str(folder), emptied(tmp_path / "taken"))
    assert caught.value.code is Code.TOKENIZER_LOAD_FAILED
    assert not ran.exists()

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from tests.trainer_core.tokenizers.conftest import SCRIPTS
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.tokenizers.fast import END_OF_TEXT, open_fast, save_tokenizer
from trainer_core.tokenizers.shelf import open_tokenizer


def byte_level() -> Tokenizer:
    """Each byte is a token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: index for index, letter in enumerate(alphabet)}, []))
    tokenizer.add_special_tokens([END_OF_TEXT])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def lower_cased(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = normalizers.Lowercase()


def spaced(tokenizer: Tokenizer) -> None:
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)


def without_spaces(tokenizer: Tokenizer) -> None:
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), tokenizer.pre_tokenizer])


def split_away(tokenizer: Tokenizer) -> None:
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split("-", "removed"), tokenizer.pre_tokenizer])


def greedy(tokenizer: Tokenizer) -> None:
    tokenizer.add_tokens([AddedToken("bar", lstrip=True)])


def undecoded(tokenizer: Tokenizer) -> None:
    tokenizer.decoder = decoders.WordPiece()


def left_alone(_: Tokenizer) -> None:
    pass


def kept_apart(tokenizer: Tokenizer) -> None:
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split("-", "isolated"), tokenizer.pre_tokenizer])


@pytest.mark.parametrize(
    ("change", "exact"),
    [
        (left_alone, True),
        (kept_apart, True),
        (lower_cased, False),
        (spaced, False),
        (without_spaces, False),
        (split_away, False),
        (greedy, False),
        (undecoded, False),
    ],
)
def test_it_is_known_whether_every_text_comes_back(
    tmp_path: Path, change: Callable[[Tokenizer], None], exact: bool
) -> None:
    backend = byte_level()
    change(backend)
    save_tokenizer(tmp_path, backend, END_OF_TEXT)
    tokenizer = open_fast(tmp_path)
    text = f"A  bar-bell\n a bar {SCRIPTS}"
    assert tokenizer.exact is exact
    assert (tokenizer.decode(tokenizer.encode_batch([text]).ids.tolist()) == text) is exact


def test_ids_stay_below_the_vocabulary_where_some_are_left_out(tmp_path: Path) -> None:
    backend = Tokenizer(models.WordLevel({"?": 0, "bar": 7, END_OF_TEXT: 3}, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    save_tokenizer(tmp_path, backend, END_OF_TEXT, "?")
    tokenizer = open_fast(tmp_path)
    assert tokenizer.vocabulary == 8
    assert (tokenizer.end_of_text, tokenizer.unknown) == (3, 0)
    assert tokenizer.encode_batch(["bar bell"]).ids.tolist() == [7, 0]
    assert tokenizer.unknown_characters(["bar bell", "bells"]) == 9


def test_padding_and_truncation_of_a_file_do_not_touch_a_corpus(tmp_path: Path) -> None:
    backend = byte_level()
    backend.enable_truncation(3)
    backend.enable_padding(length=8)
    save_tokenizer(tmp_path, backend, END_OF_TEXT)
    assert open_fast(tmp_path).encode_batch(["a bar", "a"]).lengths.tolist() == [5, 1]


def test_special_tokens_as_older_versions_of_transformers_wrote_them(tmp_path: Path) -> None:
    save_tokenizer(tmp_path, byte_level(), END_OF_TEXT)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": END_OF_TEXT}}))
    assert open_fast(tmp_path).end_of_text == 256


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("tokenizer.json", None),
        ("tokenizer.json", "{}"),
        ("tokenizer.json", "not JSON"),
        ("tokenizer_config.json", None),
        ("tokenizer_config.json", "not JSON"),
        ("tokenizer_config.json", "[]"),
        ("tokenizer_config.json", '{"eos_token": "</s>"}'),
    ],
)
def test_one_that_cannot_be_used_is_named_without_its_path(home: Home, file: str, content: str | None) -> None:
    folder = home.tokenizer("mine")
    folder.mkdir(parents=True)
    save_tokenizer(folder, byte_level(), END_OF_TEXT)
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    with pytest.raises(SpotterError, match="the tokenizer mine") as caught:
        open_tokenizer(folder)
    assert caught.value.code is Code.TOKENIZER_LOAD_FAILED
    assert str(home.path) not in str(caught.value)

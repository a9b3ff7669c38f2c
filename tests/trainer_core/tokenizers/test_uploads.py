from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

from tests.trainer_core.tokenizers.made_elsewhere import TEXTS, byte_level, sentencepiece_model, wordpiece
from trainer_core.errors import Code, SpotterError
from trainer_core.tokenizers import uploads
from trainer_core.tokenizers.fast import END_OF_TEXT, FastTokenizer


@pytest.fixture
def upload(tmp_path: Path) -> Callable[..., FastTokenizer]:
    """Takes in what a person uploads under a name."""

    def take_in(data: bytes | str, filename: str = "tokenizer.json") -> FastTokenizer:
        file = tmp_path / "incoming"
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        (tmp_path / "taken").mkdir()
        return uploads.take_in(file, filename, tmp_path / "taken")

    return take_in


Upload = Callable[..., FastTokenizer]


def words(ids: dict[str, int], unknown: str = "?") -> str:
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return str(tokenizer.to_str())


@pytest.mark.parametrize(
    ("made", "end", "exact"),
    [
        pytest.param(byte_level("</s>"), "</s>", True, id="one that says how a text ends"),
        pytest.param(byte_level(), END_OF_TEXT, True, id="one that does not"),
        pytest.param(wordpiece(), "[SEP]", False, id="a classifier's"),
    ],
)
def test_a_tokenizer_json_is_taken_in(upload: Upload, made: Tokenizer, end: str, exact: bool) -> None:
    before = {text: made.encode(text, add_special_tokens=False).ids for text in TEXTS}
    made.enable_truncation(2)
    made.enable_padding(length=9)
    tokenizer = upload(made.to_str())
    reopened = AutoTokenizer.from_pretrained(tokenizer.folder)
    for text, ids in before.items():
        assert tokenizer.encode_batch([text]).ids.tolist() == ids == reopened(text).input_ids
    assert tokenizer.end_of_text == reopened.eos_token_id == reopened.convert_tokens_to_ids(end)
    assert tokenizer.vocabulary == len(reopened)
    assert tokenizer.exact == exact


def test_a_text_cannot_spell_the_end_of_text(upload: Upload) -> None:
    """In a vocabulary of words a word is its token, and so would `</s>` be: it ends nothing."""
    tokenizer = upload(words({"?": 0, "</s>": 1, "lift": 2}))
    assert tokenizer.end_of_text == 3
    assert tokenizer.encode_batch(["lift </s> lift", END_OF_TEXT]).ids.tolist() == [2, 1, 2, 0]


def test_chance_is_taken_out(upload: Upload) -> None:
    made = byte_level("</s>")
    made.model.dropout = 0.9
    tokenizer = upload(made.to_str())
    assert len({tuple(tokenizer.encode_batch([TEXTS[0]]).ids.tolist()) for _ in range(5)}) == 1


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="unigram"),
        pytest.param({"model_type": "bpe"}, id="bpe"),
        pytest.param(
            {
                "model_type": "bpe",
                "vocab_size": 400,
                "byte_fallback": True,
                "normalization_rule_name": "identity",
                "remove_extra_whitespaces": False,
                "allow_whitespace_only_pieces": True,
            },
            id="as Llama's",
        ),
        pytest.param({"vocab_size": 400, "byte_fallback": True, "add_dummy_prefix": False}, id="without a prefix"),
    ],
)
def test_a_sentencepiece_model_is_converted_and_encodes_the_same(upload: Upload, settings: dict[str, object]) -> None:
    data = sentencepiece_model(**settings)
    processor: Any = sentencepiece.SentencePieceProcessor(model_proto=data)
    tokenizer = upload(data, "pieces.model")
    reopened = AutoTokenizer.from_pretrained(tokenizer.folder)
    for text in TEXTS:
        ids = tokenizer.encode_batch([text]).ids.tolist()
        assert ids == processor.encode(text) == reopened(text).input_ids
        if processor.unk_id() not in ids:
            assert tokenizer.decode(ids) == processor.decode(ids)
    assert tokenizer.vocabulary >= len(processor)
    assert tokenizer.end_of_text not in tokenizer.encode_batch(["</s> <s>"]).ids


def test_without_the_extra_a_model_file_is_refused_with_the_command(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sentencepiece_model()
    monkeypatch.setitem(sys.modules, "sentencepiece.sentencepiece_model_pb2", None)
    with pytest.raises(SpotterError, match=r"pieces\.model needs SentencePiece") as caught:
        upload(data, "pieces.model")
    assert "pip install -c constraints.txt -e '.[sentencepiece]'" in caught.value.next_step


class Sly:
    def __reduce__(self) -> tuple[object, ...]:
        return sys.exit, ("unpickled",)


def broken(**model: object) -> str:
    """A byte-level tokenizer with something wrong about its model."""
    described = json.loads(byte_level("</s>").to_str())
    described["model"].update(model)
    return json.dumps(described)


@pytest.mark.parametrize(
    ("data", "filename", "said"),
    [
        ("", "tokenizer.json", "is no tokenizer that Spotter can open"),
        ("x", "tokenizer.json", "is no tokenizer that Spotter can open"),
        ("[]", "tokenizer.json", "is no tokenizer that Spotter can open"),
        ("[" * 500_000, "tokenizer.json", "is no tokenizer that Spotter can open"),
        ('{"a":' * 500_000, "tokenizer.json", "is no tokenizer that Spotter can open"),
        (b"\xff\xfe\x00", "tokenizer.json", "is no tokenizer that Spotter can open"),
        (pickle.dumps(Sly()), "tokenizer.json", "is no tokenizer that Spotter can open"),
        (pickle.dumps(Sly()), "tokenizer.model", "is no tokenizer that Spotter can open"),
        (b"", "tokenizer.model", "is no tokenizer that Spotter can open"),
        (b"IQ== 0\nIg== 1\n", "tokenizer.model", "is no tokenizer that Spotter can open"),
        (sentencepiece_model(model_type="char"), "tokenizer.model", "of words or characters"),
        (pickle.dumps(Sly()), "tokenizer.pkl", "is no tokenizer"),
        (broken(vocab={}), "tokenizer.json", "is no tokenizer that Spotter can open"),
        (broken(merges=[["no", "such"]]), "tokenizer.json", "is no tokenizer that Spotter can open"),
        (words({"?": 0, "far": 600_000}), "tokenizer.json", "ids up to 600,001"),
        (words({"?": 0, "far": 1_000}), "tokenizer.json", "uses 3 of its 1,001 ids only"),
        (words({"a": 0}, unknown="missing"), "tokenizer.json", "is no tokenizer that Spotter can open"),
        (Tokenizer(models.BPE()).to_str(), "tokenizer.json", "does not turn text into its tokens"),
    ],
)
def test_what_is_no_fit_tokenizer_is_refused_and_nothing_is_left(
    upload: Upload, tmp_path: Path, data: bytes | str, filename: str, said: str
) -> None:
    with pytest.raises(SpotterError, match=said) as caught:
        upload(data, filename)
    assert caught.value.code is Code.TOKENIZER_LOAD_FAILED
    assert filename in caught.value.message
    assert list((tmp_path / "taken").iterdir()) == []


def test_a_file_that_is_too_large_is_not_parsed(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGEST_FILE", 2**20)
    with pytest.raises(SpotterError, match="more than 1 MB"):
        upload(b" " * (2**20 + 1))


def test_the_path_of_a_file_is_not_told(upload: Upload) -> None:
    with pytest.raises(SpotterError) as caught:
        upload("{}", "/home/somebody/secret/tokenizer.json")
    assert "somebody" not in str(caught.value)

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping

import numpy as np
import pytest

from tests.trainer_core.tokenizers.conftest import SCRIPTS
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.tokenizers import alphabet
from trainer_core.tokenizers.characters import MARK, alphabet_of, character_tokenizer, suited_vocabulary
from trainer_core.tokenizers.fast import open_fast
from trainer_core.tokenizers.shelf import open_tokenizer
from trainer_core.tokenizers.tokenizer import Tokenizer


def test_every_character_has_its_place_in_the_order() -> None:
    order = alphabet.code_points()
    assert sorted(order.tolist()) == [*range(0xD800), *range(0xE000, 0x110000)]


def test_the_order_is_the_one_that_models_were_trained_with() -> None:
    digest = hashlib.sha256(alphabet.code_points().astype("<u4").tobytes()).hexdigest()
    assert (alphabet.VERSION, digest[:16]) == (1, "5dd99bec878e29ad")


@pytest.mark.parametrize(
    ("vocabulary", "text"),
    [
        (100, "Plain ASCII, {1: 'two'}\n"),
        (1_000, "Straße, café, ελληνικά, русский — “так”…"),
        (5_000, "עברית العربية हिन्दी ไทย ひらがな カタカナ ქართული Tiếng Việt አማርኛ"),
        (18_000, "杠铃慢慢地举起来教練站在旁邊重量挙げ 바벨을 천천히 든다 💪🏽"),
    ],
)
def test_what_most_people_write_is_in_a_small_vocabulary(home: Home, vocabulary: int, text: str) -> None:
    tokenizer = character_tokenizer(home, vocabulary)
    assert len(tokenizer.encode_batch([text]).ids) == len(text), "one token for each character"


@pytest.mark.parametrize(
    ("text", "suited"),
    [("", 512), ("lift " * 100 + "café ☃", 512), ("Съешь же ещё", 1_024), ("杠铃慢慢地举起来", 10_048)],
    ids=["nothing", "English", "Russian", "Chinese"],
)
def test_what_suits_a_text_has_nearly_all_its_characters_and_the_bytes_of_the_others(
    home: Home, text: str, suited: int
) -> None:
    assert suited_vocabulary([text, text]) == suited
    tokenizer = character_tokenizer(home, suited)
    assert tokenizer.exact
    assert len(tokenizer.encode_batch([text]).ids) <= 1.02 * len(text)


@pytest.mark.parametrize("vocabulary", [100, 511, 512, 4_096])
def test_it_has_the_vocabulary_asked_for(home: Home, vocabulary: int) -> None:
    tokenizer = character_tokenizer(home, vocabulary)
    everything = "".join(map(chr, alphabet.code_points()[:5_000].tolist()))
    ids = tokenizer.encode_batch([everything]).ids
    assert tokenizer.vocabulary == vocabulary
    assert ids.max() == vocabulary - 1
    assert ids.dtype == np.uint32


def test_the_largest_holds_all_that_unicode_has_named() -> None:
    largest = set(alphabet_of(500_000).points.tolist())
    named = {point for point in range(0x110000) if unicodedata.category(chr(point)) not in ("Cn", "Cs")}
    assert named <= largest


def test_in_a_tiny_vocabulary_other_characters_are_unknown(tokenizers: Mapping[str, Tokenizer]) -> None:
    tokenizer = tokenizers["characters, a few"]
    encoded = tokenizer.encode_batch(["café", "道"])
    assert encoded.ids.tolist().count(tokenizer.unknown or -1) == 2
    assert tokenizer.unknown_characters(["café", "道"]) == 2
    assert not tokenizer.exact
    assert tokenizer.decode(encoded.ids.tolist()) == "caf"


def test_it_is_the_same_as_what_any_reader_of_its_file_makes_of_it(tokenizers: Mapping[str, Tokenizer]) -> None:
    for kind in ("characters, a few", "characters"):
        mine, theirs = tokenizers[kind], open_fast(tokenizers[kind].folder)
        assert theirs.encode_batch([SCRIPTS]).ids.tolist() == mine.encode_batch([SCRIPTS]).ids.tolist()
        assert theirs.unknown_characters([SCRIPTS]) == mine.unknown_characters([SCRIPTS])
        assert (theirs.vocabulary, theirs.end_of_text, theirs.unknown, theirs.exact, theirs.sha256) == (
            mine.vocabulary,
            mine.end_of_text,
            mine.unknown,
            mine.exact,
            mine.sha256,
        )


def test_it_is_made_once_and_again_when_damaged(home: Home) -> None:
    first = character_tokenizer(home, 300)
    file = first.folder / "tokenizer.json"
    written = file.stat().st_mtime_ns
    assert character_tokenizer(home, 300).sha256 == first.sha256
    assert file.stat().st_mtime_ns == written
    file.write_text("{}")
    assert character_tokenizer(home, 300).sha256 == first.sha256


@pytest.mark.parametrize("mark", ["", "[]", json.dumps({"version": 99, "vocabulary": 300}), json.dumps({"version": 1})])
def test_one_of_another_order_is_refused(home: Home, mark: str) -> None:
    folder = character_tokenizer(home, 300).folder
    (folder / MARK).write_text(mark)
    with pytest.raises(SpotterError) as caught:
        open_tokenizer(folder)
    assert caught.value.code is Code.TOKENIZER_LOAD_FAILED

"""A tokenizer of each kind, trained once on a few sentences in many scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pydoc_data.topics import topics

import pytest
from hypothesis import strategies as st

from trainer_core.files.layout import Home
from trainer_core.tokenizers.characters import character_tokenizer
from trainer_core.tokenizers.fast import END_OF_TEXT
from trainer_core.tokenizers.strategy import TrainedKind
from trainer_core.tokenizers.tokenizer import Tokenizer
from trainer_core.tokenizers.train import made_for

SCRIPTS = """Count to ten. Der Bär hebt schwer. Le café est déjà fermé. Жим лёжа начинается с дыхания.
Η μπάρα ανεβαίνει αργά. المدرب يقف قريبا. המאמן עומד קרוב. बार धीरे उठता है। บาร์ยกช้าๆ
杠铃慢慢地举起来。教練站在旁邊。バーベルをゆっくり上げる。바벨을 천천히 든다. 💪🏽👨‍👩‍👧\tx = {'a': [1, 2.5]}
"""
TEXTS = [*list(topics.values())[:6], *[SCRIPTS] * 3]
TRAINED: tuple[TrainedKind, ...] = ("bpe", "unigram", "wordpiece", "sentencepiece")
CHARACTERS = {"characters, a few": 100, "characters": 1_000, "characters, many": 20_000}
KINDS = (*TRAINED, *CHARACTERS)

_FRAGMENTS = [
    END_OF_TEXT,
    "<unk>",
    "[UNK]",
    "</s>",
    "<0x0A>",
    "<0xFF>",
    "▁",
    "##a",
    "Ġ",
    "\ufeff",
    "\r\n",
    "\x00",
    "\x1b",
]
_PIECES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from([*_FRAGMENTS, "e\u0301", "👨‍👩‍👧", "🇩🇪", "  ", "\n\n", "\u2028", "\U0010ffff", "\ufffe"]),
    st.sampled_from(SCRIPTS.split()),
)
texts = st.lists(_PIECES, max_size=8).map("".join)
"""Text in any script, with control characters, emoji, and what spells a special token, a byte or a space."""


@pytest.fixture(scope="session")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Tokenizer]:
    """By kind, as in KINDS."""
    home = Home(tmp_path_factory.mktemp("tokenizers"))
    trained: dict[str, Tokenizer] = {
        kind: made_for(home, "texts", kind, TEXTS, 600, lambda _: None) for kind in TRAINED
    }
    return {**trained, **{kind: character_tokenizer(home, size) for kind, size in CHARACTERS.items()}}

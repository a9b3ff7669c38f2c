from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.trainer_core.conftest import make_documents, prose
from trainer_core.data.documents import Documents
from trainer_core.data.spans import sample
from trainer_core.data.split import Split, split
from trainer_core.data.tokens import build_tokens
from trainer_core.files.layout import Home
from trainer_core.tokenizers.characters import character_tokenizer
from trainer_core.tokenizers.tokenizer import Tokenizer
from trainer_core.tokenizers.train import made_for

Text = tuple[Path, Documents, Split]


@pytest.fixture(scope="module")
def bpe(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return made_for(Home(tmp_path_factory.mktemp("home")), "prose", "bpe", [prose(4_000)], 300, lambda _: None)


@pytest.fixture
def text(tmp_path: Path) -> Text:
    """A folder with four short documents and a long one, and how they are split."""
    documents = make_documents(tmp_path, [*(prose(300, seed=seed) for seed in range(4)), prose(150_000, seed=9)])
    return tmp_path, documents, split(documents, 0.1, 1)


def sides(text: Text) -> tuple[list[str], list[str]]:
    _, documents, how = text
    data = documents.path.read_bytes()
    train, held = ([data[start:end].decode() for start, end in side.tolist()] for side in (how.train, how.validation))
    return train, held


def test_tokens_hold_every_document_and_its_end(text: Text, bpe: Tokenizer) -> None:
    tokens = build_tokens(*text, bpe)
    train, held = sides(text)
    assert (tokens.meta.train_documents, tokens.meta.validation_documents) == (len(train), len(held))
    assert tokens.documents[0] == 0
    assert tokens.documents[-1] == len(tokens.train) + len(tokens.validation)
    stream = np.concatenate((tokens.train, tokens.validation))
    for number, document in enumerate([*train, *held]):
        start, end = tokens.documents[number : number + 2].tolist()
        assert stream[end - 1] == bpe.end_of_text
        assert bpe.decode(stream[start : end - 1].tolist()) == document
    assert tokens.train_documents[-1] == len(tokens.train)


def test_a_document_comes_to_the_tokens_that_it_is_encoded_to(text: Text, bpe: Tokenizer) -> None:
    """Even where it is encoded in pieces."""
    tokens = build_tokens(*text, bpe)
    train, held = sides(text)
    longest = max(range(len(train)), key=lambda number: len(train[number]))
    assert len(train[longest]) > 2 * 2**15
    for number in (0, longest):
        start, end = tokens.documents[number : number + 2].tolist()
        assert tokens.train[start : end - 1].tolist() == bpe.encode_batch([train[number]]).ids.tolist()
    ids = bpe.encode_batch(held).ids
    assert tokens.validation[tokens.validation != bpe.end_of_text].tolist() == ids.tolist()


def test_the_bytes_of_held_out_text_are_known(text: Text, bpe: Tokenizer) -> None:
    tokens = build_tokens(*text, bpe)
    held = "".join(sides(text)[1])
    for most in (1, 1_000, 3_000, 10**9):
        scored, size = tokens.held_out(most)
        written = bpe.decode(scored.tolist())
        assert held.encode()[:size].decode() == written and written
        assert len(scored) <= most or most == 1
    assert len(scored) == len(tokens.validation) and size == len(held.encode())


def test_large_vocabularies_take_more_room(text: Text, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    small, large = (build_tokens(*text, character_tokenizer(home, size)) for size in (2**16, 2**16 + 1))
    assert (small.train.dtype, large.train.dtype) == (np.dtype(np.uint16), np.dtype(np.uint32))
    assert small.train.tolist() == large.train.tolist()
    assert len(list((text[0] / "tokens").iterdir())) == 2


def test_tokens_are_built_once_and_again_when_damaged(text: Text, bpe: Tokenizer) -> None:
    first = build_tokens(*text, bpe).train.tolist()

    def fail(_: float) -> None:
        raise AssertionError("it was there")

    [built] = (text[0] / "tokens").iterdir()
    for name in ("tokens.bin", "docs.idx", "passages.idx", "meta.json"):
        assert build_tokens(*text, bpe, fail).train.tolist() == first
        data = (built / name).read_bytes()
        (built / name).write_bytes(data[: len(data) // 16 * 8])
        assert build_tokens(*text, bpe).train.tolist() == first
    shutil.rmtree(built)
    assert build_tokens(*text, bpe).train.tolist() == first


def test_how_far_it_is_is_told_and_may_end_it(text: Text, bpe: Tokenizer) -> None:
    told: list[float] = []
    build_tokens(*text, bpe, told.append)
    assert told == sorted(told) and told[-1] == 1
    shutil.rmtree(text[0] / "tokens")

    def tell(_: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        build_tokens(*text, bpe, tell)
    assert list((text[0] / "tokens").iterdir()) == []


def test_a_builder_that_is_killed_leaves_nothing_that_looks_finished(text: Text, bpe: Tokenizer) -> None:
    script = f"""
import os, signal
from pathlib import Path
from trainer_core.data.documents import open_documents
from trainer_core.data.split import split
from trainer_core.data.tokens import build_tokens
from trainer_core.tokenizers.shelf import open_tokenizer
folder = Path({str(text[0])!r})
documents = open_documents(folder, "gym")
tokenizer = open_tokenizer(Path({str(bpe.folder)!r}))
build_tokens(folder, documents, split(documents, 0.1, 1), tokenizer, lambda _: os.kill(os.getpid(), signal.SIGKILL))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, env={**os.environ, "TOKENIZERS_PARALLELISM": "1"}
    )
    assert done.returncode == -signal.SIGKILL
    [left] = (text[0] / "tokens").iterdir()
    assert left.name.startswith(".")
    assert build_tokens(*text, bpe).meta.train_documents == len(text[2].train)


def test_a_sample_is_from_all_over(text: Text) -> None:
    _, documents, how = text
    train = "".join(sides(text)[0])
    assert "".join(sample(documents, how.train, 10**9)) == train
    some = list(sample(documents, how.train, 30_000, longest=1_000))
    assert 29_000 <= sum(map(len, some)) <= 31_000
    assert all(piece in train for piece in some)
    assert some[0] in train[:1_000] and some[-1] in train[-10_000:]


def test_a_text_that_ends_too_early_is_no_text(text: Text, bpe: Tokenizer, tmp_path: Path) -> None:
    os.truncate(text[1].path, 1_000)
    with pytest.raises(OSError, match="too early"):
        build_tokens(*text, bpe)

"""How long it takes to train a tokenizer, beside the library alone, and how fast characters are encoded.

    python benchmarks/vocabularies.py --rounds 3
    python benchmarks/vocabularies.py --large

In turns, byte-level BPE on the same documents with the same settings: `train`, which also counts what it has read, and
`tokenizers` called directly. With `--large` that is done once with 25,000 tokens on 10,000 documents and with 50,000
on 50,000. Characters: 100,000 tokens made from nothing, ready to encode and saved, and text encoded with them. Prints
tables; exits with 1 if a bound is missed.

(It cannot be called tokenizers.py: what runs beside it would import it in place of the library.)
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tokens import varied

from trainer_core.files.layout import Home
from trainer_core.tokenizers import alphabet
from trainer_core.tokenizers.characters import CharacterTokenizer, alphabet_of, character_tokenizer
from trainer_core.tokenizers.fast import END_OF_TEXT
from trainer_core.tokenizers.train import train

MOST_OVERHEAD = 1.05
"""How many times as long as the library alone training may take."""
LEAST_SPEED = 20.0
"""MB of text per second, encoded character by character."""
MOST_WAIT = 0.2
"""Seconds until 100,000 characters are ready."""
_CHARACTERS = 100_000
_BATCH = 300
"""Documents."""
_SCRIPTS = "Жим лёжа начинается с дыхания. 杠铃慢慢地举起来。 बार धीरे उठता है। バーベルをゆっくり上げる。 💪🏽\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=4_000)
    parser.add_argument("--vocabulary", type=int, default=8_192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true")
    asked = parser.parse_args()
    if asked.large:
        return max(training(25_000, 10_000, 1), training(50_000, 50_000, 1))
    return max(training(asked.vocabulary, asked.documents, asked.rounds), characters(asked.rounds))


def training(vocabulary: int, count: int, rounds: int) -> int:
    documents = list(islice(varied(10**12), count))
    size = sum(len(text.encode()) for text in documents)
    ways: dict[str, Callable[[], object]] = {
        "tokenizers": lambda: alone(documents, vocabulary),
        "train": lambda: train("bpe", documents, vocabulary, lambda _: None),
    }
    walls: dict[str, list[float]] = {way: [] for way in ways}
    cpus: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, do in ways.items():
            cpu = time.process_time()
            walls[way].append(timed(do))
            cpus[way].append(time.process_time() - cpu)
    print(f"{vocabulary:,} tokens on {count:,} documents, {size / 1e6:.1f} MB")
    print(f"{'best of ' + str(rounds):28}{'wall s':>9}{'cpu s':>9}{'MB/s':>9}")
    for way in ways:
        wall = min(walls[way])
        print(f"{way:28}{wall:9.2f}{min(cpus[way]):9.2f}{size / 1e6 / wall:9.2f}")
    overhead = min(walls["train"]) / min(walls["tokenizers"])
    print(f"{overhead:.3f} times as long as tokenizers alone (at most {MOST_OVERHEAD})\n")
    return int(overhead > MOST_OVERHEAD)


def alone(documents: list[str], vocabulary: int) -> None:
    """As the library's own documentation does it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(iter(documents), trainer)


def characters(rounds: int) -> int:
    english = list(islice(varied(20_000_000), 20_000))
    scripts = [_SCRIPTS * 20] * 5_000
    with tempfile.TemporaryDirectory() as folder:
        ready = min(timed(from_nothing) for _ in range(rounds))
        saved = min(timed(lambda: published(Path(folder))) for _ in range(rounds))
        tokenizer = character_tokenizer(Home(Path(folder)), _CHARACTERS)
        speeds = []
        print(f"{_CHARACTERS:,} characters ready in {ready:.3f} s (at most {MOST_WAIT}), and saved in {saved:.3f} s")
        for name, texts in (("English and code", english), ("many scripts", scripts)):
            size = sum(len(text.encode()) for text in texts) / 1e6
            seconds = min(timed(partial(in_batches, tokenizer, texts)) for _ in range(rounds))
            speeds.append(size / seconds)
            print(f"{name:28}{seconds:9.3f} s{speeds[-1]:9.1f} MB/s (at least {LEAST_SPEED})")
    return int(min(speeds) < LEAST_SPEED or ready > MOST_WAIT)


def in_batches(tokenizer: CharacterTokenizer, texts: list[str]) -> None:
    """As a data set is written."""
    for start in range(0, len(texts), _BATCH):
        tokenizer.encode_batch(texts[start : start + _BATCH])


def from_nothing() -> None:
    alphabet.code_points.cache_clear()
    alphabet_of(_CHARACTERS)


def published(folder: Path) -> None:
    """Into a home of its own, from nothing, on the disk for good."""
    alphabet.code_points.cache_clear()
    with tempfile.TemporaryDirectory(dir=folder) as home:
        character_tokenizer(Home(Path(home)), _CHARACTERS)


def timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())

"""How fast a data set becomes a token file, beside the usual way, and how much memory it takes.

    python benchmarks/tokens.py --megabytes 20 --rounds 3
    python benchmarks/tokens.py --large

In turns, on the same text with the same tokenizer: `build_tokens` from a documents store; `datasets.map(tokenize,
batched=True)` and grouping into blocks as transformers' run_clm.py does both; and `encode_batch_fast` alone. With
`--large` a text of 2 GB is split and tokenized in a process of its own, whose memory is watched. The text is real: the
topics of Python's help and the standard library's sources, for the large one in another order and with other names
each time round. Prints tables; exits with 1 if a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from pydoc_data.topics import topics
from statistics import median
from typing import NamedTuple

import psutil

from trainer_core.data.documents import Documents, DocumentsWriter, Piece, open_documents
from trainer_core.data.ids import batches
from trainer_core.data.spans import passages_in
from trainer_core.data.split import Split, kept_split
from trainer_core.data.tokens import LONGEST, build_tokens
from trainer_core.files.layout import Home
from trainer_core.tokenizers.fast import FastTokenizer, open_fast
from trainer_core.tokenizers.train import made_for

LEAST_GAIN = 3.0
"""How many times as fast as `datasets` it has to be."""
MOST_OVERHEAD = 1.10
"""How many times as long as encoding alone it may take."""
MOST_GROWTH = 500
"""MB by which the process may grow."""
_BLOCK = 1_024
"""Tokens, as run_clm.py groups them."""


class Took(NamedTuple):
    wall: float
    """Seconds."""
    cpu: float
    """Seconds of all cores, in this process and those it started."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--vocabulary", type=int, default=8_192)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=float, nargs="?", const=2.0, metavar="GB")
    parser.add_argument("--watched", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.watched:
        return watched(asked.watched)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if asked.large:
            return large(place, int(asked.large * 1e9), asked.vocabulary)
        return side_by_side(place, int(asked.megabytes * 1e6), asked.vocabulary, asked.rounds)


def side_by_side(folder: Path, size: int, vocabulary: int, rounds: int) -> int:
    documents = store(folder, limited(texts(), size))
    tokenizer = made_for(Home(folder), "benchmark", "bpe", documents, vocabulary, lambda _: None)
    split = kept_split(folder, documents, 0.1, 1)
    rows = dataset_rows(folder, documents, split)
    ways: dict[str, Callable[[], object]] = {
        "build_tokens": lambda: spotter(folder, documents, split, tokenizer),
        "datasets.map": lambda: usual(rows, tokenizer, folder, None),
        "datasets.map, all cores": lambda: usual(rows, tokenizer, folder, os.cpu_count()),
        "encode_batch_fast": lambda: alone(documents, split, tokenizer),
    }
    took: dict[str, list[Took]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, do in ways.items():
            took[way].append(timed(do))
    print(f"{documents.bytes / 1e6:.1f} MB in {len(documents):,} documents, {tokenizer.vocabulary:,} tokens")
    print(f"{'median of ' + str(rounds):28}{'wall s':>9}{'cpu s':>9}{'MB/s':>9}")
    walls = {way: median(one.wall for one in all_) for way, all_ in took.items()}
    for way, all_ in took.items():
        cpu = median(one.cpu for one in all_)
        print(f"{way:28}{walls[way]:9.2f}{cpu:9.2f}{documents.bytes / 1e6 / walls[way]:9.2f}")
    mine, encoding = walls["build_tokens"], walls["encode_batch_fast"]
    gain, overhead = walls["datasets.map"] / mine, mine / encoding
    print(f"{gain:.2f} times as fast as datasets.map and grouping (at least {LEAST_GAIN})")
    print(f"{walls['datasets.map, all cores'] / mine:.2f} times as fast as the same with a process for each core")
    print(f"{overhead:.2f} times as long as encode_batch_fast alone (at most {MOST_OVERHEAD})")
    return int(gain < LEAST_GAIN or overhead > MOST_OVERHEAD)


def spotter(folder: Path, documents: Documents, split: Split, tokenizer: FastTokenizer) -> None:
    shutil.rmtree(folder / "tokens", ignore_errors=True)
    build_tokens(folder, documents, split, tokenizer)


def alone(documents: Documents, split: Split, tokenizer: FastTokenizer) -> int:
    """The same batches of the same passages, encoded one after the other; what comes of it is thrown away."""
    return sum(
        len(tokenizer.backend.encode_batch_fast([passage.decode() for passage, _ in batch], add_special_tokens=False))
        for side in (split.train, split.validation)
        for batch in batches(passages_in(documents, side, LONGEST))
    )


def dataset_rows(folder: Path, documents: Documents, split: Split) -> Path:
    """The same documents as a data set of `datasets`."""
    from datasets import Dataset

    text = documents.path.read_bytes()
    spans = chain(split.train.tolist(), split.validation.tolist())
    rows = folder / "rows"
    Dataset.from_dict({"text": [text[start:end].decode() for start, end in spans]}).save_to_disk(rows)
    return rows


def usual(rows: Path, tokenizer: FastTokenizer, folder: Path, processes: int | None) -> None:
    """As transformers' run_clm.py does it; what it writes is thrown away."""
    from datasets import disable_caching, load_from_disk
    from datasets.utils.logging import disable_progress_bar, set_verbosity_error
    from transformers import AutoTokenizer

    disable_caching()
    disable_progress_bar()
    set_verbosity_error()
    opened = AutoTokenizer.from_pretrained(tokenizer.folder)
    opened.model_input_names = ["input_ids", "attention_mask"]  # as GPT-2's has it

    def tokenize(examples: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        return dict(opened(examples["text"]))

    def group(examples: dict[str, list[list[int]]]) -> dict[str, list[list[int]]]:
        joined = {name: list(chain(*lists)) for name, lists in examples.items()}
        total = len(joined["input_ids"]) // _BLOCK * _BLOCK
        result = {name: [ids[at : at + _BLOCK] for at in range(0, total, _BLOCK)] for name, ids in joined.items()}
        result["labels"] = result["input_ids"].copy()
        return result

    data = load_from_disk(rows)
    tokenized = data.map(tokenize, batched=True, remove_columns=["text"], num_proc=processes)
    grouped = tokenized.map(group, batched=True, num_proc=processes)
    assert len(grouped)
    del grouped, tokenized, data


def large(folder: Path, size: int, vocabulary: int) -> int:
    began = time.monotonic()
    documents = store(folder, varied(size))
    print(f"{documents.bytes / 1e9:.2f} GB in {len(documents):,} documents, made in {time.monotonic() - began:.0f} s")
    tokenizer = made_for(Home(folder), "benchmark", "bpe", limited(texts(), 20_000_000), vocabulary, lambda _: None)
    (folder / "tokenizer").symlink_to(tokenizer.folder)
    command = [sys.executable, __file__, "--watched", str(folder)]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    print(f"split in {found['split']:.0f} s, {found['tokens']:,} tokens in {found['build']:.0f} s: ", end="")
    print(f"{documents.bytes / 1e6 / found['build']:.2f} MB/s")
    growth = found["peak"] - found["baseline"]
    print(f"resident at first {found['baseline']:.0f} MB, at most {found['peak']:.0f} MB: {growth:.0f} MB more", end="")
    print(f" (at most {MOST_GROWTH})")
    return int(growth > MOST_GROWTH)


def watched(folder: Path) -> int:
    """Split and tokenize in this process, and print what it took."""
    tokenizer = open_fast((folder / "tokenizer").resolve())
    tokenizer.encode_batch(["Everything is loaded now."])
    memory = Memory()
    documents = open_documents(folder, "large")
    began = time.monotonic()
    split = kept_split(folder, documents, 0.1, 1)
    splitting = time.monotonic() - began
    tokens = build_tokens(folder, documents, split, tokenizer)
    result = {
        "baseline": memory.baseline,
        "peak": memory.most(),
        "split": splitting,
        "build": time.monotonic() - began - splitting,
        "tokens": len(tokens.train) + len(tokens.validation),
    }
    print(json.dumps(result))
    return 0


class Memory:
    """What this process and those it starts are resident with, in MB, looked at all the time from now on."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._over = threading.Event()
        self._most = self.baseline = self._resident()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def most(self) -> float:
        """Ends the watch."""
        self._over.set()
        self._watch.join()
        return self._most

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self._most = max(self._most, self._resident())

    def _resident(self) -> float:
        processes = (self._process, *self._process.children(recursive=True))
        return float(sum(process.memory_info().rss for process in processes) / 1e6)


def texts() -> Iterator[str]:
    """Python's help, and the sources of its standard library."""
    yield from (topics[topic] for topic in sorted(topics))
    library = Path(sysconfig.get_path("stdlib"))
    for source in sorted(library.rglob("*.py")):
        if "site-packages" not in source.parts and (text := source.read_text(encoding="utf-8", errors="ignore")):
            yield text


def limited(texts: Iterator[str], size: int) -> Iterator[str]:
    """As many of them as make `size` characters."""
    for text in texts:
        if size <= 0:
            return
        yield text
        size -= len(text)


def varied(size: int) -> Iterator[str]:
    """The same paragraphs over and over, in other documents and with other names each time."""
    chance = random.Random(1)  # noqa: S311  # nothing is kept secret with it
    paragraphs = [paragraph for text in texts() for paragraph in text.split("\n\n")]
    names = sorted({word for text in topics.values() for word in text.split() if word.isalpha()})
    while True:
        chance.shuffle(paragraphs)
        at = 0
        while at < len(paragraphs):
            count = int(chance.paretovariate(1.0)) + 5
            text = "\n\n".join(paragraphs[at : at + count]).replace("self", chance.choice(names))
            at += count
            yield text
            size -= len(text)
            if size <= 0:
                return


def store(folder: Path, texts: Iterator[str]) -> Documents:
    with DocumentsWriter(folder) as writer:
        for text in texts:
            writer.add(Piece(text))
    return open_documents(folder, "benchmark")


def timed(do: Callable[[], object]) -> Took:
    os.environ["TOKENIZERS_PARALLELISM"] = "true"  # once a process was forked, the library would do without
    began, cpu = time.perf_counter(), _cpu()
    do()
    return Took(time.perf_counter() - began, _cpu() - cpu)


def _cpu() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


if __name__ == "__main__":
    sys.exit(main())

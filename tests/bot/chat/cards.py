"""Cards of data sets and tokenizers, as taking them in would make them."""

from __future__ import annotations

from datetime import UTC, datetime

from trainer_core.data.advice import Suggestion
from trainer_core.data.card import Counts, DatasetCard, Images, Lengths
from trainer_core.tokenizers.card import TokenizerCard, TokenizerReport

ADDED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW = ADDED.timestamp() + 2 * 86400

SUGGESTION = Suggestion("mini", "10 epochs", 2_900_000, 1500.0, "mini is as large as this text can fill")


def dataset(**changes: object) -> DatasetCard:
    """A data set of talks, a few of them left out, with two secrets."""
    usual: dict[str, object] = {
        "name": "talks",
        "format": "jsonl",
        "filename": "Talks.jsonl",
        "encoding": "utf_8",
        "text_column": "body",
        "documents": 1204,
        "characters": 1_240_000,
        "bytes": 1_300_000,
        "source_bytes": 1_500_000,
        "sha256": "0" * 64,
        "content": "1" * 64,
        "counts": Counts(read=1303, duplicates=96, near_duplicates=3, secret_lines=2, undecodable_bytes=14),
        "secrets": {"e-mail address": 1, "AWS access key": 1},
        "scripts": {"Latin": 0.997, "Greek": 0.003},
        "languages": {"en": 0.92, "de": 0.05, "fr": 0.02, "it": 0.01},
        "lengths": Lengths(
            edges=(1, 10, 100, 1000, 10_000), counts=(0, 204, 900, 100), shortest=12, median=812, longest=9321
        ),
        "tokens_per_byte": 0.24,
        "added_by": "7",
        "added_at": ADDED,
    }
    return DatasetCard.model_validate({**usual, **changes})


def pictures(**changes: object) -> DatasetCard:
    """A data set of pictures."""
    images = Images(
        classes={"cat": 580, "dog": 600}, broken=2, smallest=(28, 28), largest=(640, 480), modes={"RGB": 1170, "L": 10}
    )
    usual = {"name": "pets", "kind": "images", "format": "zip", "filename": "pets.zip", "images": images}
    return dataset(
        **{**usual, "documents": 1180, "characters": 0, "bytes": 9_000_000, "tokens_per_byte": 0.0, **changes}
    )


def report(**changes: object) -> TokenizerReport:
    usual: dict[str, object] = {
        "documents": 120,
        "bytes": 130_000,
        "tokens": 31_200,
        "coverage": 1.0,
        "unknown_rate": 0.0,
        "tokens_per_character": 0.25,
        "tokens_per_word": 1.42,
        "tokens_per_byte": 0.24,
        "fertility": 1.31,
        "round_trip": 1.0,
        "exact": True,
        "smallest_id": 0,
        "largest_id": 8191,
        "seconds": 0.04,
    }
    return TokenizerReport.model_validate({**usual, **changes})


def tokenizer(**changes: object) -> TokenizerCard:
    """A byte-level BPE, trained on the talks."""
    usual: dict[str, object] = {
        "name": "talks-bpe",
        "kind": "bpe",
        "vocabulary": 8192,
        "special_tokens": {"<|endoftext|>": 0},
        "source": "talks",
        "sha256": "2" * 64,
        "seconds": 3.2,
        "report": report(),
        "added_by": "7",
        "added_at": ADDED,
    }
    return TokenizerCard.model_validate({**usual, **changes})

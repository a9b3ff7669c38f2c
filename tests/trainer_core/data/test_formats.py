from __future__ import annotations

import pytest

from trainer_core.data.formats import FORMATS, KINDS, kind_of, known_kind
from trainer_core.errors import Code, SpotterError


@pytest.mark.parametrize("kind", [*KINDS, *(f"{name}.gz" for name in FORMATS)])
def test_the_ending_says_the_kind(kind: str) -> None:
    assert kind_of(f"My notes.{kind.upper()}") == kind
    assert known_kind(f"my.notes.of.2026.{kind}") == kind


@pytest.mark.parametrize(
    "name", ["notes.pdf", "notes", "notes.", ".csv.exe", "", ".txt", "notes.zip.gz", "notes.gz", "txt"]
)
def test_another_kind_is_refused_with_the_kinds_that_are_read(name: str) -> None:
    assert known_kind(name) is None
    with pytest.raises(SpotterError, match=r"\.txt, \.md, \.csv, \.tsv, \.json, \.jsonl, \.parquet") as caught:
        kind_of(name)
    assert (caught.value.code, caught.value.field) == (Code.CORPUS_UNREADABLE, "file")
    assert ".zip" in caught.value.next_step


def test_a_name_without_an_ending_is_told_so() -> None:
    with pytest.raises(SpotterError, match="a name without an ending is not a kind"):
        kind_of("notes")

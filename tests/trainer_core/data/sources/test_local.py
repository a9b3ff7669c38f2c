from __future__ import annotations

import os
from pathlib import Path

import pytest

from trainer_core.data.sources.local import list_local, locate
from trainer_core.errors import Code, SpotterError


@pytest.fixture
def roots(tmp_path: Path) -> list[Path]:
    corpora, others = tmp_path / "corpora", tmp_path / "more" / "corpora"
    for path in corpora / "letters" / "1900" / "may.txt", corpora / "notes.jsonl.gz", others / "notes.txt":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    (corpora / "program.exe").write_text("text")
    (corpora / ".hidden.txt").write_text("text")
    (tmp_path / "secret.txt").write_text("secret")
    (corpora / "out.txt").symlink_to(tmp_path / "secret.txt")
    return [corpora, others, tmp_path / "gone"]


def test_files_that_can_be_read_and_folders_are_listed(roots: list[Path]) -> None:
    assert list_local(roots) == [
        "corpora/notes.jsonl.gz",
        "corpora/letters/",
        "corpora/letters/1900/",
        "corpora/letters/1900/may.txt",
        "corpora-2/notes.txt",
    ]


def test_a_name_that_is_no_text_is_not_listed(roots: list[Path]) -> None:
    before = list_local(roots)
    (roots[0] / os.fsdecode(b"caf\xe9.txt")).touch()
    (roots[0] / "two\nlines").mkdir()
    assert list_local(roots) == before


def test_what_is_listed_is_found(roots: list[Path]) -> None:
    for name in list_local(roots):
        source = locate(roots, name)
        assert source.path.exists()
        assert source.path.is_relative_to(source.root)
    assert locate(roots, "corpora").path == roots[0]


@pytest.mark.parametrize(
    "name",
    ["corpora/../secret.txt", "corpora/out.txt", "/etc/passwd", "corpora//etc/passwd", "..", "", "a\0b", "x" * 999],
)
def test_what_is_elsewhere_is_not_there(roots: list[Path], name: str) -> None:
    with pytest.raises(SpotterError, match="in the approved folders") as refused:
        locate(roots, name)
    assert (refused.value.code, refused.value.field) == (Code.CORPUS_NOT_FOUND, "path")


def test_a_name_that_is_nearly_right_is_put_right(roots: list[Path]) -> None:
    with pytest.raises(SpotterError, match=r"did you mean corpora-2/notes\.txt\?"):
        locate(roots, "corpora-2/note.txt")


def test_without_approved_folders_it_says_who_can_name_some() -> None:
    with pytest.raises(SpotterError, match="no folder of this machine is approved") as refused:
        locate([], "corpora/notes.txt")
    assert "SPOTTER_DATA_DIRS" in refused.value.next_step

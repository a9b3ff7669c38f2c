from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.campaign import CORPUS, KINDS
from tests.fuzz.check import check_seams
from tests.fuzz.inputs import files


@pytest.mark.parametrize("found", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_what_was_found_once_is_read_as_it_should_be(found: Path, tmp_path: Path) -> None:
    check_seams(tmp_path, found.name.partition(".")[2], found.read_bytes())


@given(st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(st.just(kind), files(kind))))
@settings(max_examples=40)
def test_any_file_becomes_documents_or_is_refused(file: tuple[str, bytes]) -> None:
    with TemporaryDirectory() as folder:
        check_seams(Path(folder), *file)

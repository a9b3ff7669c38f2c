from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_core.files.layout import Home


def test_a_run_knows_its_home_and_its_files(tmp_path: Path) -> None:
    home = Home(tmp_path)
    run = home.run("brisk-otter-42")
    assert run.home == home
    assert run.name == "brisk-otter-42"
    assert run.path.parent == home.runs
    files = (run.spec, run.manifest, run.checkpoints, run.export, run.card)
    assert [_inside(run.path, path) for path in files] == "spec.json manifest.json checkpoints export card.md".split()
    attempt = run.attempt(3)
    assert attempt.number == 3
    files = (attempt.events, attempt.log, attempt.control, attempt.exit, attempt.lock)
    names = "events.jsonl worker.log control.json exit.json run.lock".split()
    assert [_inside(run.path, path) for path in files] == [f"attempts/3/{name}" for name in names]
    assert _inside(tmp_path, home.database) == "spotter.db"


def _inside(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


@given(st.text(max_size=20))
def test_no_name_leaves_its_folder(name: str) -> None:
    home = Home(Path("home"))
    for place, parent in ((home.dataset, home.datasets), (home.tokenizer, home.tokenizers)):
        try:
            folder = place(name)
        except ValueError:
            continue
        assert folder.parent == parent
        assert folder.name == name


@pytest.mark.parametrize("name", ["..", "../up", "a/b", "", ".hidden", "a..b", "UPPER", "a\n"])
def test_a_name_that_is_not_plain_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a plain name"):
        Home(Path("home")).run(name)

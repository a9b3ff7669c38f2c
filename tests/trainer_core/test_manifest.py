from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from trainer_core.manifest import git_commit


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one commit."""
    folder = tmp_path / "checkout"
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "code.py").write_text("one = 1\n")
    author = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    for arguments in (("init", "-q"), ("add", "."), (*author, "commit", "-q", "-m", "First")):
        subprocess.run(["git", "-C", folder, *arguments], check=True)
    return folder


def test_a_checkout_is_known_by_its_commit(checkout: Path) -> None:
    commit = git_commit(checkout / "package")
    assert commit is not None and len(commit) == 40
    (checkout / "package" / "code.py").write_text("one = 2\n")
    assert git_commit(checkout / "package") == f"{commit}-dirty"


def test_the_checkout_of_another_project_says_nothing(checkout: Path) -> None:
    installed = checkout / "venv" / "package"
    installed.mkdir(parents=True)
    assert git_commit(installed) is None


def test_what_is_in_no_checkout_has_no_commit(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None


def test_no_commit_is_worth_failing_for(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert git_commit(checkout / "package") is None, "there is no git"
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    git.chmod(0o755)
    assert git_commit(checkout / "package", seconds=0.01) is None, "it does not answer"
    git.write_text("no program")
    assert git_commit(checkout / "package") is None, "it does not start"

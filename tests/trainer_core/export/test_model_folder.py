from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import SafetensorError

from trainer_core.export.model_folder import REQUIRED, verify, write_model
from trainer_core.files.sums import problems_with_sums


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "report.json", "sums.json"):
        (folder / name).write_text("{}")
    return folder


def model(text: str) -> Callable[[Path], None]:
    """What writes a model of these files."""

    def save(folder: Path) -> None:
        for name in ("config.json", "model.safetensors"):
            (folder / name).write_text(text)

    return save


def test_a_newer_model_takes_the_place_of_an_older(tmp_path: Path, tokenizer: Path) -> None:
    folder = tmp_path / "run" / "export"
    older = write_model(folder, model("older"), tokenizer)
    newer = write_model(folder, model("newer"), tokenizer)
    assert set(newer) == set(older) == set(REQUIRED)
    assert newer["config.json"] != older["config.json"]
    assert verify(folder) == []
    assert (folder / "model.safetensors").read_text() == "newer"
    assert list(folder.parent.iterdir()) == [folder]


def test_whoever_may_read_one_file_may_read_them_all(tmp_path: Path, tokenizer: Path) -> None:
    def save(folder: Path) -> None:
        model("new")(folder)
        (folder / "model.safetensors").chmod(0o600)

    folder = tmp_path / "run" / "export"
    write_model(folder, save, tokenizer)
    modes = {file.stat().st_mode & 0o777 for file in folder.iterdir() if file.name != "sums.json"}
    (tmp_path / "plain").touch()
    assert modes == {(tmp_path / "plain").stat().st_mode & 0o777}


def test_a_model_that_cannot_be_written_leaves_the_older_one(tmp_path: Path, tokenizer: Path) -> None:
    folder = tmp_path / "run" / "export"
    write_model(folder, model("older"), tokenizer)
    with pytest.raises(FileNotFoundError):  # found only when the files are made durable
        write_model(folder, lambda aside: (aside / "link").symlink_to("nowhere"), tokenizer)
    assert verify(folder) == []
    assert (folder / "model.safetensors").read_text() == "older"
    assert list(folder.parent.iterdir()) == [folder]


def test_a_model_on_a_full_disk_is_the_disk_s_refusal(tmp_path: Path, tokenizer: Path) -> None:
    def refused(_: Path) -> None:
        """As safetensors says it."""
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    with pytest.raises(OSError, match="space"):
        write_model(tmp_path / "run" / "export", refused, tokenizer)


@pytest.mark.parametrize("sums", ["", "[]", "{}", json.dumps({"../secret": "0" * 64}), json.dumps({"x" * 300: "0"})])
def test_sums_that_cannot_be_held_against_files_are_a_problem(tmp_path: Path, sums: str) -> None:
    (tmp_path / "sums.json").write_text(sums)
    assert len(problems_with_sums(tmp_path)) == 1

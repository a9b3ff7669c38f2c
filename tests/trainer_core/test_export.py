from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors import SafetensorError

from trainer_core.export import REQUIRED, problems_with_sums, verify, write_model


class Files:
    """What a model saves, by the names of its files; one without text is a link to nowhere."""

    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def save_pretrained(self, save_directory: Path) -> None:
        for name, text in self._files.items():
            if text:
                (save_directory / name).write_text(text)
            else:
                (save_directory / name).symlink_to("nowhere")


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "report.json", "sums.json"):
        (folder / name).write_text("{}")
    return folder


def model(text: str) -> Files:
    return Files({"config.json": text, "model.safetensors": text})


def test_a_newer_model_takes_the_place_of_an_older(tmp_path: Path, tokenizer: Path) -> None:
    folder = tmp_path / "run" / "export"
    older = write_model(folder, model("older"), tokenizer)
    newer = write_model(folder, model("newer"), tokenizer)
    assert set(newer) == set(older) == set(REQUIRED)
    assert newer["config.json"] != older["config.json"]
    assert verify(folder) == []
    assert (folder / "model.safetensors").read_text() == "newer"
    assert list(folder.parent.iterdir()) == [folder]


def test_a_model_that_cannot_be_written_leaves_the_older_one(tmp_path: Path, tokenizer: Path) -> None:
    folder = tmp_path / "run" / "export"
    write_model(folder, model("older"), tokenizer)
    with pytest.raises(FileNotFoundError):  # found only when the files are made durable
        write_model(folder, Files({"link": ""}), tokenizer)
    assert verify(folder) == []
    assert (folder / "model.safetensors").read_text() == "older"
    assert list(folder.parent.iterdir()) == [folder]


class Refused:
    """A model whose weights a full disk refuses, as safetensors says it."""

    def save_pretrained(self, save_directory: Path) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


def test_a_model_on_a_full_disk_is_the_disk_s_refusal(tmp_path: Path, tokenizer: Path) -> None:
    with pytest.raises(OSError, match="space"):
        write_model(tmp_path / "run" / "export", Refused(), tokenizer)


@pytest.mark.parametrize("sums", ["", "[]", "{}", json.dumps({"../secret": "0" * 64}), json.dumps({"x" * 300: "0"})])
def test_sums_that_cannot_be_held_against_files_are_a_problem(tmp_path: Path, sums: str) -> None:
    (tmp_path / "sums.json").write_text(sums)
    assert len(problems_with_sums(tmp_path)) == 1

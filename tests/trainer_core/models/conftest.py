"""Small models, and what is read of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from trainer_core.files.layout import Home
from trainer_core.files.sums import write_sums
from trainer_core.models.build import build
from trainer_core.models.data import TextData
from trainer_core.models.files import save_finished
from trainer_core.models.places import Places
from trainer_core.models.specs import ModelSpec
from trainer_core.tokenizers.characters import character_tokenizer

VOCABULARY = 300
TEXT = TextData(VOCABULARY, context=64, end_of_text=0)


def logits(model: nn.Module, **fields: Tensor) -> Tensor:
    output = model(**fields)
    found = output if isinstance(output, Tensor) else output.logits
    assert isinstance(found, Tensor)
    return found


def tokens(batch: int = 2, time: int = 24, seed: int = 0) -> Tensor:
    return torch.randint(1, VOCABULARY, (batch, time), generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(Home(tmp_path / "home").run("calm-heron-7"))


def finished_run(places: Places, name: str, spec: ModelSpec) -> Path:
    """The folder that a run called so has exported, of a model of 300 characters that has learnt nothing."""
    home = places.run.home
    folder = home.run(name).export
    folder.mkdir(parents=True)
    model = build(spec, TEXT, 1, places)
    save_finished(model, folder)
    for file in character_tokenizer(home, VOCABULARY).folder.iterdir():
        if file.name != "sums.json":
            shutil.copyfile(file, folder / file.name)
    write_sums(folder)
    return folder

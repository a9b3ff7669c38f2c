"""A run of a module that is called with what its own submodules return, from its file to the finished model."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from tests.trainer_core.conftest import run_attempt, small_spec
from trainer_core.data.card import DatasetCard
from trainer_core.events import JobCompleted, JobPaused
from trainer_core.files.layout import Home
from trainer_core.models.build import open_model
from trainer_core.models.places import Places
from trainer_core.spec import RunSpec

CHAIN = """
from torch import nn


class Embedding(nn.Module):
    def __init__(self, vocab_size, width):
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, width)

    def forward(self, input_0_tokens):
        return 0.1 * self.tokens(input_0_tokens)


class Recurrent(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.read = nn.GRU(width, width, batch_first=True)
        self.drop = nn.Dropout(0.1)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, embedding_0_output):
        return self.norm(self.drop(self.read(embedding_0_output)[0]).transpose(1, 2)).transpose(1, 2)


class Chain(nn.Module):
    def __init__(self, vocab_size, width=32):
        super().__init__()
        self.embedding_0 = Embedding(vocab_size, width)
        self.gru_0 = Recurrent(width)
        self.head = nn.Linear(width, vocab_size)

    def forward(self, input_0_tokens, embedding_0_output, gru_0_output):
        return {"hidden": gru_0_output, "scores": self.head(embedding_0_output + gru_0_output)}
"""


def run_of(home: Home, name: str, spec: RunSpec, pause_after: int | None = None) -> JobCompleted:
    """A run, in two attempts if it is paused."""
    directory = home.run(name)
    directory.path.mkdir(parents=True)
    directory.module.write_text(CHAIN)
    events = run_attempt(directory, spec, pause_after=pause_after)
    if pause_after is not None:
        assert isinstance(events[-1], JobPaused)
        events = run_attempt(directory, spec, attempt=2)
    assert isinstance(events[-1], JobCompleted)
    return events[-1]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_a_chain_of_somebodys_own_learns_and_goes_on_where_it_was(home: Home, card: DatasetCard) -> None:
    """With what its forward passes change: only those of steps count."""
    spec = small_spec(
        model={"family": "module", "file": "nets/chain.py", "name": "Chain", "size": "tiny"},
        budget="24 steps",
        optimizer={"learning_rate": 0.01},
    )
    summary = run_of(home, "whole", spec).summary
    assert summary.loss is not None
    assert summary.first_loss is not None
    assert summary.loss < summary.first_loss - 0.5
    run_of(home, "halved", spec, pause_after=9)
    whole, halved = (weights(home.run(name).export) for name in ("whole", "halved"))
    assert whole.keys() == halved.keys()
    assert all(torch.equal(whole[name], halved[name]) for name in whole)
    [passes] = [tensor for name, tensor in whole.items() if name.endswith("num_batches_tracked")]
    assert passes and passes % 24 == 0
    opened = open_model(home.run("whole").export, Places(home.run("whole")))
    assert all(torch.equal(weight, whole[name]) for name, weight in opened.state_dict().items())

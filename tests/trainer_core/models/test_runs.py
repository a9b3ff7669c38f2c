"""Every family of language models as a run has it: learnt, evaluated, sampled, saved, gone on from, exported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.trainer_core.conftest import make_dataset, prose, run_attempt, small_spec
from trainer_core.events import JobCompleted, JobPaused, MetricsEval, MetricsProgress, MetricsSample
from trainer_core.export.model_folder import verify
from trainer_core.files.layout import Home
from trainer_core.models.build import open_model
from trainer_core.models.families import FAMILIES
from trainer_core.tokenizers.shelf import open_tokenizer

SOURCE = "brisk-otter-42"
FINE_TUNED: dict[str, object] = {"family": "pretrained", "source": f"run:{SOURCE}"}
MODELS: dict[str, dict[str, object]] = {
    "gpt2": {"family": "gpt2", "dropout": 0.1},
    "llama": {"family": "llama", "dropout": 0.1},
    "qwen": {"family": "qwen", "dropout": 0.1},
    "char-lstm": {"family": "char-lstm", "dropout": 0.1},
    "pretrained": FINE_TUNED,
    "lora": {**FINE_TUNED, "lora": {"rank": 2, "alpha": 2, "dropout": 0.1}},
}
OWN_DOCUMENT = ("qwen", "char-lstm", "lora")
"""These see of the text only their own document: the others see all before it."""


@pytest.fixture(scope="module")
def gym(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with some texts, and a run to go on from."""
    home = Home(tmp_path_factory.mktemp("home"))
    make_dataset(home, "gym", [prose(2_000, seed) for seed in range(6)])
    run_attempt(home.run(SOURCE), small_spec())
    yield home


def weights_in(folder: Path) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in load_file(folder / "model.safetensors").items()}


@pytest.mark.parametrize("model", MODELS)
def test_a_run_of_it_resumes_bit_for_bit_and_ends_with_a_model_that_opens(gym: Home, model: str) -> None:
    fine_tuned = MODELS[model]["family"] == "pretrained"
    spec = small_spec(
        data={"dataset": "gym", "attend": "document" if model in OWN_DOCUMENT else "stream"},
        model=MODELS[model],
        tokenizer={},
        budget="3 steps",
        batch={"tokens_per_step": 512, "micro_batch": 3},
        evaluation={"times": 1, "max_tokens": 200, "sample_tokens": 4},
    )
    whole, parts = gym.run(f"{model}-whole"), gym.run(f"{model}-parts")
    events = run_attempt(whole, spec)
    before = run_attempt(parts, spec, pause_after=1)
    after = run_attempt(parts, spec, attempt=2)

    losses = [event.loss for event in events if isinstance(event, MetricsProgress)]
    assert isinstance(before[-1], JobPaused) and isinstance(after[-1], JobCompleted)
    assert [event.loss for event in (*before, *after) if isinstance(event, MetricsProgress)] == losses
    assert weights_in(parts.export) == weights_in(whole.export)

    first, last = (event for event in events if isinstance(event, MetricsEval))
    assert last.loss < first.loss
    assert [event for event in events if isinstance(event, MetricsSample)]
    assert verify(whole.export) == []
    learnt = "adapter.safetensors" if model == "lora" else "model.safetensors"
    assert [file.name for file in (whole.checkpoints / "step-00000003").glob("*.safetensors")] == [learnt]
    known = FAMILIES[spec.model.family]
    assert {"train", "evaluate", "generate", "export"} <= known.capabilities
    exported = open_model(whole.export)
    assert (type(exported).__module__.split(".")[0] == "transformers") == (known.library == "transformers")
    if fine_tuned:
        theirs, ours = open_tokenizer(gym.run(SOURCE).export), open_tokenizer(whole.export)
        assert ours.sha256 == theirs.sha256, "what it knows of its tokens stays true"
    if model == "char-lstm":
        assert open_tokenizer(whole.export).encode_batch(["lift"]).lengths.tolist() == [4]

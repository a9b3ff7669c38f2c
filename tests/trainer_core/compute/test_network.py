"""The same mathematics, done in other ways: every mode has the loss and the gradients of the plain one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from trainer_core.compute.device import Device
from trainer_core.compute.mode import Mode
from trainer_core.compute.network import Network
from trainer_core.files.layout import Home
from trainer_core.models.build import Places, build
from trainer_core.models.data import TextData
from trainer_core.models.files import save_weights
from trainer_core.models.specs import GPT2Spec, LlamaSpec, ModelSpec, QwenSpec

CPU = Device("cpu", "CPU", 1, ("fp32",), "")
TEXT = TextData(300, 256, 0)
SPECS: dict[str, ModelSpec] = {
    "gpt2": GPT2Spec(size="tiny"),
    "llama": LlamaSpec(size="tiny"),
    "qwen": QwenSpec(size="tiny"),
}
PLAIN = Mode()


@pytest.fixture(scope="module")
def windows() -> Tensor:
    """Longer than a block of attention is made below, and no multiple of it."""
    return torch.randint(300, (2, 121), generator=torch.Generator().manual_seed(3))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer_core.compute.attention._BLOCK", 50)


@pytest.fixture
def model(request: pytest.FixtureRequest, tmp_path: Path) -> nn.Module:
    return build(SPECS[request.param], TEXT, 1, Places(Home(tmp_path).run("a-run"))).train()


def learnt(model: nn.Module, mode: Mode, windows: Tensor, **fields: Tensor) -> tuple[float, Tensor]:
    """The loss and the gradients in `mode`."""
    loss = Network(model, mode, CPU).loss({"input_ids": windows[:, :-1], **fields}, windows[:, 1:])
    model.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # unannotated in torch
    return loss.item(), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def same(found: tuple[float, Tensor], expected: tuple[float, Tensor], tolerance: float) -> None:
    assert found[0] == pytest.approx(expected[0], rel=tolerance)
    assert float((found[1] - expected[1]).norm() / expected[1].norm()) < tolerance


@pytest.mark.parametrize("model", SPECS, indirect=True)
def test_each_form_of_attention_and_head_learns_the_same(model: nn.Module, windows: Tensor) -> None:
    expected = learnt(model, PLAIN, windows)
    for attention in ("sdpa", "eager", "bmm"):
        for head in ("whole", "chunked"):
            mode = replace(PLAIN, attention=attention, head=head)
            same(learnt(model, mode, windows), expected, 1e-5)


@pytest.mark.parametrize("model", ["gpt2"], indirect=True)
def test_a_head_of_many_rows_is_cut_and_stays_exact(
    model: nn.Module, windows: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = learnt(model, PLAIN, windows)
    monkeypatch.setattr("trainer_core.compute.heads._LOGITS", {"cpu": 300 * 70})
    same(learnt(model, replace(PLAIN, head="chunked"), windows), expected, 1e-5)


@pytest.mark.parametrize("model", ["gpt2"], indirect=True)
def test_losses_of_tokens_that_seem_impossible_are_exact(model: nn.Module, windows: Tensor) -> None:
    with torch.no_grad():
        model.get_parameter("transformer.ln_f.weight").mul_(4_000)  # so that shares underflow
    plain, chunked = (learnt(model, replace(PLAIN, head=head), windows)[0] for head in ("whole", "chunked"))
    assert chunked == pytest.approx(plain, rel=1e-6)
    assert plain / windows[:, 1:].numel() > 200


@pytest.mark.parametrize("model", ["gpt2"], indirect=True)
def test_frozen_embeddings_get_no_gradient(model: nn.Module, windows: Tensor) -> None:
    embedding = model.get_parameter("transformer.wte.weight").requires_grad_(False)
    same(learnt(model, replace(PLAIN, head="chunked"), windows), learnt(model, PLAIN, windows), 1e-5)
    assert embedding.grad is None


@pytest.mark.parametrize("model", ["llama"], indirect=True)
def test_documents_kept_apart_are_kept_apart_in_every_form(model: nn.Module, windows: Tensor) -> None:
    apart = torch.ones(120, 120, dtype=torch.bool).tril()
    apart[90:, :90] = False
    fields = {
        "attention_mask": apart.expand(2, 1, 120, 120),
        "position_ids": torch.cat([torch.arange(90), torch.arange(30)]).expand(2, -1),
    }
    expected = learnt(model, PLAIN, windows, **fields)
    same(learnt(model, Mode(attention="bmm", head="chunked"), windows, **fields), expected, 1e-5)
    assert expected[0] != pytest.approx(learnt(model, PLAIN, windows)[0], rel=1e-6)


@pytest.mark.parametrize("model", ["gpt2"], indirect=True)
def test_bf16_is_near_and_its_losses_are_fp32(model: nn.Module, windows: Tensor) -> None:
    windows = windows[:1, :61]
    expected = learnt(model, PLAIN, windows)
    for mode in (Mode("bf16-autocast"), Mode("bf16-autocast", "bmm", "chunked"), Mode("fp16")):
        same(learnt(model, mode, windows), expected, 0.05)
    network = Network(model, Mode("bf16-autocast"), CPU)
    assert network.losses({"input_ids": windows[:, :-1]}, windows[:, 1:]).dtype is torch.float32


@pytest.mark.parametrize("model", ["gpt2", "llama"], indirect=True)
def test_a_saved_model_does_not_know_how_it_was_computed(model: nn.Module, windows: Tensor, tmp_path: Path) -> None:
    network = Network(model, Mode(attention="bmm", head="chunked"), CPU)
    save_weights(model, tmp_path)
    assert "spotter" not in json.dumps(json.loads((tmp_path / "config.json").read_bytes()))
    opened = AutoModelForCausalLM.from_pretrained(tmp_path)
    inputs = {"input_ids": windows[:, :-1]}
    with torch.no_grad():
        assert torch.equal(opened(**inputs).logits, network.logits(inputs))


@pytest.mark.parametrize("model", ["gpt2"], indirect=True)
def test_a_model_that_does_not_compile_is_computed_as_it_is_written(
    model: nn.Module, windows: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(function: object, *, dynamic: bool) -> object:
        def run(*_: object) -> Tensor:
            raise RuntimeError("no compiler here")

        return run

    expected = learnt(model, PLAIN, windows)
    monkeypatch.setattr(torch, "compile", broken)
    network = Network(model, replace(PLAIN, compiled=True), CPU)
    loss = network.loss({"input_ids": windows[:, :-1]}, windows[:, 1:])
    assert loss.item() == expected[0]
    assert network.not_compiled == "torch.compile cannot make kernels for it (RuntimeError)"

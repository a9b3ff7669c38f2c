from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from tests.trainer_core.models.conftest import TEXT, finished_run, logits, tokens
from trainer_core.errors import Code, SpotterError
from trainer_core.models.build import build
from trainer_core.models.files import load_weights, save_finished, save_weights
from trainer_core.models.lora import adapt, adapted, merged
from trainer_core.models.places import Places
from trainer_core.models.specs import GPT2Spec, LlamaSpec, LoraSpec, PretrainedSpec, QwenSpec, SizedSpec

LORA = LoraSpec(rank=4, alpha=8)


def with_adapters(spec: SizedSpec, places: Places) -> PreTrainedModel:
    """One whose adapters have learnt something."""
    model = build(spec, TEXT, 1, places)
    assert isinstance(model, PreTrainedModel)
    adapt(model, LORA)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.1, generator=torch.Generator().manual_seed(parameter.numel()))
    model.train(False)
    return model


@pytest.mark.parametrize("spec", [GPT2Spec(), LlamaSpec(), QwenSpec()], ids=lambda spec: spec.family)
def test_adapters_alone_learn_are_saved_alone_and_become_part_of_what_is_exported(
    spec: SizedSpec, places: Places, tmp_path: Path
) -> None:
    model = with_adapters(spec, places)
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert learning and all(".lora_" in name for name in learning)
    assert adapted(model)
    expected = logits(model, input_ids=tokens())

    save_weights(model, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["adapter.safetensors"]
    again = build(spec, TEXT, 1, places)
    assert isinstance(again, PreTrainedModel)
    load_weights(adapt(again, LORA), tmp_path)
    again.train(False)
    assert torch.equal(logits(again, input_ids=tokens()), expected)

    save_finished(model, tmp_path / "export")
    opened = AutoModelForCausalLM.from_pretrained(tmp_path / "export")
    assert torch.allclose(logits(opened, input_ids=tokens()), expected, atol=1e-4)
    assert not any("lora" in name for name, _ in opened.named_parameters())


def test_adapters_change_nothing_before_they_have_learnt(places: Places) -> None:
    finished_run(places, "brisk-otter-42", LlamaSpec())
    plain = build(PretrainedSpec(source="run:brisk-otter-42"), TEXT, 1, places)
    model = build(PretrainedSpec(source="run:brisk-otter-42", lora=LORA), TEXT, 1, places)
    assert torch.equal(logits(model, input_ids=tokens()), logits(plain, input_ids=tokens()))
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert 0 < trained < sum(parameter.numel() for parameter in model.parameters()) / 10


def test_adapters_of_another_rank_are_not_put_in(places: Places, tmp_path: Path) -> None:
    save_weights(with_adapters(LlamaSpec(), places), tmp_path)
    other = build(LlamaSpec(), TEXT, 1, places)
    assert isinstance(other, PreTrainedModel)
    with pytest.raises(RuntimeError):
        load_weights(adapt(other, LoraSpec(rank=2)), tmp_path)


def test_what_is_merged_comes_from_the_weights_given(places: Places) -> None:
    model = with_adapters(LlamaSpec(), places)
    zeroed = {name: weight * (0 if ".lora_B" in name else 1) for name, weight in model.state_dict().items()}
    found, plain = merged(model, zeroed), build(LlamaSpec(), TEXT, 1, places).state_dict()
    assert found.keys() == plain.keys()
    assert all(torch.equal(weight, plain[name]) for name, weight in found.items())


def test_without_peft_it_is_said_how_to_get_it(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    model = build(LlamaSpec(), TEXT, 1, places)
    assert isinstance(model, PreTrainedModel)
    with pytest.raises(SpotterError, match="needs the package peft") as caught:
        adapt(model, LORA)
    assert caught.value.code is Code.CONFIG_INVALID
    assert "pip install -c constraints.txt -e '.[lora]'" in caught.value.next_step

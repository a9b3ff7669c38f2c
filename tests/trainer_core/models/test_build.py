"""What holds of every family's models."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, PreTrainedModel

from tests.trainer_core.models.conftest import TEXT, VOCABULARY, logits, tokens
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.models.build import build, open_model, recipe
from trainer_core.models.data import Data, PictureData
from trainer_core.models.families import FAMILIES
from trainer_core.models.files import load_weights, save_finished, save_weights
from trainer_core.models.places import Places
from trainer_core.models.sizes import SIZES, parameters
from trainer_core.models.specs import (
    CharLSTMSpec,
    GPT2Spec,
    ImageCNNSpec,
    LlamaSpec,
    ModelSpec,
    PretrainedSpec,
    QwenSpec,
    SizedSpec,
)

FRESH: list[SizedSpec] = [GPT2Spec(), LlamaSpec(), QwenSpec(), CharLSTMSpec()]
PLACES = Places(Home(Path("home")).run("a-run"))
PICTURES = PictureData(("cat", "dog"), channels=3, side=32)

each = pytest.mark.parametrize("spec", FRESH, ids=lambda spec: spec.family)


@each
@pytest.mark.parametrize("size", ["tiny", "depth=3"])
def test_it_has_the_parameters_that_the_dial_says(spec: SizedSpec, size: str) -> None:
    model = build(spec.model_copy(update={"size": size}), TEXT, 1, PLACES)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters(size, VOCABULARY, spec.family)


@each
def test_it_is_the_same_for_the_same_seed_whatever_was_drawn_before(spec: SizedSpec) -> None:
    state = torch.get_rng_state()
    model = build(spec, TEXT, 1, PLACES)
    assert torch.equal(torch.get_rng_state(), state), "and nobody else's chance is touched"
    torch.manual_seed(99)
    again, other = build(spec, TEXT, 1, PLACES), build(spec, TEXT, 2, PLACES)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


@each
def test_it_guesses_evenly_at_first_and_every_parameter_learns(spec: SizedSpec) -> None:
    model = build(spec, TEXT, 1, PLACES)
    windows = tokens(4, 33)
    given = logits(model, input_ids=windows[:, :-1])
    assert given.shape == (4, 32, VOCABULARY)
    loss = cross_entropy(given.flatten(0, 1), windows[:, 1:].flatten())
    assert loss.item() == pytest.approx(torch.tensor(VOCABULARY).log().item(), abs=0.4)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
    assert [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()] == []


@each
def test_it_sees_nothing_of_what_comes_later(spec: SizedSpec) -> None:
    model = build(spec, TEXT, 1, PLACES).train(False)
    windows = tokens()
    changed = windows.clone()
    changed[:, 12:] = tokens(seed=1)[:, 12:]
    before, after = logits(model, input_ids=windows), logits(model, input_ids=changed)
    assert torch.allclose(before[:, :12], after[:, :12], atol=1e-5)
    assert not torch.allclose(before[:, 12:], after[:, 12:], atol=1e-5)


@each
def test_it_sees_nothing_of_another_document(spec: SizedSpec) -> None:
    model = build(spec, TEXT, 1, PLACES).train(False)
    windows = tokens()
    positions = torch.arange(24).repeat(2, 1)
    may_attend = torch.ones(24, 24, dtype=torch.bool).tril().repeat(2, 1, 1)
    positions[0, 10:] -= 10
    may_attend[0, 10:, :10] = False
    found = logits(model, input_ids=windows, attention_mask=may_attend[:, None], position_ids=positions)
    assert torch.allclose(found[0, 10:], logits(model, input_ids=windows[:1, 10:])[0], atol=1e-5)
    assert torch.allclose(found[1], logits(model, input_ids=windows[1:])[0], atol=1e-5)


@each
def test_dropout_drops_while_it_learns_only(spec: SizedSpec) -> None:
    model = build(spec.model_copy(update={"dropout": 0.5}), TEXT, 1, PLACES)
    windows = tokens()
    assert not torch.equal(logits(model, input_ids=windows), logits(model, input_ids=windows))
    model.train(False)
    assert torch.equal(logits(model, input_ids=windows), logits(model, input_ids=windows))


@each
def test_what_is_saved_opens_again_with_what_the_family_says(spec: SizedSpec, tmp_path: Path) -> None:
    model = build(spec, TEXT, 1, PLACES).train(False)
    windows = tokens()
    expected = logits(model, input_ids=windows)
    for save, folder in ((save_weights, tmp_path / "checkpoint"), (save_finished, tmp_path / "export")):
        folder.mkdir()
        save(model, folder)
        assert {"config.json", "model.safetensors"} <= {file.name for file in folder.iterdir()}
        assert torch.equal(logits(open_model(folder), input_ids=windows), expected)
    if FAMILIES[spec.family].library == "transformers":
        opened = AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoint")
        assert isinstance(opened, PreTrainedModel)
        assert torch.equal(logits(opened, input_ids=windows), expected)
        written = opened.generate(windows[:1, :4], min_new_tokens=4, max_new_tokens=4)  # type: ignore[misc]  # transformers hides its signature
        assert isinstance(written, torch.Tensor)
        assert written.shape == (1, 8)


@each
def test_weights_of_another_precision_are_saved_in_place_of_its_own(spec: SizedSpec, tmp_path: Path) -> None:
    model, other = build(spec, TEXT, 1, PLACES), build(spec, TEXT, 2, PLACES)
    masters = {name: weight.clone() for name, weight in other.state_dict().items()}
    save_weights(model.to(torch.bfloat16), tmp_path, masters)
    again = build(spec, TEXT, 3, PLACES)
    load_weights(again, tmp_path)
    opened = open_model(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(opened.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), other.parameters(), strict=True))


@each
def test_weights_of_another_shape_are_not_put_in(spec: SizedSpec, tmp_path: Path) -> None:
    save_weights(build(spec, TEXT, 1, PLACES), tmp_path)
    larger = build(spec.model_copy(update={"size": "mini"}), TEXT, 1, PLACES)
    with pytest.raises(RuntimeError):
        load_weights(larger, tmp_path)


@pytest.mark.parametrize(
    ("spec", "data", "said"),
    [
        (GPT2Spec(), PICTURES, "gpt2 learns from text, and the data set holds pictures"),
        (CharLSTMSpec(), PICTURES, "char-lstm learns from text"),
        (PretrainedSpec(source="run:a"), PICTURES, "pretrained learns from text"),
        (ImageCNNSpec(), TEXT, "image-cnn learns from pictures, and the data set holds text"),
    ],
)
def test_a_model_for_other_data_is_refused(spec: ModelSpec, data: Data, said: str) -> None:
    with pytest.raises(SpotterError, match=said) as caught:
        build(spec, data, 1, PLACES)
    assert (caught.value.code, caught.value.field) == (Code.MODEL_INCOMPATIBLE, "model.family")


def test_each_family_has_a_recipe_at_every_size() -> None:
    for spec in FRESH:
        for size in (*SIZES, "depth=1", "depth=64"):
            suits = recipe(spec.model_copy(update={"size": size}), PLACES)
            assert 0 < suits.learning_rate < 0.01
            assert suits.per_step % suits.context == 0


@pytest.mark.parametrize("spec", [LlamaSpec(size="depth=8"), QwenSpec(size="depth=8")], ids=lambda spec: spec.family)
def test_what_is_added_to_the_residual_stream_is_less_the_deeper_the_model(
    spec: LlamaSpec | QwenSpec,
) -> None:
    made = build(spec, TEXT, 1, PLACES)
    weights = dict(made.named_parameters())
    out, into = (weights[f"model.layers.0.self_attn.{name}.weight"].std() for name in ("o_proj", "q_proj"))
    assert float(out / into) == pytest.approx((2 * 8) ** -0.5, rel=0.02)

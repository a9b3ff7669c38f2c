"""What a card tells people to do is done as it stands there."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.trainer_core.conftest import small_spec
from tests.trainer_core.export.conftest import manifest_of
from trainer_core.data.card import DatasetCard, Images
from trainer_core.evals.classes import ClassReport
from trainer_core.events import Summary
from trainer_core.export.model_card import model_card, write_card
from trainer_core.export.model_folder import verify, write_model
from trainer_core.files.layout import Home
from trainer_core.files.sums import problems_with_sums
from trainer_core.manifest import Manifest
from trainer_core.models.build import Places, build
from trainer_core.models.data import Data, PictureData, TextData
from trainer_core.models.files import save_finished
from trainer_core.models.specs import ModelSpec
from trainer_core.tokenizers.characters import character_tokenizer

TEXT = TextData(vocabulary=300, context=16, end_of_text=0)
PICTURES = PictureData(classes=("cat", "dog|fox"), channels=3, side=16)
CODE = """
from torch import nn

class Bigrams(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.table = nn.Embedding(vocabulary, vocabulary)

    def forward(self, tokens):
        return self.table(tokens)
"""


def manifest(data: Data, dataset: DatasetCard, **model: object) -> Manifest:
    pictures = isinstance(data, PictureData)
    if pictures:
        images = Images(classes={"cat": 8, "dog|fox": 4})
        dataset = dataset.model_copy(update={"kind": "images", "documents": 12, "images": images})
    numbers = {"first_accuracy": 0.5, "accuracy": 0.75, "f1": 0.7} if pictures else {"bits_per_byte": 1.25}
    return manifest_of(
        small_spec(model=model),
        dataset,
        Summary.model_validate(
            {
                "steps": 1_000,
                "tokens": 5_000,
                "seconds": 60,
                "parameters": 1_234,
                "loss": 2.0,
                "unit": "pictures" if pictures else "tokens",
                "sample": "" if pictures else "The bar\nlifts.",
                "model": "export",
                **numbers,
            }
        ),
    )


def exported(spec: ModelSpec, data: Data, home: Home) -> Path:
    """The finished model of a run, with fresh weights."""
    places = Places(home.run("brisk-otter-42"))
    places.run.path.mkdir(parents=True)
    code = None
    if spec.family == "module":
        code = places.run.module
        code.write_text(CODE)
    model = build(spec, data, 1, places)
    tokenizer = None if isinstance(data, PictureData) else character_tokenizer(home, data.vocabulary).folder
    write_model(places.run.export, partial(save_finished, model), tokenizer, code)
    return places.run.export


@pytest.mark.parametrize(
    ("data", "model", "opens"),
    [
        (TEXT, {"family": "gpt2"}, "AutoModelForCausalLM.from_pretrained"),
        (TEXT, {"family": "char-lstm"}, "open_model(folder)"),
        (TEXT, {"family": "module", "file": "nets/bigrams.py"}, "runs module.py"),
        (PICTURES, {"family": "image-cnn"}, "open_model(folder)"),
    ],
    ids=lambda value: value.get("family") if isinstance(value, dict) else "",
)
def test_a_card_says_how_its_model_is_opened(
    data: Data,
    model: dict[str, object],
    opens: str,
    home: Home,
    card: DatasetCard,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = manifest(data, card, **model)
    folder = exported(made.spec.model, data, home)
    assert verify(folder) == []
    monkeypatch.chdir(folder.parent)
    Image.new("RGB", (20, 10)).save("picture.png")
    text = model_card(made, None)
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert opens in code
    torch.manual_seed(1)
    exec(code, {})  # it is what people are told to do
    said = capsys.readouterr().out.strip()
    assert said in PICTURES.classes if isinstance(data, PictureData) else said.startswith("The")


def test_a_card_tells_how_well_text_is_predicted_and_shows_some(card: DatasetCard) -> None:
    text = model_card(manifest(TEXT, card, family="gpt2"), None)
    assert "gpt2 tiny (1,234 parameters), trained from scratch by Spotter on `gym`" in text
    assert "| bits per byte | – | 1.250 |" in text and "    The bar\n    lifts." in text
    assert text.startswith("---\nlibrary_name: transformers\npipeline_tag: text-generation\n---")


def test_a_card_of_a_classifier_tells_of_every_class(home: Home, card: DatasetCard) -> None:
    report = ClassReport(step=9, loss=0.5, classes=PICTURES.classes, confusions=((0, 0, 3), (1, 0, 1)))
    made = manifest(PICTURES, card, family="image-cnn")
    directory = home.run("brisk-otter-42")
    told = made.model_copy(
        update={
            "summary": made.summary.model_copy(update={"evaluation": f"eval/{report.write(directory.evaluations)}"})
        }
    )
    write_card(told, directory)
    text = directory.card.read_text()
    assert "| cat | 3 | 0.750 | 1.000 | 0.857 |\n| dog\\|fox | 1 | – | 0.000 | 0.000 |" in text
    assert "(12 pictures of 2 classes): 1,000 steps, 5,000 pictures" in text
    assert "| accuracy | 0.500 | 0.750 |" in text and "A sample" not in text
    (directory.evaluations / "step-00000009.json").write_text("{")
    write_card(told, directory)
    assert "| cat |" not in directory.card.read_text(), "it is no reason to have no card"


def test_a_card_says_what_the_weights_began_as(card: DatasetCard) -> None:
    tuned = manifest(TEXT, card, family="pretrained", source="org/model", lora={"rank": 4})
    text = model_card(tuned.model_copy(update={"averaged": True}), None)
    assert "org/model with LoRA (1,234 parameters in the adapters, now part of the weights), fine-tuned by" in text
    assert "a moving average over the steps" in text


def test_a_card_says_that_a_run_ended_early_and_which_weights_these_are(card: DatasetCard) -> None:
    made = manifest(TEXT, card)
    assert "before its budget" not in model_card(made, None)
    assert "weights are those" not in model_card(made, None)
    early = made.summary.model_copy(update={"early": "nothing got better", "best_step": 18})
    text = model_card(made.model_copy(update={"summary": early}), None)
    assert "It ended before its budget did: nothing got better." in text
    assert "The weights are those of step 18: they did best on the held-out data." in text


@pytest.mark.parametrize(
    ("data", "model", "file"),
    [
        (TEXT, {"family": "gpt2"}, "tokenizer.json"),
        (TEXT, {"family": "char-lstm"}, "tokenizer_config.json"),
        (TEXT, {"family": "module", "file": "nets/bigrams.py"}, "module.py"),
        (PICTURES, {"family": "image-cnn"}, "config.json"),
    ],
    ids=lambda value: value.get("family") if isinstance(value, dict) else "",
)
def test_a_model_is_whole_with_what_belongs_to_it(data: Data, model: dict[str, object], file: str, home: Home) -> None:
    folder = exported(small_spec(model=model).model, data, home)
    assert verify(folder) == problems_with_sums(folder) == []
    (folder / file).unlink()
    assert f"{file} is missing" in verify(folder)

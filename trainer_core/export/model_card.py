"""Where a model came from, for people: `card.md`, with how well it has learnt and how it is opened."""

from __future__ import annotations

import json
import logging

from pydantic import ValidationError

from trainer_core.evals.classes import ClassReport
from trainer_core.files.atomic import write_atomic
from trainer_core.files.layout import RunDirectory
from trainer_core.manifest import Manifest
from trainer_core.models.families import FAMILIES
from trainer_core.models.specs import ModuleSpec, PretrainedSpec

_MOST_CLASSES = 100
"""Rows in the table of classes."""

log = logging.getLogger(__name__)


def write_card(manifest: Manifest, directory: RunDirectory) -> None:
    """Raises OSError."""
    classes = None
    if manifest.summary.unit == "pictures" and manifest.summary.evaluation:
        try:
            classes = ClassReport.model_validate_json((directory.path / manifest.summary.evaluation).read_bytes())
        except (OSError, ValidationError) as error:
            log.warning("the card has no table of the classes: %s", error)
    write_atomic(directory.card, model_card(manifest, classes).encode())


def model_card(manifest: Manifest, classes: ClassReport | None) -> str:
    """`classes` is the last evaluation of a classifier, class by class."""
    spec = manifest.spec
    parts = [
        _front_matter(manifest),
        f"# {manifest.run}",
        _origin(manifest),
        _results(manifest),
        _classes(classes) if classes else "",
        _sample(manifest.summary.sample),
        f"## Use\n\n```python\n{_use(manifest)}```",
        f"## Specification\n\n```json\n{spec.model_dump_json(indent=2)}\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(manifest: Manifest) -> str:
    library = "transformers" if _is_of_transformers(manifest) else "pytorch"
    does = "text-generation" if manifest.summary.unit == "tokens" else "image-classification"
    return f"---\nlibrary_name: {library}\npipeline_tag: {does}\n---"


def _origin(manifest: Manifest) -> str:
    made, data, model = manifest.summary, manifest.dataset, manifest.spec.model
    if data.images:
        size = f"{data.documents:,} pictures of {len(data.images.classes):,} classes"
    else:
        size = f"{data.characters:,} characters"
    match model:
        case PretrainedSpec(lora=None):
            how = f"{model.label} ({made.parameters:,} parameters), fine-tuned"
        case PretrainedSpec():
            how = f"{model.label} ({made.parameters:,} parameters in the adapters, now part of the weights), fine-tuned"
        case _:
            how = f"{model.label} ({made.parameters:,} parameters), trained from scratch"
    early = f"\n\nIt ended before its budget did: {made.early}." if made.early else ""
    if made.best_step is not None:
        early += f"\n\nThe weights are those of step {made.best_step:,}: they did best on the held-out data."
    mean = "\n\nThe weights are a moving average over the steps (EMA)." if manifest.averaged else ""
    return (
        f"{how} by Spotter on `{data.name}`\n({size}): {made.steps:,} steps, {made.tokens:,} {made.unit}, "
        f"{made.seconds:,.0f} s on {manifest.device}.{early}{mean}"
    )


def _results(manifest: Manifest) -> str:
    made = manifest.summary
    if made.unit == "tokens":
        rows = [
            ("loss (nats per token)", made.first_loss, made.loss),
            ("bits per byte", made.first_bits_per_byte, made.bits_per_byte),
        ]
    else:
        rows = [
            ("loss (nats per picture)", made.first_loss, made.loss),
            ("accuracy", made.first_accuracy, made.accuracy),
            ("F1, mean over the classes", None, made.f1),
        ]
    held_out = "text" if made.unit == "tokens" else "pictures"
    table = "\n".join(f"| {name} | {_number(first)} | {_number(last)} |" for name, first, last in rows)
    return f"| on held-out {held_out} | before | after |\n|---|---|---|\n{table}"


def _classes(report: ClassReport) -> str:
    rows = "\n".join(
        f"| {_cell(one.name)} | {one.pictures} | {_number(one.precision)} | {_number(one.recall)} | {_number(one.f1)} |"
        for one in report.scores()[:_MOST_CLASSES]
    )
    more = len(report.classes) - _MOST_CLASSES
    note = f"\n\nAnd {more:,} more." if more > 0 else ""
    return f"| class | pictures | precision | recall | F1 |\n|---|---|---|---|---|\n{rows}{note}"


def _sample(text: str) -> str:
    indented = "\n".join(f"    {line}" for line in text.splitlines())
    return f"## A sample\n\n{indented}" if indented else ""


def _use(manifest: Manifest) -> str:
    folder = json.dumps(manifest.summary.model)
    if manifest.summary.unit == "pictures":
        return _ON_PICTURES.format(opened=_opened(manifest, folder))
    if _is_of_transformers(manifest):
        return _WITH_TRANSFORMERS.format(folder=folder)
    return _ON_TEXT.format(opened=_opened(manifest, folder))


def _opened(manifest: Manifest, folder: str) -> str:
    """Python that makes `folder` and `model`."""
    if isinstance(manifest.spec.model, ModuleSpec):
        return _MODULE.format(folder=folder)
    return _OURS.format(folder=folder)


def _is_of_transformers(manifest: Manifest) -> bool:
    return FAMILIES[manifest.spec.model.family].library == "transformers"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


_WITH_TRANSFORMERS = """from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({folder})
model = AutoModelForCausalLM.from_pretrained({folder})
prompt = tokenizer("The ", return_tensors="pt")
print(tokenizer.decode(model.generate(**prompt, max_new_tokens=60)[0]))
"""

_OURS = """from pathlib import Path

import torch

from trainer_core.models.build import open_model

folder = Path({folder})
model = open_model(folder)
"""

_MODULE = """from pathlib import Path

import torch

from trainer_core.files.layout import RunDirectory
from trainer_core.models.build import open_model
from trainer_core.models.places import Places

folder = Path({folder})
model = open_model(folder, Places(RunDirectory(folder)))  # runs module.py
"""

_ON_TEXT = """{opened}
from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(folder)
ids = tokenizer("The ", return_tensors="pt").input_ids
for _ in range(60):
    likely = torch.softmax(model(input_ids=ids)[:, -1] / 0.8, dim=-1)
    ids = torch.cat([ids, torch.multinomial(likely, 1)], dim=1)
print(tokenizer.decode(ids[0]))
"""

_ON_PICTURES = """{opened}
from trainer_core.data.pixels import pixels
from trainer_core.models.files import made_from

data = made_from(folder).data
picture = pixels(Path("picture.png").read_bytes(), data.side, data.channels)
levels = torch.tensor(picture).float() / 127.5 - 1
print(data.classes[model(pixel_values=levels[None]).argmax()])
"""

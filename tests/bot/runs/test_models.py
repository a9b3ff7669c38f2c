"""From what a person says of a model to the spec's fields."""

from __future__ import annotations

import pytest

from bot.runs.intake import Submission, draft
from bot.runs.models import ModelChoice, model_fields, named_source
from trainer_core.errors import SpotterError
from trainer_core.models.families import FAMILIES
from trainer_core.models.specs import (
    FOLDER,
    HUB,
    RUN,
    CharLSTMSpec,
    GPT2Spec,
    ImageCNNSpec,
    LlamaSpec,
    LoraSpec,
    ModelSpec,
    ModuleSpec,
    PretrainedSpec,
    QwenSpec,
)

WIRING = '{"x": {"batch": "input_ids"}}'
ASKED: list[tuple[ModelChoice, ModelSpec]] = [
    (ModelChoice(), GPT2Spec()),
    (ModelChoice(size="mini"), GPT2Spec(size="mini")),
    (ModelChoice("llama", "depth=3"), LlamaSpec(size="depth=3")),
    (ModelChoice("qwen"), QwenSpec()),
    (ModelChoice("char-lstm", "small"), CharLSTMSpec(size="small")),
    (ModelChoice("image-cnn"), ImageCNNSpec()),
    (ModelChoice(source="org/model"), PretrainedSpec(source="org/model")),
    (ModelChoice("pretrained", source="run:song", lora=4), PretrainedSpec(source="run:song", lora=LoraSpec(rank=4))),
    (ModelChoice(module="nets/a.py"), ModuleSpec(file="nets/a.py")),
    (ModelChoice("module", "mini", module="nets/a.py:Net"), ModuleSpec(file="nets/a.py", name="Net", size="mini")),
    (
        ModelChoice(module="nets/a.py", name="Net", wiring=f"wiring: {WIRING}"),
        ModuleSpec(file="nets/a.py", name="Net", wiring={"x": {"batch": "input_ids"}}),
    ),
]
REFUSED: list[tuple[ModelChoice, str, str]] = [
    (ModelChoice("gpt2", source="run:song"), "from", "`pretrained`, and gpt2 was asked for"),
    (ModelChoice("llama", lora=4), "lora", "leave one of them out"),
    (ModelChoice(lora=4), "from", "say what to go on from"),
    (ModelChoice("pretrained"), "from", "say what to go on from"),
    (ModelChoice("pretrained", "mini", source="run:song"), "size", "leave it out"),
    (ModelChoice(source="run:song", module="nets/a.py"), "module", "`module`, and pretrained was asked for"),
    (ModelChoice("module"), "module", "name the Python file"),
    (ModelChoice(name="Net"), "module", "name the Python file"),
    (ModelChoice("gpt2", wiring=WIRING), "wiring", "`module`"),
    (ModelChoice(module="nets/a.py", wiring="[1]"), "wiring", "no JSON object"),
    (ModelChoice(module="nets/a.py", wiring="{"), "wiring", "no JSON object"),
]


@pytest.mark.parametrize(("choice", "meant"), ASKED)
def test_what_is_asked_for_is_what_the_spec_says(choice: ModelChoice, meant: ModelSpec) -> None:
    assert draft(Submission(data="song", model=choice)).model == meant


def test_every_family_is_asked_for_here() -> None:
    assert {meant.family for _, meant in ASKED} == set(FAMILIES)


@pytest.mark.parametrize(("choice", "option", "says"), REFUSED)
def test_what_does_not_go_together_is_refused_by_its_option(choice: ModelChoice, option: str, says: str) -> None:
    with pytest.raises(SpotterError) as refused:
        model_fields(choice)
    assert refused.value.field == option and says in refused.value.message


def test_what_the_data_holds_decides_where_nobody_has() -> None:
    assert draft(Submission(data="pets", model=ModelChoice(size="mini")), None, "images").model == ImageCNNSpec(
        size="mini"
    )
    assert draft(Submission(data="pets", model=ModelChoice("gpt2")), None, "images").model == GPT2Spec()
    chosen = Submission(data="pets", overrides={"model": {"family": "module", "file": "nets/a.py"}})
    assert draft(chosen, None, "images").model == ModuleSpec(file="nets/a.py")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("song", f"{RUN}song"),
        (" Song ", f"{RUN}song"),
        ("run:tune", f"{RUN}tune"),
        ("Run: Tune", f"{RUN}tune"),
        ("models/base", f"{FOLDER}models/base"),
        ("models/base/", f"{FOLDER}models/base"),
        ("models/a large/one", f"{FOLDER}models/a large/one"),
        ("folder:Else", f"{FOLDER}Else"),
        ("org/model", "org/model"),
        ("hub:gpt2", f"{HUB}gpt2"),
        ("Hub:models/other", f"{HUB}models/other"),
    ],
)
def test_a_source_is_known_by_its_name(typed: str, meant: str) -> None:
    folders = {"models/base", "models/a large/one"}
    assert named_source(typed, {"song"}, folders) == named_source(meant, {"song"}, folders) == meant


@pytest.mark.parametrize("slip", ["sonq", "gpt2", "models/bse", "models/a/b/c", "org/a/b", "a song", ""])
def test_what_may_be_a_slip_is_not_looked_for_on_the_hub(slip: str) -> None:
    assert named_source(slip, {"song"}, {"models/base"}) is None

"""Whether what a model is to be made from is here, and whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.runs.models import ModelChoice
from bot.runs.sources import Sources
from tests.bot.chat.stories import spec
from trainer_core.approved import NONE, Approved
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.models.specs import (
    CharLSTMSpec,
    GPT2Spec,
    ImageCNNSpec,
    LlamaSpec,
    ModelSpec,
    ModuleSpec,
    PretrainedSpec,
)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """With runs that are finished, in the middle, at the beginning, and of pictures; a module, and a model folder."""
    home = Home(tmp_path / "home")
    models: dict[str, ModelSpec] = {
        "ended": GPT2Spec(),
        "going": LlamaSpec(),
        "begun": GPT2Spec(),
        "pets": ImageCNNSpec(),
        "letters": CharLSTMSpec(),
    }
    for name, model in models.items():
        home.run(name).path.mkdir(parents=True)
        home.run(name).spec.write_text(spec(name).model_copy(update={"model": model}).model_dump_json())
    home.run("ended").export.mkdir()
    home.run("pets").export.mkdir()
    home.run("letters").export.mkdir()
    (home.run("going").checkpoints / "step-00000010").mkdir(parents=True)
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "small.py").touch()
    (tmp_path / "models" / "base").mkdir(parents=True)
    (tmp_path / "models" / "base" / "config.json").touch()
    return Sources(home, Approved(modules=(tmp_path / "nets",), models=(tmp_path / "models",)))


RUNS = {"ended", "going", "begun", "pets", "letters"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ended", "run:ended"),
        ("run:going", "run:going"),
        ("folder:models/base", "folder:models/base"),
        ("models/base", "folder:models/base"),
        ("org/model", "org/model"),
        ("hub:gpt2", "hub:gpt2"),
    ],
)
async def test_a_source_that_is_here_is_named_in_full(sources: Sources, typed: str, meant: str) -> None:
    assert await sources.named(ModelChoice(source=typed), RUNS) == ModelChoice(source=meant)
    assert await sources.settled(PretrainedSpec(source=typed), RUNS) == PretrainedSpec(source=meant)


async def test_a_model_without_an_organisation_is_the_hubs_if_it_is_cached(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(SpotterError, match="is called `gpt2`") as refused:
        await sources.named(ModelChoice(source="gpt2"), RUNS)
    assert (refused.value.code, refused.value.field) == (Code.MODEL_NOT_FOUND, "from")
    assert "`hub:gpt2`" in refused.value.next_step
    (tmp_path / "hub" / "models--gpt2").mkdir(parents=True)
    assert await sources.named(ModelChoice(source=" gpt2"), RUNS) == ModelChoice(source="hub:gpt2")


@pytest.mark.parametrize(
    ("typed", "near"), [("endet", "ended"), ("models/bse", "models/base"), ("x" * 6000, None), ("a\0b", None)]
)
async def test_a_slip_is_told_with_what_is_near(sources: Sources, typed: str, near: str | None) -> None:
    with pytest.raises(SpotterError, match="neither a run of yours nor a model in the approved folders") as refused:
        await sources.named(ModelChoice(source=typed), RUNS)
    assert refused.value.message.endswith(f"; did you mean {near}?" if near else "`")


@pytest.mark.parametrize(
    ("model", "code", "says"),
    [
        (
            PretrainedSpec(source="run:endet"),
            Code.MODEL_NOT_FOUND,
            "from: you have no run called `endet`; did you mean ended?",
        ),
        (PretrainedSpec(source="run:begun"), Code.MODEL_NOT_FOUND, "from: `begun` has saved no weights yet"),
        (PretrainedSpec(source="run:pets"), Code.MODEL_INCOMPATIBLE, "from: `pets` trained image-cnn"),
        (PretrainedSpec(source="run:letters"), Code.MODEL_INCOMPATIBLE, "from: `letters` trained char-lstm"),
        (PretrainedSpec(source="folder:models/bas"), Code.MODEL_NOT_FOUND, "did you mean models/base?"),
        (
            ModuleSpec(file="nets/smal.py"),
            Code.MODEL_NOT_FOUND,
            "module: there is no `nets/smal.py` in the approved folders; did you mean nets/small.py?",
        ),
        (PretrainedSpec(source="endet"), Code.MODEL_NOT_FOUND, "is called `endet`; did you mean ended?"),
        (ModuleSpec(file="nets/../nets/small.py"), Code.MODEL_NOT_FOUND, "module: there is no"),
    ],
)
async def test_what_is_not_here_is_said_so_with_what_is_near(
    sources: Sources, model: ModelSpec, code: Code, says: str
) -> None:
    with pytest.raises(SpotterError) as refused:
        await sources.settled(model, RUNS)
    assert refused.value.code is code and says in str(refused.value)


async def test_somebody_elses_run_is_none(sources: Sources) -> None:
    with pytest.raises(SpotterError, match="you have no run called `ended`"):
        await sources.settled(PretrainedSpec(source="run:ended"), {"going"})


async def test_what_is_listed_is_what_is_taken(sources: Sources) -> None:
    for file in await sources.modules():
        assert await sources.settled(ModuleSpec(file=file), ()) == ModuleSpec(file=file)
    for name in await sources.folders():
        assert await sources.settled(PretrainedSpec(source=f"folder:{name}"), ()) == PretrainedSpec(
            source=f"folder:{name}"
        )
    assert (await sources.modules(), await sources.folders()) == (["nets/small.py"], ["models/base"])


@pytest.mark.parametrize(
    ("model", "setting"),
    [(ModuleSpec(file="nets/small.py"), "MODULE"), (PretrainedSpec(source="folder:models/base"), "MODEL")],
)
async def test_who_approved_nothing_is_told_how(tmp_path: Path, model: ModelSpec, setting: str) -> None:
    with pytest.raises(SpotterError, match="is approved") as refused:
        await Sources(Home(tmp_path), NONE).settled(model, RUNS)
    assert refused.value.next_step == f"Its owner can name folders in SPOTTER_{setting}_DIRS."

"""Whether what a model is to be made from is here, and whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    ],
)
async def test_a_source_that_is_here_is_named_in_full(sources: Sources, typed: str, meant: str) -> None:
    assert await sources.settled(PretrainedSpec(source=typed), RUNS) == PretrainedSpec(source=meant)


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

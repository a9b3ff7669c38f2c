"""`/trainer train`: what is taken, and what is refused before anything is queued."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from bot.chat.client import SpotterClient
from bot.runs.model import RunState
from bot.runs.service import RunService
from tests.bot.chat import cards, stories
from tests.bot.chat.conftest import UPLOAD_LIMIT, Chat, nothing_to_announce
from tests.trainer_core.data.album import patterns, zipped
from trainer_core.approved import Approved
from trainer_core.data import catalog as folders
from trainer_core.events import JobCompleted
from trainer_core.models.specs import ImageCNNSpec, LlamaSpec, LoraSpec, ModelSpec, ModuleSpec, PretrainedSpec

PROSE = "\n\n".join(f"Paragraph {number} tells of {number * 7} swans on a lake in winter." for number in range(80))

UNREACHABLE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _connected(spotter: SpotterClient) -> None:
    """Every test here has the client connected."""


def approve(
    chat: Chat, spotter: SpotterClient, *, modules: tuple[Path, ...] = (), models: tuple[Path, ...] = ()
) -> None:
    approved = Approved(modules=modules, models=models)
    spotter.service = RunService(
        chat.database, chat.home, chat.catalog, nothing_to_announce, chat.dispatch, approved=approved
    )


async def test_a_data_set_by_name(chat: Chat) -> None:
    reply = await chat.owner.slash("trainer train", data="python-docs", budget="500 steps", size="mini", name="My-Run ")
    [run] = await chat.runs()
    assert (run.name, run.state, run.owner_id) == ("my-run", RunState.QUEUED, chat.owner.id)
    assert str(run.spec.budget) == "500 steps"
    assert run.spec.model.label == "gpt2 mini"
    assert reply.text.startswith("🏋️ **my-run** is first in the queue, starts now.\n`python-docs`")
    assert not reply.ephemeral
    assert chat.dispatch.woken == 1
    async with chat.database.snapshot() as tx:
        assert [row["user_id"] for row in await tx.all("SELECT user_id FROM watches")] == [chat.owner.id]


async def test_what_is_left_out_or_blank_takes_its_default(chat: Chat) -> None:
    await chat.owner.slash("trainer train", data=" python-docs ", budget="  ", name=" ")
    [run] = await chat.runs()
    assert str(run.spec.budget) == "10m"
    assert run.spec.model.label == "gpt2 tiny"
    assert run.name.count("-") == 2


async def test_every_kind_of_model_can_be_asked_for_with_its_settings(chat: Chat, spotter: SpotterClient) -> None:
    nets = chat.home.path.parent / "nets"
    nets.mkdir()
    (nets / "small.py").touch()
    approve(chat, spotter, modules=(nets,))
    asked: list[tuple[dict[str, str | int | float], ModelSpec]] = [
        ({"model": "llama", "size": " Depth=3"}, LlamaSpec(size="depth=3")),
        ({"from": "org/model", "lora": 4}, PretrainedSpec(source="org/model", lora=LoraSpec(rank=4))),
        ({"module": "nets/small.py:Net", "wiring": "{}"}, ModuleSpec(file="nets/small.py", name="Net", wiring={})),
    ]
    further = "optimizer.schedule=cosine evaluation.patience=3"
    for options, _ in asked:
        options |= {"data": "python-docs", "learning_rate": 1e-3, "workers": 1, "settings": further, "batch": 256}
        reply = await chat.owner.slash("trainer train", options)
        assert reply.text.startswith("🏋️"), reply.text
    specs = [run.spec for run in await chat.runs()]
    assert [spec.model for spec in specs] == [model for _, model in asked]
    assert {(spec.optimizer.learning_rate, spec.optimizer.schedule, spec.batch.tokens_per_step) for spec in specs} == {
        (1e-3, "cosine", 256)
    }
    assert {spec.evaluation.patience for spec in specs} == {3}
    [choice] = await chat.friend.autocomplete("trainer train", "module", "small")
    assert choice.value == "nets/small.py"


async def test_an_own_run_that_has_ended_can_be_gone_on_from(chat: Chat) -> None:
    await chat.owner.slash("trainer train", data="python-docs", name="swans")
    assert await chat.owner.autocomplete("trainer train", "from", "") == []
    await chat.reported("swans", [*stories.events(10), JobCompleted(summary=stories.summary())])
    [choice] = await chat.owner.autocomplete("trainer train", "from", "")
    assert (choice.name, choice.value) == ("swans · your run", "run:swans")
    assert await chat.friend.autocomplete("trainer train", "from", "") == []
    for asker, says in ((chat.friend, "you have no run called `swans`"), (chat.owner, "has saved no weights yet")):
        reply = await asker.slash("trainer train", {"data": "python-docs", "from": "run:swans"})
        assert reply.text.startswith("⚠️ **from**: ") and says in reply.text


async def test_a_folder_is_gone_on_from_by_its_name_alone(chat: Chat, spotter: SpotterClient) -> None:
    """Also where no model on the Hub could have that name."""
    models = chat.home.path.parent / "my models"
    for name in ("base", "large/of two"):
        (models / name).mkdir(parents=True)
        (models / name / "config.json").touch()
    approve(chat, spotter, models=(models,))
    for name in ("base", "large/of two"):
        await chat.owner.slash("trainer train", {"data": "python-docs", "from": f"my models/{name}"})
    assert [run.spec.model for run in await chat.runs()] == [
        PretrainedSpec(source="folder:my models/base"),
        PretrainedSpec(source="folder:my models/large/of two"),
    ]


async def test_a_name_that_is_nothing_here_is_no_model_on_the_hub(chat: Chat) -> None:
    await chat.owner.slash("trainer train", data="python-docs", name="swans")
    for asker, typed, near in ((chat.owner, "swanz", "; did you mean swans?"), (chat.friend, "swans", ".")):
        reply = await asker.slash("trainer train", {"data": "python-docs", "from": typed})
        first, second = reply.text.splitlines()
        called = f"neither a run of yours nor a model in the approved folders is called `{typed}`"
        assert first == f"⚠️ **from**: {called}{near}" and "`hub:gpt2`" in second
    assert len(await chat.runs()) == 1


async def test_a_name_that_is_no_text_breaks_no_list(chat: Chat, spotter: SpotterClient) -> None:
    nets, models = (chat.home.path.parent / name for name in ("nets", "models"))
    for folder in (nets, models / "base", Path(os.fsdecode(bytes(models) + b"/caf\xe9"))):
        folder.mkdir(parents=True)
        (folder / "config.json").touch()
    for name in (b"good.py", b"caf\xe9.py"):
        Path(os.fsdecode(bytes(nets) + b"/" + name)).touch()
    approve(chat, spotter, modules=(nets,), models=(models,))
    for option, listed in (("module", ["nets/good.py"]), ("from", ["folder:models/base"])):
        offered = await chat.owner.autocomplete("trainer train", option, "")
        assert [choice.value for choice in offered] == listed
    reply = await chat.owner.slash("trainer models")
    assert "nets/good.py" in str(reply.embeds)


async def test_sizes_are_suggested_with_how_large_the_chosen_model_gets(chat: Chat) -> None:
    assert [choice.name for choice in await chat.owner.autocomplete("trainer train", "size", "t")] == [
        "tiny · about 1.33M parameters"
    ]
    [deep] = await chat.owner.autocomplete("trainer train", "size", "7")
    [recurrent] = await chat.owner.autocomplete("trainer train", "size", "7", model="char-lstm")
    assert deep.value == recurrent.value == "depth=7" and deep.name != recurrent.name


async def test_an_attached_file(chat: Chat) -> None:
    reply = await chat.owner.slash("trainer train", file=("Swans.MD", PROSE.encode()), budget="20 steps")
    await chat.outcome(reply)
    [run] = await chat.runs()
    card = folders.read_card(chat.home, "swans")
    assert (run.spec.data.dataset, run.spec.data.sha256) == ("swans", card.content)
    assert "`swans`" in reply.text
    assert card.added_by == str(chat.owner.id)


async def test_the_second_in_line_is_told_its_place(chat: Chat) -> None:
    await chat.owner.slash("trainer train", data="python-docs", budget="1h")
    reply = await chat.owner.slash("trainer train", data="python-docs")
    assert "place 2 in the queue" in reply.text


REFUSED: list[tuple[dict[str, str | tuple[str, bytes]], str]] = [
    ({"data": "pyhton-docs"}, "data"),
    ({"data": "../../etc"}, "data"),
    ({}, "data"),
    ({"data": "python-docs", "file": ("a.txt", PROSE.encode())}, "data"),
    ({"data": "python-docs", "budget": "soon"}, "budget"),
    ({"data": "python-docs", "budget": "0 steps"}, "budget"),
    ({"data": "python-docs", "name": "../x"}, "name"),
    ({"data": "python-docs", "name": "x" * 49}, "name"),
    ({"data": "python-docs", "size": "huge"}, "size"),
    ({"data": "python-docs", "size": "depth=65"}, "size"),
    ({"data": "python-docs", "model": "gpt2", "from": "org/model"}, "from"),
    ({"data": "python-docs", "model": "pretrained"}, "from"),
    ({"data": "python-docs", "module": "nets/small.py"}, "module"),
    ({"data": "python-docs", "settings": "faster"}, "settings"),
    ({"data": "python-docs", "settings": "optimizer.warmth=1"}, "optimizer.warmth"),
    ({"data": "python-docs", "settings": "tokenizer.kind=saved"}, "tokenizer"),
    ({"data": "python-docs", "model": "image-cnn"}, "model"),
    ({"file": ("a.txt", b"x")}, "file"),
    ({"file": ("a.pdf", PROSE.encode())}, "file"),
    ({"file": ("a.txt", b"x" * (UPLOAD_LIMIT + 1))}, "file"),
]


async def test_bad_input_is_refused_by_field_and_leaves_nothing(chat: Chat) -> None:
    for options, field in REFUSED:
        chat.playground.clock.advance(60)
        reply = await chat.owner.slash("trainer train", options)
        await chat.outcome(reply)
        assert reply.text.startswith(f"⚠️ **{field}**: "), (options, reply.text)
        assert await chat.runs() == []
    assert [card.name for card in folders.list_cards(chat.home)] == ["python-docs"]
    assert not chat.home.incoming.exists() or not list(chat.home.incoming.iterdir())
    assert not chat.home.runs.exists()
    assert chat.dispatch.woken == 0


async def test_a_priority_is_taken(chat: Chat) -> None:
    await chat.owner.slash("trainer train", data="python-docs", name="swans")
    await chat.friend.slash("trainer train", data="python-docs", name="geese", priority="low")
    reply = await chat.owner.slash("trainer train", data="python-docs", name="ducks", priority="high")
    assert reply.text.startswith("🏋️ **ducks** is first in the queue, starts now.")
    listed = (await chat.owner.slash("trainer runs")).embeds[0]["description"]
    assert "**swans** queued · place 2" in listed and "**geese** queued · place 3" in listed


async def test_a_high_priority_is_the_owners_to_ask_for(chat: Chat) -> None:
    reply = await chat.friend.slash("trainer train", data="python-docs", priority="high")
    assert reply.text.startswith("⚠️ **priority**: only the owner")
    assert await chat.runs() == []


async def test_whoever_has_too_many_waiting_is_told_so_and_what_to_do(chat: Chat, spotter: SpotterClient) -> None:
    spotter.service = RunService(
        chat.database, chat.home, chat.catalog, nothing_to_announce, chat.dispatch, queued_cap=2
    )
    for name in ("geese", "ducks"):
        await chat.friend.slash("trainer train", data="python-docs", name=name)
    reply = await chat.friend.slash("trainer train", data="python-docs")
    assert reply.text == (
        "⚠️ 2 runs are waiting already, the most one person may have.\n"
        "➡️ Take one out of the queue with `/trainer stop`, or wait until one starts."
    )
    assert len(await chat.runs()) == 2


async def test_all_wrong_fields_are_told_at_once(chat: Chat) -> None:
    reply = await chat.owner.slash("trainer train", data="python-docs", budget="soon", name="../x")
    assert [line.split("**")[1] for line in reply.text.splitlines()] == ["name", "budget"]


async def test_a_taken_name_is_refused(chat: Chat) -> None:
    await chat.owner.slash("trainer train", data="python-docs", name="swans")
    reply = await chat.owner.slash("trainer train", data="python-docs", name="swans", budget="1h")
    assert reply.text.startswith("⚠️ **name**: there is a run called `swans` already")


@pytest.mark.parametrize(
    "options",
    [{"data": "python-docs"}, {"data": "python-docs", "name": "swans"}, {"file": ("swans.txt", PROSE.encode())}],
)
async def test_a_double_click_is_one_run(chat: Chat, options: dict[str, str | tuple[str, bytes]]) -> None:
    slashes = (chat.owner.slash("trainer train", options) for _ in range(2))
    replies = await asyncio.gather(*slashes)
    for reply in replies:
        await chat.outcome(reply)
    [run] = await chat.runs()
    assert all(reply.text.startswith(f"🏋️ **{run.name}** is first in the queue") for reply in replies)
    assert sorted(reply.text.splitlines()[-1] for reply in replies) == [
        "-# I write to you here as it goes, and when it is done.",
        "-# You asked for this twice: it is one run.",
    ]
    assert [card.name for card in folders.list_cards(chat.home)].count("swans") <= 1


async def test_the_same_asked_for_by_two_or_a_while_later_is_two_runs(chat: Chat) -> None:
    await chat.owner.slash("trainer train", data="python-docs")
    await chat.friend.slash("trainer train", data="python-docs")
    chat.playground.clock.advance(60)
    await chat.owner.slash("trainer train", data="python-docs")
    assert len(await chat.runs()) == 3


async def test_a_file_that_cannot_be_downloaded_is_said_to_be_so(chat: Chat) -> None:
    chat.playground.world.cdn.origin = UNREACHABLE
    reply = await chat.owner.slash("trainer train", file=("a.txt", PROSE.encode()))
    assert reply.text == "⚠️ **file**: The file could not be downloaded.\n➡️ Attach the file again."


async def test_a_link_that_has_expired_is_a_failed_download(chat: Chat) -> None:
    chat.playground.world.cdn.origin += "/elsewhere"
    reply = await chat.owner.slash("trainer train", file=("a.txt", PROSE.encode()))
    assert reply.text.startswith("⚠️ **file**: The file could not be downloaded.")


@pytest.mark.parametrize("file", [("a.exe", PROSE.encode()), ("a.txt", b"x" * (UPLOAD_LIMIT + 1))])
async def test_a_file_of_another_kind_or_size_is_not_even_downloaded(chat: Chat, file: tuple[str, bytes]) -> None:
    chat.playground.world.cdn.origin = UNREACHABLE
    reply = await chat.owner.slash("trainer train", file=file)
    assert reply.text.startswith("⚠️ **file**: ")
    assert "downloaded" not in reply.text


async def test_suggestions_are_the_persons_own_and_the_built_in(chat: Chat) -> None:
    chat.added(cards.dataset(name="swans"))
    chat.added(cards.dataset(name="geese"), chat.friend)
    assert [choice.value for choice in await chat.owner.autocomplete("trainer train", "data", "")] == [
        "python-docs",
        "swans",
    ]
    [choice] = await chat.friend.autocomplete("trainer train", "data", " GEE")
    assert (choice.name, choice.value) == ("geese · 1.2 MB", "geese")


async def test_somebody_elses_data_set_does_not_exist(chat: Chat) -> None:
    chat.added(cards.dataset(name="swans"))
    reply = await chat.friend.slash("trainer train", data="swans")
    assert reply.text.startswith("⚠️ **data**: there is no data set 'swans'")


async def test_pictures_get_a_classifier_and_no_model_of_text(chat: Chat) -> None:
    chat.added(cards.pictures())
    reply = await chat.owner.slash("trainer train", data="pets", model="gpt2")
    assert reply.text.startswith("⚠️ **model**: `pets` holds pictures") and await chat.runs() == []
    await chat.owner.slash("trainer train", data="pets", size="mini")
    [run] = await chat.runs()
    assert run.spec.model.label == "image-cnn mini"


async def test_settings_of_the_classifier_are_taken_without_naming_it(chat: Chat) -> None:
    chat.added(cards.pictures())
    await chat.owner.slash("trainer train", data="pets", settings="model.augment=mirror model.side=32")
    [run] = await chat.runs()
    assert run.spec.model == ImageCNNSpec(augment="mirror", side=32)
    for data, says in (("pets", "take one of none, shift or mirror."), ("python-docs", "there is no such setting.")):
        reply = await chat.owner.slash("trainer train", data=data, settings="model.augment=wild", budget="soon")
        lines = reply.text.splitlines()
        assert [line.split("**")[1] for line in lines] == ["model.augment", "budget"], "all that is wrong, at once"
        assert lines[0] == f"⚠️ **model.augment**: {says}"


async def test_settings_of_the_model_are_held_against_what_a_file_turns_out_to_hold(chat: Chat) -> None:
    settings = "model.augment=shift"
    reply = await chat.owner.slash("trainer train", file=("swans.txt", PROSE.encode()), settings=settings)
    await chat.outcome(reply)
    assert reply.text == "⚠️ **model.augment**: there is no such setting."
    reply = await chat.owner.slash("trainer train", file=("patterns.zip", zipped(patterns())), settings=settings)
    await chat.outcome(reply)
    [run] = await chat.runs()
    assert (run.spec.data.dataset, run.spec.model) == ("patterns", ImageCNNSpec(augment="shift"))

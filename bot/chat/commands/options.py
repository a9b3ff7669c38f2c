"""What the commands' options have in common: suggestions while the person types, and blank values."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice

from discord.app_commands import Choice

from bot.catalog.named import KINDS
from bot.chat.render import text
from bot.chat.render.guide import size_label
from bot.chat.render.steering import PAUSABLE
from bot.chat.reply import Interaction, person_of
from bot.runs.again import RETRYABLE
from bot.runs.model import STEERABLE, RunState
from bot.runs.offers import family_named, sizes_for
from bot.runs.service import GOING
from trainer_core.data.card import DatasetCard
from trainer_core.errors import Code, SpotterError
from trainer_core.models.specs import FOLDER, RUN
from trainer_core.tokenizers.families import FAMILIES

CHOICES = 25
CHOICE_NAME = 100


async def any_run(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The person's runs."""
    return await _runs(interaction, typed, frozenset(RunState))


async def going_run(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The person's runs that have not ended."""
    return await _runs(interaction, typed, GOING)


async def pausable_run(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The person's runs that wait for a slot or have one."""
    return await _runs(interaction, typed, PAUSABLE)


async def paused_run(interaction: Interaction, typed: str) -> list[Choice[str]]:
    return await _runs(interaction, typed, (RunState.PAUSED,))


async def training_run(interaction: Interaction, typed: str) -> list[Choice[str]]:
    return await _runs(interaction, typed, STEERABLE)


async def ended_short_run(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The person's runs that failed or were stopped."""
    return await _runs(interaction, typed, RETRYABLE)


async def _runs(interaction: Interaction, typed: str, states: Collection[RunState]) -> list[Choice[str]]:
    names = await interaction.client.service.run_names(person_of(interaction), typed, states=states, limit=CHOICES)
    return [Choice(name=name, value=name) for name in names]


async def dataset(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The data sets the person may train on."""
    return _datasets(await interaction.client.catalog.datasets(person_of(interaction)), typed)


async def own_dataset(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The data sets the person may delete."""
    cards = await interaction.client.catalog.datasets(person_of(interaction))
    return _datasets([card for card in cards if not card.builtin], typed)


def _datasets(cards: Iterable[DatasetCard], typed: str) -> list[Choice[str]]:
    named = ((f"{card.name} · {text.size(card.bytes)}", card.name) for card in cards)
    return offered(named, typed)


async def local_source(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """Files and folders under the folders that the owner approved."""
    names = await interaction.client.catalog.local_sources(person_of(interaction))
    return offered(((name, name) for name in names), typed)


async def size(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The dial, with about how large the chosen model gets."""
    family = family_named(getattr(interaction.namespace, "model", None))
    return [Choice(name=size_label(size, family), value=size) for size in sizes_for(typed)]


async def source(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """What can be gone on from: the person's runs, and the folders that the owner approved."""
    service, person = interaction.client.service, person_of(interaction)
    runs = [(f"{name} · your run", f"{RUN}{name}") for name in await service.sources(person)]
    folders = [(f"{name} · a folder", f"{FOLDER}{name}") for name in await service.model_folders()]
    return offered([*runs, *folders], typed)


async def module(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """Python files below the folders that the owner approved."""
    return offered(((name, name) for name in await interaction.client.service.modules()), typed)


async def saved_tokenizer(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """The person's tokenizers."""
    return offered(await _saved(interaction), typed)


async def any_tokenizer(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """What a run may use: the person's tokenizers, the kinds that it can make for itself, known model families."""
    made = [(f"{kind} · made for the run", kind) for kind in KINDS]
    return offered([*await _saved(interaction), *made, *_families()], typed)


async def family(interaction: Interaction, typed: str) -> list[Choice[str]]:
    """Model families whose tokenizers are known."""
    return offered(_families(), typed)


async def _saved(interaction: Interaction) -> list[tuple[str, str]]:
    cards = await interaction.client.catalog.tokenizers(person_of(interaction))
    return [(f"{card.name} · yours, vocabulary {text.number(card.vocabulary)}", card.name) for card in cards]


def _families() -> list[tuple[str, str]]:
    return [
        (f"{known.name} · {known.kind}, vocabulary {text.number(known.vocabulary)}", known.name) for known in FAMILIES
    ]


def offered(named: Iterable[tuple[str, str]], typed: str) -> list[Choice[str]]:
    """Of (label, value) those that hold what was typed, as many as Discord shows."""
    wanted = typed.strip().lower()
    fitting = ((label, value) for label, value in named if wanted in value.lower() and len(value) <= CHOICE_NAME)
    return [Choice(name=text.clip(label, CHOICE_NAME), value=value) for label, value in islice(fitting, CHOICES)]


def given(value: str | None) -> str | None:
    """The value without blanks around it; None if nothing is left."""
    return (value or "").strip() or None


def named_run(value: str) -> str:
    """The run's name. Raises SpotterError if it is blank."""
    name = given(value)
    if name is None:
        raise SpotterError(
            Code.CONFIG_INVALID, "name the run", field="run", next_step="`/trainer runs` lists your runs."
        )
    return name

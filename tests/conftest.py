"""For all tests: nothing they start asks a hub for anything."""

from __future__ import annotations

import os

import discord
import hypothesis
import pytest

from trainer_core.data.catalog import BUILTIN
from trainer_core.data.intake.ingest import ingest
from trainer_core.files.layout import Home
from trainer_core.tasks.orders import AddDataset, BuiltinSource

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
for name in [key for key in os.environ if key.startswith("SPOTTER_") or key == "DISCORD_TOKEN"]:
    del os.environ[name]

hypothesis.settings.register_profile("untimed", deadline=None, max_examples=60)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that has what ships with Spotter, so that not every bot has to make it."""
    home = Home(tmp_path_factory.mktemp("shipped"))
    ingest(AddDataset(home=home.path, source=BuiltinSource(name=BUILTIN), added_by="", name=BUILTIN), lambda _: None)
    return home


@pytest.fixture
def discord_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts back where discord.py looks for Discord: `point_at` changes that for the whole process."""
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", None)

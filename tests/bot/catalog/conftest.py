"""A catalog that carries its orders out in this process, and who asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.catalog.catalog import Catalog
from bot.catalog.incoming import Incoming
from bot.person import Person
from tests.bot.catalog.inline import Inline
from trainer_core.files.layout import Home
from trainer_core.models.specs import Size

ADA, GRACE = Person(7, is_owner=True), Person(8, is_owner=False)
UPLOAD_LIMIT = 2**20


@dataclass
class Going:
    """The runs there are, as a test says: a port of the catalog's own."""

    names: dict[str, str] = field(default_factory=dict)
    """The run that trains on a data set, by the data set's name."""
    measured: dict[Size, float] = field(default_factory=dict)

    @asynccontextmanager
    async def training_on(self, dataset: str) -> AsyncIterator[str | None]:
        yield self.names.get(dataset)

    async def speeds(self) -> Mapping[Size, float]:
        return self.measured


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def going() -> Going:
    return Going()


@pytest.fixture
def inline() -> Inline:
    return Inline()


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder that the owner approved."""
    folder = tmp_path / "texts"
    folder.mkdir()
    return folder


@pytest.fixture
async def catalog(home: Home, going: Going, inline: Inline, texts: Path) -> AsyncIterator[Catalog]:
    catalog = Catalog(home, going, upload_limit=UPLOAD_LIMIT, corpus_limit=2**24, data_dirs=[texts], tasks=inline)
    yield catalog
    await catalog.close()


async def received(catalog: Catalog, filename: str, data: bytes) -> Incoming:
    """A file that was downloaded."""
    place = await catalog.receive(filename, len(data))
    place.path.write_bytes(data)
    return place


def prose(words: int = 400, seed: int = 1) -> str:
    """English enough to be taken in, different for each seed."""
    few = "the swan glides over a quiet lake while geese argue about bread and weather".split()
    return " ".join(few[(number * number * seed + number // 7) % len(few)] for number in range(words)) + "\n"

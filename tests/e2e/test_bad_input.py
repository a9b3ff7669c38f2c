"""Bad input is refused before anything is queued, in a sentence that names the field; nothing half-made stays."""

from __future__ import annotations

import math

import pytest

from bot.app import Spotter
from bot.runs.intake import Submission
from playground.people import Person
from tests.e2e.conftest import TEXT, Bots, train
from trainer_core.errors import SpotterError
from trainer_core.files.layout import Home

CSV = b"id,price\n" + b"".join(b"%d,%d\n" % (n, n * 7) for n in range(400))

REFUSED: list[tuple[str, dict[str, object], list[str]]] = [
    ("unknown data name", {"data": "python-dogs"}, ["data", "python-docs"]),
    ("neither data nor file", {}, ["data", "file"]),
    ("data and file", {"data": "python-docs", "file": ("song.txt", TEXT)}, ["data", "not both"]),
    ("empty file", {"file": ("song.txt", b"")}, ["file", "is empty"]),
    ("1-byte file", {"file": ("song.txt", b"a")}, ["file", "1,000"]),
    ("no text at all", {"file": ("song.txt", bytes(range(256)) * 40)}, ["file", "binary"]),
    ("a CSV with no text column", {"file": ("table.csv", CSV)}, ["file", "column"]),
    ("a JSON that is none", {"file": ("song.json", b'{"a": ' * 300)}, ["file", "JSON"]),
    ("another kind", {"file": ("song.exe", TEXT)}, ["file", ".txt"]),
    ("over the limit", {"file": ("song.txt", TEXT * 20)}, ["file", "at most"]),
    ("a budget that does not parse", {"data": "python-docs", "budget": "a while"}, ["budget", "10m"]),
    ("a budget of nothing", {"data": "python-docs", "budget": "0 steps"}, ["budget", "10m"]),
    ("a batch of 0", {"data": "python-docs", "batch": 0}, ["batch", "1"]),
    ("a batch that is too large", {"data": "python-docs", "batch": 2**40}, ["batch"]),
    ("a budget of more digits than a number has", {"data": "python-docs", "budget": "9" * 400 + " steps"}, ["budget"]),
    ("a name with ../", {"data": "python-docs", "name": "../etc"}, ["name", "hyphen"]),
    ("a data name with ../", {"data": "../../etc"}, ["data"]),
    ("everything at once", {"data": "python-docs", "name": "A B", "budget": "x"}, ["name", "budget"]),
]


KEPT = ("runs", "attempts", "events", "watches", "outbox", "transitions")
"""What the store holds of runs."""


async def holds_nothing(parts: Spotter, home: Home) -> bool:
    """Whether neither the store nor the home folder has anything of a run, or a data set but those that come along."""
    async with parts.database.snapshot() as tx:
        stored = [table for table in KEPT if await tx.all(f"SELECT * FROM {table}")]
    made = {path.name for path in home.datasets.iterdir()} if home.datasets.exists() else set()
    return not stored and made <= {"python-docs"} and not home.runs.exists() and not home.tokenizers.exists()


async def test_bad_options_are_refused(bots: Bots, owner: Person) -> None:
    async with bots.running(attachment_mb=0.1) as parts:
        for what, options, says in REFUSED:
            said = str((await train(owner, **options)).to_dict())  # type: ignore[arg-type]  # as a person would type
            assert await holds_nothing(parts, bots.home), what
            assert all(word in said for word in says), (what, said)


OVERRIDES: list[tuple[str, dict[str, object]]] = [
    ("optimizer.learning_rate", {"optimizer": {"learning_rate": math.nan}}),
    ("optimizer.learning_rate", {"optimizer": {"learning_rate": math.inf}}),
    ("optimizer.learning_rate", {"optimizer": {"learning_rate": -1e-3}}),
    ("batch.tokens_per_step", {"batch": {"tokens_per_step": 0}}),
    ("batch.micro_batch", {"batch": {"micro_batch": 0}}),
]


async def test_numbers_that_mean_nothing_are_refused_wherever_they_come_from(bots: Bots, owner: Person) -> None:
    """The command has no option for most of them; the service is what every way in has in common."""
    async with bots.running() as parts:
        asker = parts.client.access.person(owner.id)
        assert asker is not None
        for field, overrides in OVERRIDES:
            with pytest.raises(SpotterError) as refused:
                await parts.service.submit(asker, Submission(data="python-docs", overrides=overrides))
            assert [problem.field for problem in refused.value.problems] == [field]
        assert await holds_nothing(parts, bots.home)


async def test_a_taken_name_is_refused(bots: Bots, owner: Person) -> None:
    async with bots.running():
        await train(owner, data="python-docs", budget="10m", name="song")
        reply = await train(owner, file=("other.txt", TEXT), budget="10m", name="song")
        await owner.slash("trainer stop", run="song")
    assert "name" in str(reply.to_dict())
    assert {path.name for path in bots.home.datasets.iterdir()} == {"python-docs"}

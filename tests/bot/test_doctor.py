"""What `spotter doctor` finds on this very machine, and on what can be spoilt about it."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config import load_settings
from bot.doctor import Finding, examine
from bot.store import marks
from bot.store.backup import back_up_beside_bot
from bot.store.db import Database
from bot.store.migrations import newest_version
from playground.server import Playground
from tests.bot.processes import spotter
from trainer_core.files.layout import Home


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    async with Playground() as playground:
        yield playground


@pytest.fixture
def torchless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken package comes before the real torch, which takes seconds to load."""
    (tmp_path / "first" / "torch").mkdir(parents=True)
    (tmp_path / "first" / "torch" / "__init__.py").write_text("raise ImportError('libtorch is not for this machine')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "first"))


def at(playground: Playground) -> dict[str, object]:
    """The settings that have this server asked instead of Discord."""
    return {"discord_api": playground.api_url, "discord_gateway": playground.gateway_url}


async def findings(home: Path, **changes: object) -> Mapping[str, Finding]:
    """By subject."""
    found = await examine(load_settings(home=home, **changes))
    assert all(bool(finding.mend) == (finding.verdict != "ok") for finding in found), "what is not ok can be mended"
    return {finding.subject: finding for finding in found}


async def test_a_healthy_machine(tmp_path: Path, playground: Playground) -> None:
    home = tmp_path / "home"
    found = await findings(home, discord_token=playground.token, owner_id=7, **at(playground))
    subjects = ["Python", "torch", "SQLite", "home folder", "disk", "SentencePiece", "LoRA", "Discord token", "owner"]
    assert list(found) == subjects
    assert {finding.verdict for finding in found.values()} <= {"ok", "warning"}
    assert found["Python"].what == ".".join(map(str, sys.version_info[:3]))
    assert found["torch"].verdict == "ok" and any(precision in found["torch"].what for precision in ("fp32", "bf16"))
    assert sqlite3.sqlite_version in found["SQLite"].what
    assert found["home folder"].what == f"{home} (made at the first start)"
    assert "GiB free" in found["disk"].what
    assert found["Discord token"] == Finding("Discord token", "ok", "belongs to spotter")
    assert found["owner"] == Finding("owner", "ok", "7")
    assert not home.exists(), "nothing is made by looking"


async def test_folders_that_can_be_used_and_some_that_cannot(tmp_path: Path, torchless: None) -> None:
    there, gone = tmp_path / "there", tmp_path / "gone"
    there.mkdir()
    found = await findings(tmp_path, data_dirs=[there], module_dirs=[there], model_dirs=[there], mirror_dir=gone / "in")
    subjects = ("data folders", "module folders", "model folders", "second copies")
    assert [found[subject].what for subject in subjects] == [*[str(there)] * 3, str(gone / "in")]
    assert {found[subject].verdict for subject in subjects} == {"ok"}
    gone.symlink_to("nowhere")
    found = await findings(tmp_path, module_dirs=[there, gone])
    assert (found["module folders"].verdict, found["module folders"].what) == ("warning", f"cannot be read: {gone}")
    gone.unlink()
    gone.touch()
    both = [there, gone]
    found = await findings(tmp_path, data_dirs=both, module_dirs=both, model_dirs=both, mirror_dir=gone / "in")
    assert [found[subject].what for subject in subjects] == [
        *[f"cannot be read: {gone}"] * 3,
        f"{gone / 'in'} cannot be written",
    ]
    mends = [found[subject].mend for subject in subjects]
    assert all(
        f"SPOTTER_{name}" in mend for name, mend in zip(("DATA", "MODULE", "MODEL", "MIRROR"), mends, strict=True)
    )


async def test_a_home_that_is_there_already(tmp_path: Path, torchless: None) -> None:
    assert (await findings(tmp_path))["home folder"] == Finding("home folder", "ok", str(tmp_path))


@pytest.mark.parametrize("name", ["home", "home/deeper/still"])
async def test_a_home_that_cannot_be_written(tmp_path: Path, name: str, torchless: None) -> None:
    (tmp_path / "home").write_text("a file, not a folder")
    found = (await findings(tmp_path / name))["home folder"]
    assert found.verdict == "failed" and str(tmp_path / name) in found.what and "SPOTTER_HOME" in found.mend


@pytest.fixture
async def kept(tmp_path: Path) -> Home:
    """A home with a database in it."""
    home = Home(tmp_path / "home")
    await (await Database.open(home.database)).close()
    return home


async def test_a_database_without_a_backup(kept: Home, torchless: None) -> None:
    found = await findings(kept.path)
    assert found["database"] == Finding("database", "ok", f"whole, schema {newest_version()}")
    assert (found["backup"].verdict, found["backup"].what) == ("warning", "there is none")


@pytest.mark.parametrize(
    ("age", "verdict", "says"), [(0, "ok", ".db"), (3, "ok", "is 3 h old"), (30, "warning", "is 30 h old")]
)
async def test_the_newest_backups_age(kept: Home, torchless: None, age: int, verdict: str, says: str) -> None:
    await back_up_beside_bot(kept, datetime.now(UTC) - timedelta(hours=age))
    found = (await findings(kept.path))["backup"]
    assert found.verdict == verdict and found.what.endswith(says)


async def test_a_damaged_database_and_the_backup_to_go_back_to(kept: Home, torchless: None) -> None:
    good = await back_up_beside_bot(kept, datetime.now(UTC))
    kept.database.write_bytes(b"damaged" * 999)
    found = await findings(kept.path)
    assert (found["database"].verdict, found["backup"].verdict) == ("failed", "ok")
    assert f"`spotter restore {good.name}`" in found["database"].mend
    good.write_bytes(b"damaged" * 999)
    assert (await findings(kept.path))["backup"].verdict == "failed"


async def test_a_damaged_backup_is_not_the_one_to_go_back_to(kept: Home, torchless: None) -> None:
    good = await back_up_beside_bot(kept, datetime.now(UTC) - timedelta(hours=2))
    damaged = await back_up_beside_bot(kept, datetime.now(UTC))
    damaged.write_bytes(b"damaged" * 999)
    kept.database.write_bytes(b"damaged" * 999)
    found = await findings(kept.path)
    assert f"`spotter restore {good.name}`" in found["database"].mend
    assert found["backup"].verdict == "failed"
    assert damaged.name in found["backup"].what and f"{good.name}, is 2 h old" in found["backup"].what


async def test_looking_changes_nothing_beside_a_running_bot(kept: Home, torchless: None) -> None:
    database = await Database.open(kept.database)
    await marks.write(database, "a", "1")
    assert (await findings(kept.path))["database"].verdict == "ok"
    await marks.write(database, "a", "2")
    assert await marks.read(database, "a") == "2"
    await database.close()


async def test_what_is_not_set_is_said_to_be_needed_for_discord_only(tmp_path: Path, torchless: None) -> None:
    found = await findings(tmp_path)
    assert (found["Discord token"].verdict, found["owner"].verdict) == ("warning", "warning")
    assert "DISCORD_TOKEN is not set" in found["Discord token"].what and "`spotter run` only" in found["owner"].mend


async def test_a_token_that_discord_refuses(tmp_path: Path, playground: Playground, torchless: None) -> None:
    token = (await findings(tmp_path, discord_token="wr0ng", **at(playground)))["Discord token"]
    assert token.verdict == "failed" and "DISCORD_TOKEN" in token.mend
    assert "wr0ng" not in f"{token.what} {token.mend}"


async def test_a_discord_with_troubles_of_its_own(tmp_path: Path, playground: Playground, torchless: None) -> None:
    playground.faults.add("GET", "/users/@me", status=503)
    token = (await findings(tmp_path, discord_token=playground.token, **at(playground)))["Discord token"]
    assert (token.verdict, token.what) == ("warning", "Discord answered 503")


async def test_a_discord_that_cannot_be_reached(tmp_path: Path, torchless: None) -> None:
    async with Playground() as closed:
        addresses = at(closed)
    token = (await findings(tmp_path, discord_token="any", **addresses))["Discord token"]
    assert token.verdict == "warning" and "cannot be reached" in token.what and "network" in token.mend


async def test_a_torch_that_does_not_load(tmp_path: Path, torchless: None) -> None:
    found = (await findings(tmp_path / "home"))["torch"]
    assert (found.verdict, found.what) == ("failed", "ImportError: libtorch is not for this machine")
    assert "pip install" in found.mend


async def test_the_exit_status_tells_whether_anything_is_to_be_mended(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    well = await spotter("doctor", home=tmp_path / "[home]")
    assert (well.status, well.err) == (0, "")
    assert f"✓ home folder: {tmp_path / '[home]'}" in well.out and "✓ Python" in well.out and "! owner" in well.out
    ill = await spotter("doctor", home=tmp_path / "file" / "home")
    assert (ill.status, ill.err) == (1, "")
    assert "✗ home folder: " in ill.out and "cannot be written — set SPOTTER_HOME" in ill.out

"""`spotter doctor`: checks everything a run needs and says what to mend."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Literal

import aiohttp

from bot.config import Settings
from bot.store.backup import Backup, backups, folder_of, newest_good
from bot.store.integrity import check
from bot.store.migrations import StoreError
from trainer_core.files.folders import can_hold, nearest
from trainer_core.files.layout import Home

_API = "https://discord.com/api/v10"
_LITTLE_DISK = 5 * 2**30
_NO_DISK = 2**29
_OLDEST_SQLITE = (3, 37, 0)
_OLD_BACKUP = 26
"""Hours after which the newest backup says that nobody makes any."""

Verdict = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `mend` says what to do unless it is ok."""

    subject: str
    verdict: Verdict
    what: str
    mend: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Every finding, in the order in which they should be read."""
    found = [_python(), await _torch(), _sqlite(), _home(settings.home), _disk(settings.home)]
    found += await asyncio.to_thread(lambda: [*_folders(settings)])
    found += [
        _optional("SentencePiece", ("sentencepiece", "google.protobuf"), "sentencepiece", "for its tokenizers only")
    ]
    found += [_optional("LoRA", ("peft",), "lora", "for fine-tuning with adapters only")]
    found += await asyncio.to_thread(_store, Home(settings.home.resolve()))
    return [*found, await _token(settings), _owner(settings)]


def _python() -> Finding:
    return Finding("Python", "ok", ".".join(map(str, sys.version_info[:3])))


async def _torch() -> Finding:
    """Asked of another process: the bot's own never imports torch."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "trainer_core.compute.device"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    if process.returncode:
        last = errors.decode(errors="replace").strip().splitlines()[-1:]
        return Finding("torch", "failed", " ".join(last), "run `pip install -c constraints.txt -e .` again")
    report = json.loads(out)
    return Finding("torch", "ok", f"{report['torch']} on {report['name']}, {report['precision']}: {report['reason']}")


def _sqlite() -> Finding:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        return Finding("SQLite", "failed", version, "use a Python whose sqlite3 is 3.37 or newer (STRICT tables)")
    return Finding("SQLite", "ok", f"{version}, one writing connection")


def _home(home: Path) -> Finding:
    """Writable as it is, or can be made; nothing is left behind."""
    if can_hold(home):
        return Finding("home folder", "ok", f"{home.resolve()}{'' if home.exists() else ' (made at the first start)'}")
    return Finding(
        "home folder", "failed", f"{home.resolve()} cannot be written", "set SPOTTER_HOME to a folder of yours"
    )


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(nearest(home)).free
    what = f"{free / 2**30:.1f} GiB free"
    if free < _NO_DISK:
        return Finding("disk", "failed", what, "free some space, or set SPOTTER_HOME to a larger disk")
    if free < _LITTLE_DISK:
        return Finding("disk", "warning", what, "a larger model's checkpoints may not fit: free some space")
    return Finding("disk", "ok", what)


def _folders(settings: Settings) -> Iterator[Finding]:
    """Those that the owner approved."""
    readable: tuple[tuple[str, str, Sequence[Path]], ...] = (
        ("data folders", "SPOTTER_DATA_DIRS", settings.data_dirs),
        ("module folders", "SPOTTER_MODULE_DIRS", settings.module_dirs),
        ("model folders", "SPOTTER_MODEL_DIRS", settings.model_dirs),
    )
    for subject, setting, folders in readable:
        wrong = [folder for folder in folders if not (folder.is_dir() and os.access(folder, os.R_OK | os.X_OK))]
        if wrong:
            named = ", ".join(map(str, wrong))
            yield Finding(subject, "warning", f"cannot be read: {named}", f"mend {setting}, or the folders")
        elif folders:
            yield Finding(subject, "ok", ", ".join(map(str, folders)))
    if mirror := settings.mirror_dir:
        if can_hold(mirror):
            yield Finding("second copies", "ok", str(mirror))
        else:
            what = f"{mirror} cannot be written"
            yield Finding("second copies", "warning", what, "connect the drive, or mend SPOTTER_MIRROR_DIR")


def _optional(subject: str, modules: Sequence[str], extra: str, what_for: str) -> Finding:
    """A library that comes with an extra of this package."""
    if all(map(_is_installed, modules)):
        return Finding(subject, "ok", f"{modules[0]} {metadata.version(modules[0])}")
    mend = f"{what_for}: `pip install -c constraints.txt -e '.[{extra}]'`"
    return Finding(subject, "warning", "not installed", mend)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package it would be in
        return False


def _store(home: Home) -> list[Finding]:
    """The database and its backups; nothing before the first start. Reads only: a bot may be running."""
    if not home.database.exists():
        return []
    folder = folder_of(home.database)
    newest, good = next(iter(backups(folder)), None), newest_good(folder)
    how = f"`spotter restore {good.path.name}`" if good else "a good copy: there is no good backup"
    try:
        version = check(home.database, thorough=True)
        database = Finding("database", "ok", f"whole, schema {version}")
    except StoreError as error:
        database = Finding("database", "failed", str(error), f"stop the bot and go back with {how}")
    except (sqlite3.Error, OSError) as error:
        database = Finding("database", "failed", f"cannot be read ({error})", "see to it that it can be")
    return [database, _backup(newest, good)]


def _backup(newest: Backup | None, good: Backup | None) -> Finding:
    if newest is None:
        return Finding("backup", "warning", "there is none", "`spotter backup` makes one; a bot makes one each hour")
    if good is None:
        return Finding("backup", "failed", "none of those there are can be used", "`spotter backup` makes a new one")
    hours = (datetime.now(UTC) - good.made) / timedelta(hours=1)
    if newest != good:
        what = f"{newest.path.name} cannot be used; the newest good one, {good.path.name}, is {hours:.0f} h old"
        return Finding("backup", "failed", what, "`spotter backup` makes a new one")
    what = f"the newest, {good.path.name}, is {hours:.0f} h old" if hours >= 1 else good.path.name
    if hours > _OLD_BACKUP:
        return Finding("backup", "warning", what, "`spotter backup` makes one; the bot's log says why it did not")
    return Finding("backup", "ok", what)


async def _token(settings: Settings) -> Finding:
    if settings.discord_token is None:
        return Finding(
            "Discord token", "warning", "DISCORD_TOKEN is not set", "needed for `spotter run` only; see the README"
        )
    headers = {"Authorization": f"Bot {settings.discord_token.get_secret_value()}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15), trust_env=True) as session,
            session.get(f"{settings.discord_api or _API}/users/@me", headers=headers) as response,
        ):
            if response.status == 200:
                return Finding("Discord token", "ok", f"belongs to {(await response.json())['username']}")
            if response.status == 401:
                mend = "reset it on your application's Bot page and set DISCORD_TOKEN to the new one"
                return Finding("Discord token", "failed", "Discord refuses it", mend)
            return Finding("Discord token", "warning", f"Discord answered {response.status}", "try again later")
    except (aiohttp.ClientError, OSError) as error:
        what = f"Discord cannot be reached ({type(error).__name__})"
        return Finding("Discord token", "warning", what, "check the network; training works without it")


def _owner(settings: Settings) -> Finding:
    if settings.owner_id is None:
        return Finding(
            "owner", "warning", "SPOTTER_OWNER_ID is not set", "needed for `spotter run` only; see the README"
        )
    return Finding("owner", "ok", str(settings.owner_id))

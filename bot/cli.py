"""`spotter`: run | train | doctor | demo | backup | restore."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from bot.config import Settings, SettingsError, load_settings
from trainer_core.layout import Home

app = typer.Typer(
    help="Train models on your own hardware, from Discord or from here.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "failed": "[red]✗[/]"}
_NO_NEWS = ("PyNaCl is not installed", "davey is not installed", "Guilds intent seems to be disabled")
"""How warnings begin with which discord.py tells of what Spotter does without: voice, and knowing its servers."""


def main() -> None:
    app()


@app.command()
def run() -> None:
    """Serve Discord: needs DISCORD_TOKEN and SPOTTER_OWNER_ID."""
    from bot.app import serve

    settings = _settings()
    _log_at(settings.log_level)
    try:
        asyncio.run(serve(settings))
    except SettingsError as error:
        _give_up(str(error))


@app.command()
def train(
    data: Annotated[str, typer.Option(help="A text file (.txt .md .csv .json .jsonl), or a data set's name.")],
    model: Annotated[str, typer.Option(help="Model family.")] = "gpt2",
    size: Annotated[str, typer.Option(help="tiny, mini, small or medium.")] = "tiny",
    budget: Annotated[str, typer.Option(help="Like '10m', '500 steps', '3 epochs' or '20M tokens'.")] = "10m",
    out: Annotated[Path | None, typer.Option(help="Put the finished model into this new folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the final numbers as JSON.")] = False,
) -> None:
    """Train a model here and now, without Discord. Exit status 0 means a model that verifies was written."""
    from bot.train import train as train_here
    from trainer_core.errors import SpotterError

    home = Home(_settings().home.resolve())
    try:
        train_here(home, data, model=model, size=size, budget=budget, out=out, as_json=as_json)
    except SpotterError as error:
        # Problems name their fields themselves.
        said = "; ".join(map(str, error.problems)) or str(error)
        _give_up(f"{said.rstrip('.')}. {error.next_step}")
    except OSError as error:
        _give_up(_about_file(error, home.path))


@app.command()
def doctor() -> None:
    """Check Python, torch, SQLite, disk, home folder and token, and say what to mend."""
    from bot.doctor import examine

    console = Console()
    findings = asyncio.run(examine(_settings()))
    for finding in findings:
        mend = f" — {finding.mend}" if finding.mend else ""
        said = escape(f"{finding.what}{mend}")
        console.print(f"{_MARKS[finding.verdict]} [bold]{finding.subject}[/]: {said}", highlight=False, soft_wrap=True)
    raise typer.Exit(1 if any(finding.verdict == "failed" for finding in findings) else 0)


@app.command()
def demo(
    budget: Annotated[str, typer.Option(help="How long the demo trains.")] = "60s",
    size: Annotated[str, typer.Option(help="tiny, mini, small or medium.")] = "tiny",
    port: Annotated[int, typer.Option(help="Port of the chat page; 0 takes any free one.")] = 8700,
) -> None:
    """Try everything without a Discord account: a Discord-like chat on this machine, and the real bot in it."""
    from bot.demo import demo as run_demo

    home = _settings().home.resolve() / "demo"
    try:
        status = asyncio.run(run_demo(home, budget=budget, size=size, port=port))
    except OSError as error:
        _give_up(_about_file(error, home))
    raise typer.Exit(status)


@app.command()
def backup() -> None:
    """Copy the database to the home folder's backups, and verify the copy. The bot may be running."""
    from bot.store.backup import back_up_beside_bot

    home = Home(_settings().home.resolve())
    with _refusals(home):
        made = asyncio.run(back_up_beside_bot(home, datetime.now(UTC)))
        _say(f"The backup is {made} ({_mib(made)}).")


@app.command()
def restore(
    file: Annotated[str | None, typer.Argument(help="A backup: its name or path. Without it, those there are.")] = None,
) -> None:
    """Put a backup in the database's place, while no bot runs. What was there is set aside."""
    from bot.store.backup import backups, folder_of
    from bot.store.restore import restore as put_back

    home = Home(_settings().home.resolve())
    folder = folder_of(home.database)
    if file is None:
        found = backups(folder)
        if not found:
            _give_up(f"There are no backups in {folder}.")
        for one in found:
            _say(f"{one.path.name}  {one.made:%Y-%m-%d %H:%M} UTC  {_mib(one.path)}")
        return
    # As a path; a name alone may also be one of those listed.
    source = Path(file) if Path(file).exists() or Path(file).name != file else folder / file
    with _refusals(home):
        done = put_back(home, source, datetime.now(UTC))
    _say(f"{source.name} is now the database.")
    if done.aside is not None:
        _say(f"What was there is in {done.aside}.")
    if done.unfinished:
        _say(f"The next `spotter run` takes up {', '.join(done.unfinished)}.")
    if done.unknown:
        _say(f"Begun later, so not in it: {', '.join(done.unknown)}. What they saved is in {home.runs}.")


@contextmanager
def _refusals(home: Home) -> Iterator[None]:
    """Give up, in a sentence, at whatever the store or the disk refuses."""
    from bot.store.migrations import StoreError

    try:
        yield
    except StoreError as error:
        _give_up(f"{error}.")
    except sqlite3.Error as error:
        _give_up(f"{home.database}: {error}.")
    except OSError as error:
        _give_up(_about_file(error, home.path))


def _say(sentence: str) -> None:
    Console().print(sentence, highlight=False, markup=False, soft_wrap=True)


def _mib(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:.1f} MiB"


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        _give_up(str(error))


def _about_file(error: OSError, home: Path) -> str:
    """What the system said of which file; an error that names none came from writing to the home folder."""
    file = Path(error.filename or home)
    said = f"{file}: {error.strerror or error}"
    if file.is_relative_to(home) or home.is_relative_to(file):
        return f"{said}; SPOTTER_HOME has to be a folder of yours, with room."
    return f"{said}."


def _give_up(sentence: str) -> NoReturn:
    Console(stderr=True).print(sentence, style="red", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(1)


def _log_at(level: str) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(max(logging.WARNING, logging.getLevelName(level)))
    # Below INFO discord.py logs addresses that hold interaction tokens.
    logging.getLogger("discord").setLevel(max(logging.INFO, logging.getLevelName(level)))
    for name in ("discord.client", "discord.state"):
        logging.getLogger(name).addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_NO_NEWS)

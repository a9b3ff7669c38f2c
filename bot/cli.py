"""`spotter`: run | train | models | dataset | tokenizer | doctor | demo | backup | restore."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from bot.catalog import cli as catalog
from bot.config import SettingsError
from bot.console import about_file, give_up, refusals, say, settings_or_give_up, show
from trainer_core.files.layout import Home

app = typer.Typer(
    help="Train models on your own hardware, from Discord or from here.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(catalog.dataset, name="dataset")
app.add_typer(catalog.tokenizer, name="tokenizer")
_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "failed": "[red]✗[/]"}
_NO_NEWS = ("PyNaCl is not installed", "davey is not installed", "Guilds intent seems to be disabled")
"""How warnings begin with which discord.py tells of what Spotter does without: voice, and knowing its servers."""


def main() -> None:
    app()


@app.command()
def run() -> None:
    """Serve Discord: needs DISCORD_TOKEN and SPOTTER_OWNER_ID."""
    from bot.app import serve

    settings = settings_or_give_up()
    _log_at(settings.log_level)
    try:
        asyncio.run(serve(settings))
    except SettingsError as error:
        give_up(str(error))


@app.command()
def train(
    data: Annotated[str, typer.Option(help="A file or folder, `hub:NAME`, or a data set's name.")],
    model: Annotated[str | None, typer.Option(help="A family that `spotter models` lists.")] = None,
    size: Annotated[str | None, typer.Option(help="tiny, mini, small, medium, or depth=N with N layers.")] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", help="Fine-tune: an earlier run, a folder in SPOTTER_MODEL_DIRS, or a model of the Hub."
        ),
    ] = None,
    lora: Annotated[int | None, typer.Option(help="Fine-tune with LoRA adapters of this rank.")] = None,
    module: Annotated[str | None, typer.Option(help="A Python file in SPOTTER_MODULE_DIRS, like nets/tiny.py.")] = None,
    module_name: Annotated[str | None, typer.Option(help="The class in that file.")] = None,
    wiring: Annotated[str | None, typer.Option(help="What feeds its forward, as JSON.")] = None,
    budget: Annotated[str, typer.Option(help="Like '10m', '500 steps', '3 epochs' or '20M tokens'.")] = "10m",
    learning_rate: Annotated[float | None, typer.Option(help="The highest one; what suits the model.")] = None,
    batch: Annotated[int | None, typer.Option(help="Tokens (or pictures) that a step learns from.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that share each step.")] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            help="One you made, a kind to make (bpe, unigram, wordpiece, sentencepiece, characters), or a model family."
            " What suits the text if you leave it out."
        ),
    ] = None,
    vocabulary: Annotated[int | None, typer.Option(help="Its number of tokens, 100 to 500,000.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Any other setting, like optimizer.schedule=cosine or seed=7.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Put the finished model into this new folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the final numbers as JSON.")] = False,
) -> None:
    """Train a model here and now, without Discord. Exit status 0 means a model that verifies was written."""
    from bot.runs.intake import Submission
    from bot.runs.models import ModelChoice
    from bot.runs.overrides import overrides_of
    from bot.train import train as train_here

    found = settings_or_give_up()
    fields = {"batch.tokens_per_step": batch, "optimizer.learning_rate": learning_rate, "compute.workers": workers}
    with refusals(found.home.resolve()):
        submission = Submission(
            data=data,
            budget=budget,
            model=ModelChoice(model, size, source, lora, module, module_name, wiring),
            tokenizer=tokenizer,
            vocabulary=vocabulary,
            overrides=overrides_of(fields, "\n".join(settings or ())),
        )
        train_here(found, submission, out=out, as_json=as_json)


@app.command()
def models(as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False) -> None:
    """List the models there are to train: what they learn from, their sizes, what they can do; and your own."""
    from bot.models import models_json, models_table
    from trainer_core.models.listed import list_models, list_modules

    approved = settings_or_give_up().approved
    modules, folders = list_modules(approved.modules), list_models(approved.models)
    if as_json:
        print(json.dumps(models_json(modules, folders), indent=2))
    else:
        show(models_table(modules, folders))


@app.command()
def doctor() -> None:
    """Check Python, torch, SQLite, disk, home folder and token, and say what to mend."""
    from bot.doctor import examine

    console = Console()
    findings = asyncio.run(examine(settings_or_give_up()))
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

    home = settings_or_give_up().home.resolve() / "demo"
    try:
        status = asyncio.run(run_demo(home, budget=budget, size=size, port=port))
    except OSError as error:
        give_up(about_file(error, home))
    raise typer.Exit(status)


@app.command()
def backup() -> None:
    """Copy the database to the home folder's backups, and verify the copy. The bot may be running."""
    from bot.store.backup import back_up_beside_bot

    home = Home(settings_or_give_up().home.resolve())
    with _store_refusals(home):
        made = asyncio.run(back_up_beside_bot(home, datetime.now(UTC)))
        say(f"The backup is {made} ({_mib(made)}).")


@app.command()
def restore(
    file: Annotated[str | None, typer.Argument(help="A backup: its name or path. Without it, those there are.")] = None,
) -> None:
    """Put a backup in the database's place, while no bot runs. What was there is set aside."""
    from bot.store.backup import backups, folder_of
    from bot.store.restore import restore as put_back

    home = Home(settings_or_give_up().home.resolve())
    folder = folder_of(home.database)
    if file is None:
        found = backups(folder)
        if not found:
            give_up(f"There are no backups in {folder}.")
        for one in found:
            say(f"{one.path.name}  {one.made:%Y-%m-%d %H:%M} UTC  {_mib(one.path)}")
        return
    # As a path; a name alone may also be one of those listed.
    source = Path(file) if Path(file).exists() or Path(file).name != file else folder / file
    with _store_refusals(home):
        done = put_back(home, source, datetime.now(UTC))
    say(f"{source.name} is now the database.")
    if done.aside is not None:
        say(f"What was there is in {done.aside}.")
    if done.unfinished:
        say(f"The next `spotter run` takes up {', '.join(done.unfinished)}.")
    if done.unknown:
        say(f"Begun later, so not in it: {', '.join(done.unknown)}. What they saved is in {home.runs}.")


@contextmanager
def _store_refusals(home: Home) -> Iterator[None]:
    """Give up, in a sentence, at whatever the store or the disk refuses."""
    from bot.store.migrations import StoreError

    try:
        with refusals(home.path):
            yield
    except StoreError as error:
        give_up(f"{error}.")
    except sqlite3.Error as error:
        give_up(f"{home.database}: {error}.")


def _mib(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:.1f} MiB"


def _log_at(level: str) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(max(logging.WARNING, logging.getLevelName(level)))
    # Below INFO discord.py logs addresses that hold interaction tokens.
    logging.getLogger("discord").setLevel(max(logging.INFO, logging.getLevelName(level)))
    for name in ("discord.client", "discord.state"):
        logging.getLogger(name).addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(_NO_NEWS)

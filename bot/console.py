"""The command line's manners: what every command does with settings, sentences and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console, RenderableType
from rich.measure import Measurement

from bot.config import Settings, SettingsError, load_settings

_WIDEST = 10_000
"""Characters of a line."""


def settings_or_give_up() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        give_up(str(error))


def say(sentence: str) -> None:
    Console().print(sentence, highlight=False, markup=False, soft_wrap=True)


def show(renderable: RenderableType) -> None:
    """Print it, and cut nothing: names are there to be typed."""
    console = Console(highlight=False)
    options = console.options.update(max_width=_WIDEST)
    needed = Measurement.get(console, options, renderable)
    console.width = max(console.width, needed.minimum if console.is_terminal else needed.maximum)
    console.print(renderable)


def give_up(sentence: str) -> NoReturn:
    """Say so on standard error, and end with status 1."""
    Console(stderr=True).print(sentence, style="red", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(1)


def about_file(error: OSError, home: Path) -> str:
    """What the system said of which file; an error that names none came from writing to the home folder."""
    file = Path(error.filename or home)
    said = f"{file}: {error.strerror or error}"
    if file.is_relative_to(home) or home.is_relative_to(file):
        return f"{said}; SPOTTER_HOME has to be a folder of yours, with room."
    return f"{said}."


@contextmanager
def refusals(home: Path) -> Iterator[None]:
    """Give up, in a sentence, at whatever is refused inside, or the disk refuses."""
    from trainer_core.errors import SpotterError

    try:
        yield
    except SpotterError as error:
        # Problems name their fields themselves.
        said = "; ".join(map(str, error.problems)) or str(error)
        give_up(f"{said if said.endswith('?') else said.rstrip('.') + '.'} {error.next_step}")
    except OSError as error:
        give_up(about_file(error, home))

"""The catalog for the command line: its sources, how a task gets on, shown on standard error, and an end in between."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from bot.catalog.catalog import Catalog
from bot.catalog.named import invalid
from bot.catalog.tasks import Told
from bot.config import Settings
from bot.runs.record import RecordBeside
from trainer_core.data.sources import local
from trainer_core.errors import Code, SpotterError
from trainer_core.files.layout import Home
from trainer_core.tasks.orders import HubSource, LocalSource, Progress

HUB = "hub:"
"""What a data set's name on the Hugging Face Hub is written behind."""

_T = TypeVar("_T")


@asynccontextmanager
async def open_catalog(settings: Settings) -> AsyncIterator[Catalog]:
    """The catalog of the home folder. A bot may be using it, too: folders appear whole. Raises OSError."""
    home = Home(settings.home.resolve())
    await asyncio.to_thread(home.path.mkdir, parents=True, exist_ok=True)
    limit = int(settings.corpus_gb * 2**30)
    catalog = Catalog(home, RecordBeside(home), upload_limit=limit, corpus_limit=limit, data_dirs=settings.data_dirs)
    await catalog.tidy()
    try:
        yield catalog
    finally:
        await catalog.close()


def until_signalled(work: Coroutine[Any, Any, _T]) -> _T:
    """`asyncio.run`, where being asked to end, or losing the terminal, is the same as Ctrl-C.

    What is under way is cancelled and clears up; then KeyboardInterrupt is raised.
    """

    async def main() -> _T:
        task = asyncio.current_task()
        assert task is not None, "asyncio.run made it"
        for number in ending_signals():
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await work

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def ending_signals() -> list[signal.Signals]:
    """What asks a command to end besides Ctrl-C; not what it was started to ignore, as `nohup` does."""
    return [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]


def source_of(
    text: str,
    data_dirs: Sequence[Path],
    *,
    config: str | None = None,
    split: str = "train",
    streaming: bool = False,
) -> HubSource | LocalSource | None:
    """What `text` stands for: a file or folder that is there or in an approved folder, or a data set on the Hub.

    None if it is none of these. Raises SpotterError if it cannot be looked for, or names nothing of the Hub.
    """
    if text.startswith(HUB):
        return _on_the_hub(text.removeprefix(HUB).strip(), config, split, streaming=streaming)
    if not text.strip():
        return None
    try:
        path = Path(text).expanduser().resolve()
        if path.exists():
            return LocalSource(path=path, root=path if path.is_dir() else path.parent)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpotterError(
            Code.CORPUS_UNREADABLE,
            f"{text[:300]} cannot be read ({reason})",
            field="data",
            next_step="Check its path, or name a data set.",
        ) from error
    with suppress(SpotterError):
        return local.locate(data_dirs, text)
    return None


def no_source(text: str) -> SpotterError:
    """For what is neither a file nor a folder, here or in an approved folder."""
    named = f"there is no file or folder `{text[:200]}`" if text.strip() else "nothing is named"
    return SpotterError(
        Code.CORPUS_NOT_FOUND, named, field="data", next_step=f"Name a file, a folder, or `{HUB}NAME` of the Hub."
    )


def _on_the_hub(name: str, config: str | None, split: str, *, streaming: bool) -> HubSource:
    if not name:
        raise SpotterError(
            Code.CORPUS_NOT_FOUND, f"name the data set of the Hub, like `{HUB}roneneldan/TinyStories`", field="data"
        )
    try:
        return HubSource(name=name, config=config, split=split, streaming=streaming)
    except ValidationError as error:
        raise invalid(error, "data") from error


@contextmanager
def shown(console: Console) -> Iterator[Told]:
    """A bar while the block lasts, and who is to be told what it shows."""
    with Bar(
        BarColumn(bar_width=30),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,  # elsewhere, its last line would stay
    ) as bars:
        bar = bars.add_task("starting", total=None)

        def told(progress: Progress) -> None:
            bars.update(
                bar,
                description=f"{progress.phase} {progress.detail}".strip(),
                total=None if progress.fraction is None else 1.0,
                completed=progress.fraction or 0.0,
            )

        yield told

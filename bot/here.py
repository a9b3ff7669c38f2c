"""The catalog for the command line: its sources, and how a task gets on, shown on standard error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from bot.catalog.catalog import Catalog
from bot.catalog.tasks import Told
from bot.config import Settings
from bot.runs.record import RecordBeside
from trainer_core.data.formats import known_kind
from trainer_core.errors import Code, SpotterError
from trainer_core.layout import Home
from trainer_core.tasks.orders import HubSource, LocalSource, Progress

HUB = "hub:"
"""What a data set's name on the Hugging Face Hub is written behind."""
_OTHER = "Check its path, or name a data set."


@asynccontextmanager
async def open_catalog(settings: Settings) -> AsyncIterator[Catalog]:
    """The catalog of the home folder. A bot may be using it, too: folders appear whole. Raises OSError."""
    home = Home(settings.home.resolve())
    await asyncio.to_thread(home.path.mkdir, parents=True, exist_ok=True)
    limit = int(settings.corpus_gb * 2**30)
    catalog = Catalog(home, RecordBeside(home), upload_limit=limit, corpus_limit=limit, data_dirs=settings.data_dirs)
    try:
        yield catalog
    finally:
        await catalog.close()


def source_of(
    text: str, *, config: str | None = None, split: str = "train", streaming: bool = False
) -> HubSource | LocalSource | None:
    """What `text` stands for: a file or folder that is there, or a data set on the Hub; None if neither.

    Raises SpotterError if it can only be a file, and there is none, or it cannot be looked for.
    """
    if not text.strip():
        return None
    if text.startswith(HUB):
        return HubSource(name=text.removeprefix(HUB), config=config, split=split, streaming=streaming)
    try:
        path = Path(text).expanduser().resolve()
        if path.exists():
            return LocalSource(path=path, root=path if path.is_dir() else path.parent)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SpotterError(
            Code.CORPUS_UNREADABLE, f"{text} cannot be read ({reason})", field="data", next_step=_OTHER
        ) from error
    if "/" in text or known_kind(text) is not None:
        raise SpotterError(
            Code.CORPUS_NOT_FOUND,
            f"there is no file {text}",
            field="data",
            next_step=_OTHER,
        )
    return None


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

"""What holds for every file there is, whatever is in it."""

from __future__ import annotations

import gzip
import io
import signal
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from unittest.mock import patch

from trainer_core.data.documents import PIECE
from trainer_core.data.sources import archives, reading
from trainer_core.data.sources.readers import parquet, plain
from trainer_core.data.sources.reading import ColumnUndecided, read
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import FileSource

_LIMIT = 2**22
_CODES = {Code.CORPUS_EMPTY, Code.CORPUS_TOO_LARGE, Code.CORPUS_UNREADABLE}


_LONGEST = 20
"""Seconds that reading a file may take."""
_SMALL = ((archives, "CHUNK", 7), (plain, "PIECE", 5), (reading, "_SAMPLE_RECORDS", 2), (parquet, "_ROWS", 1))


def check_seams(folder: Path, kind: str, data: bytes) -> None:
    """Check it twice: as it is, and in pieces so small that everything in it lies across the end of one."""
    check(folder, kind, data)
    with ExitStack() as patched:
        for module, name, value in _SMALL:
            patched.enter_context(patch.object(module, name, value))
        check(folder, kind, data)


@contextmanager
def in_time(seconds: int = _LONGEST) -> Iterator[None]:
    """Raises TimeoutError if the block takes longer. For the main thread."""

    def over(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def check(folder: Path, kind: str, data: bytes) -> None:
    """Read a file of this kind: it becomes documents, or is refused as a person can understand; nothing else happens.

    Packed into another file it reads the same.
    """
    outcome = _outcome(folder, kind, data)
    if isinstance(outcome, ColumnUndecided):
        assert 2 <= len(set(outcome.columns)) == len(outcome.columns) <= 5
        for column in outcome.columns:
            column.encode()
            chosen = _outcome(folder, kind, data, column)
            assert not isinstance(chosen, ColumnUndecided)
            assert isinstance(chosen, list) or chosen.field == "file"
    if isinstance(outcome, list) and kind != "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(f"a.{kind}", data)
        assert _outcome(folder, "zip", packed.getvalue()) == outcome
        if not kind.endswith(".gz"):
            assert _outcome(folder, f"{kind}.gz", gzip.compress(data)) == outcome


def _outcome(
    folder: Path, kind: str, data: bytes, column: str | None = None
) -> list[str] | SpotterError | ColumnUndecided:
    """The documents, or why there are none."""
    path = folder / "upload"
    path.write_bytes(data)
    told = [0]

    def advanced(done: int, total: int | None) -> None:
        assert told[-1] <= done
        assert done <= total if total is not None else not done
        told.append(done)

    documents: list[str] = []
    try:
        reading = read(FileSource(path=path, filename=f"a.{kind}"), text_column=column, limit=_LIMIT, advanced=advanced)
        for piece in reading.pieces:
            assert 0 < len(piece.text) <= PIECE
            piece.text.encode()
            if piece.begins:
                documents.append(piece.text)
            else:
                documents[-1] += piece.text
        assert reading.found.read == len(documents) > 0
        assert all(document.strip() for document in documents)
    except ColumnUndecided as asked:
        assert not documents
        return asked
    except SpotterError as refused:
        assert refused.code in _CODES or refused.field == "column"
        assert str(folder) not in refused.message
        assert refused.message.isprintable()
        assert len(refused.message) < 600
        assert refused.next_step.endswith(".")
        return refused
    finally:
        assert [left.name for left in folder.iterdir()] == ["upload"]
    return documents

"""Sources as people give them, written into a folder of the test, and what is read of them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer_core.data.sources.readers.found import Found
from trainer_core.data.sources.reading import read
from trainer_core.tasks.orders import FileSource, HubSource, LocalSource

PROSE = "Once there was a bar that nobody could lift alone."
LIMIT = 2**26


@dataclass(frozen=True, slots=True)
class Outcome:
    documents: list[str]
    column: str | None
    format: str
    found: Found


def everything(source: FileSource | LocalSource | HubSource, column: str | None = None, limit: int = LIMIT) -> Outcome:
    """The whole of a source, its pieces put together."""
    reading = read(source, text_column=column, limit=limit, advanced=lambda _done, _total: None)
    documents: list[str] = []
    for piece in reading.pieces:
        if piece.begins:
            documents.append(piece.text)
        else:
            documents[-1] += piece.text
    return Outcome(documents, reading.text_column, reading.format, reading.found)


def upload(folder: Path, filename: str, data: bytes) -> FileSource:
    path = folder / "upload"
    path.write_bytes(data)
    return FileSource(path=path, filename=filename)


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def parquet(columns: Mapping[str, object]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet as pq

    written = io.BytesIO()
    pq.write_table(pa.table(columns), written)
    return written.getvalue()


def json_lines(*values: object) -> bytes:
    return "\n".join(map(json.dumps, values)).encode()

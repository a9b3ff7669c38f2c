"""Parquet: columns of a table, read in batches of rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from trainer_core.data.archives import Member, Meter, chunks
from trainer_core.data.columns import without_text
from trainer_core.data.encodings import utf_8
from trainer_core.data.readers.found import Found, Record, unreadable

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 256
"""Of a batch."""


def rows(member: Member, meter: Meter, found: Found, column: str | None = None) -> Iterator[Record]:
    """The texts of each row by the names of their columns; of one column only if it is named.

    Raises CORPUS_UNREADABLE if it is no Parquet, or has no text; CORPUS_TOO_LARGE; OSError.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with _seekable(member, meter) as file:
        try:
            table = parquet.ParquetFile(file, buffer_size=2**20)
            names = [field.name for field in table.schema_arrow if _is_text(field.type)]
            if not names:
                raise without_text()
            for batch in table.iter_batches(_ROWS, columns=[column] if column in names else names):
                texts = [cells.cast(pa.large_binary()).to_pylist() for cells in batch.columns]
                for row in zip(*texts, strict=True):
                    meter.unpack(sum(len(cell) for cell in row if cell is not None))
                    yield {
                        name: utf_8(cell, found)
                        for name, cell in zip(batch.schema.names, row, strict=True)
                        if cell is not None
                    }
                if not member.packed:
                    meter.advance(member.size * batch.num_rows // max(1, table.metadata.num_rows))
        except (pa.ArrowException, ValueError, OSError) as error:  # a ValueError of names that are no text
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's own words, not the library's about the file
            raise unreadable("is no Parquet file, or a damaged one", "Write it as Parquet again.") from error


@contextmanager
def _seekable(member: Member, meter: Meter) -> Iterator[IO[bytes]]:
    """The file as Parquet is read, from its end; if it is packed, a copy that vanishes with the block."""
    with tempfile.TemporaryFile() if member.packed else member.open() as file:
        if member.packed:
            for chunk in chunks(member, meter):
                file.write(chunk)
        yield file


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value))

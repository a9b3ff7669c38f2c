"""Parquet: columns of a table, read in batches of rows.

A few hundred bytes of it can say that a long text is in every row: each text is held once, and counted as often as it
is there before a row is made of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from trainer_core.data.sources.archives import Member, Meter, chunks
from trainer_core.data.sources.columns import without_text
from trainer_core.data.sources.encodings import utf_8
from trainer_core.data.sources.readers.found import RECORD, Found, Record, unreadable

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import FileMetaData

_ROWS = 256
"""Of a batch."""
_TIGHTEST = 500
"""How many times smaller text becomes by packing, at most; many times what it does."""
_LARGE = 2**26
"""Bytes from which that is asked."""


def rows(member: Member, meter: Meter, found: Found, column: str | None = None) -> Iterator[Record]:
    """The texts of each row by the names of their columns; of one column only if it is named.

    Raises CORPUS_UNREADABLE if it is no Parquet, or has no text; CORPUS_TOO_LARGE; OSError.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with _seekable(member, meter) as file:
        try:
            schema = parquet.read_schema(file)
            names = [field.name for field in schema if _is_text(field.type)]
            if not names:
                raise without_text()
            names = [column] if column in names else names
            table = parquet.ParquetFile(file, buffer_size=2**20, read_dictionary=names)
            _refuse_tight(table.metadata)
            for batch in table.iter_batches(_ROWS, columns=names):
                columns = [_texts(cells) for cells in batch.columns]
                for row in zip(*(numbers for numbers, _ in columns), strict=True):
                    cells = [texts[number] for number, (_, texts) in zip(row, columns, strict=True)]
                    size = sum(len(cell) for cell in cells if cell is not None)
                    if size > RECORD:
                        raise unreadable(f"has a row of more than {RECORD:,} bytes of text", "Divide it into several.")
                    meter.unpack(size)
                    yield {
                        name: utf_8(cell, found)
                        for name, cell in zip(batch.schema.names, cells, strict=True)
                        if cell is not None
                    }
                if not member.packed:
                    meter.advance(member.size * batch.num_rows // max(1, table.metadata.num_rows))
        except MemoryError:
            raise  # which is one of Arrow's, too, and says nothing about the file
        except (pa.ArrowException, ValueError, OSError) as error:  # a ValueError of names that are no text
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's own words, not the library's about the file
            raise unreadable("is no Parquet file, or a damaged one", "Write it as Parquet again.") from error


def _texts(cells: pa.DictionaryArray) -> tuple[list[int], list[bytes | None]]:
    """The rows by the number of their text, and the texts: those that are there, each of them once.

    Raises CORPUS_UNREADABLE for one that is too long.
    """
    import pyarrow as pa
    from pyarrow import compute

    distinct = compute.dictionary_encode(cells.indices, null_encoding="encode")
    texts = cells.dictionary.take(distinct.dictionary)
    if (compute.max(compute.binary_length(texts)).as_py() or 0) > RECORD:
        raise unreadable(f"has a cell of more than {RECORD:,} bytes", "Divide it into several.")
    return distinct.indices.to_pylist(), texts.cast(pa.large_binary()).to_pylist()


def _refuse_tight(metadata: FileMetaData) -> None:
    """Raises CORPUS_UNREADABLE for a page that could fill the memory: the library unpacks it as a whole."""
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(number)
            if chunk.total_uncompressed_size > max(_LARGE, _TIGHTEST * chunk.total_compressed_size):
                raise unreadable("is packed more tightly than text can be", "Write it as Parquet again.")


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

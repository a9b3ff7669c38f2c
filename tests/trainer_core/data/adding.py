"""Taking a file in, as a test wants it: in this process, with the real parts."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from trainer_core.data.card import DatasetCard, Preprocessing
from trainer_core.data.intake.ingest import ingest
from trainer_core.files.layout import Home
from trainer_core.tasks.orders import AddDataset, Added, FileSource, Undecided

ALL = Preprocessing()


def upload(home: Home, data: bytes) -> Path:
    """A file on its way in."""
    home.incoming.mkdir(parents=True, exist_ok=True)
    path = home.incoming / f"upload-{uuid4().hex}"
    path.write_bytes(data)
    return path


def give_file(
    home: Home,
    filename: str,
    data: bytes,
    added_by: str = "7",
    *,
    name: str | None = None,
    preprocessing: Preprocessing = ALL,
    limit: int = 2**30,
    text_column: str | None = None,
) -> Added | Undecided:
    order = AddDataset(
        home=home.path,
        source=FileSource(path=upload(home, data), filename=filename),
        added_by=added_by,
        name=name,
        preprocessing=preprocessing,
        limit=limit,
        text_column=text_column,
    )
    return ingest(order, lambda _: None)


def add_file(
    home: Home,
    filename: str,
    data: bytes,
    added_by: str = "7",
    *,
    name: str | None = None,
    preprocessing: Preprocessing = ALL,
) -> DatasetCard:
    """The card of the data set that the file becomes."""
    added = give_file(home, filename, data, added_by, name=name, preprocessing=preprocessing)
    assert isinstance(added, Added)
    return added.card

"""Data sets of the Hugging Face Hub, and folders that its library saved. Nothing that comes with them is ever run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trainer_core.data.columns import without_text
from trainer_core.data.readers.found import Record, unreadable
from trainer_core.disk import refusal, takes_nothing
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import HubSource

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_DICT, _STATE = "dataset_dict.json", "state.json"


def from_hub(source: HubSource) -> Iterator[Record]:
    """The texts of each row by the names of their columns. Waits for the network.

    Raises SpotterError: of field `hub` CONFIG_INVALID, CORPUS_NOT_FOUND or ARTIFACT_DOWNLOAD_FAILED (the Hub cannot be
    reached); of field `config` or `split` CONFIG_INVALID; OSError if the disk does not take it.
    """
    if not _NAME.fullmatch(source.name) or Path(source.name).exists():  # the library would read that folder instead
        raise SpotterError(
            Code.CONFIG_INVALID,
            f"{source.name[:100]!r} is no name of a data set on the Hub",
            field="hub",
            next_step="Write it as owner/name, as the Hub's page of the data set shows it.",
        )
    return rows(load(source.name, source.config, source.split, streaming=source.streaming), source.name)


def load(name: str, config: str | None, split: str, *, streaming: bool) -> Dataset | IterableDataset:
    """The data set of that name, or in that folder. Raises SpotterError, as `from_hub` does."""
    import datasets

    datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(name, config, split=split, streaming=streaming)
    except datasets.exceptions.DatasetNotFoundError as error:
        raise SpotterError(
            Code.CORPUS_NOT_FOUND,
            f"there is no data set {name!r} on the Hub that can be read without asking its owner",
            field="hub",
            next_step="Check its name on the Hub; one that is private or gated needs `hf auth login` on this machine.",
        ) from error
    except ValueError as error:
        of_config = re.search("BuilderConfig|Config name", str(error))
        field, value = ("config", config) if of_config else ("split", split)
        raise SpotterError(
            Code.CONFIG_INVALID,
            f"{name} has no {field} {value!r}" if value else f"{name} has several configs; name one of them",
            field=field,
            next_step="The Hub's page of the data set lists its configs and splits.",
        ) from error
    except Exception as error:  # whatever the network, a file system or a reader of files raised
        raise _failed(name, error, "cannot be downloaded") from error


def rows(dataset: Dataset | IterableDataset, name: str) -> Iterator[Record]:
    """The texts of each row by the names of their columns. Raises SpotterError, OSError as `from_hub` does."""
    if dataset.features is not None:
        texts = [
            column
            for column, feature in dataset.features.items()
            if getattr(feature, "dtype", None) in ("string", "large_string")  # nested ones have none
        ]
        if not texts:
            raise without_text()
        dataset = dataset.select_columns(texts)
    entries = iter(dataset)
    while True:
        try:
            entry = next(entries, None)
        except Exception as error:  # as above: with streaming, this is where the network is
            raise _failed(name, error, "broke off while it was read") from error
        if entry is None:
            return
        yield {column: value for column, value in entry.items() if isinstance(value, str)}


def is_saved(folder: Path) -> bool:
    """Whether the folder was written by `save_to_disk`."""
    return (folder / _DICT).is_file() or (folder / _STATE).is_file()


def from_folder(folder: Path) -> Iterator[Record]:
    """The texts of each row of a saved data set; of its split `train`, if it has one. Raises CORPUS_UNREADABLE."""
    import datasets

    try:
        if not all(map(_is_whole, [folder, *folder.iterdir()])):
            raise unreadable("names files outside of its folder", "Save the data set to disk again.")
        saved: Dataset | DatasetDict = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise unreadable("is a damaged folder of `save_to_disk`", "Save the data set to disk again.") from error
    if not isinstance(saved, datasets.DatasetDict):
        yield from rows(saved, folder.name)
        return
    for split in ["train"] if "train" in saved else list(saved):
        yield from rows(saved[split], folder.name)


def _is_whole(folder: Path) -> bool:
    """Whether all files that the folder's data set consists of are in it, as far as it is one."""
    state = folder / _STATE
    files = json.loads(state.read_bytes())["_data_files"] if state.is_file() else []
    return all(Path(file["filename"]).name == file["filename"] for file in files)


def _failed(name: str, error: Exception, how: str) -> Exception:
    refused = refusal(error)
    if refused is not None and takes_nothing(refused):
        return refused
    return SpotterError(
        Code.ARTIFACT_DOWNLOAD_FAILED,
        f"{name} is not on this machine, and {how} from the Hub",
        field="hub",
        next_step="Connect this machine and try again; or save the data into an approved folder, and give its path.",
    )

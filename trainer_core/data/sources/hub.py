"""Data sets of the Hugging Face Hub, and folders that its library saved. Nothing that comes with them is ever run."""

from __future__ import annotations

import json
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer_core.data.sources.archives import refuse_larger
from trainer_core.data.sources.columns import without_text
from trainer_core.data.sources.readers.found import Record, unreadable
from trainer_core.errors import Code, SpotterError
from trainer_core.files.disk import refusal, takes_nothing
from trainer_core.tasks.orders import HubSource

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_DICT, _STATE, _INFO = "dataset_dict.json", "state.json", "dataset_info.json"
_LONGEST_STATE = 2**24
"""Bytes."""
_REACHABLE = 10.0
"""Seconds in which the Hub has to answer at all: its library goes on asking for half a minute."""
_TELLING = 5.0
"""Seconds after which it is told again how much was downloaded."""
_SAVE_AGAIN = "Save the data set to disk again."

Advanced = Callable[[int, int | None], None]


def from_hub(source: HubSource, limit: int, advanced: Advanced, downloads: Path | None = None) -> Iterator[Record]:
    """The texts of each row by the names of their columns; of at most `limit` bytes, as far as that can be told before.

    Waits for the network; what is downloaded lies in a folder in `downloads` until the rows were read or are no longer
    wanted. `advanced` is told how many bytes that are.

    Raises SpotterError: of field `hub` CONFIG_INVALID, CORPUS_NOT_FOUND or ARTIFACT_DOWNLOAD_FAILED (the Hub cannot be
    reached); of field `config` or `split` CONFIG_INVALID; CORPUS_TOO_LARGE; OSError if the disk does not take it.
    """
    if not _NAME.fullmatch(source.name) or Path(source.name).exists():  # the library would read that folder instead
        raise SpotterError(
            Code.CONFIG_INVALID,
            f"{source.name[:100]!r} is no name of a data set on the Hub",
            field="hub",
            next_step="Write it as owner/name, as the Hub's page of the data set shows it.",
        )
    with tempfile.TemporaryDirectory(dir=downloads, prefix="hub-") as folder, _cached_in(Path(folder)) as cache:
        with _told_meanwhile(Path(folder), advanced):
            loaded = load(source.name, source.config, source.split, source.streaming, limit=limit, cache=cache)
        yield from rows(loaded, source.name)


def load(
    name: str, config: str | None, split: str, streaming: bool, *, limit: int, cache: Path | None
) -> Dataset | IterableDataset:
    """The data set of that name, or in that folder. One that does not say how large it is is streamed, and so metered.

    Raises SpotterError, as `from_hub` does.
    """
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    try:
        if not Path(name).exists():
            _ask_for(name)
        builder = datasets.load_dataset_builder(name, config, cache_dir=cache)
        sizes = builder.info.download_size, builder.info.dataset_size
        if not streaming:
            refuse_larger(max(size or 0 for size in sizes), limit)
            streaming = None in sizes
        return datasets.load_dataset(name, config, split=split, streaming=streaming, cache_dir=cache)
    except SpotterError:
        raise
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


def _ask_for(name: str) -> None:
    """See at once whether the Hub can be reached, and has it. Raises DatasetNotFoundError; what the network does."""
    import datasets
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if datasets.config.HF_HUB_OFFLINE:  # then what this machine has of it is used
        return
    try:
        HfApi(endpoint=datasets.config.HF_ENDPOINT).dataset_info(name, timeout=_REACHABLE)
    except (RepositoryNotFoundError, GatedRepoError) as error:
        raise datasets.exceptions.DatasetNotFoundError(name) from error


@contextmanager
def _cached_in(folder: Path) -> Iterator[Path | None]:
    """Have files of the Hub downloaded into `folder`; None, where they are otherwise, if nothing is downloaded."""
    import datasets
    from huggingface_hub import constants

    if datasets.config.HF_HUB_OFFLINE:
        yield None
        return
    before, constants.HF_HUB_CACHE = constants.HF_HUB_CACHE, str(folder / "hub")
    try:
        yield folder / "datasets"
    finally:
        constants.HF_HUB_CACHE = before


@contextmanager
def _told_meanwhile(folder: Path, advanced: Advanced) -> Iterator[None]:
    """Tell again and again how many bytes are in `folder`: the library says nothing while it downloads."""
    done = threading.Event()

    def tell() -> None:
        while not done.wait(_TELLING):
            advanced(_bytes_in(folder), None)

    telling = threading.Thread(target=tell, name="downloading", daemon=True)
    telling.start()
    try:
        yield
    finally:
        done.set()
        telling.join()


def _bytes_in(folder: Path) -> int:
    size = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):  # it is being downloaded under another name
                size += Path(parent, name).lstat().st_size
    return size


def is_saved(folder: Path) -> bool:
    """Whether the folder was written by `save_to_disk`."""
    return (folder / _DICT).is_file() or all((folder / name).is_file() for name in (_STATE, _INFO))


def from_folder(folder: Path) -> Iterator[Record]:
    """The texts of each row of a saved data set; of its split `train`, if it has one. Raises CORPUS_UNREADABLE."""
    import datasets

    try:
        for part in _parts(folder):
            _refuse_leading_out(part, folder)
        saved: Dataset | DatasetDict = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise unreadable("is a damaged folder of `save_to_disk`", _SAVE_AGAIN) from error
    if not isinstance(saved, datasets.DatasetDict):
        yield from rows(saved, folder.name)
        return
    for split in ["train"] if "train" in saved else list(saved):
        yield from rows(saved[split], folder.name)


def _parts(folder: Path) -> list[Path]:
    """The folders of its splits; itself if it has none. Raises CORPUS_UNREADABLE; what reading them raises."""
    if not (folder / _DICT).is_file():
        return [folder]
    return [folder / _plain(name) for name in _read(folder / _DICT)["splits"]]


def _refuse_leading_out(part: Path, folder: Path) -> None:
    """Raises CORPUS_UNREADABLE if not all files of `part` are within `folder`; what reading them raises."""
    names = [_STATE, _INFO, *(_plain(file["filename"]) for file in _read(part / _STATE)["_data_files"])]
    if not all((part / name).resolve().is_relative_to(folder.resolve()) for name in names):
        raise _leads_out()


def _plain(name: object) -> str:
    """`name`, if it is one of something in the folder. Raises CORPUS_UNREADABLE."""
    if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name:
        raise _leads_out()
    return name


def _read(path: Path) -> Any:  # as JSON is: what is wrong with it is raised where it is looked into
    with path.open("rb") as file:
        return json.loads(file.read(_LONGEST_STATE))


def _leads_out() -> SpotterError:
    return unreadable("names files outside of its folder", _SAVE_AGAIN)


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

"""With the Hub switched off: what can be told without it, and what it would be asked for."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import datasets
import pytest
from huggingface_hub import constants

from tests.trainer_core.data.sources.given import LIMIT, PROSE, everything
from trainer_core.data.sources import hub
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import HubSource, LocalSource

ROWS = {"id": [1, 2, 3], "text": [PROSE, "two", None], "nested": [{"a": "b"}] * 3}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As the Hub lays a data set out."""
    folder = tmp_path / "hub"
    for split in "train", "test":
        datasets.Dataset.from_dict(ROWS).to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    return folder


@pytest.mark.parametrize("streaming", [False, True])
def test_a_split_is_read_by_its_texts(folder: Path, streaming: bool) -> None:
    rows = hub.rows(hub.load(str(folder), None, "test", streaming, limit=LIMIT, cache=None), "hub")
    assert list(rows) == [{"text": PROSE}, {"text": "two"}, {}]


@pytest.mark.parametrize(
    ("config", "split", "field"), [(None, "dev", "split"), (None, "train[", "split"), ("german", "train", "config")]
)
def test_a_split_or_config_that_is_not_there_is_refused(
    folder: Path, config: str | None, split: str, field: str
) -> None:
    with pytest.raises(SpotterError, match=f"has no {field} ") as refused:
        hub.load(str(folder), config, split, False, limit=LIMIT, cache=None)
    assert (refused.value.code, refused.value.field) == (Code.CONFIG_INVALID, field)


@pytest.mark.parametrize("streaming", [False, True])
def test_offline_it_says_what_to_do(streaming: bool) -> None:
    with pytest.raises(SpotterError, match="nobody/nothing is not on this machine") as refused:
        everything(HubSource(name="nobody/nothing", streaming=streaming))
    assert (refused.value.code, refused.value.field) == (Code.ARTIFACT_DOWNLOAD_FAILED, "hub")
    assert "approved folder" in refused.value.next_step


@pytest.mark.parametrize("name", ["text", "/etc", "../secret", "a/../b", "owner/name/more", "tests/trainer_core"])
def test_only_names_of_the_hub_are_names(name: str) -> None:
    """The library would take others for folders of this machine, or for ways to read the current one."""
    with pytest.raises(SpotterError, match="no name of a data set on the Hub") as refused:
        everything(HubSource(name=name))
    assert (refused.value.code, refused.value.field) == (Code.CONFIG_INVALID, "hub")


def test_a_saved_data_set_is_read_from_an_approved_folder(tmp_path: Path) -> None:
    saved = datasets.Dataset.from_dict(ROWS)
    saved.save_to_disk(tmp_path / "saved")
    splits = datasets.DatasetDict({"test": datasets.Dataset.from_dict({"text": ["three"]}), "train": saved})
    splits.save_to_disk(tmp_path / "splits")
    for name in "saved", "splits":
        outcome = everything(LocalSource(path=tmp_path / name, root=tmp_path))
        assert (outcome.documents, outcome.column) == ([PROSE, "two"], "text")
        assert (outcome.found.read, outcome.found.blank) == (2, 1)
        assert len(outcome.found.sha256) == 64


@pytest.mark.parametrize("damage", ["data-00000-of-00001.arrow", "state.json"])
def test_a_damaged_saved_data_set_is_refused(tmp_path: Path, damage: str) -> None:
    datasets.Dataset.from_dict(ROWS).save_to_disk(tmp_path / "saved")
    (tmp_path / "saved" / damage).write_bytes(b'{"_data_files": [{"filename": "../../etc/passwd"}]}')
    with pytest.raises(SpotterError, match=r"damaged|outside of its folder") as refused:
        everything(LocalSource(path=tmp_path / "saved", root=tmp_path))
    assert refused.value.code is Code.CORPUS_UNREADABLE


@pytest.mark.parametrize("splits", [["../../private"], ["/etc"], [".."], ["a/b"], [1], "train", None])
def test_splits_do_not_lead_out_of_the_folder(tmp_path: Path, splits: object) -> None:
    datasets.Dataset.from_dict({"text": ["secret"]}).save_to_disk(tmp_path / "private")
    folder = tmp_path / "corpora" / "saved"
    folder.mkdir(parents=True)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": splits}))
    with pytest.raises(SpotterError, match=r"damaged|outside of its folder") as refused:
        everything(LocalSource(path=folder, root=folder.parent))
    assert refused.value.code is Code.CORPUS_UNREADABLE


@pytest.mark.parametrize("name", ["../../../private/data-00000-of-00001.arrow", ".."])
def test_files_of_a_split_do_not_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    datasets.Dataset.from_dict({"text": ["secret"]}).save_to_disk(tmp_path / "private")
    folder = tmp_path / "corpora" / "saved"
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(ROWS)}).save_to_disk(folder)
    state = folder / "train" / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"_data_files": [{"filename": name}]}))
    with pytest.raises(SpotterError, match="names files outside of its folder"):
        everything(LocalSource(path=folder, root=folder.parent))


def test_a_hidden_split_is_no_link_to_elsewhere(tmp_path: Path) -> None:
    datasets.Dataset.from_dict({"text": ["secret"]}).save_to_disk(tmp_path / "private")
    folder = tmp_path / "corpora" / "saved"
    folder.mkdir(parents=True)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": [".hidden"]}))
    (folder / ".hidden").symlink_to(tmp_path / "private")
    with pytest.raises(SpotterError, match="names files outside of its folder"):
        everything(LocalSource(path=folder, root=folder.parent))


def test_a_state_that_is_nested_too_deeply_is_damaged(tmp_path: Path) -> None:
    datasets.Dataset.from_dict(ROWS).save_to_disk(tmp_path / "saved")
    (tmp_path / "saved" / "state.json").write_text("[" * 100_000)
    with pytest.raises(SpotterError, match="is a damaged folder"):
        everything(LocalSource(path=tmp_path / "saved", root=tmp_path))


def test_notes_beside_some_state_are_notes(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "state.json").write_text('["step 3"]')
    (folder / "a.txt").write_text(PROSE)
    assert everything(LocalSource(path=folder, root=tmp_path)).documents == [PROSE, "step 3"]


def test_a_data_set_that_says_it_is_too_large_is_not_downloaded(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))  # by which its size is known
    assert isinstance(
        hub.load(str(folder), None, "train", False, limit=LIMIT, cache=tmp_path / "cache"), datasets.Dataset
    )
    monkeypatch.setattr(datasets, "load_dataset", pytest.fail)
    with pytest.raises(SpotterError) as refused:
        hub.load(str(folder), None, "train", False, limit=10, cache=tmp_path / "cache")
    assert refused.value.code is Code.CORPUS_TOO_LARGE


def test_a_data_set_that_does_not_say_how_large_it_is_is_not_downloaded_as_a_whole(folder: Path) -> None:
    loaded = hub.load(str(folder), None, "train", False, limit=10, cache=None)
    assert isinstance(loaded, datasets.IterableDataset)


@pytest.mark.parametrize("read_all", [False, True])
def test_what_was_downloaded_goes_once_it_was_read_or_is_not_wanted(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, read_all: bool
) -> None:
    downloads = tmp_path / "incoming"
    downloads.mkdir()
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_TELLING", 0.0)
    load, told = hub.load, []
    told_of_it = threading.Event()

    def advanced(done: int, total: int | None) -> None:
        told.append((done, total))
        if done:
            told_of_it.set()

    def loaded(_name: str, *more: Any, cache: Path, **options: Any) -> Any:
        cache.mkdir()
        (cache / "shard").write_bytes(bytes(1_000))
        assert told_of_it.wait(20)
        return load(str(folder), *more, cache=cache, **options)

    monkeypatch.setattr(hub, "load", loaded)
    rows = hub.from_hub(HubSource(name="owner/name"), LIMIT, advanced, downloads)
    first = next(rows)
    assert first == {"text": PROSE}
    assert list(downloads.iterdir())
    if read_all:
        list(rows)
    del rows
    assert not list(downloads.iterdir())
    assert max(told)[0] >= 1_000


def test_a_hub_that_cannot_be_reached_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets, "load_dataset_builder", pytest.fail)
    with pytest.raises(SpotterError) as refused:
        next(hub.from_hub(HubSource(name="nobody/nothing"), LIMIT, lambda _done, _total: None, tmp_path))
    assert refused.value.code is Code.ARTIFACT_DOWNLOAD_FAILED
    assert not list(tmp_path.iterdir())


def test_what_comes_from_the_hub_is_hashed_by_its_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = hub.load(str(folder), None, "train", False, limit=LIMIT, cache=None)
    monkeypatch.setattr(hub, "load", lambda *_arguments, **_more: loaded)
    first = everything(HubSource(name="owner/name"))
    assert (first.documents, first.format, first.found.source_bytes) == ([PROSE, "two"], "hub", len(PROSE) + 3)
    assert everything(HubSource(name="owner/name")).found.sha256 == first.found.sha256
    assert len(first.found.sha256) == 64

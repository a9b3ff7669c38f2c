"""With the Hub switched off: what can be told without it, and what it would be asked for."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest

from tests.trainer_core.data.sources import PROSE, everything
from trainer_core.data import hub
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
    rows = hub.rows(hub.load(str(folder), None, "test", streaming=streaming), "hub")
    assert list(rows) == [{"text": PROSE}, {"text": "two"}, {}]


@pytest.mark.parametrize(
    ("config", "split", "field"), [(None, "dev", "split"), (None, "train[", "split"), ("german", "train", "config")]
)
def test_a_split_or_config_that_is_not_there_is_refused(
    folder: Path, config: str | None, split: str, field: str
) -> None:
    with pytest.raises(SpotterError, match=f"has no {field} ") as refused:
        hub.load(str(folder), config, split, streaming=False)
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


def test_what_comes_from_the_hub_is_hashed_by_its_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = hub.load(str(folder), None, "train", streaming=False)
    monkeypatch.setattr(datasets, "load_dataset", lambda *_arguments, **_more: loaded)
    first = everything(HubSource(name="owner/name"))
    assert (first.documents, first.format, first.found.source_bytes) == ([PROSE, "two"], "hub", len(PROSE) + 3)
    assert everything(HubSource(name="owner/name")).found.sha256 == first.found.sha256
    assert len(first.found.sha256) == 64

"""What lies in approved folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trainer_core.errors import Code, SpotterError
from trainer_core.models.listed import list_models, list_modules, located


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    """An approved folder, with links out of it and one within."""
    folder = tmp_path / "nets"
    for name in ("tiny.py", "sub/deep.py", ".hidden.py", "__pycache__/tiny.py", ".git/hook.py", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (tmp_path / "secret.py").touch()
    (folder / "leak.py").symlink_to(tmp_path / "secret.py")
    (folder / "up").symlink_to(tmp_path)
    (folder / "same.py").symlink_to(folder / "tiny.py")
    (folder / "gone.py").symlink_to(folder / "nothing.py")
    return folder


def test_python_files_are_listed_by_the_folder_they_lie_in(nets: Path) -> None:
    assert list_modules([nets, nets.parent / "absent"]) == ["nets/same.py", "nets/sub/deep.py", "nets/tiny.py"]


def test_folders_with_a_model_are_listed(tmp_path: Path) -> None:
    for name in ("models/gpt", "models/empty", "one"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "models/gpt/config.json").touch()
    (tmp_path / "one/config.json").touch()
    assert list_models([tmp_path / "models", tmp_path / "one"]) == ["models/gpt", "one"]
    assert located([tmp_path / "one"], "one", "model.source") == tmp_path / "one"


@pytest.mark.parametrize("name", [b"caf\xe9", b"a:b", b"a\\b", b"two\nlines", b"\xe2\x80\xaeback"])
def test_what_nobody_can_type_is_not_listed(tmp_path: Path, name: bytes) -> None:
    nets, models = tmp_path / "nets", tmp_path / "models"
    for folder in (nets, models / os.fsdecode(name), models / "blank ", models / "base"):
        folder.mkdir(parents=True)
        (folder / "config.json").touch()
    (nets / os.fsdecode(name + b".py")).touch()
    (nets / "café.py").touch()
    (tmp_path / os.fsdecode(name)).mkdir()
    (tmp_path / os.fsdecode(name) / "tiny.py").touch()
    assert list_modules([nets, tmp_path / os.fsdecode(name)]) == ["nets/café.py"]
    assert list_models([models]) == ["models/base"]


def test_a_folder_behind_a_link_is_called_what_the_link_is_called(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.py").write_text(version)
    link = tmp_path / "nets"
    for version in ("v1", "v2"):
        link.unlink(missing_ok=True)
        link.symlink_to(version)
        assert list_modules([link]) == ["nets/a.py"]
        assert located([link], "nets/a.py", "model.file").read_text() == version


def test_a_link_that_leads_to_itself_has_nothing_behind_it(nets: Path) -> None:
    loop = nets.parent / "loop"
    loop.symlink_to(loop)
    (nets / "round.py").symlink_to(nets / "round.py")
    assert (list_modules([loop]), list_models([loop])) == ([], [])
    for root, name in ((loop, "loop/a.py"), (nets, "nets/round.py")):
        with pytest.raises(SpotterError, match="in the approved folders"):
            located([root], name, "model.file")


def test_what_is_listed_is_located(nets: Path) -> None:
    for name in list_modules([nets]):
        assert located([nets.parent / "other", nets], name, "model.file").is_file()


@pytest.mark.parametrize(
    "name",
    [
        "nets/absent.py",
        "tiny.py",
        "other/tiny.py",
        "nets/../secret.py",
        "nets/sub/../../secret.py",
        "nets/leak.py",
        "nets/up/secret.py",
        "nets//etc/passwd",
        "/etc/passwd",
        "..",
        "nets/\0.py",
        "nets/" + "é" * 150 + ".py",
        "",
    ],
)
def test_nothing_outside_is_located(nets: Path, name: str) -> None:
    with pytest.raises(SpotterError) as raised:
        located([nets], name, "model.file")
    assert (raised.value.code, raised.value.field) == (Code.MODEL_NOT_FOUND, "model.file")
    assert str(nets.parent) not in f"{raised.value}{raised.value.next_step}"

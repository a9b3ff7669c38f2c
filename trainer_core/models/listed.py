"""What lies in the folders that the owner approved: people's Python files, and models to go on from. Needs no torch.

A name begins with the approved folder's own, like `nets/tiny.py`; nothing outside of the folder has one, neither by
`..` nor by a link.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from trainer_core.errors import Code, SpotterError

_CONFIG = "config.json"
_DEEPEST = 6
_MOST = 10_000
"""Entries that are looked at below a folder: somebody may have approved their home."""


def can_be_typed(name: str) -> bool:
    """Whether a person can name it in chat, where it is listed: there are files whose names are not even text."""
    return name.isprintable() and name == name.strip() and not any(mark in name for mark in ":\\")


def list_modules(roots: Iterable[Path]) -> list[str]:
    """Names of the Python files below `roots`, sorted, as far as they can be typed.

    A folder that cannot be read has none.
    """
    return _names(roots, lambda path: path.suffix == ".py" and path.is_file())


def list_models(roots: Iterable[Path]) -> list[str]:
    """Names of the folders below `roots` that hold a model, as its `config.json` says; likewise."""
    return _names(roots, lambda path: (path / _CONFIG).is_file())


def located(roots: Sequence[Path], name: str, field: str) -> Path:
    """The file or folder that `name` is listed as. Raises MODEL_NOT_FOUND naming the `field` it was asked for in."""
    first, *below = PurePosixPath(name).parts or ("",)
    for root in roots:
        path = root.joinpath(*below)
        if root.name == first and not _leaves(below) and _exists(path) and _is_inside(path, root):
            return path.resolve()
    folders = " or ".join(sorted({root.name for root in roots}))
    raise SpotterError(
        Code.MODEL_NOT_FOUND,
        f"there is no {name} in the approved folders",
        field=field,
        next_step=f"Pick one from the list; names begin with {folders}."
        if folders
        else "Ask the owner to approve one.",
    )


def _leaves(parts: Sequence[str]) -> bool:
    return any(part == ".." or part.startswith("/") or "\0" in part or "\\" in part for part in parts)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # it has a name that no file can have
        return False


def _is_inside(path: Path, root: Path) -> bool:
    """Whether what `path` leads to, over whatever links, lies below `root`."""
    return path.resolve().is_relative_to(root.resolve())


def _names(roots: Iterable[Path], is_one: Callable[[Path], bool]) -> list[str]:
    found = {
        (PurePosixPath(root.name) / path.relative_to(root)).as_posix()
        for root in roots
        for path in _walked(root)
        if is_one(path) and _is_inside(path, root)
    }
    return sorted(filter(can_be_typed, found))


def _walked(root: Path) -> Iterator[Path]:
    """`root` and what lies below it, without what is hidden; no link to a folder is followed."""
    left = _MOST
    yield root
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        deep = len(here.relative_to(root).parts) + 1 >= _DEEPEST
        folders[:] = [] if deep else sorted(name for name in folders if _is_shown(name))
        for name in (*folders, *sorted(filter(_is_shown, files))):
            yield here / name
            left -= 1
            if not left:
                return


def _is_shown(name: str) -> bool:
    return not name.startswith(".") and name != "__pycache__"

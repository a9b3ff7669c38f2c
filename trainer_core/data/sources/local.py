"""The folders that the owner approved: what lies in them, and nothing outside of them. Light: chat completes names."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from trainer_core.data.formats import known_kind
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import LocalSource

_DEEPEST = 4
"""Levels of folders whose files are listed."""
_MOST = 5_000
"""Names that are looked at for a list: a person waits for it while typing."""


def list_local(roots: Sequence[Path]) -> list[str]:
    """The files that can be read, and the folders, as `locate` finds them: `corpora/notes.txt`, `corpora/letters/`.

    Of very large folders the beginning. Raises nothing: what cannot be looked into is left out.
    """
    names: list[str] = []
    for label, root in _labels(roots).items():
        names += [
            f"{label}/{name}{'/' * is_folder}"
            for name, is_folder in islice(_below(root, _DEEPEST), _MOST)
            if is_folder or known_kind(name)
        ]
    return names


def locate(roots: Sequence[Path], name: str) -> LocalSource:
    """The file or folder that is called so. Raises CORPUS_NOT_FOUND of field `path`, also for what is elsewhere."""
    label, _, within = name.strip().rstrip("/").partition("/")
    root = _labels(roots).get(label)
    if root is not None and "\0" not in within:
        path = (root / within).resolve()
        if path.is_relative_to(root) and (path.is_file() or path.is_dir()):
            return LocalSource(path=path, root=root)
    raise _not_found(roots, name)


def confined(source: LocalSource) -> Path:
    """Where the source really lies. Raises CORPUS_NOT_FOUND of field `path` if that is outside of its root, or gone."""
    path = source.path.resolve()
    if not path.is_relative_to(source.root.resolve()) or not (path.is_file() or path.is_dir()):
        raise SpotterError(
            Code.CORPUS_NOT_FOUND, f"there is no {source.path.name!r} in the approved folders", field="path"
        )
    return path


def _labels(roots: Sequence[Path]) -> Mapping[str, Path]:
    """The folders by what people call them: their own names, numbered where two are the same."""
    labels: dict[str, Path] = {}
    for root in roots:
        name = root.resolve().name or "root"
        taken = sum(label == name or label.startswith(f"{name}-") for label in labels)
        labels[f"{name}-{taken + 1}" if name in labels else name] = root.resolve()
    return labels


def _below(folder: Path, depth: int, before: str = "") -> Iterator[tuple[str, bool]]:
    """Names of files and folders, those nearest first, with whether it is a folder.

    No links, nothing hidden, and no name that nobody can type, such as one that is no text: chat could not show it.
    """
    try:
        with os.scandir(folder) as scanned:
            shown = (entry for entry in scanned if not entry.name.startswith(".") and entry.name.isprintable())
            entries = sorted(shown, key=lambda one: one.name)
    except OSError:
        return
    folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    for entry in entries:
        if entry.is_file(follow_symlinks=False):
            yield before + entry.name, False
    for entry in folders:
        yield before + entry.name, True
        if depth > 1:
            yield from _below(Path(entry.path), depth - 1, f"{before}{entry.name}/")


def _not_found(roots: Sequence[Path], name: str) -> SpotterError:
    if not roots:
        return SpotterError(
            Code.CORPUS_NOT_FOUND,
            "no folder of this machine is approved for reading",
            field="path",
            next_step="Its owner can name folders in SPOTTER_DATA_DIRS; or attach the file.",
        )
    known = list_local(roots)
    near = difflib.get_close_matches(name, known, n=1)
    hint = (
        f"did you mean {near[0]}?" if near else f"names there begin with {', '.join(f'{n}/' for n in _labels(roots))}"
    )
    return SpotterError(
        Code.CORPUS_NOT_FOUND,
        f"there is no {name[:100]!r} in the approved folders; {hint}",
        field="path",
        next_step="Pick a name from the list that comes up while you type.",
    )

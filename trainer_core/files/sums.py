"""What was written into a folder, as SHA-256 sums beside it: a file that is another one now is found out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

SUMS = "sums.json"


def write_sums(folder: Path) -> None:
    """Record the SHA-256 of every file in `folder` in its `sums.json`. Raises OSError."""
    sums = {file.name: sha256(file) for file in sorted(folder.iterdir()) if file.is_file() and file.name != SUMS}
    (folder / SUMS).write_text(json.dumps(sums, indent=2), encoding="utf-8")


def read_sums(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a summed folder, by name. Raises OSError, or ValueError if there are none to read."""
    sums = json.loads((folder / SUMS).read_bytes())
    if not isinstance(sums, dict) or not sums:
        raise ValueError(f"{SUMS} lists no files")
    return sums


def problems_with_sums(folder: Path) -> list[str]:
    """What is wrong with the files of a summed folder, a sentence each; empty if it verifies."""
    try:
        sums = read_sums(folder)
    except (OSError, ValueError):
        return [f"{SUMS} is missing or unreadable"]
    problems = []
    for name, expected in sums.items():
        file = folder / name
        try:
            if Path(name).name != name or not file.is_file():
                problems.append(f"{name} is missing")
            elif sha256(file) != expected:
                problems.append(f"{name} is not the file that was written")
        except OSError as error:
            problems.append(f"{name} cannot be read ({error.strerror})")
    return problems


def sha256(file: Path) -> str:
    """Hex digest of a file's bytes. Raises OSError."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

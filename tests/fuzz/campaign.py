"""`python -m tests.fuzz.campaign --seconds 600 --seed 1`: files without end for the readers, of one kind after another.

What a reader stumbles over is made as small as it gets, and kept in `corpus/`, where the tests read it ever after.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.check import check_seams, in_time
from tests.fuzz.inputs import files
from trainer_core.data.formats import FORMATS

CORPUS = Path(__file__).parent / "corpus"
KINDS = (*FORMATS, "zip", *(f"{name}.gz" for name in FORMATS))
_MEMORY = 2 * 2**30
"""Bytes of address space, libraries included: what needs more for one of these files raises MemoryError."""
_EXAMPLES = 200
"""Files of a kind before it is the next kind's turn."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    end = time.monotonic() + asked.seconds
    kept: set[Path] = set()
    for turn in count():
        kind = KINDS[turn % len(KINDS)]
        if time.monotonic() >= end:
            break
        found = _stumble(kind, asked.seed + turn // len(KINDS))
        if found is not None and found not in kept:
            kept.add(found)
            print(f"{found.name}: keep it, and mend the reader", flush=True)
    print(f"{turn * _EXAMPLES:,} files read; {len(kept)} of them kept", flush=True)
    sys.exit(bool(kept))


def _stumble(kind: str, number: int) -> Path | None:
    """Read files of this kind until one is not read as it should be. Returns where it is kept."""
    stumbled_over: list[bytes] = []

    @seed(number)
    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(files(kind))
    def go(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            try:
                with in_time():
                    check_seams(Path(folder), kind, data)
            except Exception:
                stumbled_over.append(data)
                raise

    try:
        go()
    except Exception as error:  # whatever it is, that is what is looked for; the last file is the smallest
        path = CORPUS / f"{hashlib.sha256(stumbled_over[-1]).hexdigest()[:8]}.{kind}"
        path.write_bytes(stumbled_over[-1])
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return path
    return None


if __name__ == "__main__":
    main()

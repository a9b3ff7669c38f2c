"""Workers that cost a fork instead of an import: one process has torch imported and is forked for each attempt.

`python -m tests.faults.zygote` reads a line of JSON for each, and answers with how the attempt's process ended. It
imports nothing of ours itself, so that each fork reads its own faults from its environment.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

VARIABLE = "SPOTTER_FAULT"
_SLOW = ("torch._dynamo", "safetensors.torch", "transformers.models.gpt2.modeling_gpt2", "pydantic")


class Zygote:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._busy = False
        atexit.register(self._process.communicate)

    def start(self, attempt: Path, faults: str, before: str) -> None:
        if self._busy:  # a test that failed left it so
            self.ended()
        self._busy = True
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"attempt": str(attempt), "faults": faults, "before": before}) + "\n")
        self._process.stdin.flush()

    def ended(self) -> int:
        assert self._process.stdout is not None
        status = int(self._process.stdout.readline())
        self._busy = False
        return status


@cache
def _zygote() -> Zygote:
    return Zygote()


def start(attempt: Path, faults: str = "", before: str = "") -> None:
    """Have the attempt in this folder made, one at a time. `before` is Python run first, in the same process."""
    _zygote().start(attempt, faults, before)


def ended() -> int:
    """Wait for the attempt started last. Its exit status, or the negative number of the signal that ended it."""
    return _zygote().ended()


def _serve() -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch

    for name in _SLOW:
        import_module(name)
    torch.set_num_threads(1)  # threads would not survive the fork
    for line in sys.stdin:
        order = json.loads(line)
        if not (child := os.fork()):
            os._exit(_work(**order))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _work(attempt: str, faults: str, before: str) -> int:
    os.environ[VARIABLE] = faults
    exec(before, {})
    from trainer_core.files.layout import AttemptDirectory
    from trainer_core.worker import work

    return work(AttemptDirectory(Path(attempt)))


if __name__ == "__main__":
    _serve()

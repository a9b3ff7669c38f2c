"""What a worker keeps to, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

KEEP = """
import json, os, sys
import torch
from trainer_core.worker import keep_to

for line in sys.stdin:
    keep_to(json.loads(line))
    print(json.dumps([torch.get_num_threads(), os.environ["CUDA_VISIBLE_DEVICES"]]))
"""


def test_threads_and_gpu_are_those_of_the_slot_if_there_is_one() -> None:
    """An older bot says nothing of either."""
    orders: list[dict[str, object]] = [
        {"attempt": "a"},
        {"attempt": "a", "threads": 3, "gpu": "GPU-5b1c"},
        {"attempt": "a", "threads": 1, "gpu": ""},
    ]
    told = subprocess.run(
        [sys.executable, "-c", KEEP],
        env={**os.environ, "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "0"},
        input="\n".join(map(json.dumps, orders)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert list(map(json.loads, told.stdout.splitlines())) == [[2, "0"], [3, "GPU-5b1c"], [1, ""]]

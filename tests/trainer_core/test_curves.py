"""Loss curves that were committed: what is rearranged in the code must not change what is learnt.

A change that is meant to (of a model's initial weights, of the data's order, of a default) writes them anew:
`WRITE_CURVES=1 pytest tests/trainer_core/test_curves.py`, and says why in its commit.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.trainer_core.conftest import small_spec
from tests.trainer_core.test_loop import Start, run
from trainer_core.events import MetricsEval, MetricsProgress

__all__ = ["run"]

CURVES = Path(__file__).parent / "curves"
ROUNDING = 1e-4
"""Relative: processors add up in different orders."""
SETTINGS: dict[str, dict[str, object]] = {
    "gpt2": {"optimizer": {"schedule": "cosine"}},
    "gpt2-muon-averaged": {
        "optimizer": {"name": "muon", "average": 0.8},
        "data": {"dataset": "gym", "attend": "document"},
    },
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_run_learns_what_it_always_did(run: Start, name: str) -> None:
    common: dict[str, object] = {
        "model": {"size": "depth=1", "dropout": 0.1},
        "tokenizer": {"kind": "characters", "vocabulary": 300},
        "budget": "12 steps",
        "batch": {"tokens_per_step": 768, "micro_batch": 2},
    }
    events = list(run(small_spec(**common, **SETTINGS[name])).go())
    learnt = {
        "training": [event.loss for event in events if isinstance(event, MetricsProgress)],
        "held_out": [event.loss for event in events if isinstance(event, MetricsEval)],
    }
    file = CURVES / f"{name}.json"
    if os.environ.get("WRITE_CURVES"):
        file.write_text(json.dumps(learnt, indent=1) + "\n")
    committed = json.loads(file.read_text())
    for side, losses in learnt.items():
        assert losses == pytest.approx(committed[side], rel=ROUNDING), side

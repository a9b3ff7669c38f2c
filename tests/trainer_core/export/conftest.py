from __future__ import annotations

from trainer_core.data.card import DatasetCard
from trainer_core.events import Summary
from trainer_core.manifest import Manifest
from trainer_core.spec import RunSpec


def manifest_of(spec: RunSpec, dataset: DatasetCard, summary: Summary) -> Manifest:
    """What is known of a run by the end of its training."""
    return Manifest(
        run="brisk-otter-42",
        attempts=1,
        spec=spec,
        dataset=dataset,
        tokenizer="",
        versions={},
        git_commit=None,
        system="Linux",
        device="a laptop",
        precision="fp32",
        decisions={},
        durations={},
        summary=summary,
    )

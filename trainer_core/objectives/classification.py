"""Classification: a model learns which class a picture is of."""

from __future__ import annotations

import logging
import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from trainer_core.compute.network import Network
from trainer_core.data.pictures import Pictures
from trainer_core.data.pixels import moved
from trainer_core.data.stratified import Sides
from trainer_core.evals.classes import report
from trainer_core.events import Unit
from trainer_core.files.disk import complaint
from trainer_core.models.data import PictureData
from trainer_core.models.specs import Augment
from trainer_core.objectives.objective import Batch, Fields
from trainer_core.state import Evaluation

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Classification:
    """On pictures, a folder a class; every picture once an epoch, in an order of its own."""

    pictures: Pictures
    sides: Sides
    seed: int
    reports: Path
    """The folder for the reports of evaluations."""
    augment: Augment = "none"
    """As `ImageCNNSpec.augment`."""

    tokenizer: None = None
    chosen: None = None

    @property
    def data(self) -> PictureData:
        """What a model is made for."""
        meta = self.pictures.meta
        return PictureData(meta.classes, meta.channels, meta.side)

    @property
    def unit(self) -> Unit:
        return "pictures"

    @property
    def examples(self) -> int:
        return len(self.sides.train)

    @property
    def training(self) -> int:
        return len(self.sides.train)

    @property
    def held_out(self) -> int:
        return len(self.sides.validation)

    @property
    def length(self) -> int:
        return 1

    @property
    def answers(self) -> int:
        return len(self.pictures.meta.classes)

    def batch(self, cursor: int, count: int) -> Batch:
        """`pixel_values` of shape (count, channels, side, side), and the class of each."""
        taken = range(cursor, cursor + count)
        places = np.asarray([self._place(*divmod(at, self.examples)) for at in taken])
        pixels = self.pictures.pixels[places]
        if self.augment != "none":
            chances = (np.random.default_rng((self.seed, at)) for at in taken)
            mirrors = self.augment == "mirror"
            pixels = np.stack(
                [moved(one, chance, mirrors=mirrors) for one, chance in zip(pixels, chances, strict=True)]
            )
        return Batch(_fields(pixels), self._labels(places))

    @torch.inference_mode()
    def evaluate(self, network: Network, most: int, at_once: int, step: int, *, evenly: bool = False) -> Evaluation:
        """On the first `most` held-out pictures, which are there by chance: no fewer where the model guesses evenly, as
        what share it has right depends on them.
        """
        scored = self.sides.validation[:most]
        nats, answers = 0.0, Counter[tuple[int, int]]()
        network.model.train(False)
        try:
            for start in range(0, len(scored), at_once):
                places = scored[start : start + at_once]
                logits = network.logits(_fields(self.pictures.pixels[places])).float().cpu()
                labels = self._labels(places)
                nats += float(functional.cross_entropy(logits, labels, reduction="none").sum(dtype=torch.float64))
                answers.update(zip(labels.tolist(), logits.argmax(dim=1).tolist(), strict=True))
        finally:
            network.model.train()
        return self._evaluation(nats / len(scored), answers, step)

    def sample(self, network: Network, tokens: int, seed: int) -> str:
        return ""

    def _evaluation(self, loss: float, answers: Counter[tuple[int, int]], step: int) -> Evaluation:
        if not math.isfinite(loss):
            return Evaluation(loss)
        found = report(step, loss, self.pictures.meta.classes, answers)
        try:
            written = f"{self.reports.name}/{found.write(self.reports)}"
        except OSError as error:  # the numbers are enough to go on
            log.warning("%s: the report of step %d is not written", complaint(error), step)
            written = ""
        return Evaluation(loss, accuracy=found.accuracy, f1=found.f1, report=written)

    def _place(self, epoch: int, index: int) -> int:
        return int(self.sides.train[_permutation(self.seed, epoch, self.examples)[index]])

    def _labels(self, places: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self.pictures.labels[places])


def _fields(pixels: NDArray[np.uint8]) -> Fields:
    """Levels from -1, black, to 1."""
    return {"pixel_values": torch.from_numpy(pixels).float().div_(127.5).sub_(1)}


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(count)

"""How well classes are told apart: the confusion matrix of one evaluation, and what follows from it. Needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trainer_core.files.atomic import write_atomic


@dataclass(frozen=True, slots=True)
class Score:
    """How well one class is told. A share of nothing is None."""

    name: str
    pictures: int
    """Held out of the class."""
    right: int
    """Of them, told to be of the class."""
    told: int
    """Held-out pictures of whatever class that are told to be of this one."""

    @property
    def precision(self) -> float | None:
        """Share of what is told to be of the class that is."""
        return self.right / self.told if self.told else None

    @property
    def recall(self) -> float | None:
        """Share of the class that is told to be of it."""
        return self.right / self.pictures if self.pictures else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None of a class of which no picture is held out."""
        return 2 * self.right / (self.pictures + self.told) if self.pictures else None


class ClassReport(BaseModel):
    """One evaluation of a classifier, as a file in the run's `eval` folder holds it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    step: int = Field(ge=0)
    loss: float = Field(ge=0)
    """Nats per picture."""
    classes: tuple[str, ...] = Field(min_length=1)
    confusions: tuple[tuple[int, int, int], ...] = Field(min_length=1)
    """(right class, told class, pictures), by places in `classes`, where there are any: most pairs of many classes
    have none.
    """

    @model_validator(mode="after")
    def _confusions_are_of_the_classes(self) -> Self:
        places = range(len(self.classes))
        if not all(right in places and told in places and count > 0 for right, told, count in self.confusions):
            raise ValueError("confusions name classes that are not there, or hold no pictures")
        if len({pair[:2] for pair in self.confusions}) < len(self.confusions):
            raise ValueError("confusions name a pair of classes twice")
        return self

    @property
    def pictures(self) -> int:
        """That were scored."""
        return sum(count for _, _, count in self.confusions)

    @property
    def accuracy(self) -> float:
        """Share of the pictures that are told right."""
        return sum(count for right, told, count in self.confusions if right == told) / self.pictures

    @property
    def f1(self) -> float:
        """Mean over the classes of which pictures are held out (macro F1)."""
        known = [score.f1 for score in self.scores() if score.f1 is not None]
        return sum(known) / len(known)

    def scores(self) -> tuple[Score, ...]:
        """Of each class, in the order of `classes`."""
        pictures, told, hits = Counter[int](), Counter[int](), Counter[int]()
        for right, answer, count in self.confusions:
            pictures[right] += count
            told[answer] += count
            if right == answer:
                hits[right] = count
        return tuple(Score(name, pictures[at], hits[at], told[at]) for at, name in enumerate(self.classes))

    def mistaken(self) -> tuple[tuple[str, str, int], ...]:
        """(right class, told class, pictures) of what is told wrong, the most frequent first."""
        wrong = [(self.classes[a], self.classes[b], count) for a, b, count in self.confusions if a != b]
        return tuple(sorted(wrong, key=lambda pair: (-pair[2], pair[:2])))

    def matrix(self) -> tuple[tuple[int, ...], ...]:
        """Pictures by right class (rows) and told class (columns)."""
        counts = {(right, told): count for right, told, count in self.confusions}
        places = range(len(self.classes))
        return tuple(tuple(counts.get((right, told), 0) for told in places) for right in places)

    def write(self, folder: Path) -> str:
        """Write it as a file of `folder`, whole or not at all. Returns the file's name. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        name = f"step-{self.step:08d}.json"
        write_atomic(folder / name, self.model_dump_json().encode())
        return name


def report(step: int, loss: float, classes: Sequence[str], answers: Mapping[tuple[int, int], int]) -> ClassReport:
    """The report on how often each (right class, told class) came up, `loss` in nats per picture."""
    confusions = tuple((right, told, count) for (right, told), count in sorted(answers.items()))
    return ClassReport(step=step, loss=loss, classes=tuple(classes), confusions=confusions)

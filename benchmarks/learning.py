"""What is learnt in the same time: Spotter as it comes, beside the Hugging Face Trainer and nanoGPT's recipe.

    python benchmarks/learning.py --minutes 5 --out docs/images/learning.png

One after the other, each has the machine to itself and trains GPT-2 of Spotter's default size on `python-docs`, for as
long, from the same weights, on the same tokens. How well the same held-out text is predicted, in bits per byte, is
looked at as training goes; the clock of the other two stands still meanwhile, Spotter's does not. Spotter is run as a
person would run it: a spec with a data set and a budget, and nothing else.

- Hugging Face Trainer: its default arguments (batch 8, AdamW at 5e-5, linear decay, no warm-up).
- nanoGPT: the settings its README publishes for a laptop's CPU (batch 12 of 64 tokens, AdamW at 1e-3 with betas 0.9
  and 0.99, weight decay 0.1, 100 steps of warm-up, cosine to a tenth, clipping at 1), with the decay's length set to
  the steps that the time allows; `--nanogpt default` takes those of its train.py (6e-4, 2,000 steps of warm-up, beta2
  0.95, 480 sequences a step) with the sequences of this model. The laptop's keep the weights of the lowest look, as
  `always_save_checkpoint = False` has it; the others the last ones.

Prints a table and draws the curves; exits with 1 if the model that Spotter ends with is not the best one.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is loaded; a worker sets the same

import numpy as np
import torch
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from trainer_core.compute import device as devices
from trainer_core.control import ControlReader
from trainer_core.data.catalog import BUILTIN, read_card
from trainer_core.data.intake.ingest import ingest
from trainer_core.events import Event, MetricsCompleted, MetricsEval
from trainer_core.files.layout import Home
from trainer_core.models.build import Places
from trainer_core.objectives.next_token import NextToken
from trainer_core.phases import Phases
from trainer_core.preparation import prepared
from trainer_core.run import run
from trainer_core.spec import RunSpec, parse_spec
from trainer_core.tasks.orders import AddDataset, BuiltinSource
from trainer_core.training import Training

LOOKS = 12
"""Times that the held-out text is looked at."""


@dataclass(frozen=True, slots=True)
class Point:
    minutes: float
    bits_per_byte: float


Curve = list[Point]
"""Ascending in time."""


@dataclass(frozen=True, slots=True)
class Learnt:
    curve: Curve
    model: float
    """Bits per byte of the model that it ends with."""

    @property
    def lowest(self) -> float:
        return min(point.bits_per_byte for point in self.curve)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--nanogpt", choices=("laptop", "default"), default="laptop")
    parser.add_argument("--out", type=Path, help="a PNG of the curves")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        order = AddDataset(home=home.path, source=BuiltinSource(name=BUILTIN), added_by="", name=BUILTIN)
        ingest(order, lambda _: None)
        seconds = asked.minutes * 60
        spec = parse_spec({"data": {"dataset": BUILTIN}, "budget": f"{seconds:g}s"})
        found = {
            "Spotter": spotter(home, spec),
            "HF Trainer": hugging_face(fresh(home, spec), seconds),
            f"nanoGPT ({asked.nanogpt})": nanogpt(fresh(home, spec), seconds, laptop=asked.nanogpt == "laptop"),
        }
    print(f"GPT-2 {spec.model.label}, {BUILTIN}, {asked.minutes:g} minutes each, {devices.choose('auto').name}\n")
    print("| held-out bits per byte | of the model in the end | of the last weights | at half the time | lowest |")
    print("|---|---|---|---|---|")
    for name, learnt in found.items():
        half = min(learnt.curve, key=lambda point: abs(point.minutes - asked.minutes / 2)).bits_per_byte
        last = learnt.curve[-1].bits_per_byte
        print(f"| {name} | {learnt.model:.3f} | {last:.3f} | {half:.3f} | {learnt.lowest:.3f} |")
    if asked.out is not None:
        draw({name: learnt.curve for name, learnt in found.items()}, asked.out)
    return 0 if min(found, key=lambda name: found[name].model) == "Spotter" else 1


def spotter(home: Home, spec: RunSpec) -> Learnt:
    """A run as a worker does it, from its spec; its own clock counts, evaluations included."""
    directory = home.run("spotter")
    attempt = directory.attempt(1)
    attempt.path.mkdir(parents=True)
    directory.spec.write_text(spec.model_dump_json())
    curve: Curve = []
    began: list[float] = []
    kept: list[float] = []

    def report(event: Event) -> None:
        if isinstance(event, MetricsEval) and event.bits_per_byte is not None:
            began.append(time.monotonic())
            curve.append(Point((began[-1] - began[0]) / 60, event.bits_per_byte))
        if isinstance(event, MetricsCompleted) and event.summary.bits_per_byte is not None:
            kept.append(event.summary.bits_per_byte)

    run(directory, 1, report, ControlReader(attempt.control))
    return Learnt(curve, kept[-1])


def fresh(home: Home, spec: RunSpec) -> Training:
    """The weights, tokens and held-out text that Spotter begins with."""
    directory = home.run("beside")
    nobody = ControlReader(directory.attempt(1).control)
    device = devices.choose("auto")
    devices.prepare(device)
    made = prepared(Places(directory), spec, read_card(home, BUILTIN), device, None, nobody, Phases(lambda _: None))
    assert isinstance(made, Training), "nobody asks for an early end"
    return made


class Watch:
    """A clock that stands still while the held-out text is looked at."""

    def __init__(self, training: Training, seconds: float) -> None:
        self._training = training
        self._seconds = seconds
        self._began = time.monotonic()
        self._paused = 0.0
        self.curve: Curve = []

    @property
    def done(self) -> float:
        """Share of the time that is over."""
        return (time.monotonic() - self._began - self._paused) / self._seconds

    def look_if_due(self) -> None:
        """Look once more, if it is time."""
        if self.done >= min(1.0, len(self.curve) / LOOKS):
            now, minutes = time.monotonic(), self.done * self._seconds / 60
            self.curve.append(Point(minutes, held_out(self._training)))
            self._paused += time.monotonic() - now


def held_out(training: Training) -> float:
    most = training.spec.evaluation.max_tokens
    found = training.objective.evaluate(training.network, most, training.batching.micro_batch, training.state.step)
    assert found.bits_per_byte is not None, "it is text"
    return found.bits_per_byte


def hugging_face(training: Training, seconds: float) -> Learnt:
    """`Trainer` with its default arguments; it is told how many steps the time allows, so that its decay ends then."""
    objective, model = training.objective, training.model
    assert isinstance(objective, NextToken)
    assert isinstance(model, PreTrainedModel)
    length = objective.length
    count = len(objective.tokens.train) // length
    rows = torch.from_numpy(np.asarray(objective.tokens.train[: count * length], dtype=np.int64)).view(count, length)
    examples = [{"input_ids": row, "labels": row} for row in rows]
    watch: list[Watch] = []

    class Looking(TrainerCallback):
        def on_step_begin(
            self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
        ) -> None:
            watch[0].look_if_due()
            control.should_training_stop = watch[0].done >= 1

    def trainer(steps: int, *callbacks: TrainerCallback) -> Trainer:
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                folder, max_steps=steps, report_to="none", save_strategy="no", disable_tqdm=True, use_cpu=True
            )
        return Trainer(model, arguments, train_dataset=examples, callbacks=list(callbacks))

    steps = int(seconds / _pace(lambda n: trainer(n).train(), model))
    watch.append(Watch(training, seconds))
    trainer(steps, Looking()).train()
    watch[0].curve.append(Point(seconds / 60, held_out(training)))
    return Learnt(watch[0].curve, watch[0].curve[-1].bits_per_byte)


def nanogpt(training: Training, seconds: float, *, laptop: bool) -> Learnt:
    """An own loop with nanoGPT's published hyper-parameters: random windows, AdamW, warm-up, cosine, clipping."""
    objective, model = training.objective, training.model
    assert isinstance(objective, NextToken)
    tokens, random = objective.tokens.train, np.random.default_rng(1)
    length = min(64, objective.length) if laptop else objective.length
    peak, beta2, warmup = (1e-3, 0.99, 100) if laptop else (6e-4, 0.95, 2000)
    micro_steps, batch = (1, 12) if laptop else (40, 12)
    matrices = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]

    def train(steps: int, watch: Watch | None) -> None:
        optimizer = torch.optim.AdamW(groups, lr=peak, betas=(0.9, beta2))
        for step in range(steps):
            if watch is not None:
                watch.look_if_due()
                if watch.done >= 1:
                    return
            decayed = min(1.0, max(0.0, (step - warmup) / max(1, steps - warmup)))
            rate = peak * (step + 1) / (warmup + 1) if step < warmup else peak * (0.1 + 0.9 * _cosine(decayed))
            for group in optimizer.param_groups:
                group["lr"] = rate
            for _ in range(micro_steps):
                starts = random.integers(len(tokens) - length, size=batch)
                window = torch.from_numpy(np.stack([tokens[s : s + length + 1] for s in starts]).astype(np.int64))
                logits = model(input_ids=window[:, :-1]).logits.flatten(0, 1)
                loss = torch.nn.functional.cross_entropy(logits, window[:, 1:].flatten()) / micro_steps
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    steps = int(seconds / _pace(lambda n: train(n, None), model))
    watch = Watch(training, seconds)
    train(max(1, steps), watch)
    watch.curve.append(Point(seconds / 60, held_out(training)))
    learnt = Learnt(watch.curve, watch.curve[-1].bits_per_byte)
    return replace(learnt, model=learnt.lowest) if laptop else learnt


def _cosine(done: float) -> float:
    return (1 + math.cos(math.pi * done)) / 2


def _pace(train: Callable[[int], object], model: torch.nn.Module) -> float:
    """Seconds a step, as some show; the weights are put back."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train(3)
    began = time.monotonic()
    train(20)
    pace = (time.monotonic() - began) / 20
    model.load_state_dict(before)
    return pace


def draw(curves: dict[str, Curve], out: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot([p.minutes for p in curve], [p.bits_per_byte for p in curve], marker=".", label=name)
    axes.set_xlabel("minutes")
    axes.set_ylabel("held-out bits per byte")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(out, dpi=120)


if __name__ == "__main__":
    sys.exit(main())

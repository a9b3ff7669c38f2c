"""The two sides of `train.py`, each a process of its own: `python benchmarks/sides.py SIDE LAYERS WIDTH LENGTH BATCH`.

A line of standard input asks for something, a line of standard output answers it, in JSON. Both sides train the same
class of model from the same weights, on the same tokens in the same order.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if sys.argv[1] == "spotter":  # as a worker does; the Trainer comes as it comes
    from trainer_core.compute.allocator import keep_memory

    keep_memory()

import numpy as np
import torch
from torch import Tensor
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.utils import logging as transformers_logging

from trainer_core.checkpoints.checkpoint import Checkpoints
from trainer_core.checkpoints.saving import save, saved
from trainer_core.compute import device as devices
from trainer_core.compute.mode import Mode
from trainer_core.compute.network import Network
from trainer_core.compute.tuning import settle
from trainer_core.control import ControlReader
from trainer_core.events import MetricsCheckpoint, MetricsProgress, Unit
from trainer_core.files.layout import Home
from trainer_core.loop import train
from trainer_core.models.data import TextData
from trainer_core.models.origin import Origin
from trainer_core.models.sizes import Recipe
from trainer_core.objectives.objective import Batch
from trainer_core.optim.optimizer import Optimizer
from trainer_core.plan import first_pace, plan_batching
from trainer_core.reporter import Reporter
from trainer_core.spec import parse_spec
from trainer_core.state import Evaluation, LoopState
from trainer_core.steering import SteeringLog
from trainer_core.telemetry.peak import flops, matmul_peak
from trainer_core.training import Training

VOCABULARY = 8192
RATE = 1e-3


@dataclass(frozen=True, slots=True)
class Shape:
    layers: int
    width: int
    length: int
    batch: int
    """Sequences in a step."""

    def model(self, activation: str) -> GPT2LMHeadModel:
        """The weights are the same whatever the activation; so is what it computes, to rounding."""
        torch.manual_seed(0)
        return GPT2LMHeadModel(
            GPT2Config(
                vocab_size=VOCABULARY,
                n_positions=self.length + 1,
                n_embd=self.width,
                n_layer=self.layers,
                n_head=max(1, self.width // 64),
                activation_function=activation,
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
                bos_token_id=0,
                eos_token_id=0,
            )
        )


@dataclass(frozen=True, slots=True)
class Chain:
    """Text of a kind: each token mostly decides the next. An objective, without a tokenizer."""

    shape: Shape
    tokenizer: None = None
    chosen: None = None
    unit: Unit = "tokens"
    examples: int = 100_000
    held_out: int = 0
    answers: int = VOCABULARY

    @property
    def data(self) -> TextData:
        return TextData(VOCABULARY, self.shape.length, 0)

    @property
    def training(self) -> int:
        return self.examples * self.length

    @property
    def length(self) -> int:
        return self.shape.length

    def window(self, number: int) -> Tensor:
        """A sequence and the token after it."""
        chance = np.random.default_rng(number)
        tokens = chance.integers(0, 512, self.length + 1)
        follows = chance.random(self.length + 1) < 0.8
        for at in range(1, self.length + 1):
            if follows[at]:
                tokens[at] = (tokens[at - 1] * 7 + 3) % 512
        return torch.from_numpy(tokens)

    def batch(self, cursor: int, count: int) -> Batch:
        windows = torch.stack([self.window(cursor + number) for number in range(count)])
        return Batch({"input_ids": windows[:, :-1]}, windows[:, 1:])

    def evaluate(self, network: Network, most: int, at_once: int, step: int, *, evenly: bool = False) -> Evaluation:
        return Evaluation(1.0)

    def sample(self, network: Network, tokens: int, seed: int) -> str:
        return ""


@dataclass(slots=True)
class Watched(Training):
    """Knows how long the arithmetic took."""

    busy: float = 0.0

    def forward_backward(self, cursor: int, examples: int) -> float:
        started = time.perf_counter()
        loss = Training.forward_backward(self, cursor, examples)
        self.busy += time.perf_counter() - started
        return loss

    def clip(self) -> float:
        started = time.perf_counter()
        norm = Training.clip(self)
        self.busy += time.perf_counter() - started
        return norm

    def step(self, learning_rate: float) -> None:
        started = time.perf_counter()
        Training.step(self, learning_rate)
        self.busy += time.perf_counter() - started


class Spotter:
    def __init__(self, shape: Shape, folder: Path) -> None:
        self.home, self.shape, device = Home(folder), shape, devices.choose("auto")
        devices.prepare(device)
        spec = parse_spec(
            {
                "data": {"dataset": "chain"},
                "budget": os.environ.get("SPOTTER_BENCH_BUDGET", "10m"),
                "batch": {"tokens_per_step": shape.batch * shape.length},
                "optimizer": {"learning_rate": RATE},
                "checkpoint": {"every_seconds": 1e6},
                "evaluation": {"times": 1, "sample_tokens": 0},
            }
        )
        fresh = partial(shape.model, "gelu_pytorch_tanh")
        model, objective = fresh(), Chain(shape)
        model.to(device.kind)  # type: ignore[arg-type]  # its wrapper hides what it takes
        recipe = Recipe(shape.length, RATE, shape.batch * shape.length)
        self.training = Watched(
            spec=spec,
            device=device,
            mode=Mode(),
            model=model,
            network=Network(model, Mode(), device),
            optimizer=Optimizer(model, spec.optimizer),
            objective=objective,
            batching=plan_batching(spec.batch, recipe, shape.length, VOCABULARY, objective.examples, device.kind),
            peak_learning_rate=RATE,
            state=LoopState(),
            fresh=fresh,
            origin=Origin(),
        )
        self.decision = settle(self.training, self.home)
        self.cursor = 0

    def describe(self) -> dict[str, object]:
        batch = self.training.objective.batch(0, 1)
        return {
            "mode": str(self.decision.mode),
            "why": self.decision.reasons["precision"],
            "seconds": self.decision.seconds,
            "device": self.training.device.name,
            "reason": self.training.device.reason,
            "fast": self.training.device.precision != "fp32",
            "flops": (flops(self.training.model, batch.inputs) or 0) * self.shape.batch,
        }

    def peak(self) -> float:
        """FLOP/s of matrix products in the best precision there is here."""
        return matmul_peak(self.training.device.kind, self.training.device.precision, 0.5)

    def steps(self, count: int) -> tuple[list[float], list[float]]:
        """Seconds and loss of each."""
        seconds, losses = [], []
        for _ in range(count):
            started = time.perf_counter()
            losses.append(self.training.forward_backward(self.cursor, self.shape.batch))
            self.training.clip()
            self.training.step(RATE)
            seconds.append(time.perf_counter() - started)
            self.cursor += self.shape.batch
        return seconds, losses

    def around(self, count: int) -> float:
        """Share of the time of the real loop that is not arithmetic: events, guard, telemetry, journal."""
        training, directory = self.training, self.home.run("a-run")
        attempt = directory.attempt(1)
        attempt.path.mkdir(parents=True, exist_ok=True)
        pace = first_pace(training.spec.budget, training.batching, training.objective.examples, 0.1)
        training.state = LoopState(paces=(pace,))
        loop = train(
            training,
            Checkpoints(directory.checkpoints, training.spec.checkpoint),
            ControlReader(attempt.control),
            SteeringLog(directory.steering, lambda: None),
        )
        shares: list[float] = []
        with Reporter(attempt, directory.name) as report:
            began, busy = time.perf_counter(), training.busy
            for event in loop:
                report(event)
                if isinstance(event, MetricsProgress):
                    now = time.perf_counter()
                    shares.append(1 - (training.busy - busy) / (now - began))
                    began, busy = now, training.busy
                if len(shares) > count:
                    break
        return sum(shares[1:]) / count

    def stall(self) -> float:
        """Seconds for which a checkpoint stops training."""
        checkpoints = Checkpoints(self.home.run("a-run").checkpoints, self.training.spec.checkpoint)
        self.training.state = LoopState(step=self.training.state.step + 1)
        events = list(save(self.training, checkpoints))
        while checkpoints.under_way:
            self.steps(1)
            events += saved(checkpoints)
        [stall] = [event.stall for event in events if isinstance(event, MetricsCheckpoint)]
        return float(stall or 0.0)


class Windows(torch.utils.data.IterableDataset[dict[str, Tensor]]):
    """In the order that Spotter's side has them in."""

    def __init__(self, shape: Shape, first: int, length: int) -> None:
        self.chain, self.first, self.length = Chain(shape), first, length

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        number = self.first
        while True:
            window = self.chain.window(number)[: self.length]
            labels = window.clone()
            labels[0] = -100  # nothing predicts it; else the Trainer would count it among those to divide by
            yield {"input_ids": window, "labels": labels}
            number += 1


@dataclass
class Watch(TrainerCallback):
    """When steps end, and what their losses are."""

    ends: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def on_step_end(self, *_: object, **__: object) -> None:
        self.ends.append(time.perf_counter())

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **rest: object) -> None:
        if isinstance(logs := rest["logs"], dict) and "loss" in logs:
            self.losses.append(float(logs["loss"]))


class HuggingFace:
    def __init__(self, shape: Shape, folder: Path, *, bf16: bool = False) -> None:
        self.shape, self.folder, self.bf16 = shape, folder, bf16
        self.model = shape.model("gelu_new")  # as GPT-2 comes
        self.cursor = 0

    def steps(self, count: int, *, told: bool = False) -> tuple[list[float], list[float]]:
        """Seconds of each but the first, which sets up; and their losses, if they are to be told.

        For the same losses it has to be given a token more, which is no round number.
        """
        watch = Watch()
        arguments = TrainingArguments(
            str(self.folder),
            per_device_train_batch_size=self.shape.batch,
            max_steps=count,
            bf16=self.bf16,
            use_cpu=devices.choose("auto").kind == "cpu",
            learning_rate=RATE,
            lr_scheduler_type="constant",
            weight_decay=0.1,
            adam_beta2=0.95,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            logging_strategy="steps" if told else "no",
            logging_steps=1,
        )
        data = Windows(self.shape, self.cursor, self.shape.length + told)
        Trainer(self.model, arguments, train_dataset=data, callbacks=[watch]).train()
        self.cursor += count * self.shape.batch
        return [after - before for before, after in zip(watch.ends, watch.ends[1:], strict=False)], watch.losses


def main() -> None:
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # unannotated in transformers
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    shape = Shape(*map(int, sys.argv[2:6]))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        asked: dict[str, Callable[..., object]]
        if sys.argv[1] == "spotter":
            ours = Spotter(shape, Path(folder))
            asked = {
                "describe": ours.describe,
                "peak": ours.peak,
                "steps": ours.steps,
                "around": ours.around,
                "stall": ours.stall,
            }
        else:
            theirs = HuggingFace(shape, Path(folder), bf16=sys.argv[1] == "hf-bf16")
            asked = {"steps": theirs.steps, "losses": partial(theirs.steps, told=True)}
        for line in sys.stdin:
            what, *arguments = json.loads(line)
            answers.write(json.dumps(asked[what](*arguments)) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()

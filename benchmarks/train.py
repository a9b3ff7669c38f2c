"""How fast Spotter trains, beside the Hugging Face Trainer: the same class of model, weights, tokens and batch.

    python benchmarks/train.py            # some minutes
    python benchmarks/train.py --full     # with torch.compile among what Spotter may choose from

Each side is a process of its own with all cores; they take turns, a few steps at a time, and medians are told. How
fast this machine multiplies matrices is measured between the turns. Prints the tables in Markdown. Exits with 1 if a
floor is missed; those of speed suppose a machine that multiplies in bf16: on others they are told, but not judged.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

SIDES = Path(__file__).with_name("sides.py")
SHAPES = {"4x256, T 256": (4, 256, 256, 16), "6x384, T 256": (6, 384, 256, 16), "12x768, T 512": (12, 768, 512, 4)}
LARGE = "12x768, T 512"
LEARNING = (2, 128, 64, 8)
"""The shape for comparing what is learnt in 300 steps."""
ROUNDS = 5
ABSURD = 5
"""A precision that takes so many times as long as fp32 is not waited for."""
_SET_UP = 25.0
"""Seconds that a side may take to begin with."""


class TooLongError(Exception):
    """A side has not answered in time."""


class Side:
    """One of the two, in its process."""

    def __init__(self, name: str, shape: tuple[int, int, int, int]) -> None:
        command = [sys.executable, str(SIDES), name, *map(str, shape)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, what: str, *arguments: object, within: float | None = None) -> Any:  # Any: whatever is asked for
        """Raises TooLongError if it does not answer `within` seconds."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write((json.dumps([what, *arguments]) + "\n").encode())
        self._process.stdin.flush()
        if within is not None and not select.select([self._process.stdout], [], [], within)[0]:
            raise TooLongError
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def side(name: str, shape: tuple[int, int, int, int]) -> Iterator[Side]:
    made = Side(name, shape)
    try:
        yield made
    finally:
        made.close()


@dataclass(frozen=True, slots=True)
class Floor:
    """What has to be reached, and what is aimed at."""

    what: str
    found: float
    floor: float
    aim: float
    shown: str
    """A format."""
    at_least: bool = True
    judged: bool = True

    @property
    def missed(self) -> bool:
        return self.judged and (self.found < self.floor if self.at_least else self.found > self.floor)

    def row(self) -> str:
        verdict = "not judged here" if not self.judged else "missed" if self.missed else "reached"
        found, floor, aim = (self.shown.format(each) for each in (self.found, self.floor, self.aim))
        return f"| {self.what} | {found} | {floor} | {aim} | {verdict} |"


def compared(label: str, rounds: int) -> list[Floor]:
    """Both sides at one shape. Prints a row for each."""
    shape = SHAPES[label]
    tokens = shape[2] * shape[3]
    with side("spotter", shape) as ours, side("hf", shape) as theirs:
        about = ours.ask("describe")
        theirs.ask("steps", 2)
        turns: dict[str, list[float]] = {"ours": [], "theirs": []}
        peaks = [ours.ask("peak")]
        for _ in range(rounds):
            turns["theirs"] += theirs.ask("steps", 2)[0]
            turns["ours"] += ours.ask("steps", 2)[0][1:]  # neither side is judged by its first step after a rest
            peaks.append(ours.ask("peak"))
    step, plain, peak = median(turns["ours"]), median(turns["theirs"]), median(peaks)
    half = in_bf16(shape, plain, rounds)
    share = about["flops"] / step / peak
    told = f"{tokens / half:,.0f}" if isinstance(half, float) else half
    ratio = f"{half / step:.2f}" if isinstance(half, float) else "–"
    print(
        f"| {label} | {tokens / plain:,.0f} | {told} | {tokens / step:,.0f} | {plain / step:.2f} | {ratio} | "
        f"{share:.0%} of {peak / 1e9:,.0f} GFLOP/s | {about['mode']} |",
        flush=True,
    )
    print(f"<!-- {about['why']}; found out in {about['seconds']:.0f} s -->", flush=True)
    fast = bool(about["fast"])
    floors = []
    if label != LARGE:
        floors.append(Floor(f"{label}: against HF Trainer as it comes", plain / step, 3, 4, "{:.2f}x", judged=fast))
    if isinstance(half, float):
        least, aim = (1.3, 1.6) if label == LARGE else (2.0, 2.5)
        floors.append(Floor(f"{label}: against HF Trainer, bf16=True", half / step, least, aim, "{:.2f}x", judged=fast))
    if label == LARGE:
        floors.append(Floor(f"{label}: share of the matmul peak", share, 0.3, 0.4, "{:.0%}", judged=fast))
    return floors


def in_bf16(shape: tuple[int, int, int, int], plain: float, rounds: int) -> float | str:
    """Seconds a step of the Trainer with bf16=True, while nothing else runs; or why not."""
    with side("hf-bf16", shape) as theirs:
        most = ABSURD * plain
        try:
            theirs.ask("steps", 2, within=_SET_UP + 2 * most)
            seconds: float = median(theirs.ask("steps", rounds + 1, within=_SET_UP + most * (rounds + 1))[0])
        except TooLongError:
            return f"left out: over {most:.0f} s a step"
    return seconds


def around_and_stall() -> list[Floor]:
    """What the loop costs besides the arithmetic, and what a checkpoint does."""
    with side("spotter", SHAPES["4x256, T 256"]) as ours:
        around = ours.ask("around", 10)
    with side("spotter", SHAPES[LARGE]) as ours:
        seconds = median(ours.ask("steps", 3)[0])
        stall = median(ours.ask("stall") for _ in range(3)) / seconds
    return [
        Floor("everything around the step, share of its time", around, 0.02, 0.01, "{:.2%}", at_least=False),
        Floor(f"checkpoint stall, {LARGE}, in steps", stall, 1.0, 0.2, "{:.2f}", at_least=False),
    ]


def learnt() -> Floor:
    """By how much the final loss differs from the Trainer's in fp32, after as many steps from the same weights."""
    with side("spotter", LEARNING) as ours, side("hf", LEARNING) as theirs:
        theirs_last = mean(theirs.ask("losses", 300)[1][-20:])
        ours_last = mean(ours.ask("steps", 300)[1][-20:])
    off = abs(ours_last / theirs_last - 1)
    what = f"loss after 300 steps: {ours_last:.4f}, HF Trainer fp32 {theirs_last:.4f}; apart"
    return Floor(what, off, 0.01, 0.0, "{:.3%}", at_least=False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="let Spotter choose as for a long run, compiling included")
    parser.add_argument("--shapes", nargs="*", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    os.environ["SPOTTER_BENCH_BUDGET"] = "3h" if asked.full else "10m"
    print("Tokens a second, medians; x: Spotter's over the Trainer's.\n")
    print("| GPT-2 | HF Trainer | HF bf16=True | Spotter | x | x bf16 | share of peak | computed in |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    floors = [floor for label in asked.shapes for floor in compared(label, asked.rounds)]
    floors += [learnt(), *around_and_stall()]
    print("\n| | found | floor | aim | |\n|---|---|---|---|---|")
    print("\n".join(floor.row() for floor in floors))
    if any(not floor.judged for floor in floors):
        print("\nThis machine does not multiply in bf16: the floors of speed are for those that do.")
    return int(any(floor.missed for floor in floors))


if __name__ == "__main__":
    sys.exit(main())

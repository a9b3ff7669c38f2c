"""How long a run takes from being handed to a standby worker to its first step on record: `benchmarks/first_step.py`.

The worker is the real one, in a process of its own, and ready; tokenizer and tokens are there from an earlier run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from trainer_core.data.card import DatasetCard
from trainer_core.data.catalog import CARD
from trainer_core.data.documents import DocumentsWriter, Piece, open_documents
from trainer_core.events import Event, JobProgress, MetricsProgress, decode
from trainer_core.files.layout import Home
from trainer_core.spec import parse_spec

_WITHIN = 120.0
_STEP = MetricsProgress.model_fields["type"].default.encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="mini")
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        _make_dataset(home)
        first_step(home, asked.size, 0)
        found = [first_step(home, asked.size, number) for number in range(1, asked.runs + 1)]
    phases = {name: median(run[name] for run in found) for name in found[0]}
    print(f"{asked.size}, median of {asked.runs}, {os.cpu_count()} cores")
    for name, seconds in phases.items():
        print(f"{seconds:7.3f} s  {name}")


def first_step(home: Home, size: str, number: int) -> dict[str, float]:
    """Seconds from the order to the end of each phase before the first step, to that step, and to its record."""
    directory = home.run(f"run-{number}")
    attempt = directory.attempt(1)
    attempt.path.mkdir(parents=True)
    spec = parse_spec({"data": {"dataset": "docs"}, "model": {"size": size}, "budget": "2 steps"})
    directory.spec.write_text(spec.model_dump_json())
    command = [sys.executable, "-m", "trainer_core.worker", str(os.getpid())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdin and worker.stdout
        assert worker.stdout.readline() == "ready\n"
        ordered = time.time()
        worker.stdin.write(json.dumps({"attempt": str(attempt.path), "threads": os.cpu_count()}) + "\n")
        worker.stdin.close()
        events = _until_first_step(attempt.events)
        recorded = time.time()
        worker.wait()
    marks = {"begun": events[0].time}
    marks |= {event.phase: event.time for event in events if isinstance(event, JobProgress)}
    marks |= {"first step": events[-1].time, "on record": recorded}
    return {name: at - ordered for name, at in marks.items()}


def _until_first_step(journal: Path) -> list[Event]:
    deadline = time.monotonic() + _WITHIN
    while time.monotonic() < deadline:
        text = journal.read_bytes() if journal.exists() else b""
        if _STEP in text and text.endswith(b"\n"):  # to read more at every look would take a core from the worker
            events = [decode(line) for line in text.splitlines()]
            return events[: next(at for at, event in enumerate(events, 1) if isinstance(event, MetricsProgress))]
        time.sleep(0.005)
    raise TimeoutError(f"no step within {_WITHIN:.0f} s")


def _make_dataset(home: Home) -> None:
    """The project's own documentation, several times over with other numbers, as it is when it has been taken in."""
    pages = [page.read_text() for page in sorted(Path("docs").glob("*.md"))]
    texts = [f"Copy {copy}.\n\n{page}".replace("e", "e" if copy % 2 else "é") for copy in range(4) for page in pages]
    folder = home.dataset("docs")
    folder.mkdir(parents=True)
    with DocumentsWriter(folder) as writer:
        for text in texts:
            writer.add(Piece(text))
    size = open_documents(folder, "docs").bytes
    content = hashlib.sha256("".join(texts).encode()).hexdigest()
    card = DatasetCard(
        name="docs",
        format="txt",
        filename="docs.txt",
        documents=len(texts),
        characters=sum(map(len, texts)),
        bytes=size,
        source_bytes=size,
        sha256=content,
        content=content,
        added_by="1",
        added_at=datetime.now(UTC),
    )
    (folder / CARD).write_text(card.model_dump_json())


if __name__ == "__main__":
    main()

"""The other processes of a group, as rank 0 has them: it starts them, tells them what to do, and learns how they end.

Each hears its orders through its standard input, however long they take to come, and ends when that is closed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from trainer_core.distributed.words import Begin, Failed, Order, Ready, Verb, answer
from trainer_core.errors import Code, SpotterError

RANK = "trainer_core.distributed.rank"
LEFT_ALONE = 3
"""Exit status of a process that could not go on because another of the group was gone."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A process is gone."""

    rank: int
    status: int
    """Its exit status, or the negative number of the signal that ended it."""


class Ranks:
    """Processes that share the steps of this one."""

    def __init__(self, begins: Sequence[Begin], module: str = RANK, parting: float = 5.0) -> None:
        """Start `module` for each of `begins`.

        `parting` are the seconds that they have to end once one is gone, or none is needed any more.
        """
        self._parting = parting
        self._heard: SimpleQueue[Ready | Failed | Ended] = SimpleQueue()
        self._processes: list[subprocess.Popen[bytes]] = []
        for begin in begins:
            process = subprocess.Popen(
                [sys.executable, "-m", module, str(os.getpid())], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            self._processes.append(process)
            Thread(target=self._listen, args=(begin.rank, process), daemon=True).start()
        for begin, process in zip(begins, self._processes, strict=True):
            _say(process, begin.line())

    @property
    def pids(self) -> Sequence[int]:
        return [process.pid for process in self._processes]

    def wait_until_ready(self, patience: float) -> None:
        """Raises SpotterError: why one of them will never be, or TRAINING_STALLED after `patience` seconds."""
        deadline = time.monotonic() + patience
        for _ in self._processes:
            if not isinstance(word := self._next(deadline), Ready):
                raise self.explained([word] if word else []) or unanswered(len(self._processes) + 1)

    def tell(self, verb: Verb, arguments: Sequence[float]) -> None:
        """Have all of them do this. Whoever is gone shows once something is done together."""
        line = Order(verb=verb, arguments=tuple(arguments)).line()
        for process in self._processes:
            _say(process, line)

    def explained(self, words: Iterable[Ready | Failed | Ended] = ()) -> SpotterError | None:
        """Why nothing can be done together any more, from what was heard: `words`, and what comes in a moment.

        None if that tells of nobody who is gone.
        """
        deadline = time.monotonic() + self._parting
        heard = list(words)
        while sum(isinstance(word, Ended) for word in heard) < len(self._processes):
            if (word := self._next(deadline)) is None:
                break
            heard.append(word)
        return cause(heard, len(self._processes) + 1)

    def close(self) -> None:
        """End all of them: those that are busy, by force."""
        for process in self._processes:
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
        deadline = time.monotonic() + self._parting
        for process in self._processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _listen(self, rank: int, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self._heard.put(answer(line))
        self._heard.put(Ended(rank, process.wait()))

    def _next(self, deadline: float) -> Ready | Failed | Ended | None:
        """What is heard next; None if that is nothing before `deadline`."""
        try:
            return self._heard.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            return None


def cause(words: Iterable[Ready | Failed | Ended], size: int) -> SpotterError | None:
    """What a person is told of a group of `size` that broke: what came first, not what it led to.

    None if nobody is gone.
    """
    heard = list(words)
    for word in heard:
        if isinstance(word, Failed):
            return word.error()
    for word in heard:
        if isinstance(word, Ended) and word.status not in (0, LEFT_ALONE):
            process = f"Process {word.rank + 1} of the {size} that share each step"
            if word.status < 0:
                return SpotterError(Code.WORKER_KILLED, f"{process} was killed from outside.")
            return SpotterError(Code.WORKER_CRASHED, f"{process} ended with status {word.status}.")
    return unanswered(size) if any(isinstance(word, Ended) for word in heard) else None


def unanswered(size: int) -> SpotterError:
    """What a person is told when all of them are there, and one does not take part."""
    return SpotterError(Code.TRAINING_STALLED, f"One of the {size} processes that share each step does not answer.")


def _say(process: subprocess.Popen[bytes], line: bytes) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.write(line)
        process.stdin.flush()

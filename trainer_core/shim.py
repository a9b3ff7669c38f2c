"""The parent of one worker: it holds the attempt's lock and records how the worker ended. Standard library only.

    shim (own session, detached from the bot; single-threaded)
     └─ worker (own process group; imports torch while it waits)

The bot writes one line to the shim's standard input, `{"attempt": FOLDER, ...}`; the shim takes `run.lock` there,
passes the line on to the worker and answers on its standard output. If the line never comes because the bot is gone,
both end. Once it came, neither needs the bot again. The lock is held until `exit.json` is written, however long the
disk refuses it, so that nobody takes an attempt for lost whose end is known.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import chain, repeat
from pathlib import Path

from trainer_core import memory
from trainer_core.faults import reach
from trainer_core.files import disk
from trainer_core.files.atomic import write_atomic
from trainer_core.files.layout import AttemptDirectory
from trainer_core.process import Identity, Lock, detach, identify, wait_and_end_group

WORKER = "trainer_core.worker"

_RENEWED_EVERY = 15.0
"""Seconds. Kills for memory are counted against the worker if they came at most twice as long before its end."""


def main() -> int:
    detach()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    worker = subprocess.Popen(
        [sys.executable, "-m", WORKER, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        process_group=0,
        preexec_fn=_default_signals,  # noqa: PLW1509 the shim has one thread
    )
    assert worker.stdin is not None and worker.stdout is not None
    if not worker.stdout.readline():
        _say(broken=f"the worker ended with status {worker.wait()} before it was ready")
        return 1
    _say(ready=True)

    order = sys.stdin.buffer.readline()
    if not order:
        worker.stdin.close()
        worker.wait()
        return 0
    if (status := worker.poll()) is not None:
        _say(broken=f"the worker ended with status {status} while it waited")
        return 1
    attempt = AttemptDirectory(Path(json.loads(order)["attempt"]))
    lock = _locked(attempt, worker.pid)
    if isinstance(lock, str):
        _say(refused=lock)
        worker.stdin.close()
        worker.wait()
        return 1
    reach("shim.locked")
    started, kills = time.time(), memory.KillWatch()
    worker.stdin.write(order)
    worker.stdin.close()
    _say(accepted=True)
    reach("shim.accepted")

    # The alarm interrupts the wait for a moment: there is no second thread to do it.
    signal.signal(signal.SIGALRM, lambda *_: kills.renew())
    signal.setitimer(signal.ITIMER_REAL, _RENEWED_EVERY, _RENEWED_EVERY)
    status = wait_and_end_group(worker)
    signal.setitimer(signal.ITIMER_REAL, 0)
    exit_ = {
        "status": status if status >= 0 else None,
        "signal": -status if status < 0 else None,
        "started": started,
        "ended": time.time(),
        "oom": status == -signal.SIGKILL and kills.has_risen(),
        "peak_memory": memory.peak_of_children(),
    }
    reach("shim.exit")
    _record(attempt, exit_)
    lock.release()
    return 0


def _locked(attempt: AttemptDirectory, worker_pid: int) -> Lock | str:
    """The attempt's lock, which says who holds it, or why it cannot be had."""
    try:
        lock = Lock.take(attempt.lock)
        if lock is None:
            return "another worker holds this attempt"
        if attempt.exit.exists():
            return "this attempt has ended"
        lock.write(_holders(worker_pid))
    except OSError as error:
        return disk.complaint(error)
    return lock


def _record(attempt: AttemptDirectory, exit_: Mapping[str, object]) -> None:
    """Write `exit.json`, as soon as the disk takes it. Without the attempt's folder nobody asks for it."""

    def write() -> None:
        if attempt.path.is_dir():
            write_atomic(attempt.exit, json.dumps(exit_).encode())

    disk.patiently(write, chain(disk.PAUSES, repeat(disk.PAUSES[-1])))


def _default_signals() -> None:
    """Ignored signals stay ignored over exec: the worker must end when it is told to."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _holders(worker_pid: int) -> dict[str, Identity]:
    found = {"shim": identify(os.getpid()), "worker": identify(worker_pid)}
    return {role: identity for role, identity in found.items() if identity is not None}


def _say(**answer: object) -> None:
    """Tell the bot. It may be gone: then nobody needs to know."""
    try:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes again at exit and would complain there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())

"""One task, from the order on the standard input to the result on the standard output.

The process ends with who started it: when its standard input ends, when it is asked to, and, on Linux, when its parent
dies. It is out of the way of everything else: its priority is low, and it leaves nothing half made.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from pydantic import ValidationError

from trainer_core import process
from trainer_core.errors import Code, SpotterError
from trainer_core.files import disk
from trainer_core.tasks.orders import ORDER, AddDataset, Added, MakeTokenizer, Progress, Refused, Result
from trainer_core.tasks.telling import Teller

_NICE = 5
_LONGEST_ORDER = 2**20
_GRACE = 10.0
"""Seconds to take away what is half made, when nobody is there any more to wait for it."""

log = logging.getLogger("trainer_core.tasks")


def main() -> int:
    """The exit status: 0 once a result was said, also that the task was refused."""
    process.die_with_parent(signal.SIGTERM)
    os.nice(_NICE)
    signal.signal(signal.SIGTERM, _end)
    logging.basicConfig(stream=sys.stderr)
    teller = Teller(sys.stdout)
    try:
        order = ORDER.validate_json(sys.stdin.readline(_LONGEST_ORDER))
    except ValidationError:
        log.exception("an order that nobody understands")
        return 2
    threading.Thread(target=_watch_parent, name="parent", daemon=True).start()
    result = carry_out(order, teller.progress)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # nothing is half made any more
    teller.result(result)
    return 0


def carry_out(order: AddDataset | MakeTokenizer, told: Callable[[Progress], None]) -> Result:
    """The result of `order`; a failure is one, too."""
    try:
        return _perform(order, told)
    except SpotterError as error:
        return Refused.of(error)
    except Exception as error:  # whatever a library raises over somebody's file; the traceback goes to the log
        log.exception("%s failed", order.task)
        refused = disk.refusal(error)
        if refused is not None and disk.takes_nothing(refused):
            return Refused.of(SpotterError(Code.DISK_FULL, f"It could not be written: {disk.complaint(refused)}."))
        return Refused.of(_unexpected(order))


def _perform(order: AddDataset | MakeTokenizer, told: Callable[[Progress], None]) -> Result:
    if isinstance(order, AddDataset):
        from trainer_core.data.intake.ingest import ingest
        from trainer_core.tasks.machine import gflops

        result = ingest(order, told)
        return result.model_copy(update={"gflops": gflops()}) if isinstance(result, Added) else result
    from trainer_core.tokenizers.make import make

    return make(order, told)


def _unexpected(order: AddDataset | MakeTokenizer) -> SpotterError:
    doing = "Taking the data in" if isinstance(order, AddDataset) else "Making the tokenizer"
    return SpotterError(
        Code.WORKER_CRASHED,
        f"{doing} stopped on an unexpected error.",
        next_step="Spotter's log has the traceback; once that is mended, try again.",
    )


def _end(number: int, _: FrameType | None) -> None:
    """Asked to end: what is half made is taken away on the way out, and only once."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


def _watch_parent() -> None:
    """Who started this holds the other end of the standard input for as long as the result is wanted."""
    while os.read(sys.stdin.fileno(), 2**16):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)  # a library may be busy, and nobody would stop it
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())

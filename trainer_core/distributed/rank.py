"""A process that shares the steps of a run with rank 0, the run's worker. It decides nothing and writes nothing.

The worker's pid is the argument. Standard input brings a `Begin`, then an `Order` a line; when it is closed, nobody
needs this process any more. Standard output is for `Ready` and `Failed`; whatever else is printed goes to the log.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
from dataclasses import replace

import torch

from trainer_core.compute import device as devices
from trainer_core.compute.allocator import keep_memory
from trainer_core.control import ControlReader
from trainer_core.data.catalog import read_card
from trainer_core.distributed.meeting import meet
from trainer_core.distributed.ranks import LEFT_ALONE
from trainer_core.distributed.shared import GoneError, Shared
from trainer_core.distributed.words import Begin, Failed, Order, Ready
from trainer_core.failures import classify, is_out_of_memory
from trainer_core.files.layout import RunDirectory
from trainer_core.models.build import Places
from trainer_core.phases import Phases
from trainer_core.preparation import prepared
from trainer_core.process import die_with_parent
from trainer_core.training import Training

log = logging.getLogger("trainer_core.distributed.rank")


def main() -> int:
    die_with_parent()
    if os.getppid() != int(sys.argv[1]):
        return 0
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    keep_memory()
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    line = sys.stdin.readline()
    if not line:
        return 0
    begin = Begin.model_validate_json(line)
    logging.basicConfig(
        level=logging.INFO, format=f"%(asctime)s %(levelname)s process {begin.rank + 1}: %(message)s", force=True
    )
    try:
        training = made_ready(begin)
        answers.write(Ready().line())
        training.group = Shared(meet(begin.meeting, begin.rank, begin.size, training.device.kind))
        for line in sys.stdin:
            obey(training, Order.model_validate_json(line))
    except GoneError as error:
        log.info("another process of the group is gone: %s", error.__cause__)
        return LEFT_ALONE
    except BaseException as error:
        log.exception("this share of the run failed")
        answers.write(Failed.of(classify(error)).line())
        return 1
    return 0


def made_ready(begin: Begin) -> Training:
    """What rank 0 trains, made from the same spec and data. Raises SpotterError, or whatever broke."""
    torch.set_num_threads(begin.threads)
    if torch.cuda.is_available():
        torch.cuda.set_device(begin.rank)
    device = devices.choose(begin.spec.device)
    devices.prepare(device)
    directory = RunDirectory(begin.run)
    places = Places(directory, begin.approved)
    card = read_card(directory.home, begin.spec.data.dataset)
    nobody = ControlReader(directory.attempt(begin.attempt).path / "no-control.json")
    training = prepared(places, begin.spec, card, device, begin.checkpoint, nobody, Phases(lambda _: None))
    assert isinstance(training, Training), "nobody asks this process to end"
    training.compute_in(begin.mode)
    training.average = None  # rank 0 alone evaluates and exports
    training.model.train()
    return training


def obey(training: Training, order: Order) -> None:
    """Do what rank 0 does at this moment."""
    match order:
        case Order(verb="forward_backward", arguments=(int(cursor), int(examples), int(micro_batch))):
            training.batching = replace(training.batching, micro_batch=micro_batch)
            try:
                training.forward_backward(cursor, examples)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                log.warning("out of memory with a micro-batch of %d", micro_batch)
                training.discard()  # rank 0 says how to go on
        case Order(verb="clip"):
            training.clip()
        case Order(verb="step", arguments=(rate,)):
            training.step(rate)
        case Order(verb="discard"):
            training.discard()
        case Order(verb="synchronize"):
            training.synchronize()
        case _:
            raise ValueError(f"not an order: {order}")


if __name__ == "__main__":
    sys.exit(main())

"""The process that trains: imports what is slow, waits for one attempt, runs it, ends.

The shim gives its own pid as the argument. Standard input brings `{"attempt": FOLDER, "threads": N, "gpu": UUID,
"approved": {...}}`, or ends: then nobody needs this worker any more. SIGUSR1 has it write into its log where each of
its threads is, whatever they are busy with.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from trainer_core.approved import NONE, Approved
from trainer_core.compute.allocator import keep_memory
from trainer_core.control import ControlReader
from trainer_core.errors import Code
from trainer_core.events import JobFailed
from trainer_core.faults import reach
from trainer_core.files.layout import AttemptDirectory, RunDirectory
from trainer_core.process import die_with_parent
from trainer_core.reporter import Reporter

_NICENESS = 5
"""Chat stays quick while training uses every core."""

log = logging.getLogger("trainer_core.worker")


def main() -> int:
    die_with_parent()
    if os.getppid() != int(sys.argv[1]):
        return 0
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    os.nice(_NICENESS)
    # Threads that wait for each other by spinning lose most of their speed once anything else wants a core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_memory()
    _load()

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        return 0
    order = json.loads(line)
    keep_to(order)
    return work(AttemptDirectory(Path(order["attempt"])), Approved.model_validate(order.get("approved", {})))


def work(attempt: AttemptDirectory, approved: Approved = NONE) -> int:
    """Run one attempt. Returns the exit status: 0 if the run came to an end it was meant to come to."""
    _log_to(attempt.log)
    directory = RunDirectory(attempt.path.parent.parent)
    from trainer_core import failures, run

    with Reporter(attempt, directory.name) as report:
        try:
            reach("worker.started")
            run.run(directory, attempt.number, report, ControlReader(attempt.control), approved)
        except BaseException as error:
            # Whatever it was, an exit or an interrupt too: the journal says how the run ended.
            log.exception("run %s failed", directory.name)
            failure = failures.classify(error)
            # A setting's problem is half a sentence, which its name begins.
            message = "; ".join(map(str, failure.problems)) or failure.message
            report(
                JobFailed(
                    code=failure.code,
                    message=message,
                    next_step=failure.next_step,
                    step=report.step,
                    traceback=failures.origin(error) if failure.code is Code.WORKER_CRASHED else "",
                )
            )
            return 1
    return 0


def _load() -> None:
    """Import torch and transformers, which takes seconds, while nobody waits for it."""
    # Nothing of what is made here becomes garbage; looking for it costs a tenth of the time, and some later on.
    gc.disable()
    import trainer_core.run  # noqa: F401

    _warm_up()
    gc.freeze()
    gc.enable()


def _warm_up() -> None:
    """Take a step of the smallest model: much of torch and transformers is loaded when it is first needed."""
    import torch

    from trainer_core.models.causal import build_gpt2
    from trainer_core.models.data import TextData
    from trainer_core.models.specs import GPT2Spec
    from trainer_core.optim.optimizer import Optimizer
    from trainer_core.spec import OptimizerSpec

    model = build_gpt2(GPT2Spec(size="depth=1"), TextData(vocabulary=64, context=8, end_of_text=0))
    optimizer = Optimizer(model, OptimizerSpec())
    optimizer.backward(model(input_ids=torch.zeros(1, 8, dtype=torch.int64)).logits.sum())
    optimizer.clip(1.0)
    optimizer.step(0.1)


def keep_to(order: Mapping[str, object]) -> None:
    """Use the threads and the GPU that were given, and no others. An older bot says nothing of either."""
    threads, gpu = order.get("threads"), order.get("gpu")
    if isinstance(gpu, str):
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu  # read when CUDA is first touched, which importing torch does not do
    if isinstance(threads, int):
        import torch

        torch.set_num_threads(threads)
        os.environ["RAYON_NUM_THREADS"] = str(threads)  # the tokenizer's


def _log_to(path: Path) -> None:
    """Send everything this process prints, also from C, to the attempt's log."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )


if __name__ == "__main__":
    sys.exit(main())

"""The end of a run: the finished model and the papers that say where it came from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from trainer_core.errors import Code, SpotterError
from trainer_core.export import verify, write_model
from trainer_core.layout import RunDirectory
from trainer_core.manifest import Manifest
from trainer_core.models.files import save_weights
from trainer_core.training import Training


def finish(training: Training, directory: RunDirectory, manifest: Manifest, fence: Callable[[], None]) -> None:
    """Write the model, and the manifest with the model's sums. Each folder and file of it is whole or absent, so that
    all of it can be tried again. Raises OSError, SpotterError if it does not verify or another attempt has taken over.
    """
    fence()
    tokenizer = training.objective.tokenizer
    save = partial(save_weights, training.model)
    sums = write_model(directory.export, save, tokenizer.folder if tokenizer else None)
    if problems := verify(directory.export):
        raise SpotterError(Code.WORKER_CRASHED, f"The finished model does not verify: {problems[0]}.")
    manifest.model_copy(update={"sums": sums}).write(directory)

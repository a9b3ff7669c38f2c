"""The end of a run: the finished model and the papers that say where it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from trainer_core.checkpoints.checkpoint import Checkpoints, step_of
from trainer_core.checkpoints.restoring import restore
from trainer_core.errors import Code, SpotterError
from trainer_core.events import Summary
from trainer_core.export.model_card import write_card
from trainer_core.export.model_folder import verify, write_model
from trainer_core.files.layout import RunDirectory
from trainer_core.files.sums import sha256
from trainer_core.manifest import Manifest
from trainer_core.models.files import save_finished
from trainer_core.models.specs import ModuleSpec
from trainer_core.training import Training
from trainer_core.wiring.wired import Wired
from trainer_core.wiring.written import written


def outcome(training: Training, checkpoints: Checkpoints, early: str = "") -> Summary:
    """What the run has come to, with its best weights put back; `early` as in `Summary`.

    Raises SpotterError if they cannot be restored.
    """
    took = _take_best(training, checkpoints)
    state = training.state
    return Summary(
        steps=state.step,
        tokens=state.tokens,
        seconds=state.elapsed,
        parameters=training.parameters,
        first_loss=state.first.loss if state.first else None,
        first_bits_per_byte=state.first.bits_per_byte if state.first else None,
        loss=state.last.loss if state.last else None,
        bits_per_byte=state.last.bits_per_byte if state.last else None,
        first_accuracy=state.first.accuracy if state.first else None,
        accuracy=state.last.accuracy if state.last else None,
        f1=state.last.f1 if state.last else None,
        unit=training.objective.unit,
        early=early,
        best_step=state.evaluated_at if took else None,
        evaluation=state.last.report if state.last else "",
        sample=state.sample,
    )


def finish(training: Training, directory: RunDirectory, manifest: Manifest, fence: Callable[[], None]) -> None:
    """Write the model, and the manifest with what is known by now.

    Each folder and file of it is whole or absent, so that all of it can be tried again. Raises OSError, SpotterError if
    it does not verify or another attempt has taken over.
    """
    fence()
    model, tokenizer = training.model, training.objective.tokenizer
    module = directory.module if isinstance(training.spec.model, ModuleSpec) else None
    save = partial(save_finished, model, weights=training.learnt())
    sums = write_model(directory.export, save, tokenizer.folder if tokenizer else None, module)
    if problems := verify(directory.export):
        raise SpotterError(Code.WORKER_CRASHED, f"The finished model does not verify: {problems[0]}.")
    known: dict[str, object] = {
        "mode": training.mode,
        "wiring": written(model.wiring) if isinstance(model, Wired) else None,
        "module_sha256": sha256(module) if module else None,
        "steering": training.state.steering,
        "averaged": training.average is not None,
        "sums": sums,
    }
    finished = manifest.model_copy(update=known)
    finished.write(directory)
    write_card(finished, directory)


def _take_best(training: Training, checkpoints: Checkpoints) -> bool:
    """Put back the best weights that were evaluated and saved, to finish with them; whether they are not the last.

    The run stays where it ended; one that is to keep no best ones ends with the last. Raises SpotterError if they
    cannot be restored.
    """
    if not training.spec.checkpoint.best:
        return False
    best, ended = checkpoints.best_good(), training.state
    if best is None or step_of(best) == ended.step:
        return False
    restore(training, best)
    there = training.state
    training.state = replace(ended, last=there.last, evaluated_at=there.step, sample=there.sample)
    return True

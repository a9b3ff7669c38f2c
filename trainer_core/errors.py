"""Error codes: what went wrong, whose turn it is, and what to do next.

Every failure a person can see is a `SpotterError` with a `Code`. The code says whether trying again could help
(`Failure`), what an HTTP surface answers, and which sentence and next step a person reads when the place that raised
had nothing more precise to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Failure(StrEnum):
    """What can be done about a failure, and by whom."""

    USER_INPUT = "user_input"
    """The person has to change something; the run has failed."""
    TRANSIENT = "transient"
    """The same may go well another time: the run is queued again, after a pause, from its newest checkpoint. It fails
    once several attempts in a row got no further, or crashed at the same step.
    """
    FATAL = "fatal"
    """It would fail again; the run has failed."""


class _Meaning(NamedTuple):
    failure: Failure
    http_status: int
    sentence: str
    next_step: str


class Code(StrEnum):
    """The wire names of everything that can go wrong."""

    TRAINING_CANCELLED = "TRAINING_CANCELLED"
    TRAINING_OOM = "TRAINING_OOM"
    TRAINING_NAN_LOSS = "TRAINING_NAN_LOSS"
    TRAINING_DIVERGED = "TRAINING_DIVERGED"
    TRAINING_STALLED = "TRAINING_STALLED"
    MODEL_NOT_FOUND = "MODEL_NOT_FOUND"
    MODEL_LOAD_FAILED = "MODEL_LOAD_FAILED"
    MODEL_INCOMPATIBLE = "MODEL_INCOMPATIBLE"
    INVALID_MODEL_SIZE = "INVALID_MODEL_SIZE"
    TOKENIZER_NOT_FOUND = "TOKENIZER_NOT_FOUND"
    TOKENIZER_LOAD_FAILED = "TOKENIZER_LOAD_FAILED"
    TOKENIZER_TRAIN_FAILED = "TOKENIZER_TRAIN_FAILED"
    CORPUS_NOT_FOUND = "CORPUS_NOT_FOUND"
    CORPUS_EMPTY = "CORPUS_EMPTY"
    CORPUS_TOO_LARGE = "CORPUS_TOO_LARGE"
    CORPUS_UNREADABLE = "CORPUS_UNREADABLE"
    CONFIG_INVALID = "CONFIG_INVALID"
    RUN_NOT_FOUND = "RUN_NOT_FOUND"
    CUDA_NOT_AVAILABLE = "CUDA_NOT_AVAILABLE"
    CUDA_OOM = "CUDA_OOM"
    DISK_FULL = "DISK_FULL"
    WORKER_KILLED = "WORKER_KILLED"
    WORKER_LOST = "WORKER_LOST"
    WORKER_CRASHED = "WORKER_CRASHED"
    CHECKPOINT_CORRUPT = "CHECKPOINT_CORRUPT"
    ARTIFACT_UPLOAD_FAILED = "ARTIFACT_UPLOAD_FAILED"
    ARTIFACT_DOWNLOAD_FAILED = "ARTIFACT_DOWNLOAD_FAILED"
    UNAUTHORIZED = "UNAUTHORIZED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"

    @property
    def failure(self) -> Failure:
        return _MEANINGS[self].failure

    @property
    def http_status(self) -> int:
        return _MEANINGS[self].http_status

    @property
    def sentence(self) -> str:
        return _MEANINGS[self].sentence

    @property
    def next_step(self) -> str:
        return _MEANINGS[self].next_step


GOES_ON = "`/trainer retry` goes on from the newest checkpoint"
"""What to do once a failure's cause is out of the way, as half a sentence."""

_USER, _TRANSIENT, _FATAL = Failure.USER_INPUT, Failure.TRANSIENT, Failure.FATAL

_MEANINGS: dict[Code, _Meaning] = {
    Code.TRAINING_CANCELLED: _Meaning(_USER, 409, "The run was stopped.", "Start it again when you like."),
    Code.TRAINING_OOM: _Meaning(
        _FATAL, 507, "Training ran out of memory.", "Choose a smaller size, or free some memory."
    ),
    Code.TRAINING_NAN_LOSS: _Meaning(
        _FATAL, 422, "The loss stopped being a number.", "Choose a smaller size, or start it again."
    ),
    Code.TRAINING_DIVERGED: _Meaning(_FATAL, 422, "The loss ran away.", "Choose a smaller size, or start it again."),
    Code.TRAINING_STALLED: _Meaning(
        _TRANSIENT, 504, "Training stopped advancing.", f"The run's worker.log has where it stood; {GOES_ON}."
    ),
    Code.MODEL_NOT_FOUND: _Meaning(_USER, 404, "There is no such model.", "Choose one of the models on offer."),
    Code.MODEL_LOAD_FAILED: _Meaning(_FATAL, 422, "The model could not be loaded.", "Check the model's files."),
    Code.MODEL_INCOMPATIBLE: _Meaning(
        _USER, 422, "The model does not fit this run.", "Choose a model of the same architecture and vocabulary."
    ),
    Code.INVALID_MODEL_SIZE: _Meaning(_USER, 422, "There is no such size.", "Choose tiny, mini, small or medium."),
    Code.TOKENIZER_NOT_FOUND: _Meaning(_USER, 404, "There is no such tokenizer.", "Choose one of those listed."),
    Code.TOKENIZER_LOAD_FAILED: _Meaning(
        _FATAL, 422, "The tokenizer could not be loaded.", "Train the tokenizer again."
    ),
    Code.TOKENIZER_TRAIN_FAILED: _Meaning(
        _FATAL, 422, "No tokenizer could be trained on this text.", "Give more, or more varied, text."
    ),
    Code.CORPUS_NOT_FOUND: _Meaning(_USER, 404, "There is no such data set.", "Pick a name from the list."),
    Code.CORPUS_EMPTY: _Meaning(_USER, 422, "There is too little text to train on.", "Give a file with more text."),
    Code.CORPUS_TOO_LARGE: _Meaning(_USER, 413, "The file is too large.", "Give a smaller file."),
    Code.CORPUS_UNREADABLE: _Meaning(_USER, 422, "The file could not be read as text.", "Save it as UTF-8 text."),
    Code.CONFIG_INVALID: _Meaning(_USER, 422, "A setting is not valid.", "Correct the setting named above."),
    Code.RUN_NOT_FOUND: _Meaning(_USER, 404, "You have no such run.", "`/trainer runs` lists your runs."),
    Code.CUDA_NOT_AVAILABLE: _Meaning(
        _USER, 422, "This machine has no usable CUDA device.", "Run `spotter doctor`, or train on the CPU."
    ),
    Code.CUDA_OOM: _Meaning(_FATAL, 507, "The GPU ran out of memory.", "Choose a smaller size, or free some memory."),
    Code.DISK_FULL: _Meaning(_TRANSIENT, 507, "The disk is full.", "Free some space, then try again."),
    Code.WORKER_KILLED: _Meaning(
        _TRANSIENT,
        500,
        "The training process was killed from outside.",
        f"If nobody ended it, memory is the usual cause: free some, then {GOES_ON}.",
    ),
    Code.WORKER_LOST: _Meaning(
        _TRANSIENT, 500, "The training process vanished.", f"See that the machine stays on, then {GOES_ON}."
    ),
    Code.WORKER_CRASHED: _Meaning(
        _TRANSIENT,
        500,
        "Training stopped on an unexpected error.",
        f"The run's worker.log has the traceback; once that is mended, {GOES_ON}.",
    ),
    Code.CHECKPOINT_CORRUPT: _Meaning(
        _FATAL,
        500,
        "No checkpoint of the run verifies.",
        "Put a good copy back and `/trainer retry` it, or start it again.",
    ),
    Code.ARTIFACT_UPLOAD_FAILED: _Meaning(
        _TRANSIENT, 502, "A file could not be uploaded.", "It is still in the run's folder."
    ),
    Code.ARTIFACT_DOWNLOAD_FAILED: _Meaning(
        _TRANSIENT, 502, "The file could not be downloaded.", "Attach the file again."
    ),
    Code.UNAUTHORIZED: _Meaning(
        _USER, 403, "This bot trains for its owner only.", "Ask its owner to add you to SPOTTER_ALLOWED_USER_IDS."
    ),
    Code.QUOTA_EXCEEDED: _Meaning(_USER, 429, "You have reached your limit of runs.", "Stop a run first, or wait."),
}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One wrong field of an input: its dotted name and what is wrong with it, as half a sentence."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class SpotterError(Exception):
    """A failure with a code, a sentence for a person, and a next step.

    `message` and `next_step` replace the code's own; `field` names the input that was wrong.
    """

    def __init__(
        self,
        code: Code,
        message: str | None = None,
        *,
        field: str | None = None,
        next_step: str | None = None,
        problems: tuple[FieldProblem, ...] = (),
    ) -> None:
        self.code = code
        self.field = field
        self.problems = problems
        self.message = message or code.sentence
        self.next_step = next_step or code.next_step
        super().__init__(f"{field}: {self.message}" if field else self.message)

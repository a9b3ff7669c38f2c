"""What a run reports: versioned events, one JSON object a line.

`trainer.job.*` tells the life of a run, `trainer.metrics.*` what training measured. A worker appends its events to
`events.jsonl` with a contiguous `seq` that starts at 1 in each attempt. Life-cycle facts that only the run service
knows (queued, stalled, lost) carry the attempt they speak of, too.

Wire names are fixed: a change of meaning is a new version in the name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeGuard

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from trainer_core.errors import Code

Phase = Literal["reading", "tokenizer", "tokens", "model", "preflight", "training", "saving"]
Unit = Literal["tokens", "pictures"]
Step = Annotated[int, Field(ge=0, le=10**12)]
"""More than any run takes, and not too much for a database."""


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    run: str = ""
    attempt: int = Field(default=0, ge=0)
    seq: int = Field(default=0, ge=0)
    time: float = 0.0
    """Seconds since the epoch, UTC. For people to read: no decision is made from it."""

    def stamped(self, run: str, attempt: int, seq: int, time: float) -> Self:
        """The same event with its origin and place, as it is written. Code that makes events leaves these out."""
        return self.model_copy(update={"run": run, "attempt": attempt, "seq": seq, "time": time})


class JobQueued(_Event):
    type: Literal["trainer.job.queued.v1"] = "trainer.job.queued.v1"
    position: int = Field(ge=1)


class JobStarted(_Event):
    type: Literal["trainer.job.started.v1"] = "trainer.job.started.v1"
    pid: int
    host: str
    device: str
    """For a person: `CPU (2 threads)`, `NVIDIA H100`."""
    resumed_step: Step = 0
    """The checkpoint's step this attempt goes on from; 0 for a fresh start."""


class JobProgress(_Event):
    """What the run is busy with before the first step and after the last."""

    type: Literal["trainer.job.progress.v1"] = "trainer.job.progress.v1"
    phase: Phase
    message: str = ""
    dropped: int = Field(default=0, ge=0)
    """Events before this one that were lost because the disk took none."""


class Summary(BaseModel):
    """What a run came to. Losses are in nats per token on the held-out text."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: Step
    tokens: int = Field(ge=0)
    seconds: float = Field(ge=0)
    """From the first step to the last, with the evaluations and checkpoints between them, over all attempts."""
    parameters: int = Field(ge=0)
    first_loss: float | None = None
    first_bits_per_byte: float | None = None
    loss: float | None = None
    bits_per_byte: float | None = None
    first_accuracy: float | None = None
    accuracy: float | None = None
    """Share of held-out pictures that are told right."""
    f1: float | None = None
    """Mean over the classes."""
    unit: Unit = "tokens"
    early: str = ""
    """Why it ended before its budget did, as half a sentence; empty if it did not."""
    best_step: Step | None = None
    """The step whose weights the model has, where others came after that did worse; None if it has the last."""
    evaluation: str = ""
    """The newest evaluation's report, relative to the run directory; empty if it is only numbers."""
    sample: str = ""
    model: str = ""
    """Folder of the finished model, relative to the run directory."""


class JobCompleted(_Event):
    type: Literal["trainer.job.completed.v1"] = "trainer.job.completed.v1"
    summary: Summary


class JobFailed(_Event):
    type: Literal["trainer.job.failed.v1"] = "trainer.job.failed.v1"
    code: Code
    message: str
    next_step: str
    step: Step = 0
    traceback: str = ""
    """Where an unexpected error came from: files' names, lines, functions and the error's class; never its words."""


class JobStopped(_Event):
    type: Literal["trainer.job.stopped.v1"] = "trainer.job.stopped.v1"
    control_seq: int
    """`seq` of the control that asked for it."""
    summary: Summary


class JobPaused(_Event):
    type: Literal["trainer.job.paused.v1"] = "trainer.job.paused.v1"
    control_seq: int
    """`seq` of the control that asked for it; 0 if nobody did and the guard asks a person what to do."""
    step: Step
    reason: str = ""
    """What the guard asks about, as half a sentence; empty if a person asked for the pause."""


class JobStalled(_Event):
    type: Literal["trainer.job.stalled.v1"] = "trainer.job.stalled.v1"
    step: Step
    seconds: float


class JobLost(_Event):
    type: Literal["trainer.job.lost.v1"] = "trainer.job.lost.v1"
    code: Code
    message: str


class MetricsConfig(_Event):
    """What was decided before step 1, each with its reason."""

    type: Literal["trainer.metrics.config.v1"] = "trainer.metrics.config.v1"
    parameters: int
    unit: Unit = "tokens"
    """What is counted where `tokens` stands in a name."""
    vocabulary: int
    """Tokens; of a classifier, its classes."""
    context: int
    tokens_per_step: int
    micro_batch: int
    accumulation: int
    learning_rate: float
    train_tokens: int
    validation_tokens: int
    precision: str
    tokenizer: str = ""
    """Name of its folder."""
    reasons: dict[str, str] = {}


class MetricsProgress(_Event):
    """A step. Only about two a second are written: the newest, with what stood in those between folded in."""

    type: Literal["trainer.metrics.progress.v1"] = "trainer.metrics.progress.v1"
    step: Step
    steps_total: Step = Field(ge=1)
    """Planned steps; an estimate while the budget is a time."""
    fraction: float = Field(ge=0, le=1)
    """Share of the budget used."""
    tokens: int = Field(ge=0)
    loss: float
    """Mean training loss, nats per token, over the steps since the last progress event."""
    learning_rate: float
    gradient_norm: float
    tokens_per_second: float
    peak_share: float | None = Field(default=None, ge=0)
    """Of the rate at which this machine multiplies matrices, as measured; None where the model's work is not known."""
    data_wait: float | None = Field(default=None, ge=0, le=1)
    """Share of the time in which the step waited for its data."""
    memory: int | None = Field(default=None, ge=0)
    """Bytes that training holds now, of the device it is on."""
    busy: float | None = Field(default=None, ge=0)
    """Share of the device that the run keeps busy: 1 is all of it."""
    joules: float | None = Field(default=None, ge=0)
    """An estimate of the energy used since the first step of the attempt."""
    elapsed: float
    """Seconds since the first step, with the evaluations and checkpoints since, over all attempts."""
    remaining: float
    """Seconds expected until the end."""
    coalesced: int = Field(default=0, ge=0)
    """Progress events folded into this one."""
    dropped: int = Field(default=0, ge=0)
    """Events before this one that were lost because the disk took none."""


class MetricsEval(_Event):
    type: Literal["trainer.metrics.eval.v1"] = "trainer.metrics.eval.v1"
    step: Step
    loss: float
    """Nats per token (or picture) of the held-out data."""
    bits_per_byte: float | None = None
    """Of text; None for pictures."""
    accuracy: float | None = Field(default=None, ge=0, le=1)
    """Of a classifier: share of held-out pictures that are told right."""
    f1: float | None = Field(default=None, ge=0, le=1)
    """Of a classifier: mean over the classes."""
    report: str = ""
    """A file with more, relative to the run directory; empty if there is none."""


class MetricsSample(_Event):
    type: Literal["trainer.metrics.sample.v1"] = "trainer.metrics.sample.v1"
    step: Step
    text: str


class MetricsCheckpoint(_Event):
    type: Literal["trainer.metrics.checkpoint.v1"] = "trainer.metrics.checkpoint.v1"
    step: Step
    path: str
    """Relative to the run directory."""
    bytes: int
    seconds: float
    """That writing it took."""
    stall: float = Field(default=0.0, ge=0)
    """Seconds for which training waited for it."""
    pinned: bool = False
    """Kept whatever comes after."""
    control_seq: int = 0
    """`seq` of the control that asked for it; 0 if none did."""


class MetricsGuard(_Event):
    """What was decided to keep the run going, and what a person changed of its course."""

    type: Literal["trainer.metrics.guard.v1"] = "trainer.metrics.guard.v1"
    step: Step
    action: Literal["skip", "rollback", "ask", "disk", "storage", "memory", "steer"]
    """`skip`: the step reached no weights. `rollback`: an older checkpoint is gone on from. `ask`: the run rests until
    a person decides. `disk`: a checkpoint or the model could not be saved, or took the place of older ones. `storage`:
    all is saved, but checkpoints have no second copy, or take more than they may. `memory`: the micro-batch was made
    smaller. `steer`: the run's course is another, as a person asked.
    """
    control_seq: int = 0
    """`seq` of the control that asked for it; 0 if none did."""
    reason: str
    """For a person, as half a sentence."""


class MetricsCompleted(_Event):
    type: Literal["trainer.metrics.completed.v1"] = "trainer.metrics.completed.v1"
    summary: Summary


JobEvent = (
    JobQueued | JobStarted | JobProgress | JobCompleted | JobFailed | JobStopped | JobPaused | JobStalled | JobLost
)
MetricsEvent = (
    MetricsConfig | MetricsProgress | MetricsEval | MetricsSample | MetricsCheckpoint | MetricsGuard | MetricsCompleted
)
Event = JobEvent | MetricsEvent

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


class UnreadableEventError(ValueError):
    """A line that is not an event this version knows."""


def encode(event: Event) -> bytes:
    """`event` as one JSON line, newline included."""
    return event.model_dump_json().encode() + b"\n"


def decode(line: bytes | str) -> Event:
    """The event in one JSON line. Raises `UnreadableEventError` naming the unknown type, field or bad value."""
    try:
        # pydantic takes NaN where a later value of the same name hides it; SQLite takes it nowhere.
        event = _ADAPTER.validate_python(from_json(line, allow_inf_nan=False))
    except ValidationError as error:
        raise UnreadableEventError(_why(error.errors()[0])) from error
    except ValueError as error:
        raise UnreadableEventError(f"Invalid JSON: {error}") from error
    if not (event.run and event.seq):
        raise UnreadableEventError(f"{event.type}: without its run or seq")
    return event


def _why(first: Any) -> str:  # Any: pydantic's ErrorDetails is generated at run time
    if first["type"] == "union_tag_invalid":
        return f"unknown event type {first['ctx']['tag']!r}"
    if first["type"] == "union_tag_not_found":
        return "an event without a type"
    where = ".".join(str(part) for part in first["loc"][1:])
    if first["type"] == "extra_forbidden":
        return f"{first['loc'][0]}: unknown field {where!r}"
    return f"{first['loc'][0]}: {where}: {first['msg']}" if first["loc"] else str(first["msg"])


def is_job(event: Event) -> TypeGuard[JobEvent]:
    return event.type.startswith("trainer.job.")


def is_metrics(event: Event) -> TypeGuard[MetricsEvent]:
    return event.type.startswith("trainer.metrics.")

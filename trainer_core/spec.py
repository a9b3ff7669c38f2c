"""`RunSpec`: the one configuration language, from the chat's options to the worker.

A spec is frozen and complete in itself: the same spec on the same data gives the same run. `parse_spec` turns
anything from outside into one, or raises one `SpotterError` that names every wrong field at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from trainer_core.budget import Budget
from trainer_core.errors import Code, SpotterError
from trainer_core.models.specs import HUB_NAME, GPT2Spec, ModelSpec
from trainer_core.wrong_fields import problems

DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]

_FOLDER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class DataSpec(_Frozen):
    """What to train on."""

    dataset: str = Field(min_length=1, max_length=64, pattern=r"^[a-z0-9](?:\.?[a-z0-9_-])*$")
    """Name of a folder under `$SPOTTER_HOME/datasets`."""
    sha256: str = Field(default="", pattern=r"^(?:[0-9a-f]{64})?$")
    """Hash of the documents (`DatasetCard.content`) when the run was submitted; the worker refuses to train on
    anything else.
    """
    validation_fraction: float = Field(default=0.1, gt=0, le=0.5)
    """Share of the text held out, chosen by document or block and fixed by `RunSpec.seed`."""
    attend: Literal["stream", "document"] = "stream"
    """What a token sees: all before it in the window, or only its own document, where positions start anew."""


TokenizerChoice = Literal["auto", "bpe", "unigram", "wordpiece", "sentencepiece", "characters", "pretrained", "saved"]
FEWEST_TOKENS: Mapping[TokenizerChoice, int] = {"bpe": 257, "unigram": 258, "sentencepiece": 300}
"""Least vocabulary of the kinds that hold every byte: these, the end of a text, and what the trainer adds."""


class TokenizerSpec(_Frozen):
    """The tokenizer: one made before, or one made for the run from the training split."""

    kind: TokenizerChoice = "auto"
    """`auto` lets the strategy choose from what else is asked; `saved` is a folder under `$SPOTTER_HOME/tokenizers`."""
    name: str | None = Field(default=None, min_length=1, max_length=200, validate_default=True)
    """Of the saved tokenizer; or of the pretrained one's family, or of its model on the Hugging Face Hub."""
    vocabulary: int | None = Field(default=None, ge=100, le=500_000)
    """Number of tokens; None lets the size of the corpus decide. A tokenizer that is there already has to have it."""

    @field_validator("name")
    @classmethod
    def _name_goes_with_the_kind(cls, name: str | None, info: ValidationInfo) -> str | None:
        kind = info.data.get("kind")
        if kind in ("saved", "pretrained") and name is None:
            raise ValueError(f"say which {kind} tokenizer")
        if kind not in ("saved", "pretrained", None) and name is not None:
            raise ValueError("goes with the kinds saved and pretrained only; leave it out")
        if kind == "saved" and name is not None and not _FOLDER.fullmatch(name):
            raise ValueError("pick a tokenizer from the list")
        if kind == "pretrained" and name is not None and not HUB_NAME.fullmatch(name):
            raise ValueError("name a family of models, or one on the Hugging Face Hub like `org/model`")
        return name

    @field_validator("vocabulary")
    @classmethod
    def _kind_can_be_that_small(cls, vocabulary: int | None, info: ValidationInfo) -> int | None:
        kind = info.data.get("kind")
        fewest = FEWEST_TOKENS.get(kind, 0) if kind else 0
        if vocabulary is not None and vocabulary < fewest:
            raise ValueError(f"a tokenizer of kind {kind} needs at least {fewest}; `characters` takes fewer")
        return vocabulary


class OptimizerSpec(_Frozen):
    """The optimizer, its learning-rate schedule, and the mean of the weights that is kept."""

    name: Literal["adamw", "muon"] = "adamw"
    """`muon` orthogonalises the updates of hidden matrices (Jordan et al. 2024) and leaves the rest to AdamW."""
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    """Peak learning rate; None takes the model's own."""
    weight_decay: float = Field(default=0.1, ge=0, le=1)
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.95, ge=0, lt=1)
    clip_norm: float = Field(default=1.0, gt=0)
    schedule: Literal["wsd", "cosine"] = "wsd"
    warmup_fraction: float = Field(default=0.05, ge=0, le=0.5)
    decay_fraction: float = Field(default=0.3, ge=0, le=1)
    average: float | None = Field(default=None, ge=0.5, lt=1)
    """Decay of an exponential moving average of the weights (EMA), which is then evaluated and exported; None keeps
    none.
    """


class BatchSpec(_Frozen):
    """How much data one optimizer step sees. Accumulation is derived."""

    tokens_per_step: int | None = Field(default=None, ge=1, le=2**26)
    """Tokens (or pictures) per optimizer step over all micro-batches; None takes the model's own."""
    micro_batch: int | None = Field(default=None, ge=1, le=2**16)
    """Sequences (or pictures) per forward pass; None lets Spotter choose."""


class ComputeSpec(_Frozen):
    """How the arithmetic is done. What is `auto` is measured on this machine."""

    workers: int = Field(default=1, ge=1, le=64)
    """Processes that share each step (data parallel): on GPUs one each, on a CPU they share its cores."""
    precision: Literal["auto", "fp32", "bf16", "bf16-autocast", "fp16"] = "auto"
    compile: Literal["auto", "always", "never"] = "auto"
    """Whether torch.compile makes kernels for the model; `auto` only where the run is many times as long as that."""


class EvaluationSpec(_Frozen):
    """How often to look at the held-out data."""

    times: int = Field(default=8, ge=1, le=1000)
    """Evaluations over the whole run, evenly spaced, besides the one before step 1."""
    max_tokens: int = Field(default=8_192, ge=1)
    """Held-out tokens (or pictures) scored in each evaluation."""
    sample_tokens: int = Field(default=60, ge=0, le=1000)
    """Length of the text sample written at each evaluation; 0 for none."""
    patience: int | None = Field(default=None, ge=1, le=1000)
    """End early after this many evaluations in a row without a better one; None never does."""


class CheckpointSpec(_Frozen):
    """How often to save, and how much to keep."""

    every_seconds: float = Field(default=60.0, gt=0)
    """At least this much training between two checkpoints."""
    keep: int = Field(default=2, ge=1, le=1000)
    """The newest checkpoints kept."""
    best: int = Field(default=1, ge=0, le=100)
    """The best checkpoints kept besides, by `metric`."""
    metric: Literal["loss", "bits_per_byte", "accuracy", "f1"] | None = None
    """Of the held-out data; None takes what suits the data."""
    direction: Literal["min", "max"] | None = None
    """Which way is better; None takes what suits the metric."""
    gigabytes: float | None = Field(default=None, gt=0, le=100_000)
    """Most that all checkpoints of the run may take; the newest one stays whatever it takes. None sets no bound."""


class RunSpec(_Frozen):
    """One training run, completely."""

    name: str | None = Field(default=None, min_length=1, max_length=48, pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$")
    """A name of the person's choice; None lets Spotter make one, like `brisk-otter-42`."""
    data: DataSpec
    model: ModelSpec = GPT2Spec()
    tokenizer: TokenizerSpec = TokenizerSpec()
    budget: Budget
    optimizer: OptimizerSpec = OptimizerSpec()
    batch: BatchSpec = BatchSpec()
    compute: ComputeSpec = ComputeSpec()
    evaluation: EvaluationSpec = EvaluationSpec()
    checkpoint: CheckpointSpec = CheckpointSpec()
    seed: int = Field(default=1, ge=0, lt=2**31)
    device: DeviceChoice = "auto"

    @field_validator("budget", mode="before")
    @classmethod
    def _budget_from_text(cls, value: object) -> object:
        return Budget.parse(value) if isinstance(value, str) else value

    @field_validator("model", mode="before")
    @classmethod
    def _gpt2_unless_said(cls, value: object) -> object:
        if isinstance(value, Mapping) and "family" not in value:
            return {"family": GPT2Spec().family, **value}
        return value

    @field_serializer("budget")
    def _budget_to_text(self, budget: Budget) -> str:
        return str(budget)

    @model_validator(mode="after")
    def _warmup_and_decay_fit(self) -> Self:
        if self.optimizer.warmup_fraction + self.optimizer.decay_fraction > 1:
            raise ValueError("optimizer.warmup_fraction and optimizer.decay_fraction together must not exceed 1")
        return self


def parse_spec(raw: Mapping[str, object] | str | bytes) -> RunSpec:
    """The spec in `raw` (a mapping, or JSON text).

    Raises `SpotterError` naming every wrong field: CONFIG_INVALID, or INVALID_MODEL_SIZE where the size alone is wrong.
    """
    try:
        return RunSpec.model_validate_json(raw) if isinstance(raw, str | bytes) else RunSpec.model_validate(raw)
    except ValidationError as error:
        found = problems(error)
        if len(found) == 1:
            is_size = found[0].field == "model.size" and error.errors()[0]["type"] != "extra_forbidden"
            code = Code.INVALID_MODEL_SIZE if is_size else Code.CONFIG_INVALID
            raise SpotterError(code, found[0].problem, field=found[0].field, problems=found) from error
        raise SpotterError(Code.CONFIG_INVALID, "; ".join(map(str, found)), problems=found) from error

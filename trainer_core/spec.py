"""`RunSpec`: the one configuration language, from the chat's options to the worker.

A spec is frozen and complete in itself: the same spec on the same data gives the same run. `parse_spec` turns
anything from outside into one, or raises one `SpotterError` that names every wrong field at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

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

from trainer_core.errors import Code, FieldProblem, SpotterError

BudgetUnit = Literal["seconds", "steps", "epochs", "tokens"]
DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]
Size = Literal["tiny", "mini", "small", "medium"]

BUDGET_EXAMPLES = "`10m`, `2h`, `500 steps`, `3 epochs` or `20M tokens`"

_BUDGET = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<scale>[kmb](?=\s*tok))?\s*(?P<unit>[a-z]+)", re.IGNORECASE)
_UNITS: dict[str, tuple[BudgetUnit, float]] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("seconds", 1.0)),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), ("seconds", 60.0)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), ("seconds", 3600.0)),
    **dict.fromkeys(("d", "day", "days"), ("seconds", 86400.0)),
    **dict.fromkeys(("step", "steps"), ("steps", 1.0)),
    **dict.fromkeys(("epoch", "epochs"), ("epochs", 1.0)),
    **dict.fromkeys(("tok", "toks", "token", "tokens"), ("tokens", 1.0)),
}
_SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}
_FOLDER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MODEL = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")
_MOST: dict[BudgetUnit, float] = {"seconds": 30 * 86400, "steps": 1e8, "epochs": 1e5, "tokens": 1e13}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Budget(_Frozen):
    """How long to train. In JSON and in chat it is one string: `10m`, `500 steps`, `3 epochs`, `20M tokens`."""

    amount: float = Field(gt=0)
    unit: BudgetUnit

    @classmethod
    def parse(cls, text: str) -> Self:
        """The budget that `text` says. Raises ValueError with a sentence for a person."""
        match = _BUDGET.fullmatch(text.strip())
        unit = _UNITS.get(match["unit"].lower()) if match else None
        if match is None or unit is None:
            raise ValueError(f"cannot read {text.strip()[:40]!r} as a budget; write it like {BUDGET_EXAMPLES}")
        name, factor = unit
        amount = float(match["number"]) * factor * _SCALES[(match["scale"] or "").lower()]
        if amount > _MOST[name]:
            raise ValueError(f"is more than Spotter trains in one run ({cls(amount=_MOST[name], unit=name)})")
        if name in ("steps", "tokens"):
            amount = float(int(amount))
        if amount <= 0:
            raise ValueError(f"must be more than nothing; write it like {BUDGET_EXAMPLES}")
        return cls(amount=amount, unit=name)

    def __str__(self) -> str:
        """The shortest text that `parse` reads back as the same budget."""
        if self.unit == "seconds":
            scales: tuple[tuple[str, float], ...] = (("h", 3600), ("m", 60), ("s", 1))
            ending = ""
        elif self.unit == "tokens":
            scales, ending = (("B", 1e9), ("M", 1e6), ("k", 1e3), ("", 1)), " tokens"
        else:
            scales, ending = (("", 1),), f" {self.unit}"
        suffix, scale = next((s for s in scales if self.amount % s[1] == 0), scales[-1])
        return f"{_plain(self.amount / scale)}{suffix}{ending}"


def _plain(number: float) -> str:
    """`number` in digits, without an exponent or a needless point."""
    return str(int(number)) if number == int(number) else f"{number:.15f}".rstrip("0")


class DataSpec(_Frozen):
    """What to train on."""

    dataset: str = Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$")
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
        if kind == "pretrained" and name is not None and not _MODEL.fullmatch(name):
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


class GPT2Spec(_Frozen):
    """GPT-2 through transformers; one dial decides its shape."""

    family: Literal["gpt2"] = "gpt2"
    size: Size = "tiny"
    dropout: float = Field(default=0.0, ge=0, lt=1)


ModelSpec = Annotated[GPT2Spec, Field()]
"""Becomes a union discriminated by `family` with the second family."""


class OptimizerSpec(_Frozen):
    """AdamW and its learning-rate schedule."""

    learning_rate: float | None = Field(default=None, gt=0, le=1)
    """Peak learning rate; None takes the size's own."""
    weight_decay: float = Field(default=0.1, ge=0, le=1)
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.95, ge=0, lt=1)
    clip_norm: float = Field(default=1.0, gt=0)
    schedule: Literal["wsd", "cosine"] = "wsd"
    warmup_fraction: float = Field(default=0.05, ge=0, le=0.5)
    decay_fraction: float = Field(default=0.3, ge=0, le=1)


class BatchSpec(_Frozen):
    """How much text one optimizer step sees. Accumulation is derived."""

    tokens_per_step: int | None = Field(default=None, ge=1, le=2**26)
    """Tokens per optimizer step over all micro-batches; None takes the size's own."""
    micro_batch: int | None = Field(default=None, ge=1, le=2**16)
    """Sequences per forward pass; None lets Spotter choose."""


class EvaluationSpec(_Frozen):
    """How often to look at the held-out text."""

    times: int = Field(default=8, ge=1, le=1000)
    """Evaluations over the whole run, evenly spaced, besides the one before step 1."""
    max_tokens: int = Field(default=8_192, ge=1)
    """Held-out tokens scored in each evaluation."""
    sample_tokens: int = Field(default=60, ge=0, le=1000)
    """Length of the text sample written at each evaluation; 0 for none."""


class CheckpointSpec(_Frozen):
    """How often to save, and how much to keep."""

    every_seconds: float = Field(default=60.0, gt=0)
    """At least this much training between two checkpoints."""
    keep: int = Field(default=2, ge=1)
    """The newest checkpoints kept."""


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
    evaluation: EvaluationSpec = EvaluationSpec()
    checkpoint: CheckpointSpec = CheckpointSpec()
    seed: int = Field(default=1, ge=0, lt=2**31)
    device: DeviceChoice = "auto"

    @field_validator("budget", mode="before")
    @classmethod
    def _budget_from_text(cls, value: object) -> object:
        return Budget.parse(value) if isinstance(value, str) else value

    @field_serializer("budget")
    def _budget_to_text(self, budget: Budget) -> str:
        return str(budget)

    @model_validator(mode="after")
    def _warmup_and_decay_fit(self) -> Self:
        if self.optimizer.warmup_fraction + self.optimizer.decay_fraction > 1:
            raise ValueError("optimizer.warmup_fraction and optimizer.decay_fraction together must not exceed 1")
        return self


def parse_spec(raw: Mapping[str, object] | str | bytes) -> RunSpec:
    """The spec in `raw` (a mapping, or JSON text). Raises `SpotterError` (CONFIG_INVALID) naming every wrong field."""
    try:
        return RunSpec.model_validate_json(raw) if isinstance(raw, str | bytes) else RunSpec.model_validate(raw)
    except ValidationError as error:
        problems = tuple(_problem(".".join(map(str, e["loc"])), e["type"], e["msg"]) for e in error.errors())
        if len(problems) == 1:
            raise SpotterError(
                Code.CONFIG_INVALID, problems[0].problem, field=problems[0].field, problems=problems
            ) from error
        raise SpotterError(Code.CONFIG_INVALID, "; ".join(map(str, problems)), problems=problems) from error


_NAME_RULE = "use lower-case letters, digits and single hyphens, like `brisk-otter-42`"
_RULES = {"name": _NAME_RULE, "data.dataset": "pick a data set from the list"}


def _problem(field: str, kind: str, message: str) -> FieldProblem:
    """One of pydantic's errors in our words."""
    message = message.removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        message = _RULES.get(field, message)
    elif kind == "extra_forbidden":
        message = "there is no such setting"
    return FieldProblem(field or "spec", message[:1].lower() + message[1:])

"""What a person can ask of a model: a union over the families, told apart by `family`. Needs no torch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from trainer_core.errors import SpotterError
from trainer_core.wiring.written import read

Size = Annotated[str, Field(pattern=r"^(?:tiny|mini|small|medium|depth=(?:[1-9]|[1-5][0-9]|6[0-4]))$")]
"""The dial: a name of `sizes.SIZES`, or `depth=N` with N layers, from 1 to 64; everything else is derived."""

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")
"""A model on the Hugging Face Hub."""

RUN, FOLDER, HUB = "run:", "folder:", "hub:"
"""What `PretrainedSpec.source` begins with; nothing has to stand before a name on the Hub."""
_DEEPEST = 64
"""Submodules whose outputs feed each other, one named inside of the other: what reads a spec knows a bound."""
_RUN_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_BELOW = re.compile(r"(?!\.\.?(?:/|$))[^/\\\0]+(?:/(?!\.\.?(?:/|$))[^/\\\0]+)*")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class _Sized(_Frozen):
    """One with fresh weights, whose shape the dial decides."""

    family: str
    size: Size = "tiny"
    dropout: float = Field(default=0.0, ge=0, lt=1)

    @property
    def label(self) -> str:
        """What it is, for a person."""
        return f"{self.family} {self.size}"


class GPT2Spec(_Sized):
    """GPT-2 through transformers, from fresh weights."""

    family: Literal["gpt2"] = "gpt2"


class LlamaSpec(_Sized):
    """Llama through transformers, from fresh weights."""

    family: Literal["llama"] = "llama"


class QwenSpec(_Sized):
    """Qwen3 through transformers, from fresh weights."""

    family: Literal["qwen"] = "qwen"


class CharLSTMSpec(_Sized):
    """A recurrent network that reads a text character by character."""

    family: Literal["char-lstm"] = "char-lstm"


Augment = Literal["none", "shift", "mirror"]


class ImageCNNSpec(_Sized):
    """A convolutional network that tells pictures of classes apart."""

    family: Literal["image-cnn"] = "image-cnn"
    side: int | None = Field(default=None, ge=8, le=512)
    """Pixels that pictures are scaled to, high and wide; None lets the pictures decide."""
    augment: Augment = "none"
    """What is made of each training picture whenever it comes up: `shift` moves it by up to an eighth of its side;
    `mirror` swaps left and right of every other one besides, which is not for letters and digits.
    """


class LoraSpec(_Frozen):
    """Low-rank adapters in place of training all weights (Hu et al. 2021), through peft."""

    rank: int = Field(default=8, ge=1, le=1024)
    alpha: int = Field(default=16, ge=1, le=4096)
    """What the adapters add is scaled by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)


class PretrainedSpec(_Frozen):
    """A causal language model that has learnt before, to go on from."""

    family: Literal["pretrained"] = "pretrained"
    source: str = Field(min_length=1, max_length=200)
    """`run:NAME` for an earlier run's newest weights, `folder:NAME` for a folder below an approved one, `hub:NAME` or
    the name alone for a model on the Hugging Face Hub, like `org/model`.
    """
    lora: LoraSpec | None = None
    """Adapters to train in place of the weights; None trains all of them."""

    @field_validator("source")
    @classmethod
    def _names_one(cls, source: str) -> str:
        if source.startswith(RUN):
            named = _RUN_NAME.fullmatch(source.removeprefix(RUN))
        elif source.startswith(FOLDER):
            named = _BELOW.fullmatch(source.removeprefix(FOLDER))
        else:
            named = HUB_NAME.fullmatch(source.removeprefix(HUB))
        if not named:
            raise ValueError(
                f"name a run (`{RUN}name`), an approved folder (`{FOLDER}name`), or a model on the Hugging Face "
                "Hub like `org/model`"
            )
        return source

    @property
    def label(self) -> str:
        """What it is, for a person."""
        name = self.source.removeprefix(RUN).removeprefix(FOLDER).removeprefix(HUB)
        return f"{name} with LoRA" if self.lora else name


Argument = bool | int | float | str


class ModuleSpec(_Frozen):
    """Any `torch.nn.Module` from a Python file in a folder that the owner approved."""

    family: Literal["module"] = "module"
    file: str = Field(min_length=1, max_length=200)
    """As it is listed: the approved folder's name and the path below it, like `nets/tiny.py`."""
    name: str | None = Field(default=None, max_length=100, pattern=r"^[A-Za-z_]\w*$")
    """Of the class, or of a function that makes the module; None where the file defines one module only."""
    arguments: Mapping[str, Argument] = {}
    """Of the class, by name. `vocabulary` (or `vocab_size`, ...), `context`, `classes` and the like are given where it
    asks for them.
    """
    wiring: Mapping[str, object] | None = None
    """What each parameter of `forward` is fed with, as `docs/training.md` explains; None has it found out."""
    size: Size = "tiny"
    """The recipe that suits: context, learning rate and tokens a step."""

    @field_validator("wiring")
    @classmethod
    def _can_be_read(cls, wiring: Mapping[str, object] | None) -> Mapping[str, object] | None:
        if _depth(wiring) > 2 * _DEEPEST:
            raise ValueError(f"names more than {_DEEPEST} submodules inside of each other; leave out what can be found")
        try:
            json.dumps(wiring, allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError) as error:
            raise ValueError("has to be JSON: groups, lists, text, finite numbers, true, false and null") from error
        try:
            read(wiring)
        except SpotterError as error:
            place = (error.field or "").removeprefix("model.wiring.")
            raise ValueError(f"{place} {error.message}") from error
        return wiring

    @property
    def label(self) -> str:
        """What it is, for a person."""
        return f"{self.name or self.file.rpartition('/')[2]}"


def _depth(value: object) -> int:
    """How many groups and lists are inside of each other; not by recursion, which has a bound of its own."""
    depth, level = 0, [value]
    while level := [inner for each in level for inner in _inside(each)]:
        depth += 1
    return depth


def _inside(value: object) -> Iterable[object]:
    match value:
        case Mapping():
            return value.values()
        case list():
            return value
        case _:
            return ()


SizedSpec = GPT2Spec | LlamaSpec | QwenSpec | CharLSTMSpec | ImageCNNSpec | ModuleSpec
ModelSpec = Annotated[SizedSpec | PretrainedSpec, Field(discriminator="family")]
Family = Literal["gpt2", "llama", "qwen", "char-lstm", "image-cnn", "pretrained", "module"]

"""Language models that have learnt before. A run keeps a copy of the one it begins with, and goes on from that.

No code that comes with a model is run, and nothing is unpickled.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from trainer_core.attended import Told, unheard
from trainer_core.errors import Code, SpotterError
from trainer_core.files.folders import new_folder
from trainer_core.files.sums import problems_with_sums, write_sums
from trainer_core.models import lora
from trainer_core.models.data import TextData
from trainer_core.models.files import made_from
from trainer_core.models.places import Places
from trainer_core.models.sizes import Recipe
from trainer_core.models.sources import Source, find
from trainer_core.models.specs import PretrainedSpec
from trainer_core.tokenizers.pretrained import load
from trainer_core.tokenizers.shelf import open_tokenizer

_LONGEST = 512
"""Tokens that a model is fine-tuned on at once, where it could take more."""
_SEQUENCES = 8
"""In a step."""
_RATE, _OF_WIDTH = 6e-5, 768
"""A tenth of what suits fresh weights: these have something to lose."""
_ADAPTERS_BEAR = 10
"""Times the learning rate of all weights."""
_FEWER = 0.9
"""Share of the rows of a token embedding that a tokenizer may leave unused: they are often rounded up."""
_ENCODERS = {*MODEL_FOR_MASKED_LM_MAPPING_NAMES, "bert-generation"}
"""Types of models that see what comes later, unless their configuration makes decoders of them."""


def kept(spec: PretrainedSpec, places: Places, told: Told = unheard) -> Path:
    """The folder of the model that the run goes on from: copied at first, checked to open, with its tokenizer.

    `told` is given how much of a download is done; what it raises ends the work, with nothing kept.

    Raises MODEL_NOT_FOUND, MODEL_INCOMPATIBLE, MODEL_LOAD_FAILED, TOKENIZER_*; OSError.
    """
    if not places.base.is_dir():
        with new_folder(places.base) as aside:
            source = find(spec.source, places, told)
            for file in source.files:
                shutil.copyfile(file, aside / file.name)
            rows = _rows(aside, source.name)
            _save_tokenizer(source, aside)
            _check_fits(rows, aside, source.name)
            write_sums(aside)
    return places.base


def recipe(spec: PretrainedSpec, places: Places, told: Told = unheard) -> Recipe:
    """What suits the model: its own context, up to a bound, and small steps. It is `kept` from then on."""
    config = _config(kept(spec, places, told))
    context = min(_LONGEST, getattr(config, "max_position_embeddings", None) or _LONGEST)
    rate = min(5 * _RATE, _RATE * _OF_WIDTH / config.hidden_size) * (_ADAPTERS_BEAR if spec.lora else 1)
    return Recipe(context, round(rate, 8), _SEQUENCES * context)


def build_pretrained(spec: PretrainedSpec, data: TextData, places: Places) -> PreTrainedModel:
    """The model that the run goes on from, with a row for each token, and with adapters if they are asked for.

    Raises what `kept` raises, and MODEL_LOAD_FAILED if it is no longer what it was.
    """
    base = kept(spec, places)
    if problems_with_sums(base):
        raise SpotterError(
            Code.MODEL_LOAD_FAILED,
            "the model that the run began with was changed in the run's folder",
            field="model.source",
            next_step="Start a new run.",
        )
    model = opened(base)
    if model.get_input_embeddings().num_embeddings != data.vocabulary:
        model.resize_token_embeddings(data.vocabulary)
    return lora.adapt(model, spec.lora) if spec.lora else model


def opened(folder: Path) -> PreTrainedModel:
    """The causal language model of transformers in `folder`, in fp32. Raises MODEL_INCOMPATIBLE, MODEL_LOAD_FAILED."""
    config = _config(folder)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(  # Any: with the information it is a pair
            folder,
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except Exception as error:  # of whatever kind: the files are others'
        raise _load_failed("its weights cannot be opened") from error
    model, found = loaded
    if found["missing_keys"] or found["mismatched_keys"]:
        raise _load_failed("its weights are not all there")
    assert isinstance(model, PreTrainedModel)
    return model


def _save_tokenizer(source: Source, folder: Path) -> None:
    if source.own:
        for file in source.tokenizer:
            shutil.copyfile(file, folder / file.name)
    else:
        load(str(source.folder.absolute()), folder)


def _rows(folder: Path, name: str) -> int:
    """Tokens that the model knows. Raises MODEL_INCOMPATIBLE, MODEL_LOAD_FAILED if it is none that can be trained."""
    if described := made_from(folder):
        raise _incompatible(
            f"{name} is a {described.model.family}, and only models of transformers are fine-tuned",
            "Choose a run of gpt2, llama or qwen.",
        )
    return int(_config(folder).vocab_size)


def _check_fits(rows: int, folder: Path, name: str) -> None:
    """Raises MODEL_INCOMPATIBLE if the tokenizer in `folder` is not that of a model of so many tokens."""
    tokens = open_tokenizer(folder).vocabulary
    if not _FEWER * rows <= tokens <= rows + 1:  # one token may have been added, which ends a text
        raise _incompatible(
            f"{name} has {rows:,} tokens, and the tokenizer beside it {tokens:,}",
            "Put the tokenizer that it was trained with beside it.",
        )


def _config(folder: Path) -> Any:  # Any: each architecture of transformers has a class of its own
    """The configuration of a language model that can be trained. Raises MODEL_INCOMPATIBLE, MODEL_LOAD_FAILED."""
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # transformers has many, and none of its own
        raise _load_failed("its config.json is of no architecture that transformers knows") from error
    check_config(config)
    return config


def check_config(config: PreTrainedConfig) -> None:
    """Raises MODEL_INCOMPATIBLE unless it is that of a decoder of text whose weights can learn."""
    known = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.model_type)
    made = next(iter(config.architectures or ()), known)
    sees_all = config.model_type in _ENCODERS and not getattr(config, "is_decoder", False)
    if known is None or made != known or sees_all:
        raise _incompatible(
            f"a {made or config.model_type} is no causal language model", "Choose one that predicts the next token."
        )
    if config.get_text_config(decoder=True) is not config:
        raise _incompatible(
            f"a {made} reads more than text", "Choose the model of text that it was made from, or another one."
        )
    if unsaid := [name for name in ("vocab_size", "hidden_size") if not isinstance(getattr(config, name, None), int)]:
        raise _incompatible(
            f"a {made} does not say its {' and '.join(unsaid)}, which fine-tuning goes by", "Choose another model."
        )
    if getattr(config, "quantization_config", None):
        raise _incompatible("its weights are quantised, and cannot learn", "Choose the model that it was made from.")


def _incompatible(message: str, next_step: str) -> SpotterError:
    return SpotterError(Code.MODEL_INCOMPATIBLE, message, field="model.source", next_step=next_step)


def _load_failed(what: str) -> SpotterError:
    return SpotterError(
        Code.MODEL_LOAD_FAILED,
        f"the model cannot be opened: {what}",
        field="model.source",
        next_step="Save it again with `save_pretrained`, or choose another model.",
    )

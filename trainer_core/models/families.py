"""The families of models, and what each can do. Needs no torch: menus, help and the first checks read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from trainer_core.data.card import DataKind
from trainer_core.models.specs import Family

Capability = Literal["train", "evaluate", "generate", "export", "distributed"]


@dataclass(frozen=True, slots=True)
class Known:
    """A family as a person chooses it."""

    family: Family
    title: str
    """In a menu: a few words."""
    description: str
    """One sentence."""
    learns_from: tuple[DataKind, ...]
    capabilities: frozenset[Capability]
    sizes: bool = True
    """Whether the dial decides its shape (or, of a module, its recipe)."""
    library: Literal["transformers", "torch"] = "torch"
    """What opens its weights: `AutoModelForCausalLM`, or Spotter itself."""


_LANGUAGE: frozenset[Capability] = frozenset({"train", "evaluate", "generate", "export", "distributed"})

FAMILIES: Mapping[Family, Known] = {
    known.family: known
    for known in (
        Known(
            "gpt2",
            "GPT-2, from nothing",
            "The classic decoder: learned positions, layer norms, GELU.",
            ("text",),
            _LANGUAGE,
            library="transformers",
        ),
        Known(
            "llama",
            "Llama, from nothing",
            "Rotary positions, RMS norms and SwiGLU; what most open models are made like.",
            ("text",),
            _LANGUAGE,
            library="transformers",
        ),
        Known(
            "qwen",
            "Qwen3, from nothing",
            "Like Llama, with normed queries and keys, which holds up at high learning rates.",
            ("text",),
            _LANGUAGE,
            library="transformers",
        ),
        Known(
            "char-lstm",
            "Character LSTM, from nothing",
            "A recurrent network that reads character by character; small and quick on a laptop.",
            ("text",),
            _LANGUAGE,
        ),
        Known(
            "image-cnn",
            "Picture classifier, from nothing",
            "A convolutional network that tells classes of pictures apart, a folder a class.",
            ("images",),
            frozenset({"train", "evaluate", "export", "distributed"}),
        ),
        Known(
            "pretrained",
            "Fine-tune what has learnt before",
            "Goes on from an earlier run, a folder, or a model on the Hugging Face Hub; with LoRA if you like.",
            ("text",),
            _LANGUAGE,
            sizes=False,
            library="transformers",
        ),
        Known(
            "module",
            "A module of your own",
            "Any torch.nn.Module from a Python file in an approved folder, whatever its forward asks for.",
            ("text", "images"),
            frozenset({"train", "evaluate", "export", "distributed"}),
        ),
    )
}

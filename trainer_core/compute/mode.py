"""How a step's arithmetic is done: what is measured, decided and written into the manifest. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["fp32", "bf16", "bf16-autocast", "fp16"]
"""`bf16`: weights in bf16 with fp32 masters in the optimizer; `bf16-autocast`: fp32 weights, cast on the way; `fp16`:
autocast with a scaled loss.
"""
Attention = Literal["sdpa", "eager", "bmm"]
Head = Literal["whole", "chunked"]


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to do the same mathematics. A run keeps its own: checkpoints name it, so that a resume computes alike."""

    precision: Precision = "fp32"
    attention: Attention = "sdpa"
    head: Head = "whole"
    """`chunked`: the logits of a few rows at a time, with their gradients made in the forward pass."""
    compiled: bool = False

    def __str__(self) -> str:
        parts = [self.precision, f"{self.attention} attention", f"{self.head} head", *["compiled"] * self.compiled]
        return ", ".join(parts)

"""What changed the course of a run on its way, and from which step: `steering.jsonl`, a JSON object a line.

Learning rate and data order are pure functions of the loop state, and the state names the entries that were applied. A
run that is resumed from an older checkpoint meets the later ones again at the same steps, so that it repeats itself bit
for bit.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Steer(BaseModel):
    """One change, in force from the step that follows `step` steps."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    step: int = Field(ge=0)
    verb: Literal["rate", "land", "rollback", "micro_batch", "go_on"]
    """`rate`: a person set the peak learning rate. `land`: the decay begins. `rollback`: the guard went back to this
    step. `micro_batch`: memory ran out. `go_on`: a person let the run go on after the guard asked.
    """
    value: float = 0.0
    """`rate`: the new peak. `land`: the step at which the rate reaches zero. `rollback`: the factor on the learning
    rate. `micro_batch`: sequences from now on.
    """
    skip: int = Field(default=0, ge=0)
    """`rollback`: training sequences that are passed over, those that led to it."""
    reason: str = ""
    """As half a sentence for a person."""

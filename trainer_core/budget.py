"""How long to train, as a person says it and as the loop counts it. Needs no torch."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

BudgetUnit = Literal["seconds", "steps", "epochs", "tokens"]

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
_PLACES: dict[BudgetUnit, int | None] = {"seconds": 3, "steps": None, "epochs": 6, "tokens": None}
"""Digits behind the point that count."""
_MOST: dict[BudgetUnit, float] = {"seconds": 30 * 86400, "steps": 1e8, "epochs": 1e5, "tokens": 1e13}


class Budget(BaseModel):
    """How long to train. In JSON and in chat it is one string: `10m`, `500 steps`, `3 epochs`, `20M tokens`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    unit: BudgetUnit
    amount: float = Field(gt=0)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The budget that `text` says. Raises ValueError with a sentence for a person."""
        match = _BUDGET.fullmatch(text.strip())
        unit = _UNITS.get(match["unit"].lower()) if match else None
        if match is None or unit is None:
            raise ValueError(f"cannot read {text.strip()[:40]!r} as a budget; write it like {BUDGET_EXAMPLES}")
        name, factor = unit
        amount = float(match["number"]) * factor * _SCALES[(match["scale"] or "").lower()]
        return cls(unit=name, amount=_counted(amount, name))

    @field_validator("amount")
    @classmethod
    def _can_be_said(cls, amount: float, info: ValidationInfo) -> float:
        unit: BudgetUnit | None = info.data.get("unit")
        return amount if unit is None else _counted(amount, unit)

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


def _counted(amount: float, unit: BudgetUnit) -> float:
    """`amount` as far as it counts. Raises ValueError if that is nothing, or too much."""
    if amount > _MOST[unit]:
        raise ValueError(_too_much(unit))
    counted = float(round(amount, _PLACES[unit]))
    if counted <= 0:
        raise ValueError(f"must be more than nothing; write it like {BUDGET_EXAMPLES}")
    return counted


def _too_much(unit: BudgetUnit) -> str:
    return f"is more than Spotter trains in one run ({Budget(amount=_MOST[unit], unit=unit)})"


def _plain(number: float) -> str:
    """`number` in digits, without an exponent or a needless point."""
    return str(int(number)) if number == int(number) else f"{Decimal(repr(number)):f}"

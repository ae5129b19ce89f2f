"""Grids, and exact numbers on them.

A price is a whole number of ticks, a quantity a whole number of lots. What a program writes as a decimal, a text or
a whole number is put on the grid without a float in between.
"""

from __future__ import annotations

import decimal
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple, Union

Number = Union[int, float, str, Decimal, Fraction]
"""A price or quantity of one bid. Floats are fine where they are on the grid: ``48.5`` is, with a tick of 0.01."""

ROUNDINGS = {"refuse": 0, "down": 1, "nearest": 2}

# A float whose steps may be tried with floats alone.
_NEAR_MAX = float(1 << 53)
# Wide enough for any product of a step and a count, so that nothing here is ever rounded.
_EXACT = decimal.Context(prec=120, traps=[decimal.InvalidOperation, decimal.Inexact])


class Grid(NamedTuple):
    """The multiples of ``mantissa / 10**scale``."""

    mantissa: int
    scale: int

    @property
    def step(self) -> Decimal:
        """The distance between two numbers of the grid."""
        return self.decimal(1)

    def decimal(self, steps: int) -> Decimal:
        """So many steps, exactly."""
        return Decimal(steps * self.mantissa).scaleb(-self.scale, _EXACT).normalize(_EXACT) + 0

    def times(self, other: Grid) -> Grid:
        """The grid of products: money, of prices and quantities."""
        return Grid(self.mantissa * other.mantissa, self.scale + other.scale)

    def steps(self, value: Number, rounding: str = "refuse") -> int | None:
        """How many steps an exact number is; ``None`` where it is on no step and must not be rounded.

        A float counts as the shortest decimal that reads as it, in 15 digits where that has more: programs write
        ``0.1 + 0.2`` for 0.3.
        """
        if type(value) is int:
            units: int = value * 10**self.scale
            if units % self.mantissa == 0:
                return units // self.mantissa
        if type(value) is float and self.scale <= 22:
            # Both sides of the division are exact, so its result is the float nearest to the decimal.
            near = value * 10**self.scale / self.mantissa
            if abs(near) < _NEAR_MAX:
                found: int = round(near)
                if abs(found * self.mantissa) < 1 << 53 and found * self.mantissa / 10**self.scale == value:
                    return found
        exact: Fraction = exactly(value) * 10**self.scale / self.mantissa
        if exact.denominator == 1:
            return exact.numerator
        if isinstance(value, float):
            short: Fraction = Fraction(f"{value:.15g}") * 10**self.scale / self.mantissa
            if short.denominator == 1 and len(repr(value).split("e")[0].replace(".", "").strip("-0")) > 15:
                return short.numerator
        if rounding == "refuse":
            return None
        return math.floor(exact) if rounding == "down" else round(exact)


def exactly(value: Any) -> Fraction:
    """A number as a fraction. Raises ``ValueError`` for what is none, ``TypeError`` for what cannot be one."""
    if isinstance(value, bool):
        raise TypeError("True and False are no numbers")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no number")
        return Fraction(repr(value))
    if isinstance(value, (int, str, Decimal, Fraction)):
        return Fraction(value)
    # numpy's scalars have an exact Python twin.
    if hasattr(value, "item"):
        return exactly(value.item())
    raise TypeError(f"{type(value).__name__} is no number")


def rounding_number(rounding: str) -> int:
    """The library's number of a way of rounding."""
    try:
        return ROUNDINGS[rounding]
    except KeyError:
        raise ValueError(f'rounding is "refuse", "down" or "nearest", not {rounding!r}') from None

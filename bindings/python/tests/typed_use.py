"""How a typed program uses the package: read by a type checker, not run."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy

import walras

terms = walras.Terms({"supply": {"type": "fixed", "quantity": 10}})
result: walras.Clearing = walras.clear(terms, [1.0, None, "2.5", Decimal(3)], numpy.array([1, 2, 3, 4]))
price: Decimal | None = result.price
ratio: Fraction | None = result.marginal_fill_ratio
refused: dict[int, str] = result.refused
total: float = float(result.payments.sum())
many: walras.Clearings = walras.clear_many(terms, numpy.ones((2, 2)), numpy.ones((2, 2)), threads=2)
first: walras.Clearing = many[0]
try:
    walras.clear("{}", [1], [1])
except walras.MalformedError as error:
    code: str = error.code
    status: int = error.status

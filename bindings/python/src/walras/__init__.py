"""walras: live uniform-price auctions in Python.

``clear`` prices one sale from arrays, ``clear_many`` many at once. Prices, quantities and money are exact: whole
ticks and lots inside, ``Decimal`` for single figures, float64 columns for arrays, with whole numbers beside them.
"""

from __future__ import annotations

from ._library import library_version
from ._numbers import Grid
from .clearing import clear, clear_document, clear_many
from .errors import (
    BusyError,
    FaultError,
    MalformedError,
    MisuseError,
    NotAllowedError,
    NotFoundError,
    OverrunWarning,
    RefusedError,
    WalrasError,
)
from .result import Clearing, Clearings
from .terms import Terms

__version__ = library_version()

__all__ = [
    "BusyError",
    "Clearing",
    "Clearings",
    "FaultError",
    "Grid",
    "MalformedError",
    "MisuseError",
    "NotAllowedError",
    "NotFoundError",
    "OverrunWarning",
    "RefusedError",
    "Terms",
    "WalrasError",
    "clear",
    "clear_document",
    "clear_many",
    "library_version",
]

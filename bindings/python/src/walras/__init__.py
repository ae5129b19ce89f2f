"""walras: live uniform-price auctions in Python.

``clear`` prices one sale from arrays, ``clear_many`` many at once. ``Engine`` runs live auctions and ``Server`` lets
WebSocket clients take part, both in this process. Prices, quantities and money are exact: whole
ticks and lots inside, ``Decimal`` for single figures, float64 columns for arrays, with whole numbers beside them.
"""

from __future__ import annotations

from ._library import library_version, log
from ._numbers import Grid
from .auction import Auction, Submitted
from .clearing import clear, clear_document, clear_many
from .engine import Engine, EngineStatus
from .errors import (
    BusyError,
    FaultError,
    MalformedError,
    MisuseError,
    NotAllowedError,
    NotFoundError,
    RefusedError,
    WalrasError,
)
from .events import Event, Events
from .result import Clearing, Clearings
from .server import Server, token
from .settlement import Settlements
from .terms import Terms
from .views import BidView, Receipt, Result, State

__version__ = library_version()

__all__ = [
    "Auction",
    "BidView",
    "BusyError",
    "Clearing",
    "Clearings",
    "Engine",
    "EngineStatus",
    "Event",
    "Events",
    "FaultError",
    "Grid",
    "MalformedError",
    "MisuseError",
    "NotAllowedError",
    "NotFoundError",
    "Receipt",
    "RefusedError",
    "Result",
    "Server",
    "Settlements",
    "State",
    "Submitted",
    "Terms",
    "WalrasError",
    "clear",
    "clear_document",
    "clear_many",
    "library_version",
    "log",
    "token",
]

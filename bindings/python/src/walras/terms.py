"""The terms of a sale, read once and used for many clearings."""

from __future__ import annotations

import ctypes
import json
import weakref
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Union

from . import _abi, _columns
from ._columns import Array, Column
from ._library import check, lib
from ._numbers import Grid

TermsLike = Union["Terms", Mapping[str, Any], str]
"""Terms, or what they are made of: a mapping or JSON with the keys of ``walras clear``."""


def json_text(document: Mapping[str, Any] | str) -> bytes:
    """JSON for the library; decimals and fractions keep all their digits."""
    if isinstance(document, str):
        return document.encode()
    return json.dumps(document, default=_plain, allow_nan=False, ensure_ascii=False).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, (Decimal, Fraction)):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


class Terms:
    """The terms of a sale. Immutable, and safe to use from many threads at once.

    ``terms`` is a mapping or JSON with the keys that ``walras clear`` reads: ``supply`` is required, for instance
    ``{"type": "fixed", "quantity": 1000}``; ``tick_size`` (0.01), ``lot_size`` (0.000001), ``reserve_price`` (0),
    ``price_rule``, ``allocation`` and others have defaults. Numbers may be ``Decimal`` or text where digits matter.

    Raises :class:`MalformedError`, whose text names the key that is wrong.
    """

    document: dict[str, Any]
    """The terms as given."""
    tick: Grid
    """The grid of prices; ``tick.step`` is the tick."""
    lot: Grid
    """The grid of quantities; ``lot.step`` is the lot."""
    money: Grid
    """The grid of money: tick times lot."""
    lowest_price_ticks: int
    """The lowest price at which the sale can clear, in ticks."""

    def __init__(self, terms: Mapping[str, Any] | str) -> None:
        text = json_text(terms)
        handle = ctypes.c_void_p()
        check(lib.walras_terms_new(text, len(text), handle))
        self._handle = handle.value
        # The library is asked for as an argument: at the end of the process this module may be gone.
        weakref.finalize(self, lib.walras_terms_free, handle.value)
        self.document = json.loads(text)
        grids, lowest = _abi.Grids(), ctypes.c_int64()
        check(lib.walras_terms_grids(self._handle, grids, lowest))
        self.tick = Grid(grids.tick_mantissa, grids.tick_scale)
        self.lot = Grid(grids.lot_mantissa, grids.lot_scale)
        self.money = self.tick.times(self.lot)
        self.lowest_price_ticks = lowest.value

    @classmethod
    def of(cls, terms: TermsLike) -> Terms:
        """Terms from anything that stands for terms."""
        return terms if isinstance(terms, Terms) else cls(terms)

    @property
    def lowest_price(self) -> Decimal:
        """The lowest price at which the sale can clear."""
        return self.tick.decimal(self.lowest_price_ticks)

    def supply_lots(self, prices_ticks: Column) -> Array:
        """Supply in lots at each price in ticks: an int64 array as long as ``prices_ticks``."""
        ticks = _columns.whole(prices_ticks, "q", "prices_ticks")
        lots = _columns.room("q", ticks.count)
        check(lib.walras_terms_supply(self._handle, ticks.address, ticks.count, lots.address))
        return lots.values  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Terms({self.document!r})"

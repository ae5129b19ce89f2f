"""Columns of live bids: into the engine and out of it."""

from __future__ import annotations

import array
import ctypes
import json
import uuid
from collections.abc import Sequence
from typing import Any

from . import _abi, _columns
from ._columns import Buffer, Column, Table
from ._library import check, lib, text_of
from ._numbers import Grid
from .views import Grids

# Rows taken in one call, during which the engine waits.
_PAGE = 8192


class Steps:
    """Prices and quantities in whole steps."""

    def __init__(
        self,
        grids: Grids,
        prices: Column | None,
        prices_ticks: Column | None,
        quantities: Column | None,
        quantities_lots: Column | None,
        rounding: str,
    ) -> None:
        self.prices = _whole(prices, prices_ticks, grids.tick, rounding, "price")
        self.quantities = _whole(quantities, quantities_lots, grids.lot, rounding, "quantity")
        self.count = self.prices.count
        fits(self.count, quantities=self.quantities.count)


def fits(count: int, **lengths: int) -> None:
    """Raises where columns have not the length of the prices."""
    for name, length in lengths.items():
        if length != count:
            raise ValueError(f"there are {count} prices and {length} {name}")


def _whole(values: Column | None, ready: Column | None, grid: Grid, rounding: str, name: str) -> Buffer:
    column = _columns.steps(values, ready, grid, rounding, name)
    if column.steps is not None:
        return column.steps
    if column.floats is None:
        return _columns.room("q", 0)
    return _columns.whole(_columns.steps_of_floats(column.floats, grid), "q", name)


class Orders(Steps):
    """Bids to be submitted, each as it lies in memory."""

    def __init__(
        self,
        grids: Grids,
        party: str | Sequence[str],
        party_indexes: Column | None,
        prices: Column | None,
        prices_ticks: Column | None,
        quantities: Column | None,
        quantities_lots: Column | None,
        phantom: Any,
        client_bid_ids: Sequence[str | None] | None,
        rounding: str,
    ) -> None:
        super().__init__(grids, prices, prices_ticks, quantities, quantities_lots, rounding)
        names = [party] if isinstance(party, str) else list(party)
        self.indexes: Buffer | None = None
        if party_indexes is not None:
            self.indexes = _columns.whole(party_indexes, "I", "party_indexes")
        elif not isinstance(party, str):
            numbers: dict[str, int] = {}
            own = array.array("I", [numbers.setdefault(name, len(numbers)) for name in names])
            names, self.indexes = list(numbers), _columns.whole(own, "I", "parties")
        self.party_count = len(names)
        self.names, self.name_offsets = _joined(names)
        self.flags = None if phantom is None else _columns.whole(_columns.flags(phantom), "B", "phantom")
        self.ids: Any = None
        self.id_offsets: Buffer | None = None
        if client_bid_ids is not None:
            fits(self.count, client_bid_ids=len(client_bid_ids))
            self.ids, self.id_offsets = _joined([name or "" for name in client_bid_ids])
        fits(
            self.count,
            parties=self.count if self.indexes is None else self.indexes.count,
            phantom=self.count if self.flags is None else self.flags.count,
        )

    def struct(self) -> _abi.Orders:
        """The columns as the library takes them. Valid as long as this."""
        at = _columns.at
        return _abi.Orders(
            self.count, self.prices.address, self.quantities.address, at(self.flags), self.party_count,
            ctypes.cast(self.names, ctypes.c_void_p), self.name_offsets.address, at(self.indexes),
            None if self.ids is None else ctypes.cast(self.ids, ctypes.c_void_p), at(self.id_offsets),
        )  # fmt: skip


def _joined(texts: list[str]) -> tuple[Any, Buffer]:
    """Texts behind each other, and where each begins."""
    parts = [text.encode() for text in texts]
    offsets, place = [0], 0
    for part in parts:
        place += len(part)
        offsets.append(place)
    return ctypes.create_string_buffer(b"".join(parts)), _columns.whole(array.array("Q", offsets), "Q", "offsets")


def bids(engine: Any, auction: Any, grids: Grids, which: str) -> Table:
    """The columns that ``Auction.bids`` describes."""
    if which not in _abi.WHICH_BIDS:
        raise ValueError(f"bids are one of {_abi.WHICH_BIDS}, not {which!r}")
    rows = _rows(engine, auction, _abi.WHICH_BIDS.index(which))
    names = _names(engine, auction, max(_columns.field(rows, "bidder", "I"), default=-1) + 1)
    ticks, lots, filled = (_columns.field(rows, name, "q") for name in ("price_ticks", "quantity_lots", "filled_lots"))
    units = _columns.wide(_columns.field_pairs(rows, "payment"), len(rows))
    flags = _columns.field(rows, "flags", "I")
    return {
        "bid": [uuid.UUID(bytes=own) for own in _columns.field_bytes(rows, "bid")],
        "party": [names[number] for number in _columns.field(rows, "bidder", "I")],
        "client_bid_id": [own.rstrip(b"\0").decode() or None for own in _columns.field_bytes(rows, "client_bid_id")],
        "status": [_abi.BID_STATUSES[status] for status in _columns.field(rows, "status", "i")],
        "price": _columns.numbers_or_nan(ticks, grids.tick),
        "quantity": _columns.numbers(lots, grids.lot),
        "filled": _columns.numbers(filled, grids.lot),
        "payment": _columns.numbers(units, grids.money),
        "price_ticks": ticks,
        "quantity_lots": lots,
        "filled_lots": filled,
        "payment_units": units,
        "at_us": _columns.field(rows, "at_us", "q"),
        "offset": _columns.field(rows, "offset", "Q"),
        "phantom": _columns.having(flags, _abi.BID_PHANTOM),
        "marginal": _columns.having(flags, _abi.BID_MARGINAL),
        "at_margin": _columns.having(flags, _abi.BID_AT_MARGIN),
    }


def _rows(engine: Any, auction: Any, which: int) -> Any:
    """All rows, page by page."""
    page, raw, first = (_abi.BidRow * _PAGE)(), bytearray(), 0
    while True:
        count, following = ctypes.c_uint64(), ctypes.c_uint64()
        check(lib.walras_auction_bids(engine, auction, which, first, page, _PAGE, count, following))
        raw += memoryview(page).cast("B")[: count.value * ctypes.sizeof(_abi.BidRow)]
        if count.value < _PAGE:
            return (_abi.BidRow * (len(raw) // ctypes.sizeof(_abi.BidRow))).from_buffer(raw)
        first = following.value


def _names(engine: Any, auction: Any, count: int) -> list[str]:
    """The names of the first bidders, by number."""
    names: list[str] = []
    while len(names) < count:
        names += json.loads(text_of(lib.walras_auction_bidders, engine, auction, len(names)))
    return names

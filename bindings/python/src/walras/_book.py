"""Bids of a sale as columns, from whatever a program holds them in, to the library's struct and back."""

from __future__ import annotations

import array
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from . import _abi, _columns
from ._columns import Array, Buffer, Column, Steps, Table
from ._numbers import Grid, exactly
from .terms import Terms


class Book:
    """Columns of bids, each as it lies in memory, under some terms."""

    def __init__(
        self,
        terms: Terms,
        prices: Column | None,
        quantities: Column | None,
        *,
        prices_ticks: Column | None = None,
        quantities_lots: Column | None = None,
        budgets: Sequence[Any] | None = None,
        sequences: Column | None = None,
        bidders: Sequence[Any] | None = None,
        phantom: Any = None,
        rounding: str = "refuse",
    ) -> None:
        self.terms = terms
        self.prices = _columns.steps(prices, prices_ticks, terms.tick, rounding, "price")
        self.count = self.prices.count
        self._budget_units: list[int] | None = None
        if budgets is None:
            self.quantities = _columns.steps(quantities, quantities_lots, terms.lot, rounding, "quantity")
        else:
            given = quantities if quantities_lots is None else quantities_lots
            lot = terms.lot if quantities_lots is None else Grid(1, 0)
            self.quantities, self._budget_units = self._wants(given, lot, budgets, rounding)
        self.budgets = None if self._budget_units is None else _pairs(self._budget_units)
        self.sequences = None if sequences is None else _columns.whole(sequences, "Q", "sequences")
        self.labels: list[Any] | None = None
        self.bidders = None if bidders is None else self._bidders(bidders)
        self.flags = None if phantom is None else _columns.whole(_columns.flags(phantom), "B", "phantom")
        self._check_lengths()

    def _wants(
        self, quantities: Any, lot: Grid, budgets: Sequence[Any], rounding: str
    ) -> tuple[Steps, list[int]]:
        """Quantities in lots and budgets in tick × lot units, where a bid has one or the other."""
        units = [0 if budget is None else _columns.exact_steps(budget, self.terms.money, rounding) for budget in budgets]
        wanted = [None] * len(units) if quantities is None else quantities
        lots = [0 if quantity is None else _columns.exact_steps(quantity, lot, rounding) for quantity in wanted]
        for index, unit in enumerate(units[: len(lots)]):
            if unit == _abi.OFF_GRID_STEP:
                # There is no such mark for a budget; a quantity that is on no step is refused for the same reason.
                lots[index], units[index] = _abi.OFF_GRID_STEP, 0
        return Steps(steps=_columns.whole(array.array("q", lots), "q", "quantities")), units

    def _bidders(self, bidders: Sequence[Any]) -> Buffer:
        """Numbers for the bidders; those of ``net_long`` come first, matched by their text."""
        named = list(self.terms.document.get("net_long") or ())
        if not named:
            if _columns.numpy() and isinstance(bidders, _columns.numpy().ndarray):
                if bidders.dtype == "uint32":
                    return _columns.whole(bidders, "I", "bidders")
                labels, numbers = _columns.numpy().unique(bidders, return_inverse=True)
                self.labels = labels.tolist()
                return _columns.whole(numbers.astype("uint32"), "I", "bidders")
            if isinstance(bidders, array.array) and bidders.typecode == "I":
                return _columns.whole(bidders, "I", "bidders")
        numbers_of: dict[Any, int] = {name: number for number, name in enumerate(named)}
        numbers = []
        for bidder in bidders:
            label = str(bidder) if named else bidder
            numbers.append(numbers_of.setdefault(label, len(numbers_of)))
        self.labels = list(numbers_of)
        return _columns.whole(array.array("I", numbers), "I", "bidders")

    def _check_lengths(self) -> None:
        lengths = {
            "quantities": self.quantities.count,
            "budgets": self.count if self._budget_units is None else len(self._budget_units),
            "sequences": self.count if self.sequences is None else self.sequences.count,
            "bidders": self.count if self.bidders is None else self.bidders.count,
            "phantom": self.count if self.flags is None else self.flags.count,
        }
        for name, length in lengths.items():
            if length != self.count:
                raise ValueError(f"there are {self.count} prices and {length} {name}")

    def struct(self) -> _abi.Bids:
        """The columns as the library takes them. Valid as long as this book."""
        at = _columns.at
        return _abi.Bids(
            self.count,
            at(self.prices.steps),
            at(self.quantities.steps),
            at(self.prices.floats),
            at(self.quantities.floats),
            at(self.budgets),
            at(self.sequences),
            at(self.bidders),
            at(self.flags),
        )

    def part(self, start: int, stop: int) -> Book:
        """Some of the bids as a book of their own."""
        part = object.__new__(Book)
        part.terms, part.labels, part.count = self.terms, self.labels, stop - start
        part.prices = Steps(_slice(self.prices.steps, start, stop), _slice(self.prices.floats, start, stop))
        part.quantities = Steps(_slice(self.quantities.steps, start, stop), _slice(self.quantities.floats, start, stop))
        part.sequences, part.bidders = _slice(self.sequences, start, stop), _slice(self.bidders, start, stop)
        part.flags = _slice(self.flags, start, stop)
        part._budget_units = None if self._budget_units is None else self._budget_units[start:stop]
        part.budgets = None if part._budget_units is None else _pairs(part._budget_units)
        return part

    def prices_ticks(self) -> Array:
        """Prices in ticks; what is off the grid is ``_abi.OFF_GRID_STEP``."""
        return _whole_steps(self.prices, self.terms.tick)

    def quantities_lots(self) -> Array:
        """Quantities in lots, likewise; 0 for bids with a budget."""
        return _whole_steps(self.quantities, self.terms.lot)

    def is_phantom(self, index: int) -> bool:
        """Whether a bid only takes part in price discovery."""
        return self.flags is not None and bool(self.flags.values[index] & _abi.BID_PHANTOM)

    def bidder(self, number: int) -> Any:
        """A bidder as the caller named it."""
        return number if self.labels is None else self.labels[number]

    def budget_units(self, index: int) -> int:
        """A bid's budget in tick × lot units; 0 if it has none."""
        return 0 if self._budget_units is None else self._budget_units[index]

    def has_budgets(self) -> bool:
        """Whether any bid may have a budget."""
        return self._budget_units is not None

    def table(self) -> Table:
        """The bids as columns: ``price`` and ``quantity`` as floats, ``price_ticks`` and ``quantity_lots`` exactly."""
        ticks, lots = self.prices_ticks(), self.quantities_lots()
        table: Table = {
            "price": _given(self.prices, ticks, self.terms.tick),
            "quantity": _given(self.quantities, lots, self.terms.lot),
            "price_ticks": ticks,
            "quantity_lots": lots,
        }
        if self._budget_units is not None:
            table["budget"] = _columns.column(map(float, map(self.terms.money.decimal, self._budget_units)), "d")
        if self.bidders is not None:
            table["bidder"] = [self.bidder(number) for number in self.bidders.values]
        return table


def _pairs(units: Iterable[int]) -> Buffer:
    """Numbers of 128 bits, the lower half first."""
    mask = (1 << 64) - 1
    halves = array.array("Q", [half for unit in units for half in (unit & mask, unit >> 64 & mask)])
    return _columns.whole(halves, "Q", "budgets")


def _slice(buffer: Optional[Buffer], start: int, stop: int) -> Buffer | None:
    if buffer is None:
        return None
    values = buffer.values[start:stop]
    code = {"int64": "q", "uint64": "Q", "uint32": "I", "uint8": "B"}
    if isinstance(values, array.array):
        return Buffer(values, values.buffer_info()[0], len(values))
    if values.dtype == "float64":
        return Buffer(values, values.__array_interface__["data"][0], len(values))
    return _columns.whole(values, code[values.dtype.name], "part")


def _given(column: Steps, steps: Array, grid: Grid) -> Array:
    """A column as floats: the caller's own where those were given."""
    return _columns.shown(column.floats.values) if column.floats else _columns.numbers_or_nan(steps, grid)


def _whole_steps(column: Steps, grid: Grid) -> Array:
    if column.steps is not None:
        return _columns.shown(column.steps.values)
    if column.floats is None:
        return _columns.column((), "q")
    return _columns.steps_of_floats(column.floats, grid)

"""What a clearing comes to."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, overload

from . import _abi, _columns, _curve, _svg
from ._book import Book
from ._columns import Array, Table
from .terms import Terms


class Clearing:
    """The result of one sale.

    Single figures are exact: ``Decimal`` in units of price, quantity or money, and ``..._ticks`` or ``..._lots`` as whole
    numbers. Columns have one entry for each bid, in the order the bids were given.
    """

    def __init__(
        self, book: Book, figures: _abi.Clearing, lots: Any, payments: Any, marks: Any, by_bidder: Any = ()
    ) -> None:
        self._book = book
        self._figures = figures
        self._payments = payments
        self._by_bidder = by_bidder
        self.quantities_lots: Array = lots
        self.marks: Array = marks

    @property
    def terms(self) -> Terms:
        """The terms of the sale."""
        return self._book.terms

    @property
    def outcome(self) -> str:
        """``"cleared"``, ``"undersubscribed"``, ``"no_sale"`` or ``"cancelled"``."""
        return _abi.OUTCOMES[self._figures.outcome]

    @property
    def price_ticks(self) -> int | None:
        """The clearing price in ticks; ``None`` when nothing sells."""
        ticks: int = self._figures.price_ticks
        return None if ticks == _abi.NO_PRICE else ticks

    @property
    def price(self) -> Decimal | None:
        """The one price that everybody pays (with ``pay_as_bid``: the lowest that won); ``None`` when nothing sells."""
        ticks = self.price_ticks
        return None if ticks is None else self.terms.tick.decimal(ticks)

    @property
    def price_interval(self) -> tuple[Decimal, Decimal]:
        """The lowest and the highest price at which supply and demand meet."""
        tick = self.terms.tick
        return tick.decimal(self._figures.price_low_ticks), tick.decimal(self._figures.price_high_ticks)

    @property
    def indicative_price(self) -> Decimal:
        """The clearing price, or the lowest price of the sale when nothing sells."""
        return self.terms.tick.decimal(self._figures.indicative_price_ticks)

    @property
    def supply(self) -> Decimal:
        """Supply at the indicative price."""
        return self._lots(self._figures.supply_lots)

    @property
    def allocated(self) -> Decimal:
        """What is sold."""
        return self._lots(self._figures.allocated_lots)

    @property
    def unsold(self) -> Decimal:
        """Supply that is not sold."""
        return self._lots(self._figures.unsold_lots)

    @property
    def oversold(self) -> Decimal:
        """What is sold beyond the supply, by the rounding of the ``treasury`` rule."""
        return self._lots(self._figures.oversold_lots)

    @property
    def demand_at_or_above(self) -> Decimal:
        """What is wanted at or above the indicative price, phantom bids included."""
        return self._lots(_abi.int128(self._figures.demand_at_or_above_lots))

    @property
    def demand_above(self) -> Decimal:
        """What is wanted above the indicative price, phantom bids included."""
        return self._lots(_abi.int128(self._figures.demand_above_lots))

    @property
    def marginal_demand(self) -> Decimal:
        """What real bids want at exactly the indicative price."""
        return self._lots(_abi.int128(self._figures.marginal_demand_lots))

    @property
    def marginal_available(self) -> Decimal:
        """What there is for them."""
        return self._lots(_abi.int128(self._figures.marginal_available_lots))

    @property
    def marginal_fill_ratio(self) -> Fraction | None:
        """The part of the marginal demand that is filled, exactly; ``None`` if there is none."""
        demand = _abi.int128(self._figures.marginal_demand_lots)
        return Fraction(_abi.int128(self._figures.marginal_available_lots), demand) if demand else None

    @property
    def total_quantity(self) -> Decimal:
        """What real bids want at the lowest price of the sale, before caps."""
        return self._lots(_abi.int128(self._figures.total_quantity_lots))

    @property
    def revenue(self) -> Decimal:
        """What all payments come to. Rounded down to tick × lot where ``payments_are_exact`` is false."""
        return self.terms.money.decimal(_abi.int128(self._figures.revenue))

    @property
    def payments_are_exact(self) -> bool:
        """Whether every payment is a whole number of tick × lot units. Average prices may leave fractions."""
        return bool(self._figures.payments_are_exact)

    @property
    def bid_count(self) -> int:
        """Real bids that were taken, killed ones included."""
        return int(self._figures.bid_count)

    @property
    def phantom_count(self) -> int:
        """Phantom bids that were taken."""
        return int(self._figures.phantom_count)

    @property
    def refused_count(self) -> int:
        """Bids that were refused."""
        return int(self._figures.refused_count)

    @property
    def killed_count(self) -> int:
        """Bids that the rule for all-or-none bids removed."""
        return int(self._figures.killed_count)

    @functools.cached_property
    def quantities(self) -> Array:
        """What each bid wins, in units of quantity: a float64 array."""
        return _columns.numbers(self.quantities_lots, self.terms.lot)

    @functools.cached_property
    def payments_units(self) -> Array:
        """What each bid pays, in whole tick × lot units: int64, or Python's whole numbers where those are too small."""
        if self._payments is None:
            units: Array = _columns.times(self.quantities_lots, self.price_ticks or 0)
        else:
            units = _columns.wide(self._payments, self._book.count)
        return units

    @functools.cached_property
    def payments(self) -> Array:
        """What each bid pays, in units of money: a float64 array."""
        return _columns.numbers(self.payments_units, self.terms.money)

    @property
    def refused(self) -> dict[int, str]:
        """Why bids were refused, by index: ``"below_reserve"``, ``"not_a_multiple"``, ``"invalid"`` and others."""
        refused = _columns.where(self.marks, _abi.MARK_REFUSAL) if self.refused_count else ()
        return {index: _abi.REFUSALS[self.marks[index] & _abi.MARK_REFUSAL] for index in map(int, refused)}

    @property
    def killed(self) -> list[int]:
        """Indices of bids that the rule for all-or-none bids removed."""
        return [int(index) for index in _columns.where(self.marks, _abi.MARK_KILLED)] if self.killed_count else []

    def bids(self) -> Table:
        """Every bid with its fate, as columns.

        ``price`` and ``quantity`` as given (float64), ``price_ticks`` and ``quantity_lots`` (int64), ``filled`` and
        ``payment`` (float64), ``filled_lots`` (int64), ``at_margin`` and ``refused`` (bool), ``bidder`` if there were any.
        """
        table = self._book.table()
        table["filled"], table["filled_lots"] = self.quantities, self.quantities_lots
        table["payment"] = self.payments
        table["at_margin"] = _columns.having(self.marks, _abi.MARK_AT_MARGIN)
        table["refused"] = _columns.having(self.marks, _abi.MARK_REFUSAL)
        return table

    def allocations(self) -> Table:
        """The bids that won, as columns: ``bid`` (index), ``quantity``, ``payment`` (float64), ``quantity_lots``,
        ``payment_units`` (exact), ``bidder`` if there were any."""
        winners = _columns.where(self.quantities_lots, -1)
        table: Table = {
            "bid": winners,
            "quantity": _columns.picked(self.quantities, winners),
            "payment": _columns.picked(self.payments, winners),
            "quantity_lots": _columns.picked(self.quantities_lots, winners),
            "payment_units": _columns.picked(self.payments_units, winners),
        }
        if self._book.bidders is not None:
            numbers = _columns.picked(self._book.bidders.values, winners)
            table["bidder"] = [self._book.bidder(number) for number in numbers]
        return table

    def bidders(self) -> Table:
        """With a ``money_unit`` in the terms: the winners in the order of their first winning bids.

        ``bidder``, ``quantity`` (float64), ``quantity_lots`` (int64), ``payment`` (``Decimal``, rounded down to the money unit).
        """
        count = self._figures.bidder_count
        if not self._by_bidder or not count:
            return {"bidder": [], "quantity": _columns.column((), "d"), "quantity_lots": _columns.column((), "q"), "payment": []}
        numbers, lots, payments = self._by_bidder
        units = _columns.wide(payments[: 2 * count], count)
        return {
            "bidder": [self._book.bidder(int(number)) for number in numbers[:count]],
            "quantity": _columns.numbers(lots[:count], self.terms.lot),
            "quantity_lots": lots[:count],
            "payment": [self.terms.money.decimal(int(unit)) for unit in units],
        }

    def curve(self) -> Table:
        """Demand and supply at each price of a bid that was taken, rising, as columns.

        ``price`` (float64), ``price_ticks``, ``demand`` (wanted at or above it, price takers included), ``supply`` in
        units of quantity (float64), ``demand_lots``, ``supply_lots``. Bids with budgets want less the higher the price, and
        cost time for each price.
        """
        return _curve.curve(self._book, self.marks)

    def _repr_svg_(self) -> str:
        """A picture of the sale, for notebooks."""
        price = None if self.price is None else float(self.price)
        title = "nothing sells" if price is None else f"{self.allocated.normalize():f} at {self.price:f}"
        return _svg.picture(self.curve(), price, float(self.allocated), f"{self.outcome}: {title}")

    def __repr__(self) -> str:
        price = "None" if self.price is None else f"{self.price:f}"
        return f"<Clearing {self.outcome} price={price} allocated={self.allocated:f} bids={self.bid_count}>"

    def _lots(self, lots: int) -> Decimal:
        return self.terms.lot.decimal(lots)


class Clearings(Sequence[Clearing]):
    """The results of many sales: a sequence of :class:`Clearing`, and columns over all of them."""

    def __init__(self, book: Book, offsets: Any, figures: Any, lots: Any, payments: Any, marks: Any) -> None:
        self._book = book
        self._offsets = offsets
        self._figures = figures
        self._payments = payments
        self.quantities_lots: Array = lots
        """What every bid of every sale wins, in lots, in the order the bids were given."""
        self.marks: Array = marks

    def __len__(self) -> int:
        return len(self._figures)

    @overload
    def __getitem__(self, index: int) -> Clearing: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Clearing]: ...
    def __getitem__(self, index: int | slice) -> Clearing | Sequence[Clearing]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(f"there are {len(self)} sales")
        start, stop = int(self._offsets[index]), int(self._offsets[index + 1])
        part = slice(start, stop)
        return Clearing(
            self._book.part(start, stop),
            self._figures[index],
            self.quantities_lots[part],
            None if self._payments is None else self._payments[2 * start : 2 * stop],
            self.marks[part],
        )

    def __iter__(self) -> Iterator[Clearing]:
        return (self[index] for index in range(len(self)))

    def figures(self) -> Table:
        """The figures of all sales as columns: ``outcome`` (0 cleared, 1 undersubscribed, 2 no sale, 3 cancelled),
        ``price`` (float64, NaN when nothing sells), ``price_ticks``, ``allocated``, ``unsold``, ``revenue`` (float64),
        ``allocated_lots``, ``unsold_lots``, ``bid_count``, ``refused_count``."""
        terms = self._book.terms
        ticks = self._column("price_ticks", "q")
        allocated, unsold = self._column("allocated_lots", "q"), self._column("unsold_lots", "q")
        revenue = _columns.wide(self._halves("revenue"), len(self))
        return {
            "outcome": self._column("outcome", "i"),
            "price": _columns.numbers_or_nan(ticks, terms.tick),
            "price_ticks": ticks,
            "allocated": _columns.numbers(allocated, terms.lot),
            "unsold": _columns.numbers(unsold, terms.lot),
            "revenue": _columns.numbers(revenue, terms.money),
            "allocated_lots": allocated,
            "unsold_lots": unsold,
            "bid_count": self._column("bid_count", "Q"),
            "refused_count": self._column("refused_count", "Q"),
        }

    def _column(self, name: str, code: str) -> Any:
        return _columns.field(self._figures, name, code)

    def _halves(self, name: str) -> Any:
        return _columns.field_pairs(self._figures, name)

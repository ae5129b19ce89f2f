"""Demand and supply of a book at each of its prices."""

from __future__ import annotations

from typing import Any

from . import _abi, _columns
from ._book import Book
from ._columns import Table


def curve(book: Book, marks: Any) -> Table:
    """The columns that ``Clearing.curve`` describes."""
    levels, demand = _demand(book, marks)
    ticks = _columns.column(levels, "q") if isinstance(levels, list) else levels
    supply = book.terms.supply_lots(ticks)
    tick, lot = book.terms.tick, book.terms.lot
    return {
        "price": _columns.numbers(ticks, tick),
        "demand": _columns.numbers(demand, lot),
        "supply": _columns.numbers(supply, lot),
        "price_ticks": ticks,
        "demand_lots": demand,
        "supply_lots": supply,
    }


def _demand(book: Book, marks: Any) -> tuple[Any, Any]:
    """Prices in rising order, and what is wanted at or above each."""
    numpy = _columns.numpy()
    ticks, lots = book.prices_ticks(), book.quantities_lots()
    if numpy and isinstance(ticks, numpy.ndarray) and isinstance(lots, numpy.ndarray) and not book.has_budgets():
        taken = numpy.flatnonzero((numpy.asarray(marks) & _abi.MARK_REFUSAL) == 0)
        ticks, lots = ticks[taken], lots[taken]
        takers = lots[ticks == _abi.NO_PRICE].sum()
        limits = ticks != _abi.NO_PRICE
        levels, places = numpy.unique(ticks[limits], return_inverse=True)
        wanted = numpy.zeros(len(levels), "int64")
        numpy.add.at(wanted, places, lots[limits])
        return levels, wanted[::-1].cumsum()[::-1] + takers
    return _demand_of_lists(book, ticks, lots, marks)


def _demand_of_lists(book: Book, ticks: Any, lots: Any, marks: Any) -> tuple[list[int], Any]:
    taken = [index for index in range(book.count) if not int(marks[index]) & _abi.MARK_REFUSAL]
    at_level: dict[int, int] = {}
    takers = 0
    budgets: list[tuple[int, int]] = []
    for index in taken:
        tick, lot, budget = int(ticks[index]), int(lots[index]), book.budget_units(index)
        if tick != _abi.NO_PRICE:
            at_level.setdefault(tick, 0)
        if budget:
            budgets.append((tick, budget))
        elif tick == _abi.NO_PRICE:
            takers += lot
        else:
            at_level[tick] += lot
    levels = sorted(at_level)
    demand, above = [], takers
    for level in reversed(levels):
        above += at_level[level]
        spent = sum(budget // level for tick, budget in budgets if tick >= level or tick == _abi.NO_PRICE)
        demand.append(above + spent)
    return levels, _columns.column(reversed(demand), "q")

"""Clearing from numpy: one sale of many bids, and many sales, beside what numpy alone does.

Both solutions are checked against each other before anything is timed, and are timed in turn, so that the machine's moods
meet both. Figures are medians.

    python bench/clearing.py [BIDS] [SALES] [BIDS_PER_SALE]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy

import walras

RESERVE = 1000
TERMS = {"tick_size": 1, "lot_size": 1, "reserve_price": RESERVE}


def numpy_clear(prices, quantities, supply: int):
    """The lowest accepted price and fills, pro rata at the margin with the largest remainders first."""
    order = numpy.argsort(-prices)
    demand = numpy.cumsum(quantities[order])
    if len(prices) == 0 or demand[-1] < supply:
        return RESERVE, quantities.copy()
    price = prices[order[numpy.searchsorted(demand, supply)]]
    fills = numpy.where(prices > price, quantities, 0)
    margin = numpy.flatnonzero(prices == price)
    wanted = quantities[margin]
    left, total = supply - fills.sum(), wanted.sum()
    fills[margin] = left * wanted // total
    spare = int(left - fills[margin].sum())
    fills[margin[numpy.argsort(-(left * wanted % total), kind="stable")[:spare]]] += 1
    return int(price), fills


def alternating(rounds: int, *works: Callable[[], object]) -> list[float]:
    """The median seconds of each work, all run in turn."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, own in zip(works, times):
            start = time.perf_counter()
            work()
            own.append(time.perf_counter() - start)
    return [statistics.median(own) for own in times]


def one_sale(count: int, chance: numpy.random.Generator) -> None:
    prices, quantities = chance.integers(RESERVE, 100_000, count), chance.integers(1, 1000, count)
    supply = int(quantities.sum()) // 3
    terms = walras.Terms({**TERMS, "supply": {"type": "fixed", "quantity": supply}})
    floats, float_quantities = prices.astype("float64"), quantities.astype("float64")

    def ours():
        return walras.clear(terms, prices_ticks=prices, quantities_lots=quantities)

    def ours_floats():
        return walras.clear(terms, floats, float_quantities)

    price, fills = numpy_clear(prices, quantities, supply)
    for result in (ours(), ours_floats()):
        assert result.price_ticks == price and (result.quantities_lots == fills).all()
        assert (result.payments_units == fills * price).all()
    plain, own, own_floats = alternating(
        11, lambda: (lambda found: found[1] * found[0])(numpy_clear(prices, quantities, supply)), ours, ours_floats
    )
    print(f"clear, {count} bids: numpy {plain * 1e3:.1f} ms, walras {own * 1e3:.1f} ms ({plain / own:.1f} x)")
    print(f"  from float64 prices and quantities: walras {own_floats * 1e3:.1f} ms ({plain / own_floats:.1f} x)")


def many_sales(sales: int, count: int, chance: numpy.random.Generator) -> None:
    prices, quantities = chance.integers(RESERVE, 100_000, (sales, count)), chance.integers(1, 1000, (sales, count))
    supply = 1000 * count // 6
    terms = walras.Terms({**TERMS, "supply": {"type": "fixed", "quantity": supply}})

    def ours():
        return walras.clear_many(terms, prices_ticks=prices, quantities_lots=quantities)

    def loop():
        return [numpy_clear(*sale, supply) for sale in zip(prices, quantities)]

    def ours_on_one_thread():
        return walras.clear_many(terms, prices_ticks=prices, quantities_lots=quantities, threads=1)

    found, result = loop(), ours()
    assert result.figures()["price_ticks"].tolist() == [price for price, _ in found]
    assert (result.quantities_lots == numpy.concatenate([fills for _, fills in found])).all()
    plain, own, own_alone = alternating(3, loop, ours, ours_on_one_thread)
    print(f"clear_many, {sales} sales of {count} bids: numpy in a loop {plain:.2f} s, walras {own:.3f} s ({plain / own:.0f} x)")
    print(f"  on one thread: walras {own_alone:.3f} s ({plain / own_alone:.0f} x)")


if __name__ == "__main__":
    sizes = [*map(int, sys.argv[1:]), *[1_000_000, 100_000, 100][len(sys.argv) - 1 :]]
    generator = numpy.random.default_rng(7)
    print(f"Python {sys.version.split()[0]}, numpy {numpy.__version__}, walras {walras.__version__}")
    one_sale(sizes[0], generator)
    many_sales(sizes[1], sizes[2], generator)

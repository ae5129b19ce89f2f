"""Bids into a live engine in memory: one a call, and a million in one call from numpy.

What was accepted is checked in every round. Figures are the median of the rounds and the least, in nanoseconds a bid.

    python bench/engine.py [BIDS]
    GLIBC_TUNABLES=glibc.malloc.hugetlb=1 python bench/engine.py        # with large pages
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy

import walras

SINGLES = 100_000
TERMS = {"tick_size": "0.01", "lot_size": 1, "reserve_price": 1, "max_bids_per_bidder": 10**7}


def auction_of(engine: walras.Engine, supply: int) -> walras.Auction:
    return engine.create_auction({**TERMS, "supply": {"type": "fixed", "quantity": supply}})


def singles(chance: numpy.random.Generator, how: str) -> float:
    """One bid a call."""
    prices = [int(price) for price in chance.integers(100, 9_000, SINGLES)]
    with walras.Engine(bids_per_auction=2_000_000) as engine:
        auction = auction_of(engine, SINGLES * 10)
        submit = auction.submit
        if how == "floats":
            floats = [price / 100 for price in prices]
            start = time.perf_counter_ns()
            for price in floats:
                submit("ann", price, 25)
        else:
            start = time.perf_counter_ns()
            for price in prices:
                submit("ann", price_ticks=price, quantity_lots=25)
        took = time.perf_counter_ns() - start
        assert auction.state().bid_count == SINGLES
    return took / SINGLES


def batch(chance: numpy.random.Generator, count: int, parties: int, path: bool) -> float:
    """All bids in one call."""
    prices, quantities = chance.integers(100, 9_000, count), chance.integers(1, 50, count)
    names = [f"party-{number}" for number in range(parties)]
    indexes = chance.integers(0, parties, count).astype("uint32")
    with walras.Engine(bids_per_auction=2_000_000) as engine:
        auction = auction_of(engine, count * 10)
        start = time.perf_counter_ns()
        answers = auction.submit_many(
            names, party_indexes=indexes, prices_ticks=prices, quantities_lots=quantities, path=path
        )
        took = time.perf_counter_ns() - start
        assert answers.accepted == count == auction.state().bid_count
        if path:
            expected = walras.clear(
                {**TERMS, "supply": {"type": "fixed", "quantity": count * 10}}, prices_ticks=prices, quantities_lots=quantities
            )
            assert answers.path_ticks[-1] == expected.price_ticks
    return took / count


if __name__ == "__main__":
    bids = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    generator = numpy.random.default_rng(7)
    print(f"Python {sys.version.split()[0]}, numpy {numpy.__version__}, walras {walras.__version__}")
    for name, work in {
        "submit, ticks and lots": lambda: singles(generator, "steps"),
        "submit, floats": lambda: singles(generator, "floats"),
        f"submit_many, {bids} bids of one party": lambda: batch(generator, bids, 1, False),
        f"submit_many, {bids} bids of 1000 parties": lambda: batch(generator, bids, 1000, False),
        f"submit_many, {bids} bids of 1000 parties, with the price path": lambda: batch(generator, bids, 1000, True),
    }.items():
        rounds = [work() for _ in range(9)]
        print(f"{name}: {statistics.median(rounds):.0f} ns a bid, least {min(rounds):.0f}", flush=True)

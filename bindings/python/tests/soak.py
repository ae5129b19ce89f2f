"""A million events, run by `test_soak.py` in a process of its own: two threads bid, one subscriber listens, or none.

The last line of output is JSON: events heard and missed, and the MiB by which the process grew over the last three quarters.
"""

from __future__ import annotations

import json
import os
import sys
import threading

import numpy

import walras

TERMS = {"supply": {"type": "fixed", "quantity": 10_000}, "lot_size": 1, "reserve_price": 1, "max_bids_per_bidder": 10**7}
EVENTS = 1_000_000
BATCH = 500


def resident_mib() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


class Bidder(threading.Thread):
    """Submits bids and takes them back: each round is as many acceptances and cancellations."""

    def __init__(self, engine: walras.Engine, auction: walras.Auction, seed: int) -> None:
        super().__init__()
        self.engine, self.auction, self.seed = engine, auction, seed
        self.early: float | None = None
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            chance = numpy.random.default_rng(self.seed)
            rounds = EVENTS // 2 // (2 * BATCH)
            for number in range(rounds):
                if number == rounds // 4:
                    self.early = resident_mib()
                prices, quantities = chance.integers(100, 5000, BATCH), chance.integers(1, 100, BATCH)
                answers = self.auction.submit_many("ann", prices_ticks=prices, quantities_lots=quantities)
                assert answers.accepted == BATCH
                assert self.engine.cancel_all("ann", auction=self.auction) == BATCH
        except BaseException as failure:
            self.failure = failure


def listen(events: walras.Events, auctions: list[walras.Auction]) -> tuple[int, int]:
    """Hears all events and checks their order: a hole is allowed only right after a word of it."""
    expected: dict[bytes, int | None] = {auction.id.bytes: 2 for auction in auctions}
    heard = missed = 0
    while heard + missed < EVENTS:
        taken = events.take(timeout=60)
        assert taken, f"{heard} heard, {missed} missed, then nothing"
        for event in taken:
            if event.kind == "missed":
                missed += event.missed
                expected = dict.fromkeys(expected)
                continue
            key = event.auction.bytes
            assert expected[key] in (None, event.offset), f"{event.offset} where {expected[key]} was due"
            expected[key] = event.offset + 1
            heard += 1
    return heard, missed


def main(listens: bool) -> None:
    with walras.Engine(ring_bytes=1 << 23, history_bytes=1 << 20) as engine:
        auctions = [engine.create_auction(TERMS) for _ in range(2)]
        events = engine.events(["bids"], messages=False) if listens else None
        bidders = [Bidder(engine, auction, seed) for seed, auction in enumerate(auctions)]
        for bidder in bidders:
            bidder.start()
        heard, missed = listen(events, auctions) if events else (0, 0)
        for bidder in bidders:
            bidder.join()
            if bidder.failure:
                raise bidder.failure
        assert all(auction.state().offset == 1 + EVENTS // 2 for auction in auctions)
        grown = resident_mib() - max(bidder.early or 0.0 for bidder in bidders)
    print(json.dumps({"heard": heard, "missed": missed, "grown_mib": grown}))


if __name__ == "__main__":
    main(sys.argv[1] == "listen")

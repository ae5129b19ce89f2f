"""Events: in order, complete, waited for in threads and event loops, as columns; what was lost is told."""

from __future__ import annotations

import asyncio
import gc
import select
import threading
import uuid
import weakref
from decimal import Decimal

import pandas
import pytest

import walras

TERMS = {"supply": {"type": "fixed", "quantity": 1000}, "lot_size": 1, "reserve_price": 1, "max_bids_per_bidder": 1_000_000}


@pytest.fixture
def engine():
    with walras.Engine(clock="manual", seed=1) as made:
        yield made


def test_each_event_tells_its_facts(engine):
    events = engine.events(refusals=True)
    auction = engine.create_auction(TERMS)
    bid = auction.submit("zoë", 15, 600).bid
    with pytest.raises(walras.RefusedError):
        auction.submit("zoë", 0.5, 1)
    auction.amend(bid, quantity=500)
    auction.cancel(bid)
    auction.close()
    heard = [event for event in events.take() if event.kind != "auction_update"]
    kinds = [event.kind for event in heard]
    assert kinds == ["auction_created", "bid_accepted", "bid_rejected", "bid_amended", "bid_cancelled", "auction_complete"]
    accepted = heard[1]
    assert (accepted.auction, accepted.subject, accepted.party) == (auction.id, bid, "zoë")
    assert (accepted.price, accepted.quantity, accepted.current_price) == (15, 600, 1)
    assert (accepted.price_ticks, accepted.quantity_lots, accepted.offset) == (1500, 600, 2)
    assert accepted.data["type"] == "bid_accepted" and accepted.data["payload"]["quantity"] == 600.0
    assert heard[3].quantity == 500 and heard[5].price is None
    assert all(event.data["type"] == event.kind for event in heard)
    assert events.take(timeout=0.01) == []


def test_the_channels_and_the_auction_that_were_asked_for(engine):
    auction, other = engine.create_auction(TERMS), engine.create_auction(TERMS)
    bids, one, market, host = (
        engine.events(["bids"], messages=False), auction.events(["bids", "auction"]), engine.events(["market_data"]),
        engine.events(["host"]),
    )
    for where in (auction, other):
        where.submit("ann", 15, 600)
    engine.put_prices("ETH", {"usd": Decimal("2500.5")}, timestamp="2024-01-01T00:00:00.000Z")
    engine.put_order_book("ETH/USD", [(2500.0, 1.0)], [(2501.0, 2.0)])
    engine.publish({"round": 3})
    heard = bids.take()
    assert [event.auction for event in heard] == [auction.id, other.id] and all(event.json == b"" for event in heard)
    assert {event.auction for event in one.take()} == {auction.id}
    prices, book = market.take()
    assert prices.data["payload"]["prices"] == {"usd": 2500.5} and prices.auction is None and prices.party is None
    assert book.data["payload"]["bids"][0]["price"] == 2500.0
    assert [event.data["payload"] for event in host.take()] == [{"round": 3}]
    with pytest.raises(walras.MalformedError):
        engine.events(["weather"])
    with pytest.raises(walras.MalformedError):
        engine.put_prices("ETH", {})


def test_columns_of_one_kind_leave_the_others(engine):
    events = engine.events()
    auction = engine.create_auction(TERMS)
    fine = engine.create_auction({**TERMS, "tick_size": "0.001"})
    for number in range(1000):
        auction.submit(f"p{number % 3}", price_ticks=1000 + number, quantity_lots=2)
    fine.submit("p9", "10.001", 3)
    table = events.events("bid_accepted")
    assert table["offset"].tolist() == [*range(2, 1002), 2]
    assert table["price"].tolist() == [round(10 + number / 100, 2) for number in range(1000)] + [10.001]
    assert table["quantity"].tolist() == [2.0] * 1000 + [3.0]
    assert table["party"][:4] == ["p0", "p1", "p2", "p0"] and table["auction"][-1] == fine.id
    assert pandas.DataFrame(table).shape == (1001, 11)
    assert events.events("auction_created")["auction"] == [auction.id, fine.id]
    assert len(events.events("bid_accepted")["offset"]) == 0
    with pytest.raises(ValueError):
        events.events("weather")


def test_a_loop_in_a_thread_hears_all_and_ends_with_the_engine():
    engine = walras.Engine()
    auction = engine.create_auction(TERMS)
    heard: list[int] = []

    def listen(events: walras.Events) -> None:
        heard.extend(event.offset for event in events)

    listener = threading.Thread(target=listen, args=(engine.events(["bids"]),))
    listener.start()
    for _ in range(1000):
        auction.submit("ann", 15, 1)
    engine.close()
    listener.join(30)
    assert not listener.is_alive() and heard == list(range(2, 1002))


def test_an_event_loop_hears_all_while_threads_bid():
    async def run() -> list[tuple[uuid.UUID, int]]:
        heard = []
        with walras.Engine() as engine:
            auctions = [engine.create_auction(TERMS) for _ in range(2)]
            bidders = [
                threading.Thread(target=lambda own=auction: [own.submit("ann", 15, 1) for _ in range(1000)])
                for auction in auctions
            ]
            ticks = 0

            async def tick() -> None:
                nonlocal ticks
                while True:
                    await asyncio.sleep(0)
                    ticks += 1

            other = asyncio.ensure_future(tick())
            with engine.events(["bids"]) as events:
                for bidder in bidders:
                    bidder.start()
                async for event in events:
                    heard.append((event.auction, event.offset))
                    if len(heard) == 2000:
                        break
            other.cancel()
            assert ticks > 0, "other tasks run meanwhile"
            for bidder in bidders:
                bidder.join()
            for auction in auctions:
                assert [offset for own, offset in heard if own == auction.id] == list(range(2, 1002))
            return heard

    assert len(asyncio.run(asyncio.wait_for(run(), 60))) == 2000


def test_an_async_loop_waits_and_ends_when_closed():
    async def run() -> None:
        with walras.Engine() as engine:
            auction = engine.create_auction(TERMS)
            for how in ("events", "thread", "engine"):
                events = engine.events(["bids"])
                heard = []

                async def listen() -> None:
                    async for event in events:
                        heard.append(event.offset)
                        if len(heard) == 1:
                            first.set()

                first = asyncio.Event()
                listening = asyncio.ensure_future(listen())
                await asyncio.sleep(0)
                assert not listening.done(), "there is nothing yet"
                auction.submit("ann", 15, 1)
                await asyncio.wait_for(first.wait(), 10)
                if how == "events":
                    events.close()
                elif how == "thread":
                    closing = threading.Thread(target=events.close)
                    closing.start()
                    closing.join()
                else:
                    engine.close()
                await asyncio.wait_for(listening, 10)
                assert len(heard) == 1

    asyncio.run(run())


def test_a_cancelled_wait_leaves_the_subscription_whole():
    async def run() -> None:
        with walras.Engine() as engine:
            auction = engine.create_auction(TERMS)
            events = engine.events(["bids"])
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(events.__aiter__().__anext__(), 0.05)
            auction.submit("ann", 15, 1)
            event = await asyncio.wait_for(events.__aiter__().__anext__(), 10)
            assert event.kind == "bid_accepted"

    asyncio.run(run())


def test_two_tasks_cannot_wait_for_one_subscription():
    async def run() -> None:
        with walras.Engine() as engine, engine.events() as events:
            waiting = asyncio.ensure_future(events.__aiter__().__anext__())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError):
                await asyncio.wait_for(events.__aiter__().__anext__(), 10)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(run())


def test_the_descriptor_is_readable_while_there_is_something(engine):
    auction = engine.create_auction(TERMS)
    events = engine.events(["bids"])
    assert select.select([events], [], [], 0)[0] == []
    auction.submit("ann", 15, 1)
    assert select.select([events], [], [], 10)[0] == [events]
    assert len(events.take()) == 1
    assert events.take() == [] and select.select([events], [], [], 0)[0] == []


def test_a_slow_reader_hears_how_much_it_missed():
    with walras.Engine(ring_bytes=1 << 16) as engine:
        auction = engine.create_auction(TERMS)
        slow, wide = engine.events(["bids"], messages=False), engine.events(messages=False)
        for _ in range(5000):
            auction.submit("ann", 15, 1)
        for events in (slow, wide):
            first = events.take()
            assert first[0].kind == "missed" and first[0].missed > 1000 and events.missed == first[0].missed
            assert "missed" in repr(first[0])
            offsets = [event.offset for event in first[1:] if event.kind == "bid_accepted"]
            more = events.take()
            while more:
                offsets += [event.offset for event in more if event.kind == "bid_accepted"]
                more = events.take()
            last = auction.state().offset
            assert offsets == list(range(offsets[0], last + 1)) if offsets else last == 5001
        auction.submit("ann", 15, 1)
        assert [event.offset for event in slow.take()] == [5002]


def test_a_subscription_that_nobody_holds_is_given_back(engine):
    events = engine.events()
    gone = weakref.ref(events)
    finalizer = events._free
    del events
    gc.collect()
    assert gone() is None and not finalizer.alive

"""The life of an engine: auctions, bids, questions, time, clones, settlements."""

from __future__ import annotations

import datetime
import threading
import uuid
from decimal import Decimal

import numpy
import pandas
import pytest

import walras

TERMS = {"supply": {"type": "fixed", "quantity": 1000}, "lot_size": 1, "tick_size": "0.01", "reserve_price": 1,
         "duration_ms": 60_000, "max_bids_per_bidder": 4_000_000}
START = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


@pytest.fixture
def engine():
    with walras.Engine(clock="manual", start=START, seed=7) as made:
        yield made


@pytest.fixture
def auction(engine):
    return engine.create_auction(TERMS, creator="seller")


def test_an_auction_runs_from_creation_to_its_allocation(engine, auction):
    first = auction.submit("ann", 15, 600, client_bid_id="a-1", marginal=True)
    assert (first.offset, first.at, first.current_price) == (2, START, 1)
    assert (first.standing, first.status, first.is_repeated) == ("above", "pending", False)
    second = auction.submit("bob", price_ticks=1200, quantity_lots=600)
    assert (second.current_price, second.standing) == (12, "at_margin")
    again = auction.submit("ann", 15.0, "600", client_bid_id="a-1", marginal=True)
    assert (again.bid, again.is_repeated) == (first.bid, True)
    state = auction.state()
    assert (state.status, state.outcome, state.bid_count) == ("active", "cleared", 2)
    assert (state.current_price, state.next_price, state.supply, state.matched) == (12, 12, 1000, 1000)
    assert (state.demand_above, state.demand_at_or_above) == (600, 1200)
    assert (state.marginal_demand, state.marginal_available, state.total_quantity) == (600, 400, 1200)
    assert state.ends_at == START + datetime.timedelta(seconds=60) and state.phantom_count == 0
    engine.advance(datetime.timedelta(minutes=1))
    assert engine.now == START + datetime.timedelta(minutes=1)
    assert auction.state().status == "completed" and auction.state().next_price is None
    result = auction.result()
    assert (result.clearing_price, result.allocated, result.revenue) == (12, 1000, 12000)
    assert (result.bid_count, result.total_quantity, result.ended_at) == (2, 1200, engine.now)
    won = auction.allocations()
    assert won["party"] == ["ann", "bob"] and won["client_bid_id"] == ["a-1", None]
    assert won["filled"].tolist() == [600.0, 400.0] and won["payment"].tolist() == [7200.0, 4800.0]
    bids = auction.bids()
    assert bids["status"] == ["filled", "partial"] and bids["at_margin"].tolist() == [False, True]
    assert bids["marginal"].tolist() == [True, False] and bids["offset"].tolist() == [2, 3]
    assert pandas.DataFrame(bids).shape == (2, 17)
    view = auction.bid("a-1", party="ann")
    assert (view.filled, view.payment, view.status, view.bid) == (600, 7200, "filled", first.bid)
    assert engine.bid(second.bid).auction == auction.id
    again = walras.clear_document(auction.document())
    assert again["clearing_price"] == "12" and again["allocations"][str(second.bid)]["quantity"] == "400"
    assert auction.info()["terms"]["seller"] == "seller"


def test_bids_are_amended_and_taken_back(engine, auction):
    bid = auction.submit("ann", 15, 600, client_bid_id="a-1").bid
    lower = auction.amend(bid, quantity=500)
    assert lower.priority_kept and lower.status == "pending"
    assert not auction.amend("a-1", price=16, party="ann").priority_kept
    view = auction.bid(bid)
    assert (view.price, view.quantity, view.status, view.standing) == (16, 500, "pending", "above")
    with pytest.raises(walras.NotFoundError):
        auction.cancel(bid, party="bob")
    assert auction.cancel(bid, party="ann").status == "cancelled"
    assert auction.cancel(bid).is_repeated
    for quantity in (1, 2):
        auction.submit("bob", 15, quantity)
    assert engine.cancel_all("bob") == 2 == 2 + engine.cancel_all("bob", auction=auction)
    assert auction.bids("live")["bid"] == [] and len(auction.bids()["bid"]) == 3
    other = auction.submit("cat", 15, 1)
    assert engine.cancel(other.bid).current_price is None


def test_refusals_have_their_codes(engine, auction):
    auction.submit("ann", 15, 600, client_bid_id="a-1")
    for code, submit in {
        "BID_TOO_LOW": lambda: auction.submit("ann", 0.5, 1),
        "INVALID_BID": lambda: auction.submit("ann", 15, 0),
        "DUPLICATE_BID_ID": lambda: auction.submit("ann", 15, 601, client_bid_id="a-1"),
        "BID_NOT_FOUND": lambda: auction.cancel(uuid.UUID(int=5)),
        "AUCTION_NOT_FOUND": lambda: engine.auction(uuid.UUID(int=5)),
        "AUCTION_NOT_OPEN": auction.settlement,
        "AUCTION_EXISTS": lambda: engine.create_auction({**TERMS, "auction_id": str(auction.id)}),
    }.items():
        with pytest.raises(walras.RefusedError) as caught:
            submit()
        assert caught.value.code == code
    auction.halt("a pause")
    with pytest.raises(walras.RefusedError) as caught:
        auction.submit("ann", 15, 1)
    assert caught.value.code == "AUCTION_NOT_OPEN" and auction.state().status == "halted"
    auction.resume()
    auction.call_off("rain")
    assert auction.state().status == "cancelled"
    with pytest.raises(walras.RefusedError) as caught:
        auction.submit("ann", 15, 1)
    assert caught.value.code == "AUCTION_ENDED"


def test_numbers_off_the_grid_are_refused_or_rounded(auction):
    for wrong in ({"price": 15.001, "quantity": 1}, {"price": 15, "quantity": "1.5"}, {"price": 1e300, "quantity": 1}):
        with pytest.raises(walras.MalformedError) as caught:
            auction.submit("ann", **wrong)
        assert caught.value.code == "OFF_GRID"
    rounded = auction.submit("ann", 15.006, Decimal("1.9"), rounding="down")
    assert (auction.bid(rounded.bid).price, auction.bid(rounded.bid).quantity) == (15, 1)
    assert auction.bid(auction.submit("ann", 15.006, 1, rounding="nearest").bid).price == Decimal("15.01")
    assert auction.bid(auction.submit("ann", 14.9 + 0.1 + 0.2, 1).bid).price == Decimal("15.2")
    with pytest.raises(ValueError):
        auction.submit("ann", 15, 1, rounding="up")
    with pytest.raises(TypeError):
        auction.submit("ann", 15)
    with pytest.raises(TypeError):
        auction.submit("ann", None, None)


def test_price_takers_and_phantoms_need_the_terms(engine, auction):
    with pytest.raises(walras.RefusedError):
        auction.submit("ann", None, 1)
    with pytest.raises(walras.RefusedError):
        auction.submit("ann", 15, 1, phantom=True)
    free = engine.create_auction({**TERMS, "allow_price_takers": True, "allow_phantom_bids": True})
    free.submit("ann", None, 10)
    free.submit("bob", 5, 10, phantom=True)
    assert (free.state().bid_count, free.state().phantom_count) == (1, 1)
    assert numpy.isnan(free.bids()["price"][0]) and free.bids()["phantom"].tolist() == [False, True]
    assert free.curve()["demand"].tolist() == [20.0]


def test_a_batch_is_as_its_bids_one_by_one(engine):
    prices = [round(0.5 + step * 37 % 700 / 100, 2) for step in range(2000)]
    quantities = [step % 50 for step in range(2000)]
    parties = [f"p{step % 3}" for step in range(2000)]
    one, other, third = (engine.create_auction(TERMS) for _ in range(3))
    path, refused = [], {}
    for index, (party, price, quantity) in enumerate(zip(parties, prices, quantities)):
        try:
            path.append(float(one.submit(party, price, quantity).current_price))
        except walras.RefusedError as error:
            refused[index] = error.code
            path.append(float(one.state().current_price))
    by_names = other.submit_many(parties, prices, quantities, path=True)
    by_indexes = third.submit_many(
        ["p0", "p1", "p2"], party_indexes=numpy.arange(2000, dtype="uint32") % 3, path=True,
        prices_ticks=(numpy.array(prices) * 100).round().astype("int64"), quantities_lots=numpy.array(quantities),
    )
    for answers, made in ((by_names, other), (by_indexes, third)):
        assert answers.refused == refused and answers.accepted == 2000 - len(refused)
        assert answers.path.tolist() == path
        assert (answers.path_demand_above_lots >= 0).all()
        assert [bid for bid in answers.bids if bid] == made.bids()["bid"]
        assert made.bids()["party"] == one.bids()["party"]
        assert (made.bids()["price_ticks"] == one.bids()["price_ticks"]).all()
    assert set(refused.values()) == {"INVALID_BID", "BID_TOO_LOW"}


def test_a_batch_takes_ids_and_refuses_what_is_off_the_grid(auction):
    answers = auction.submit_many("ann", [15.0, 15.001, 14.0], [1, 1, 1], client_bid_ids=["x", None, "z"])
    assert answers.refused == {1: "INVALID_BID"} and answers.path is None
    assert auction.bids()["client_bid_id"] == ["x", "z"]
    assert auction.submit_many("ann", [15.001], [1], rounding="down").accepted == 1
    assert auction.submit_many("ann", [], []).accepted == 0
    for wrong in (
        {"party": ["a", "b"], "prices": [1.0], "quantities": [1]},
        {"party": "a", "prices": [1.0, 2.0], "quantities": [1]},
        {"party": "a", "prices": [1.0], "quantities": [1], "client_bid_ids": []},
        {"party": "a", "prices": [1.0], "quantities": [1], "phantom": [True, False]},
        {"party": ["a"], "party_indexes": [0, 0], "prices": [1.0], "quantities": [1]},
    ):
        with pytest.raises(ValueError):
            auction.submit_many(**wrong)
    with pytest.raises(walras.MisuseError):
        auction.submit_many(["a"], [1.0], [1], party_indexes=[1])


def test_what_if_agrees_with_what_then_happens(engine, auction):
    bids = [auction.submit(f"p{step}", 10 + step * 13 % 37 / 100, 60).bid for step in range(40)]
    prices, quantities = [20, 10.2, 10, 10.24], [500, 100, 10, 77]
    for without in ((), bids[3:9]):
        before = engine.digest()
        found = auction.what_if(prices, quantities, without=without)
        assert engine.digest() == before
        for index, (price, quantity) in enumerate(zip(prices, quantities)):
            with engine.clone() as other:
                same = other.auction(auction.id)
                for bid in without:
                    same.cancel(bid)
                bid = same.submit("new", price, quantity).bid
                same.close()
                view = same.bid(bid)
                assert float(same.result().clearing_price) == found["price"][index]
                assert (float(view.filled), float(view.payment)) == (found["filled"][index], found["payment"][index])
    least = auction.price_to_win(100)
    assert auction.what_if([least], [100])["filled"].tolist() == [100.0]
    assert auction.what_if([least - Decimal("0.01")], [100])["filled"][0] < 100
    assert auction.price_to_win(1001) is None


def test_two_seeded_runs_give_the_same_bytes():
    def run(seed: int) -> tuple:
        with walras.Engine(clock="manual", start=START, seed=seed) as engine, engine.events() as events:
            auction = engine.create_auction(TERMS)
            bids = []
            for step in range(50):
                bids.append(auction.submit("ann", 10 + step * 7 % 31, 90).bid)
                engine.advance(0.5)
            engine.advance(60)
            heard = [event.json for event in events.take(limit=10_000)]
            assert len(heard) > 100
            return bids, heard, engine.digest()

    assert run(7) == run(7)
    assert run(7)[2] != run(8)[2]


def test_a_clone_goes_its_own_way(engine, auction):
    auction.submit("ann", 15, 600)
    clone = engine.clone()
    assert clone.digest() == engine.digest() and clone != engine
    before = engine.digest()
    clone.auction(auction.id).submit("bob", 20, 1000)
    clone.auction(auction.id).close()
    assert clone.auction(auction.id).result().clearing_price == 20
    assert engine.digest() == before and auction.state().status == "active"
    clone.close()
    assert repr(clone) == "<Engine closed>" and auction.state().bid_count == 1


def test_a_log_brings_everything_back(tmp_path):
    options = {"data": tmp_path / "data", "clock": "manual", "start": START, "seed": 3}
    with walras.Engine(**options, durability="os") as engine:
        auction = engine.create_auction(TERMS)
        bid = auction.submit("ann", 15, 600).bid
        engine.drain()
        assert engine.status.durability == "os" and engine.status.readiness == "ready"
        with pytest.raises(walras.FaultError) as caught:
            walras.Engine(**options)
        assert caught.value.code == "DATA"
        digest = engine.digest()
    with walras.Engine(**options) as engine:
        assert engine.digest() == digest and engine.status.durability == "fsync"
        assert engine.auctions() == [auction := engine.auction(auction.id)]
        assert auction.bid(bid).quantity == 600


def test_one_key_creates_one_auction(engine):
    made = [engine.create_auction(TERMS, idempotency_key="once") for _ in range(2)]
    assert made[0] == made[1] and engine.status.auction_count == 1 and len({*made}) == 1


def test_a_host_carries_a_settlement_out(engine):
    terms = {**TERMS, "settlement": {"executor": "host", "quorum": 1}}
    auction = engine.create_auction(terms, creator="seller")
    with engine.events(["settlement"]) as events:
        auction.submit("ann", 15, 600)
        auction.close()
        settlement = auction.settlement()
        number, digest = settlement["settlement_id"], settlement["hash"]
        with pytest.raises(walras.NotAllowedError):
            engine.settlements.affirm(number, "stranger", digest)
        with pytest.raises(walras.RefusedError) as caught:
            engine.settlements.affirm(number, "ann", bytes(32))
        assert caught.value.code == "SETTLEMENT_CONFLICT"
        for party in ("ann", "seller"):
            engine.settlements.affirm(number, party, digest)
        steps = []
        for _ in range(2):
            requests = [event for event in events.take(timeout=10) if event.kind == "settlement_request"]
            assert len(requests) == 1 and str(requests[0].subject) == number
            steps.append(requests[0].data["payload"]["step"])
            engine.settlements.report(number, steps[-1], gas_used=21, execution_path=["bank", "vault"])
        assert steps == ["prepare", "commit"]
        done = [event for event in events.take(timeout=10) if event.kind == "settlement_complete"]
        assert done[0].data["payload"]["gas_used"] == 42 and done[0].data["payload"]["execution_path"]
        with pytest.raises(walras.RefusedError) as caught:
            engine.settlements.report(number, "abort")
        assert caught.value.code == "SETTLEMENT_CONFLICT"
    with pytest.raises(ValueError):
        engine.settlements.report(number, "later")
    with pytest.raises(ValueError):
        engine.settlements.affirm(number, "ann", b"short")


def test_the_picture_follows_the_book(auction):
    assert "<polyline" not in auction._repr_svg_()
    auction.submit("ann", 15, 600)
    auction.submit("bob", 12, 600)
    assert "active: 1000 at 12" in auction._repr_svg_() and auction._repr_svg_().count("<polyline") == 3


def test_calls_come_from_many_threads(engine):
    auction = engine.create_auction(TERMS)

    def bid(party: str) -> None:
        for _ in range(500):
            auction.submit(party, price_ticks=1000, quantity_lots=1)

    threads = [threading.Thread(target=bid, args=(f"p{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bids = auction.bids()
    assert sorted(bids["offset"].tolist()) == list(range(2, 2002))
    assert {party: bids["party"].count(party) for party in set(bids["party"])} == {f"p{number}": 500 for number in range(4)}

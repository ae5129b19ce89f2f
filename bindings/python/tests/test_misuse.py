"""What programs do wrong: every call on what is closed, foreign or busy is an exception, and never a crash."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

import walras
from walras._library import lib

TERMS = {"supply": {"type": "fixed", "quantity": 1000}, "lot_size": 1}


def every_call(engine: walras.Engine, auction: walras.Auction, events: walras.Events) -> dict:
    return {
        "create": lambda: engine.create_auction(TERMS), "auction": lambda: engine.auction(auction.id),
        "status": lambda: engine.status, "now": lambda: engine.now, "advance": lambda: engine.advance(1),
        "drain": engine.drain, "digest": engine.digest, "clone": engine.clone, "events": engine.events,
        "publish": lambda: engine.publish(1), "prices": lambda: engine.put_prices("A", {"usd": 1.0}),
        "book": lambda: engine.put_order_book("A/B", [(1.0, 1.0)], []), "bid": lambda: engine.bid(auction.id),
        "cancel": lambda: engine.cancel(auction.id), "cancel_all": lambda: engine.cancel_all("ann"),
        "serve": engine.serve, "auctions": engine.auctions,
        "submit": lambda: auction.submit("ann", 1, 1), "submit_many": lambda: auction.submit_many("ann", [1], [1]),
        "amend": lambda: auction.amend(auction.id, price=1), "state": auction.state, "result": auction.result,
        "what_if": lambda: auction.what_if([1], [1]), "price_to_win": lambda: auction.price_to_win(1),
        "bids": auction.bids, "curve": auction.curve, "close": auction.close, "call_off": auction.call_off,
        "halt": auction.halt, "resume": auction.resume, "info": auction.info, "document": auction.document,
        "settlement": auction.settlement, "start": auction.start_settlement,
        "affirm": lambda: engine.settlements.affirm(auction.id, "ann", bytes(32)),
        "report": lambda: engine.settlements.report(auction.id, "commit"),
        "take": events.take, "columns": lambda: events.events("host"),
    }


def test_after_the_end_every_call_is_misuse():
    engine = walras.Engine()
    auction, events = engine.create_auction(TERMS), engine.events()
    engine.close()
    engine.close()
    for name, call in every_call(engine, auction, events).items():
        with pytest.raises(walras.MisuseError) as caught:
            print(name, call())
        assert caught.value.code in ("BAD_HANDLE", "STOPPED"), name
    assert list(events) == []
    events.close()
    events.close()
    for call in (events.take, events.fileno, lambda: events.events("host")):
        with pytest.raises(walras.MisuseError):
            call()


def test_a_handle_of_another_kind_is_found_out():
    terms = walras.Terms(TERMS)
    with walras.Engine() as engine:
        for free in (lib.walras_engine_free, lib.walras_subscriber_free, lib.walras_server_free):
            assert free(terms._handle) == 2
        assert lib.walras_terms_free(engine._handle) == 2
        assert lib.walras_terms_free(None) == lib.walras_engine_free(None) == 0
        for invented in (1, 7, 0xDEADBEEF, 2**64 - 1):
            assert lib.walras_engine_drain(invented) == 2
        engine.drain()
    assert lib.walras_engine_free(engine._handle) == 2, "freed twice"


def test_bad_options_are_told():
    for options in ({"clock": "sundial"}, {"sed": 1}, {"durability": "fsync"}, {"start": 5}, {"ring_bytes": -1}):
        with pytest.raises(walras.WalrasError) as caught:
            walras.Engine(**options)
        assert isinstance(caught.value, (walras.MalformedError, walras.MisuseError)), options
    with pytest.raises(walras.FaultError) as caught:
        walras.Engine("/proc/nowhere")
    assert caught.value.code == "DATA"
    with walras.Engine() as engine:
        with pytest.raises(walras.MisuseError) as caught:
            engine.advance(1)
        assert caught.value.code == "NOT_SUPPORTED"
        for options in ({"listen": "nowhere"}, {"data": "x"}, {"prot": 1}):
            with pytest.raises(walras.WalrasError):
                engine.serve(**options)
        for terms in ({}, {**TERMS, "duration_mss": 5}, "{"):
            with pytest.raises(walras.MalformedError):
                engine.create_auction(terms)


def test_a_second_thread_in_one_subscription_is_told():
    with walras.Engine() as engine:
        events = engine.events()
        outcomes: list[str] = []

        def listen() -> None:
            try:
                outcomes.append(str(len(events.take(timeout=20))))
            except walras.MisuseError as error:
                outcomes.append(error.code)
                engine.publish("wake the other up")

        threads = [threading.Thread(target=listen) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sorted(outcomes) == ["1", "IN_USE"]


def test_closing_while_others_call_is_safe():
    for _ in range(20):
        engine = walras.Engine()
        auction = engine.create_auction({**TERMS, "max_bids_per_bidder": 1_000_000})
        codes: list[str] = []
        started = threading.Barrier(3)

        def bid() -> None:
            started.wait()
            try:
                while True:
                    auction.submit("ann", price_ticks=100, quantity_lots=1)
            except walras.WalrasError as error:
                codes.append(error.code)

        threads = [threading.Thread(target=bid) for _ in range(2)]
        for thread in threads:
            thread.start()
        started.wait()
        engine.close()
        for thread in threads:
            thread.join(30)
        assert len(codes) == 2 and set(codes) <= {"BAD_HANDLE", "STOPPED"}


FORK = """
import os, sys, walras
terms = {"supply": {"type": "fixed", "quantity": 10}, "lot_size": 1}
engine = walras.Engine()
auction, events = engine.create_auction(terms), engine.events()
child = os.fork()
if child == 0:
    for call in (auction.state, events.take, engine.drain):
        try:
            call()
        except walras.MisuseError as error:
            assert error.code == "FORKED", error
        else:
            os._exit(3)
    assert walras.clear(terms, [1], [5]).allocated == 5
    with walras.Engine() as own:
        own.create_auction(terms).submit("ann", 1, 1)
    engine.close()
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
auction.submit("ann", 1, 1)
engine.close()
print("parent goes on")
"""


def test_a_child_of_a_fork_is_told_and_may_have_engines_of_its_own():
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "parent goes on\n"


def test_a_program_that_closes_nothing_ends_in_good_order():
    code = (
        "import walras, threading\n"
        "engine = walras.Engine(); server = engine.serve(); events = engine.events()\n"
        "auction = engine.create_auction({'supply': {'type': 'fixed', 'quantity': 10}})\n"
        "threading.Thread(target=lambda: [print(event.kind) for event in events], daemon=True).start()\n"
        "auction.submit('ann', 1, 1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.returncode == 0 and "Error" not in done.stderr, done.stderr


def test_the_library_reports_when_asked(tmp_path):
    code = "import sys, walras; walras.log(sys.argv[1]); walras.Engine(sys.argv[2]).close()"
    said = {}
    for level in ("off", "info"):
        command = [sys.executable, "-c", code, level, tmp_path / level]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        said[level] = done.stderr
    assert said["off"] == "" and "the log is replayed" in said["info"]
    with pytest.raises(ValueError):
        walras.log("loud")

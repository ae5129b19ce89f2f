"""Much and often: a million events, a thousand lives, and memory that stays where it was."""

from __future__ import annotations

import gc
import json
import os
import pathlib
import subprocess
import sys

import soak
import walras
from soak import EVENTS, TERMS, resident_mib

# An allocator keeps some of what it is given back.
SLACK_MIB = 24


def run(how: str) -> dict:
    done = subprocess.run([sys.executable, pathlib.Path(soak.__file__), how], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_million_events_in_order_while_two_threads_bid():
    heard, alone = run("listen"), run("alone")
    assert heard["heard"] + heard["missed"] >= EVENTS and heard["heard"] > 0
    assert heard["missed"] > 0 or heard["heard"] == EVENTS
    # The engine keeps every bid that was ever accepted; whoever listens keeps nothing.
    assert heard["grown_mib"] < alone["grown_mib"] + SLACK_MIB, (heard, alone)


def lives(count: int) -> None:
    for number in range(count):
        with walras.Engine(clock="manual", seed=number) as engine:
            auction = engine.create_auction(TERMS)
            with engine.events() as events:
                auction.submit_many("ann", [10.0, 12.0, 0.5], [5000, 6000, 1])
                with engine.clone() as clone:
                    clone.auction(auction.id).close()
                auction.close()
                assert len(events.take()) >= 3
            assert len(auction.allocations()["bid"]) == 2
        walras.clear(TERMS, [10.0, 12.0], [5000, 6000]).bids()


def test_a_thousand_lives_leave_nothing():
    lives(100)
    gc.collect()
    before, descriptors = resident_mib(), len(os.listdir("/proc/self/fd"))
    lives(1000)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert resident_mib() - before < SLACK_MIB, f"{resident_mib() - before:.1f} MiB more"


def test_servers_come_and_go():
    with walras.Engine() as engine:
        for _ in range(5):
            engine.serve(drain_ms=1).stop()
        gc.collect()
        before, descriptors = resident_mib(), len(os.listdir("/proc/self/fd"))
        threads = len(os.listdir("/proc/self/task"))
        for _ in range(50):
            engine.serve(drain_ms=1).stop()
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) == descriptors and len(os.listdir("/proc/self/task")) == threads
        assert resident_mib() - before < SLACK_MIB, f"{resident_mib() - before:.1f} MiB more"

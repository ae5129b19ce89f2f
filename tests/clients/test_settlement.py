"""Settlements carried out by another program, and checked by one.

The reference executor of `bindings/python/examples` settles into SQLite while it and the server are killed again
and again, at points that a seed chooses: what is complete has moved exactly once, all else not at all.
"""

from __future__ import annotations

import json
import os
import pathlib
import queue
import random
import sqlite3
import subprocess
import sys
import threading
from decimal import Decimal

import pytest
from websockets.sync.client import connect

from conftest import ROOT, Server

EXAMPLES = ROOT / "bindings" / "python" / "examples"
SEEDS = [1, 2]
ROUNDS = 8
PATIENCE_SECONDS = 60
# Of the lines that one settlement makes the executor print, and the first.
LINES_MAX = 7
FUNDS = {("alice", "money"): 1_000_000, ("bob", "money"): 1_000_000, ("seller", "lots"): 100_000}


class Executor:
    """A running executor, and what it has said."""

    def __init__(self, server: Server, database: pathlib.Path) -> None:
        token = server.token("custodian", "--role", "settler")
        self.errors = open(database.with_suffix(".stderr"), "ab")
        self.process = subprocess.Popen(
            [sys.executable, EXAMPLES / "settle_sqlite.py", "--url", server.ws, "--database", database],
            env={**os.environ, "WALRAS_TOKEN": token}, stdout=subprocess.PIPE, stderr=self.errors, text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def next_line(self) -> str:
        return self.lines.get(timeout=PATIENCE_SECONDS)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=PATIENCE_SECONDS)
        self.reader.join(timeout=PATIENCE_SECONDS)
        self.process.stdout.close()
        self.errors.close()


def operator(server: Server) -> str:
    return server.token("seller", "--role", "admin")


def sell(server: Server, **settlement: object) -> str:
    """An auction with two winners, closed: its settlement has begun."""
    token = operator(server)
    auction = server.rest("POST", "/v1/auctions", token, {
        "supply": {"type": "fixed", "quantity": 100}, "tick_size": 0.01, "lot_size": 0.5, "reserve_price": 10,
        "duration_ms": 3_600_000, "settlement": {"affirm_timeout_ms": 50, **settlement},
    })["auction_id"]
    for party, quantity, price in [("alice", 60.5, 20.25), ("bob", 80, 12.5)]:
        with connect(server.ws) as socket:
            socket.send(json.dumps({"type": "auth", "token": "Bearer " + server.token(party, "--role", "trader")}))
            payload = {"quantity": quantity, "price": price}
            socket.send(json.dumps({"type": "submit_bid", "auction_id": auction, "payload": payload}))
            while (message := json.loads(socket.recv(timeout=PATIENCE_SECONDS)))["type"] != "bid_accepted":
                assert message["type"] == "auth_success", message
    server.rest("POST", f"/v1/auctions/{auction}/close", token)
    return auction


def settlement_of(server: Server, auction: str) -> dict:
    return server.rest("GET", f"/v1/settlements/{auction}", operator(server))


def open_accounts(database: pathlib.Path, funds: dict[tuple[str, str], int]) -> None:
    accounts = sqlite3.connect(database)
    with accounts:
        accounts.execute(
            "CREATE TABLE balances (party TEXT, asset TEXT, amount TEXT NOT NULL, PRIMARY KEY (party, asset))"
            " WITHOUT ROWID"
        )
        rows = [(party, asset, str(amount)) for (party, asset), amount in funds.items()]
        accounts.executemany("INSERT INTO balances VALUES (?, ?, ?)", rows)
    accounts.close()


def balances(database: pathlib.Path) -> dict[tuple[str, str], Decimal]:
    accounts = sqlite3.connect(database)
    rows = accounts.execute("SELECT party, asset, amount FROM balances").fetchall()
    accounts.close()
    return {(party, asset): Decimal(amount) for party, asset, amount in rows}


def expected(funds: dict, settlements: list[dict]) -> dict[tuple[str, str], Decimal]:
    """The accounts when each of these settlements is carried out once."""
    amounts = {account: Decimal(amount) for account, amount in funds.items()}
    for settlement in settlements:
        for net in settlement["obligations"]:
            for asset in ("money", "lots"):
                account = (net["party"], asset)
                amounts[account] = amounts.get(account, Decimal(0)) + Decimal(str(net[asset]))
    return amounts


@pytest.mark.parametrize("seed", SEEDS)
def test_money_moves_once_whoever_is_killed(tmp_path: pathlib.Path, seed: int) -> None:
    choice = random.Random(seed)
    database = tmp_path / "accounts.db"
    open_accounts(database, FUNDS)
    server = Server(tmp_path)
    auctions, killed_servers = [], 0
    for _ in range(ROUNDS):
        auctions.append(sell(server, executor="host"))
        executor = Executor(server, database)
        for _ in range(choice.randint(1, LINES_MAX)):
            executor.next_line()
        victims = [executor.kill]
        if choice.random() < 0.5:
            victims.insert(choice.randint(0, 1), server.kill)
        for kill in victims:
            kill()
        if len(victims) > 1:
            killed_servers += 1
            server = Server(tmp_path, secret=server.secret)
    assert killed_servers > 0

    executor = Executor(server, database)
    phases: list[str] = []
    while set(phases) != {"complete"}:
        executor.next_line()
        settlements = [settlement_of(server, auction) for auction in auctions]
        phases = [settlement["phase"] for settlement in settlements]
        assert set(phases) <= {"consensus", "reserve", "execute", "complete"}, phases
    executor.kill()
    assert balances(database) == expected(FUNDS, settlements)
    moved = settlements[0]["obligations"]
    assert {net["party"]: net["money"] for net in moved} == {"alice": -756.25, "bob": -493.75, "seller": 1250.0}
    assert server.stop() == 0


def test_who_cannot_pay_fails_the_settlement_and_nothing_moves(server: Server, tmp_path: pathlib.Path) -> None:
    database = tmp_path / "accounts.db"
    funds = {**FUNDS, ("bob", "money"): 493}
    open_accounts(database, funds)
    executor = Executor(server, database)
    auction = sell(server, executor="host")
    while not executor.next_line().startswith("failed "):
        pass
    executor.kill()
    settlement = settlement_of(server, auction)
    assert settlement["phase"] == "failed"
    assert balances(database) == {account: Decimal(amount) for account, amount in funds.items()}


def test_the_hash_follows_from_the_result(server: Server) -> None:
    """More allocations than one page has, names that are not ASCII, the ledger's settlement."""
    token = operator(server)
    auction = server.rest("POST", "/v1/auctions", token, {
        "supply": {"type": "fixed", "quantity": 1000}, "reserve_price": 1, "duration_ms": 3_600_000,
    })["auction_id"]
    for party in ("Zoë,1:x", "bob"):
        with connect(server.ws) as socket:
            socket.send(json.dumps({"type": "auth", "token": "Bearer " + server.token(party, "--role", "trader")}))
            bids = [{"quantity": 3 + number / 100, "price": 2 + number / 10} for number in range(90)]
            socket.send(json.dumps({"type": "submit_bids", "auction_id": auction, "bids": bids}))
            while (message := json.loads(socket.recv(timeout=PATIENCE_SECONDS)))["type"] != "bids_result":
                assert message["type"] in ("auth_success", "bid_accepted"), message
            assert all(result["status"] == "pending" for result in message["payload"]["results"]), message
    server.rest("POST", f"/v1/auctions/{auction}/close", token)
    settlement = settlement_of(server, auction)
    hasher = [sys.executable, EXAMPLES / "allocations_hash.py", "--url", server.http, "--auction", auction]
    done = subprocess.run(
        hasher, env={**os.environ, "WALRAS_TOKEN": token}, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, settlement["hash"]), done.stderr
    # It is the hash that the server takes an affirmation of, and no other.
    body = {"hash": done.stdout.strip(), "agree": True}
    settler = server.token("bob", "--role", "settler")
    affirmed = server.rest("POST", f"/v1/settlements/{auction}/affirm", settler, body)
    assert {"party": "bob", "agree": True} in affirmed["participants"]
    # A bidder sees its own allocations alone, and gets another hash: the script says so.
    done = subprocess.run(
        hasher, env={**os.environ, "WALRAS_TOKEN": settler}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1 and settlement["hash"] in done.stderr

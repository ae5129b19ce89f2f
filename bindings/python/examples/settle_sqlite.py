"""A host that carries settlements out, against a SQLite database.

For auctions whose terms say `settlement: {"executor": "host"}`. It needs a token with the `settle` permission
(`walras token --subject custodian --role settler`) and, beside the standard library, the package `websockets`:

    WALRAS_TOKEN=... python settle_sqlite.py --url ws://127.0.0.1:8080/v1/ws --database accounts.db

The database has the accounts (`balances`: party, asset `money` or `lots`, amount); somebody else fills them. `prepare`
looks up what each party owes and holds it, or refuses for good; `commit` moves all of it; `abort` lets go. Each step
is one transaction together with the note that it was done, so that a step that is asked again, after a crash of this
program or of the server, is answered as before and never done twice. Amounts are exact decimals, kept as text.
"""

from __future__ import annotations

import argparse
import decimal
import json
import os
import sqlite3
import sys
import time
import urllib.request
from decimal import Decimal

from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.sync.client import connect

# More digits than any sum of amounts has: nothing is ever rounded.
EXACT = decimal.Context(prec=100, traps=[decimal.Inexact, decimal.InvalidOperation])
RETRY_SECONDS_MAX = 5.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS balances (
    party TEXT, asset TEXT, amount TEXT NOT NULL, PRIMARY KEY (party, asset)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settlements (
    settlement_id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('prepared', 'refused', 'committed', 'aborted')),
    reason TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS legs (
    settlement_id TEXT, party TEXT, asset TEXT, amount TEXT NOT NULL, PRIMARY KEY (settlement_id, party, asset)
) WITHOUT ROWID;
"""


class Refused(Exception):
    """Why a step is not done, for good."""


class Accounts:
    """The database: each public method is one transaction."""

    def __init__(self, path: str) -> None:
        self.database = sqlite3.connect(path, isolation_level=None, timeout=30)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = FULL")
        self.database.executescript(SCHEMA)

    def state(self, settlement: str) -> tuple[str | None, str | None]:
        """What was done about a settlement, and why."""
        row = self.database.execute(
            "SELECT state, reason FROM settlements WHERE settlement_id = ?", (settlement,)
        ).fetchone()
        return row or (None, None)

    def prepare(self, settlement: str, legs: list[tuple[str, str, Decimal]]) -> None:
        """Holds what each party owes; raises `Refused` if one cannot pay, now and ever after."""
        with Transaction(self.database):
            state, reason = self.state(settlement)
            if state in ("prepared", "committed"):
                return
            if state is None:
                reason = self.shortage(legs)
                self.note(settlement, "refused" if reason else "prepared", reason)
                if reason is None:
                    rows = [(settlement, party, asset, str(amount)) for party, asset, amount in legs]
                    self.database.executemany("INSERT INTO legs VALUES (?, ?, ?, ?)", rows)
        if reason is not None:
            raise Refused(reason)

    def commit(self, settlement: str) -> None:
        """Moves everything that was prepared."""
        with Transaction(self.database):
            state, reason = self.state(settlement)
            if state == "committed":
                return
            if state != "prepared":
                raise Refused(reason or "it was never prepared")
            legs = self.database.execute(
                "SELECT party, asset, amount FROM legs WHERE settlement_id = ?", (settlement,)
            ).fetchall()
            for party, asset, amount in legs:
                after = EXACT.add(self.balance(party, asset), Decimal(amount))
                self.database.execute(
                    "INSERT INTO balances VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET amount = excluded.amount",
                    (party, asset, str(after)),
                )
            self.note(settlement, "committed", None)

    def abort(self, settlement: str) -> None:
        """Lets go of what was held, and refuses whatever of this settlement arrives later."""
        with Transaction(self.database):
            state, _ = self.state(settlement)
            if state == "committed":
                raise Refused("it was committed")
            self.note(settlement, "aborted", "it was aborted")

    def shortage(self, legs: list[tuple[str, str, Decimal]]) -> str | None:
        """Which party cannot give what it owes, beside what is held already."""
        for asset in {asset for _, asset, _ in legs}:
            if total(amount for _, of, amount in legs if of == asset) != 0:
                return f"{asset} would be made or lost"
        for party, asset, amount in legs:
            held = self.database.execute(
                "SELECT amount FROM legs JOIN settlements USING (settlement_id)"
                " WHERE state = 'prepared' AND party = ? AND asset = ?",
                (party, asset),
            )
            owed = total(leg for leg in (Decimal(row[0]) for row in held) if leg < 0)
            if amount < 0 and EXACT.add(self.balance(party, asset), EXACT.add(owed, amount)) < 0:
                return f"{party} has too little {asset}"
        return None

    def balance(self, party: str, asset: str) -> Decimal:
        row = self.database.execute(
            "SELECT amount FROM balances WHERE party = ? AND asset = ?", (party, asset)
        ).fetchone()
        return Decimal(row[0]) if row else Decimal(0)

    def note(self, settlement: str, state: str, reason: str | None) -> None:
        self.database.execute(
            "INSERT INTO settlements VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET state = excluded.state, reason = excluded.reason",
            (settlement, state, reason),
        )


class Transaction:
    """All of it or, after an exception, nothing."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    def __enter__(self) -> None:
        self.database.execute("BEGIN IMMEDIATE")

    def __exit__(self, failure: type | None, *_: object) -> None:
        self.database.execute("COMMIT" if failure is None else "ROLLBACK")


def total(amounts) -> Decimal:
    sum_so_far = Decimal(0)
    for amount in amounts:
        sum_so_far = EXACT.add(sum_so_far, amount)
    return sum_so_far


class Executor:
    """Answers the server's requests."""

    def __init__(self, url: str, token: str, accounts: Accounts) -> None:
        self.url, self.token, self.accounts = url, token, accounts
        # The REST face is at the same address.
        self.http = "http" + url.removeprefix("ws").removesuffix("/v1/ws")

    def run(self) -> None:
        """Serves until it is stopped; connects again after every loss, ever more slowly while that fails."""
        retry_seconds = 0.1
        while True:
            try:
                with connect(self.url) as socket:
                    socket.send(json.dumps({"type": "auth", "token": f"Bearer {self.token}"}))
                    # What was left unanswered is asked again upon this.
                    socket.send(json.dumps({"type": "subscribe", "channel": "settlement"}))
                    for text in socket:
                        retry_seconds = 0.1
                        self.hear(socket, json.loads(text, parse_float=Decimal))
            except (OSError, InvalidHandshake, WebSocketException) as loss:
                say("lost", type(loss).__name__)
            time.sleep(retry_seconds)
            retry_seconds = min(retry_seconds * 2, RETRY_SECONDS_MAX)

    def hear(self, socket, message: dict) -> None:
        kind, payload = message["type"], message.get("payload", {})
        if kind == "auth_failure":
            sys.exit(f"the token is not accepted: {message['error']}")
        if kind == "subscribed":
            say("connected")
        elif kind == "settlement_request":
            self.answer(socket, payload)
        elif kind in ("settlement_complete", "settlement_failed"):
            say(kind.removeprefix("settlement_"), payload["settlement_id"])
        elif kind == "error":
            say("error", message["error"]["code"])

    def answer(self, socket, request: dict) -> None:
        settlement, step = request["settlement_id"], request["step"]
        say("asked", step, settlement)
        report = {"type": "settlement_report", "settlement_id": settlement, "step": step, "ok": True,
                  "gas_used": 0, "execution_path": [f"sqlite:{step}"]}
        try:
            if step == "prepare":
                self.accounts.prepare(settlement, self.legs(request))
            elif step == "commit":
                self.accounts.commit(settlement)
            else:
                self.accounts.abort(settlement)
        except Refused as why:
            report.update(ok=False, reason=str(why))
        say("done", step, settlement)
        socket.send(json.dumps(report))
        say("reported", step, settlement)

    def legs(self, request: dict) -> list[tuple[str, str, Decimal]]:
        """What a settlement moves: party, asset, and how much it gets."""
        call = urllib.request.Request(f"{self.http}/v1/settlements/{request['auction_id']}")
        call.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(call, timeout=30) as answer:
            settlement = json.load(answer, parse_float=Decimal)
        if (settlement["settlement_id"], settlement["hash"]) != (request["settlement_id"], request["hash"]):
            raise Refused("the result is not the one that was agreed on")
        owed = settlement["obligations"]
        return [(net["party"], asset, net[asset]) for net in owed for asset in ("money", "lots")]


def say(*words: str) -> None:
    print(*words, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True, help="the server's WebSocket, ws://HOST:PORT/v1/ws")
    parser.add_argument("--database", required=True, help="the SQLite file with the accounts")
    arguments = parser.parse_args()
    Executor(arguments.url, os.environ["WALRAS_TOKEN"], Accounts(arguments.database)).run()


if __name__ == "__main__":
    main()

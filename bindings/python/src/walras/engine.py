"""The live engine: auctions, bids and settlements in one order, in this process."""

from __future__ import annotations

import ctypes
import datetime
import json
import os
import uuid
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from . import _abi
from ._library import check, lib, text_in, text_of
from .auction import Auction, raw_id
from .events import Events, filter_of
from .server import Server
from .settlement import Settlements
from .terms import json_text
from .views import BidView, Grids, Receipt, microseconds, moment

_NO_GRIDS = Grids.of(_abi.Grids(1, 1, 0, 0))


class EngineStatus(NamedTuple):
    """How an engine is."""

    readiness: str
    """``"ready"``, ``"low_space"``, ``"full"``, ``"frozen"``, ``"faulty"`` or ``"draining"``."""
    durability: str
    """``"fsync"``, ``"os"`` or ``"memory"``."""
    now: datetime.datetime
    """The engine's time, in UTC."""
    auction_count: int
    """Auctions, those that have ended included."""


class Engine:
    """A live engine. All its calls may come from many threads at once; they release the interpreter's lock.

    data: folder of the log, which is made if it is not there. Without it the state is in memory and gone when the
        engine is closed.
    durability: ``"fsync"`` (default: what was acknowledged survives power loss) or ``"os"``; only with ``data``.
    clock: ``"system"``, or ``"manual"``: time stands still but for :meth:`advance`.
    start: what a manual clock shows at first, a time with a time zone or microseconds since 1970 (0).
    seed: with it and a manual clock, two runs with the same calls give the same bytes.
    options: further options of ``walras_engine_new``: ``active_auctions``, ``bids_per_auction``, ``ring_bytes``,
        ``history_bytes``, ``queue_requests``.

    Close the engine when done, or use it in a ``with`` statement. Raises :class:`MalformedError` for options that cannot be
    read, and :class:`FaultError` with code ``"DATA"`` for a folder that cannot be opened.
    """

    settlements: Settlements
    """Calls of participants and executors of settlements."""

    def __init__(
        self,
        data: str | os.PathLike[str] | None = None,
        *,
        durability: str | None = None,
        clock: str = "system",
        start: datetime.datetime | int | None = None,
        seed: int | None = None,
        **options: int,
    ) -> None:
        given: dict[str, Any] = {"clock": clock, **options}
        if data is not None:
            given["data"] = os.fspath(data)
        if durability is not None:
            given["durability"] = durability
        if start is not None:
            given["start_time_us"] = microseconds(start)
        if seed is not None:
            given["seed"] = seed
        text, handle = json.dumps(given).encode(), ctypes.c_void_p()
        check(lib.walras_engine_new(text, len(text), handle))
        self._own(handle.value)

    def _own(self, handle: int | None) -> None:
        self._handle = handle
        self._free = weakref.finalize(self, lib.walras_engine_free, handle)
        self._grids_of: dict[bytes, Grids] = {}
        self._names_of: dict[tuple[bytes, bytes], str] = {}
        self.settlements = Settlements(self)

    def close(self) -> None:
        """Stops the engine in good order. Its subscriptions give what is left and end. May be called again."""
        self._free()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_auction(
        self, terms: Mapping[str, Any] | str, *, creator: str = "host", idempotency_key: str | None = None
    ) -> Auction:
        """Creates an auction from terms: the keys of :class:`Terms` and, all optional, ``auction_id``, ``name``, ``starts_at``,
        ``duration_ms`` or ``ends_at``, ``max_bids_per_bidder`` (100), ``settlement`` and others of ``POST /v1/auctions``.

        ``creator`` is the seller unless the terms name one. With an ``idempotency_key`` a repeated call gives the auction of the
        first. Raises :class:`MalformedError` for bad terms, :class:`RefusedError` with code ``"AUCTION_EXISTS"``.
        """
        found = _abi.Id()
        document = json_text(terms)
        check(
            lib.walras_auction_create(
                self._handle, *text_in(creator), document, len(document), *text_in(idempotency_key), found, None
            )
        )
        return Auction(self, uuid.UUID(bytes=bytes(found.bytes)))

    def auction(self, auction: uuid.UUID | str) -> Auction:
        """An auction by its id. Raises :class:`NotFoundError`."""
        found = uuid.UUID(str(auction))
        check(lib.walras_auction_grids(self._handle, raw_id(found), _abi.Grids()))
        return Auction(self, found)

    def auctions(self) -> list[Auction]:
        """All auctions in the order they were created, those that have ended included."""
        found = []
        for index in range(self.status.auction_count):
            raw = _abi.Id()
            check(lib.walras_auction_at(self._handle, index, raw))
            found.append(Auction(self, uuid.UUID(bytes=bytes(raw.bytes))))
        return found

    @property
    def status(self) -> EngineStatus:
        """How the engine is."""
        raw = _abi.EngineStatus()
        check(lib.walras_engine_status_get(self._handle, raw))
        return EngineStatus(
            _abi.READINESSES[raw.readiness], _abi.DURABILITIES[raw.durability], _time(raw.now_us), raw.auction_count
        )

    @property
    def now(self) -> datetime.datetime:
        """The engine's time, in UTC."""
        raw = ctypes.c_int64()
        check(lib.walras_engine_now(self._handle, raw))
        return _time(raw.value)

    def advance(self, by: datetime.timedelta | float) -> None:
        """Moves a manual clock on, by a ``timedelta`` or seconds, and carries out what becomes due by then.

        With the system's clock: :class:`MisuseError` with code ``"NOT_SUPPORTED"``.
        """
        if not isinstance(by, datetime.timedelta):
            by = datetime.timedelta(seconds=by)
        check(lib.walras_engine_advance(self._handle, by // datetime.timedelta(microseconds=1)))

    def drain(self) -> None:
        """Waits until everything asked for before this call is carried out, durable and visible to subscribers."""
        check(lib.walras_engine_drain(self._handle))

    def digest(self) -> str:
        """SHA-256 of the whole state, in hexadecimal: what ``walras log replay`` prints for the same history."""
        found = (ctypes.c_uint8 * 32)()
        check(lib.walras_engine_digest(self._handle, found))
        return bytes(found).hex()

    def clone(self) -> Engine:
        """An engine of its own that begins where this one stands, in memory, with a manual clock: for asking what would
        have been."""
        handle = ctypes.c_void_p()
        check(lib.walras_engine_clone(self._handle, handle))
        made = object.__new__(Engine)
        made._own(handle.value)
        return made

    def events(
        self,
        channels: Sequence[str] | None = None,
        *,
        auction: Auction | uuid.UUID | None = None,
        messages: bool = True,
        refusals: bool = False,
    ) -> Events:
        """Subscribes to what happens from now on: ``async for event in engine.events()``, or ``for``.

        channels: some of ``"auction"``, ``"bids"``, ``"settlement"``, ``"market_data"``, ``"host"``; all without it.
        auction: events of other auctions are left out.
        messages: whether events carry their JSON; without it they are cheaper to take.
        refusals: whether refused bids are told.
        """
        wanted = auction.id if isinstance(auction, Auction) else auction
        return Events(self, filter_of(channels, wanted, messages, refusals))

    def publish(self, value: Any) -> None:
        """Gives a value of the program's own, in JSON at most 60,000 bytes, a place among the events of kind ``"host"``.

        It is not logged, and clients of a server do not see it.
        """
        text = json.dumps(value).encode()
        check(lib.walras_event_publish(self._handle, text, len(text)))

    def put_prices(self, token: str, prices: Mapping[str, Any], **more: Any) -> None:
        """Publishes new prices of a token, such as ``{"usd": 2500.0}``, for subscribers of ``market_data``.

        ``more`` holds other members of the message: ``timestamp``, and ``**{"24h_change": 1.5}``.
        """
        text = json_text({"prices": prices, **more})
        check(lib.walras_market_prices_put(self._handle, *text_in(token), text, len(text)))

    def put_order_book(self, token_pair: str, bids: Iterable[tuple[Any, Any]], asks: Iterable[tuple[Any, Any]]) -> None:
        """Publishes a new order book of a pair: prices and quantities of its bids and asks."""
        sides = {name: [{"price": price, "quantity": quantity} for price, quantity in side]
                 for name, side in (("bids", bids), ("asks", asks))}  # fmt: skip
        text = json_text(sides)
        check(lib.walras_market_order_book_put(self._handle, *text_in(token_pair), text, len(text)))

    def bid(self, bid: uuid.UUID | str, *, party: str | None = None) -> BidView:
        """What has become of a bid; with a ``party`` only of one of its own. Raises :class:`NotFoundError`."""
        raw = _abi.BidView()
        check(lib.walras_bid_query(self._handle, raw_id(bid), *text_in(party), None, 0, raw))
        return BidView(raw, self._grids(raw.auction))

    def cancel(self, bid: uuid.UUID | str, *, party: str | None = None) -> Receipt:
        """Takes a bid back; with a ``party`` only one of its own. Raises :class:`RefusedError`."""
        raw = _abi.Receipt()
        check(lib.walras_bid_cancel(self._handle, raw_id(bid), *text_in(party), None, 0, raw))
        return Receipt(raw, _NO_GRIDS)

    def cancel_all(self, party: str, *, auction: Auction | None = None) -> int:
        """Takes all live bids of a party back, in one auction or in all. Gives how many there were."""
        count = ctypes.c_uint64()
        wanted = None if auction is None else raw_id(auction.id)
        check(lib.walras_bids_cancel_all(self._handle, *text_in(party), wanted, count))
        return count.value

    def serve(self, **options: Any) -> Server:
        """Starts a WebSocket and REST server on this engine; see :class:`Server`."""
        return Server(self, **options)

    def _grids(self, auction: Any) -> Grids:
        """An auction's grids, by its raw id; those of no auction are whole numbers."""
        key = bytes(auction.bytes)
        found = self._grids_of.get(key)
        if found is None:
            if not any(key):
                return _NO_GRIDS
            raw = _abi.Grids()
            check(lib.walras_auction_grids(self._handle, auction, raw))
            found = self._grids_of[key] = Grids.of(raw)
        return found

    def _party(self, auction: Any, party_key: Any) -> str | None:
        """The name of a bidder, by the raw ids of events; ``None`` for none."""
        key = bytes(auction.bytes), bytes(party_key.bytes)
        found = self._names_of.get(key)
        if found is None:
            if not any(key[0]) or not any(key[1]):
                return None
            found = text_of(lib.walras_auction_bidder, self._handle, auction, party_key)
            self._names_of[key] = found
        return found

    def __repr__(self) -> str:
        return "<Engine closed>" if not self._free.alive else f"<Engine {self.status.readiness}>"


def _time(us: int) -> datetime.datetime:
    found = moment(us)
    assert found is not None, "an engine always has a time"
    return found

"""What happens in an engine, as a stream: waited for in a thread or in an event loop, or taken as columns.

The engine never waits for a reader. One that falls a whole ring behind goes on with the newest event, and hears how many
records it missed from an event of kind ``"missed"`` in their place.
"""

from __future__ import annotations

import asyncio
import collections
import ctypes
import datetime
import json
import threading
import uuid
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from . import _abi, _columns
from ._columns import Table
from ._library import check, lib
from .views import moment

if TYPE_CHECKING:
    from .engine import Engine

_SIZE = ctypes.sizeof(_abi.Event)
# Events taken in one call.
_BATCH = 512
# A wait is cut into pieces of so many milliseconds, so that Ctrl-C is heard.
_SLICE_MS = 200


class Event:
    """One fact. ``kind`` is the type of the message that WebSocket clients hear, or ``"host"``, or ``"missed"``."""

    __slots__ = ("_engine", "_json", "_raw", "kind", "missed")

    def __init__(self, engine: Engine, raw: Any, text: bytes | None, kind: str, missed: int = 0) -> None:
        self._engine = engine
        self._raw = raw
        self._json = text
        self.kind = kind
        self.missed = missed

    @property
    def json(self) -> bytes:
        """The message in JSON; empty if the subscriber did not ask for it."""
        return self._json or b""

    @property
    def data(self) -> Any:
        """The message read: of ``"host"`` events the published value."""
        return json.loads(self.json) if self._json else None

    @property
    def auction(self) -> uuid.UUID | None:
        """The auction it belongs to; ``None`` if to none."""
        return _uuid(self._raw.auction)

    @property
    def subject(self) -> uuid.UUID | None:
        """The bid; of a settlement's events the settlement."""
        return _uuid(self._raw.subject)

    @property
    def party(self) -> str | None:
        """The owner of the bid; ``None`` where there is none."""
        return self._engine._party(self._raw.auction, self._raw.party_key)

    @property
    def offset(self) -> int:
        """Its number in its auction; of states the last event included."""
        return int(self._raw.offset)

    @property
    def at(self) -> datetime.datetime | None:
        """When it happened, in UTC."""
        return moment(self._raw.at_us)

    @property
    def price_ticks(self) -> int | None:
        """The bid's highest price, or the clearing price, in ticks."""
        ticks: int = self._raw.price_ticks
        return None if ticks == _abi.NO_PRICE else ticks

    @property
    def quantity_lots(self) -> int:
        """The bid's quantity, or what is or would be sold, in lots."""
        return int(self._raw.quantity_lots)

    @property
    def price(self) -> Decimal | None:
        """The bid's highest price, or the clearing price; ``None`` for none."""
        return self._engine._grids(self._raw.auction).price(self._raw.price_ticks)

    @property
    def quantity(self) -> Decimal:
        """The bid's quantity, or what is or would be sold."""
        return self._engine._grids(self._raw.auction).lot.decimal(self._raw.quantity_lots)

    @property
    def current_price(self) -> Decimal | None:
        """The indicative price after it."""
        return self._engine._grids(self._raw.auction).price(self._raw.current_price_ticks)

    @property
    def flags(self) -> int:
        """The library's marks, ``WALRAS_EVENT_IS_...``."""
        return int(self._raw.flags)

    def __repr__(self) -> str:
        if self.kind == "missed":
            return f"<Event missed {self.missed}>"
        return f"<Event {self.kind} offset={self.offset} auction={self.auction}>"


def _uuid(raw: Any) -> uuid.UUID | None:
    found = bytes(raw.bytes)
    return uuid.UUID(bytes=found) if any(found) else None


class Events:
    """A subscription, from the moment it was made. Made by ``Engine.events`` and ``Auction.events``.

    Take events with ``for``, with ``async for``, with :meth:`take`, or as columns with :meth:`events`: one way at a time,
    and from one thread at a time. Close it, or use it in a ``with`` statement. The loops end when the engine or the
    subscription is closed.
    """

    def __init__(self, engine: Engine, options: dict[str, Any]) -> None:
        text = json.dumps(options).encode()
        handle = ctypes.c_void_p()
        check(lib.walras_subscriber_new(engine._handle, text, len(text), handle))
        self._handle = handle.value
        self._free = weakref.finalize(self, lib.walras_subscriber_free, handle.value)
        self._engine = engine
        self._array = (_abi.Event * _BATCH)()
        self._ready: collections.deque[Event] = collections.deque()
        self._kept: dict[str, list[bytes]] = {}
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None
        self._lock = threading.Lock()
        self.missed = 0
        """How many records were overwritten before they could be read, so far."""

    def take(self, timeout: float = 0.0, limit: int = _BATCH) -> list[Event]:
        """The next events, at most ``limit``; waits up to ``timeout`` seconds for the first, for ever if that is negative.

        Empty when the time is up. Raises :class:`MisuseError` with code ``"STOPPED"`` once the engine is closed and all
        events are taken.
        """
        if not self._ready:
            self._poll(-1 if timeout < 0 else int(timeout * 1000))
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    def events(self, kind: str) -> Table:
        """All events of one kind that are there, as columns; those of other kinds are kept for later calls.

        ``offset`` (uint64), ``at_us``, ``price_ticks``, ``quantity_lots``, ``current_price_ticks`` (int64), ``price``,
        ``quantity``, ``current_price`` (float64, of bids and results, each on its auction's grids), ``auction`` and ``subject`` (lists of
        ``UUID``), ``party`` (list of names). What is kept takes 112 bytes an event: subscribe to what you need.
        """
        number = _abi.EVENTS.get(kind)
        if number is None:
            raise ValueError(f"there are no events of kind {kind!r}")
        while self._fill(0):
            pass
        raw = b"".join(self._kept.pop(kind, ()))
        events = (_abi.Event * (len(raw) // _SIZE)).from_buffer_copy(raw) if raw else (_abi.Event * 0)()
        return self._table(events)

    def close(self) -> None:
        """Ends the subscription; loops over it end. May be called again, and from any thread."""
        self._free()
        with self._lock:
            if self._waiting:
                loop, future = self._waiting
                loop.call_soon_threadsafe(_wake, future)

    def fileno(self) -> int:
        """A descriptor that is readable while there are events, for ``select`` and event loops. Do not read or close it."""
        descriptor = ctypes.c_int32()
        check(lib.walras_subscriber_fd(self._handle, descriptor))
        return descriptor.value

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        while True:
            while self._ready:
                yield self._ready.popleft()
            if not self._next(_SLICE_MS):
                return

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            while self._ready:
                yield self._ready.popleft()
            if not self._next(0):
                return
            if not self._ready:
                await self._readable()

    def _next(self, timeout_ms: int) -> bool:
        """Takes events; false when there will be none any more."""
        if not self._free.alive:
            return False
        from .errors import MisuseError

        try:
            self._poll(timeout_ms)
        except MisuseError as error:
            if error.code in ("STOPPED", "BAD_HANDLE") or not self._free.alive:
                return False
            raise
        return True

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        descriptor = self.fileno()
        with self._lock:
            if self._waiting:
                raise RuntimeError("another task waits for these events")
            self._waiting = loop, future
        loop.add_reader(descriptor, _wake, future)
        try:
            await future
        finally:
            loop.remove_reader(descriptor)
            with self._lock:
                self._waiting = None

    def _fill(self, timeout_ms: int) -> int:
        """Takes one batch as raw structs, for columns."""
        count, missed = self._call(timeout_ms)
        self.missed += missed
        raw = memoryview(self._array).cast("B")
        for index in range(count):
            kind = _abi.EVENT_NAMES.get(self._array[index].kind, "other")
            self._kept.setdefault(kind, []).append(bytes(raw[index * _SIZE : (index + 1) * _SIZE]))
        return count or missed

    def _poll(self, timeout_ms: int) -> None:
        if timeout_ms < 0:
            while not self._ready:
                self._poll(_SLICE_MS)
            return
        count, missed = self._call(timeout_ms)
        if missed:
            self.missed += missed
            self._ready.append(Event(self._engine, _abi.Event(), None, "missed", missed))
        copy, names, array, engine = _abi.Event.from_buffer_copy, _abi.EVENT_NAMES, self._array, self._engine
        for index in range(count):
            raw = copy(array, index * _SIZE)
            # The text lives until the next poll only.
            text = ctypes.string_at(raw.json, raw.json_bytes) if raw.json else None
            self._ready.append(Event(engine, raw, text, names.get(raw.kind, "other")))

    def _call(self, timeout_ms: int) -> tuple[int, int]:
        count, missed = ctypes.c_uint64(), ctypes.c_uint64()
        check(lib.walras_subscriber_poll(self._handle, self._array, _BATCH, timeout_ms, count, missed))
        return count.value, missed.value

    def _table(self, events: Any) -> Table:
        table: Table = {
            name: _columns.field(events, name, code)
            for name, code in (
                ("offset", "Q"), ("at_us", "q"), ("price_ticks", "q"), ("quantity_lots", "q"), ("current_price_ticks", "q"),
            )  # fmt: skip
        }
        table["auction"] = [_uuid(event.auction) for event in events]
        table["subject"] = [_uuid(event.subject) for event in events]
        table["party"] = [self._engine._party(event.auction, event.party_key) for event in events]
        grids = [self._engine._grids(event.auction) for event in events]
        for name, ticks in (("price", table["price_ticks"]), ("current_price", table["current_price_ticks"])):
            table[name] = _columns.each_number(ticks, [own.tick for own in grids])
        table["quantity"] = _columns.each_number(table["quantity_lots"], [own.lot for own in grids])
        return table


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def filter_of(
    channels: Sequence[str] | None, auction: uuid.UUID | None, messages: bool, refusals: bool
) -> dict[str, Any]:
    """A filter as the library reads it."""
    options: dict[str, Any] = {"json": messages, "refusals": refusals}
    if channels is not None:
        options["channels"] = list(channels)
    if auction is not None:
        options["auction_id"] = str(auction)
    return options

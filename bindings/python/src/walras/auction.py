"""One auction of an engine: bids in, the price after each, questions, the result."""

from __future__ import annotations

import array
import ctypes
import itertools
import json
import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from . import _abi, _columns, _rows, _svg
from ._columns import Column, Table
from ._library import check, lib, text_in, text_of
from ._numbers import Grid, Number, rounding_number
from .errors import error_for
from .views import BidView, Grids, Receipt, Result, State

if TYPE_CHECKING:
    from .engine import Engine
    from .events import Events

Party = str


def raw_id(value: uuid.UUID | str) -> Any:
    """An id as the library takes it."""
    found = value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))
    return _abi.Id.from_buffer_copy(found.bytes)


class Auction:
    """An auction of an engine: what it is called by. Holds no state, so two objects may stand for one auction.

    Prices and quantities are ``int``, ``float``, ``Decimal`` or text, on the auction's grids. Methods raise
    :class:`RefusedError` where the auction's rules or its state refuse, :class:`MisuseError` once the engine is closed.
    """

    id: uuid.UUID
    """The auction's id."""
    tick: Grid
    """The grid of prices."""
    lot: Grid
    """The grid of quantities."""
    money: Grid
    """The grid of payments: tick times lot."""

    def __init__(self, engine: Engine, id: uuid.UUID) -> None:
        self._engine = engine
        self._handle = engine._handle
        self.id = id
        self._raw_id = raw_id(id)
        self._grids: Grids = engine._grids(self._raw_id)
        self.tick, self.lot, self.money = self._grids

    def submit(
        self,
        party: Party,
        price: Number | None = None,
        quantity: Number | None = None,
        *,
        price_ticks: int | None = None,
        quantity_lots: int | None = None,
        client_bid_id: str | None = None,
        phantom: bool = False,
        marginal: bool = False,
        rounding: str = "refuse",
    ) -> Receipt:
        """Submits one bid of a party. When the call returns, the bid is as durable as the engine promises.

        price: the highest price, in units of price; ``None`` (and no ``price_ticks``) for a price taker, where the terms allow it.
        quantity: in units of quantity. ``price_ticks`` and ``quantity_lots`` are the same in whole steps, and quicker.
        client_bid_id: the party's own name for the bid; repeating it gives the first receipt again.
        phantom: it only takes part in price discovery. marginal: the bidder's own mark, kept and echoed.
        rounding: of numbers off the grid: ``"refuse"`` raises :class:`MalformedError` with code ``"OFF_GRID"``, ``"down"`` and
            ``"nearest"`` round.
        """
        if price_ticks is None:
            price_ticks = _abi.NO_PRICE if price is None else self._steps(price, self.tick, rounding, "price")
        if quantity_lots is None:
            if quantity is None:
                raise TypeError("a bid needs a quantity")
            quantity_lots = self._steps(quantity, self.lot, rounding, "quantity")
        owner = party.encode()
        own_id = None if client_bid_id is None else client_bid_id.encode()
        flags = (_abi.BID_PHANTOM if phantom else 0) | (_abi.BID_MARGINAL if marginal else 0)
        raw = _abi.Receipt()
        status = lib.walras_bid_submit(
            self._handle, self._raw_id, owner, len(owner), price_ticks, quantity_lots, flags,
            own_id, len(own_id) if own_id else 0, raw,
        )  # fmt: skip
        if status:
            check(status)
        return Receipt(raw, self._grids)

    def submit_many(
        self,
        party: Party | Sequence[Party],
        prices: Column | None = None,
        quantities: Column | None = None,
        *,
        party_indexes: Column | None = None,
        prices_ticks: Column | None = None,
        quantities_lots: Column | None = None,
        phantom: Any = None,
        client_bid_ids: Sequence[str | None] | None = None,
        path: bool = False,
        rounding: str = "refuse",
    ) -> Submitted:
        """Submits many bids in order, in one call, each judged alone: a refused one does not stop the others.

        Columns are as for :func:`walras.clear`; int64 arrays of ticks and lots are read where they lie. ``party`` is one name for
        all, or a name for each bid; with ``party_indexes`` (uint32) it is the names that those count. With ``path`` the price
        after each bid is told. Off the grid: ``"refuse"`` refuses the bid, ``"down"`` and ``"nearest"`` round.
        """
        orders = _rows.Orders(
            self._grids, party, party_indexes, prices, prices_ticks, quantities, quantities_lots, phantom, client_bid_ids,
            rounding,
        )  # fmt: skip
        count = orders.count
        statuses, ids, offsets = _columns.room("i", count), _columns.room("B", 16 * count), _columns.room("Q", count)
        paths: list[_columns.Buffer | None] = [_columns.room("q", count) if path else None for _ in range(2)]
        answers = _abi.Answers(statuses.address, ids.address, offsets.address, *map(_columns.at, paths))
        accepted = ctypes.c_uint64()
        check(lib.walras_bids_submit(self._handle, self._raw_id, orders.struct(), answers, accepted))
        return Submitted(self._grids, accepted.value, statuses.values, ids.values, offsets.values, paths)

    def amend(
        self,
        bid: uuid.UUID | str,
        *,
        price: Number | None = None,
        quantity: Number | None = None,
        party: Party | None = None,
        rounding: str = "refuse",
    ) -> Receipt:
        """Changes a bid's price, quantity or both. A lower quantity keeps its time priority, anything else loses it.

        ``bid`` is its id, or with a ``party`` the party's own ``client_bid_id``.
        """
        ticks = _abi.UNCHANGED if price is None else self._steps(price, self.tick, rounding, "price")
        lots = _abi.UNCHANGED if quantity is None else self._steps(quantity, self.lot, rounding, "quantity")
        raw = _abi.Receipt()
        check(lib.walras_bid_amend(self._handle, *self._named(bid, party), ticks, lots, raw))
        return Receipt(raw, self._grids)

    def cancel(self, bid: uuid.UUID | str, *, party: Party | None = None) -> Receipt:
        """Takes a bid back. ``bid`` is its id, or with a ``party`` the party's own ``client_bid_id``."""
        raw = _abi.Receipt()
        check(lib.walras_bid_cancel(self._handle, *self._named(bid, party), raw))
        return Receipt(raw, self._grids)

    def bid(self, bid: uuid.UUID | str, *, party: Party | None = None) -> BidView:
        """What has become of a bid, named as for :meth:`cancel`."""
        raw = _abi.BidView()
        check(lib.walras_bid_query(self._handle, *self._named(bid, party), raw))
        return BidView(raw, self._grids)

    def state(self) -> State:
        """Where the auction stands."""
        raw = _abi.AuctionState()
        check(lib.walras_auction_state_get(self._handle, self._raw_id, raw))
        return State(raw, self._grids)

    def result(self) -> Result:
        """The result of a completed auction. Before: :class:`RefusedError`."""
        raw = _abi.Result()
        check(lib.walras_auction_result(self._handle, self._raw_id, raw))
        return Result(raw, self._grids)

    def what_if(
        self,
        prices: Column | None = None,
        quantities: Column | None = None,
        *,
        prices_ticks: Column | None = None,
        quantities_lots: Column | None = None,
        without: Iterable[uuid.UUID | str] = (),
    ) -> Table:
        """What would come of bids that nobody has placed, each alone, if the auction ended now. Nothing changes.

        Columns as of :func:`walras.clear`; a quantity of 0 imagines no bid. ``without``: live bids that are left out.
        Columns of the result, one entry for each imagined bid: ``price`` (the clearing price, NaN where nothing would sell),
        ``filled``, ``payment`` (float64), ``price_ticks``, ``filled_lots``, ``payment_units`` (exact).
        """
        imagined = _rows.Steps(self._grids, prices, prices_ticks, quantities, quantities_lots, "refuse")
        ids = b"".join(uuid.UUID(str(bid)).bytes for bid in without)
        left_out = ctypes.create_string_buffer(ids, len(ids))
        count = imagined.count
        wish = _abi.WhatIf(
            count, imagined.prices.address, imagined.quantities.address, len(ids) // 16,
            ctypes.cast(left_out, ctypes.c_void_p) if ids else None,
        )  # fmt: skip
        ticks, lots, payments = (_columns.room(code, size) for code, size in (("q", count), ("q", count), ("Q", 2 * count)))
        check(
            lib.walras_auction_what_if(
                self._handle, self._raw_id, wish, ticks.address, lots.address, payments.address
            )
        )
        units = _columns.wide(payments.values, count)
        return {
            "price": _columns.numbers_or_nan(ticks.values, self.tick),
            "filled": _columns.numbers(lots.values, self.lot),
            "payment": _columns.numbers(units, self.money),
            "price_ticks": ticks.values,
            "filled_lots": lots.values,
            "payment_units": units,
        }

    def price_to_win(self, quantity: Number) -> Decimal | None:
        """The lowest limit at which a new bid would be filled whole if the auction ended now; ``None`` if none would."""
        ticks = ctypes.c_int64()
        lots = self._steps(quantity, self.lot, "refuse", "quantity")
        check(lib.walras_auction_price_to_win(self._handle, self._raw_id, lots, ticks))
        return self._grids.price(ticks.value)

    def bids(self, which: str = "all") -> Table:
        """Bids in the order they were accepted, as columns: ``"all"``, ``"live"`` ones, or those that ``"won"``.

        ``bid`` (list of ``UUID``), ``party``, ``client_bid_id``, ``status`` (lists of texts), ``price``, ``quantity``, ``filled``, ``payment``
        (float64), ``price_ticks``, ``quantity_lots``, ``filled_lots``, ``payment_units`` (exact), ``at_us`` (int64), ``offset``
        (uint64), ``phantom``, ``marginal``, ``at_margin`` (bool).
        """
        return _rows.bids(self._handle, self._raw_id, self._grids, which)

    def allocations(self) -> Table:
        """The bids that won, as columns: those of :meth:`bids` that tell what was won."""
        won = self.bids("won")
        kept = ("bid", "party", "client_bid_id", "quantity_lots", "filled", "payment", "filled_lots", "payment_units")
        return {name: won[name] for name in kept}

    def curve(self, prices_ticks: Column | None = None) -> Table:
        """Demand and supply of the live bids at each of their prices, rising, or at given ones, as columns.

        ``price``, ``demand`` (wanted at or above it), ``supply`` (float64), ``price_ticks``, ``demand_lots``, ``supply_lots`` (int64).
        """
        if prices_ticks is None:
            levels = {int(ticks) for ticks in self.bids("live")["price_ticks"]} - {_abi.NO_PRICE}
            prices_ticks = array.array("q", sorted(levels))
        ticks = _columns.whole(prices_ticks, "q", "prices_ticks")
        demand, supply = _columns.room("q", ticks.count), _columns.room("q", ticks.count)
        check(
            lib.walras_auction_curve(
                self._handle, self._raw_id, ticks.address, ticks.count, demand.address, supply.address
            )
        )
        return {
            "price": _columns.shown(_columns.numbers(_columns.shown(ticks.values), self.tick)),
            "demand": _columns.numbers(demand.values, self.lot),
            "supply": _columns.numbers(supply.values, self.lot),
            "price_ticks": _columns.shown(ticks.values),
            "demand_lots": demand.values,
            "supply_lots": supply.values,
        }

    def events(self, channels: Sequence[str] | None = None, *, messages: bool = True, refusals: bool = False) -> Events:
        """Subscribes to what happens in this auction from now on; see :meth:`Engine.events`."""
        return self._engine.events(channels, auction=self, messages=messages, refusals=refusals)

    def close(self) -> None:
        """Ends the auction now: price, allocation, settlement."""
        check(lib.walras_auction_close(self._handle, self._raw_id))

    def call_off(self, reason: str | None = None) -> None:
        """Cancels the auction: nothing is sold."""
        check(lib.walras_auction_cancel(self._handle, self._raw_id, *text_in(reason)))

    def halt(self, reason: str | None = None) -> None:
        """Takes no bids until resumed; the end stays where it is."""
        check(lib.walras_auction_halt(self._handle, self._raw_id, *text_in(reason)))

    def resume(self) -> None:
        """Takes bids again after a halt."""
        check(lib.walras_auction_resume(self._handle, self._raw_id))

    def info(self) -> dict[str, Any]:
        """Resolved terms, their hash and the state: the payload of the protocol's ``auction_info``."""
        return self._json(lib.walras_auction_info)

    def document(self) -> dict[str, Any]:
        """The auction with its live bids as :func:`walras.clear_document` reads it: that gives the recorded result again."""
        return self._json(lib.walras_auction_document)

    def settlement(self) -> dict[str, Any]:
        """The settlement of the auction: where it stands, who has said what. Raises :class:`NotFoundError` if it has none."""
        return self._json(lib.walras_settlement_get)

    def start_settlement(self) -> None:
        """Starts the settlement, where the terms say ``"settlement": {"start": "manual"}``."""
        check(lib.walras_settlement_execute(self._handle, self._raw_id))

    def _json(self, call: Any) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(text_of(call, self._handle, self._raw_id))
        return found

    def _named(self, bid: uuid.UUID | str, party: str | None) -> tuple[Any, ...]:
        """The arguments that name a bid: by its id, or by its owner's own id for it."""
        if party is not None and isinstance(bid, str) and not _is_uuid(bid):
            return (self._raw_id, *text_in(party), *text_in(bid))
        return (raw_id(bid), *text_in(party), None, 0)

    def _steps(self, value: Number, grid: Grid, rounding: str, name: str) -> int:
        rounding_number(rounding)
        found = grid.steps(value, rounding)
        if found is None or abs(found) >= 1 << 63:
            raise error_for(_abi.STATUSES["OFF_GRID"], f"the {name} {value} is no multiple of {grid.step}")
        return found

    def _repr_svg_(self) -> str:
        """A picture of the auction as it stands, for notebooks."""
        state = self.state()
        curve, sold = self.curve(), float(state.matched)
        price = None if state.current_price is None or not sold else float(state.current_price)
        return _svg.picture(curve, price, sold, f"{state.status}: {state.matched:f} at {state.current_price}")

    def __repr__(self) -> str:
        return f"<Auction {self.id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Auction) and (self.id, self._handle) == (other.id, other._handle)

    def __hash__(self) -> int:
        return hash((self.id, self._handle))


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


class Submitted:
    """What became of bids that were submitted together. Columns have one entry for each, in order."""

    def __init__(self, grids: Grids, accepted: int, statuses: Any, ids: Any, offsets: Any, paths: Any) -> None:
        self._grids = grids
        self._ids = ids
        self.accepted: int = accepted
        """How many were accepted."""
        self.statuses: Any = statuses
        """0, or the status of the refusal: int32."""
        self.offsets: Any = offsets
        """The events' numbers of the accepted ones, 0 for the others: uint64."""
        self.path_ticks: Any = paths[0].values if paths[0] else None
        """The indicative price after each bid in ticks, int64, if it was asked for."""
        self.path_demand_above_lots: Any = paths[1].values if paths[1] else None
        """Lots wanted above that price after each bid, int64, if it was asked for."""

    @property
    def path(self) -> Any:
        """The indicative price after each bid, float64; ``None`` if it was not asked for."""
        return None if self.path_ticks is None else _columns.numbers_or_nan(self.path_ticks, self._grids.tick)

    @property
    def bids(self) -> list[uuid.UUID | None]:
        """The ids of the accepted ones, ``None`` for the others."""
        raw = bytes(self._ids)
        ids = (raw[place : place + 16] for place in itertools.count(0, 16))
        return [uuid.UUID(bytes=own) if status == 0 else None for status, own in zip(self.statuses, ids)]

    @property
    def refused(self) -> dict[int, str]:
        """Why bids were refused, by index: ``"BID_TOO_LOW"``, ``"INVALID_BID"`` and others."""
        places = _columns.where(self.statuses, -1)
        return {int(place): _abi.STATUS_NAMES[int(self.statuses[place])] for place in places}

    def __repr__(self) -> str:
        return f"<Submitted accepted={self.accepted} refused={len(self.statuses) - self.accepted}>"

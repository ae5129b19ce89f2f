"""What the engine says of auctions and bids: exact figures, read from the library's structs when asked for."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any, NamedTuple

from . import _abi
from ._numbers import Grid

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def moment(us: int) -> datetime.datetime | None:
    """A time of the engine; ``None`` for no moment."""
    return None if us == _abi.NO_TIME else _EPOCH + datetime.timedelta(microseconds=us)


def microseconds(time: datetime.datetime | int) -> int:
    """Microseconds since 1970 of a time that knows its zone, or of itself."""
    if isinstance(time, int):
        return time
    if time.tzinfo is None:
        raise ValueError("a time needs a time zone")
    return (time - _EPOCH) // datetime.timedelta(microseconds=1)


class Grids(NamedTuple):
    """The grids of an auction."""

    tick: Grid
    lot: Grid
    money: Grid

    @classmethod
    def of(cls, grids: Any) -> Grids:
        """From the library's struct."""
        tick, lot = Grid(grids.tick_mantissa, grids.tick_scale), Grid(grids.lot_mantissa, grids.lot_scale)
        return cls(tick, lot, tick.times(lot))

    def price(self, ticks: int) -> Decimal | None:
        """A price; ``None`` for no price."""
        return None if ticks == _abi.NO_PRICE else self.tick.decimal(ticks)


class _View:
    """A struct of the library, under an auction's grids."""

    __slots__ = ("_grids", "_raw")

    def __init__(self, raw: Any, grids: Grids) -> None:
        self._raw = raw
        self._grids = grids


class Receipt(_View):
    """What a bidder hears of a bid that was accepted, changed or taken back."""

    __slots__ = ()

    @property
    def bid(self) -> uuid.UUID:
        """The bid's id."""
        return uuid.UUID(bytes=bytes(self._raw.bid.bytes))

    @property
    def offset(self) -> int:
        """The event's number in its auction."""
        return int(self._raw.offset)

    @property
    def at(self) -> datetime.datetime | None:
        """When it happened, in UTC."""
        return moment(self._raw.at_us)

    @property
    def current_price(self) -> Decimal | None:
        """The indicative price after it; ``None`` for a bid that was taken back."""
        return self._grids.price(self._raw.current_price_ticks)

    @property
    def standing(self) -> str:
        """``"above"``, ``"at_margin"`` or ``"below"`` the indicative price after it."""
        return _abi.STANDINGS[self._raw.standing]

    @property
    def status(self) -> str:
        """What has become of the bid: ``"pending"``, ``"cancelled"``, ``"filled"``, ``"partial"``, ``"unfilled"``, ``"killed"``."""
        return _abi.BID_STATUSES[self._raw.status]

    @property
    def is_repeated(self) -> bool:
        """Whether this is the first answer again, to something that had happened before."""
        return bool(self._raw.is_repeated)

    @property
    def priority_kept(self) -> bool:
        """Whether an amended bid kept its time priority."""
        return bool(self._raw.priority_kept)

    def __repr__(self) -> str:
        return f"<Receipt bid={self.bid} status={self.status} standing={self.standing} current_price={self.current_price}>"


class BidView(_View):
    """All that its owner may know of a bid."""

    __slots__ = ()

    @property
    def bid(self) -> uuid.UUID:
        """The bid's id."""
        return uuid.UUID(bytes=bytes(self._raw.bid.bytes))

    @property
    def auction(self) -> uuid.UUID:
        """Its auction."""
        return uuid.UUID(bytes=bytes(self._raw.auction.bytes))

    @property
    def price(self) -> Decimal | None:
        """Its highest price; ``None`` for a price taker."""
        return self._grids.price(self._raw.price_ticks)

    @property
    def quantity(self) -> Decimal:
        """Its quantity."""
        return self._grids.lot.decimal(self._raw.quantity_lots)

    @property
    def filled(self) -> Decimal:
        """What it has won; 0 until the auction has completed."""
        return self._grids.lot.decimal(self._raw.filled_lots)

    @property
    def payment(self) -> Decimal:
        """What that costs."""
        return self._grids.money.decimal(_abi.int128(self._raw.payment))

    @property
    def current_price(self) -> Decimal | None:
        """The indicative price now."""
        return self._grids.price(self._raw.current_price_ticks)

    @property
    def at(self) -> datetime.datetime | None:
        """When it was accepted, in UTC."""
        return moment(self._raw.at_us)

    @property
    def offset(self) -> int:
        """The number of its acceptance in its auction."""
        return int(self._raw.offset)

    @property
    def status(self) -> str:
        """As of :attr:`Receipt.status`."""
        return _abi.BID_STATUSES[self._raw.status]

    @property
    def standing(self) -> str:
        """As of :attr:`Receipt.standing`, now."""
        return _abi.STANDINGS[self._raw.standing]

    def __repr__(self) -> str:
        return f"<BidView {self.bid} {self.quantity:f} @ {self.price} {self.status}>"


class State(_View):
    """Where an auction stands."""

    __slots__ = ()

    @property
    def status(self) -> str:
        """``"scheduled"``, ``"active"``, ``"halted"``, ``"completed"`` or ``"cancelled"``."""
        return _abi.AUCTION_STATUSES[self._raw.status]

    @property
    def outcome(self) -> str:
        """How it would end now, or has ended: ``"cleared"``, ``"undersubscribed"``, ``"no_sale"`` or ``"cancelled"``."""
        return _abi.OUTCOMES[self._raw.outcome]

    @property
    def offset(self) -> int:
        """The number of the last event included."""
        return int(self._raw.offset)

    @property
    def at(self) -> datetime.datetime | None:
        """When this was computed, in UTC."""
        return moment(self._raw.at_us)

    @property
    def ends_at(self) -> datetime.datetime | None:
        """When it ends or has ended, in UTC; ``None`` while that is open."""
        return moment(self._raw.ends_at_us)

    @property
    def current_price_ticks(self) -> int:
        """The current price in ticks."""
        return int(self._raw.current_price_ticks)

    @property
    def current_price(self) -> Decimal | None:
        """The price if it ended now; the lowest price of the sale while nothing sells."""
        return self._grids.price(self._raw.current_price_ticks)

    @property
    def next_price(self) -> Decimal | None:
        """What the price would be with one more lot wanted at any price; ``None`` once it has ended."""
        return self._grids.price(self._raw.next_price_ticks)

    @property
    def supply(self) -> Decimal:
        """What is on offer at the current price."""
        return self._lots(self._raw.supply_lots)

    @property
    def matched(self) -> Decimal:
        """What would be, or was, sold."""
        return self._lots(self._raw.matched_lots)

    @property
    def demand_above(self) -> Decimal:
        """What is wanted above the current price, phantom bids included."""
        return self._lots(self._raw.demand_above_lots)

    @property
    def demand_at_or_above(self) -> Decimal:
        """What is wanted at or above the current price, phantom bids included."""
        return self._lots(self._raw.demand_at_or_above_lots)

    @property
    def marginal_demand(self) -> Decimal:
        """What real bids want at exactly the current price."""
        return self._lots(self._raw.marginal_demand_lots)

    @property
    def marginal_available(self) -> Decimal:
        """What there is for them."""
        return self._lots(self._raw.marginal_available_lots)

    @property
    def total_quantity(self) -> Decimal:
        """What all live real bids want."""
        return self._lots(self._raw.total_quantity_lots)

    @property
    def bid_count(self) -> int:
        """Live real bids."""
        return int(self._raw.bid_count)

    @property
    def phantom_count(self) -> int:
        """Live phantom bids."""
        return int(self._raw.phantom_count)

    def _lots(self, lots: int) -> Decimal:
        return self._grids.lot.decimal(lots)

    def __repr__(self) -> str:
        return f"<State {self.status} current_price={self.current_price} bids={self.bid_count}>"


class Result(_View):
    """The result of a completed auction."""

    __slots__ = ()

    @property
    def clearing_price(self) -> Decimal | None:
        """The one price; ``None`` when nothing was sold."""
        return self._grids.price(self._raw.clearing_price_ticks)

    @property
    def allocated(self) -> Decimal:
        """What was sold."""
        return self._grids.lot.decimal(self._raw.allocated_lots)

    @property
    def bid_count(self) -> int:
        """Live real bids at the close."""
        return int(self._raw.bid_count)

    @property
    def total_quantity(self) -> Decimal:
        """What they wanted."""
        return self._grids.lot.decimal(self._raw.total_quantity_lots)

    @property
    def revenue(self) -> Decimal:
        """What all winners pay together."""
        return self._grids.money.decimal(_abi.int128(self._raw.revenue))

    @property
    def ended_at(self) -> datetime.datetime | None:
        """When it ended, in UTC."""
        return moment(self._raw.ended_at_us)

    def __repr__(self) -> str:
        return f"<Result clearing_price={self.clearing_price} allocated={self.allocated:f} revenue={self.revenue:f}>"

"""The numbers and structs of ``include/walras.h``. A test compares all of them with the header."""

from __future__ import annotations

import ctypes
from ctypes import c_int32, c_int64, c_uint8, c_uint32, c_uint64, c_void_p

ABI_VERSION = 1

NO_PRICE = -(1 << 63)
# What is on no step of its grid: the sale refuses the bid.
OFF_GRID_STEP = NO_PRICE + 1

BID_PHANTOM = 1
BID_MARGINAL = 2

OUTCOMES = ("cleared", "undersubscribed", "no_sale", "cancelled")

MARK_REFUSAL = 15
MARK_AT_MARGIN = 16
MARK_KILLED = 32
REFUSALS = ("", "not_a_multiple", "invalid", "needs_positive_reserve", "below_min_quantity", "below_reserve")

# "No moment" and "as it is" are the same number in the header.
NO_TIME = NO_PRICE
UNCHANGED = NO_PRICE

BID_AT_MARGIN = 4
AUCTION_STATUSES = ("scheduled", "active", "halted", "completed", "cancelled")
BID_STATUSES = ("pending", "cancelled", "filled", "partial", "unfilled", "killed")
STANDINGS = ("above", "at_margin", "below")
READINESSES = ("ready", "low_space", "full", "frozen", "faulty", "draining")
DURABILITIES = ("fsync", "os", "memory")
WHICH_BIDS = ("all", "live", "won")
LOG_LEVELS = ("off", "error", "warn", "info", "debug", "trace")
STEPS = ("prepare", "commit", "abort")
EVENTS = {
    "other": 0,
    "auction_created": 1,
    "auction_update": 2,
    "auction_complete": 3,
    "auction_cancelled": 4,
    "bid_accepted": 5,
    "bid_rejected": 7,
    "bid_cancelled": 8,
    "bid_amended": 9,
    "settlement_started": 10,
    "settlement_progress": 11,
    "settlement_request": 12,
    "settlement_complete": 13,
    "settlement_failed": 14,
    "price_update": 15,
    "order_book_update": 16,
    "host": 17,
}
EVENT_NAMES = {number: name for name, number in EVENTS.items()}
EVENT_IS_PHANTOM = 1
EVENT_IS_MARGINAL = 2
EVENT_IS_ABOVE = 4
EVENT_IS_AT_MARGIN = 8
EVENT_IS_BELOW = 16
EVENT_IS_PRIORITY_KEPT = 32
EVENT_IS_LAST = 256

STATUSES = {
    "OK": 0,
    "NULL_POINTER": 1,
    "BAD_HANDLE": 2,
    "STOPPED": 3,
    "BAD_LENGTH": 4,
    "NOT_UTF8": 5,
    "BAD_ARGUMENT": 6,
    "BUFFER_TOO_SMALL": 7,
    "REENTRANT": 8,
    "FORKED": 9,
    "IN_USE": 10,
    "NOT_SUPPORTED": 11,
    "TOO_MANY_HANDLES": 12,
    "INVALID_MESSAGE": 100,
    "OFF_GRID": 101,
    "AUTH_REQUIRED": 200,
    "AUTH_FAILED": 201,
    "TOKEN_EXPIRED": 202,
    "PERMISSION_DENIED": 203,
    "AUCTION_NOT_FOUND": 300,
    "BID_NOT_FOUND": 301,
    "SETTLEMENT_NOT_FOUND": 302,
    "AUCTION_EXISTS": 303,
    "SUBSCRIPTION_FAILED": 304,
    "AUCTION_NOT_OPEN": 305,
    "AUCTION_ENDED": 306,
    "AUCTION_LOCKED": 307,
    "INVALID_BID": 308,
    "BID_TOO_LOW": 309,
    "BID_LIMIT": 310,
    "DUPLICATE_BID_ID": 311,
    "SETTLEMENT_CONFLICT": 312,
    "RATE_LIMITED": 400,
    "UNAVAILABLE": 401,
    "INTERNAL": 900,
    "FROZEN": 901,
    "DATA": 902,
    "SYSTEM": 903,
}
STATUS_NAMES = {number: name for name, number in STATUSES.items()}
AUCTION_NOT_FOUND = STATUSES["AUCTION_NOT_FOUND"]
BID_NOT_FOUND = STATUSES["BID_NOT_FOUND"]
SETTLEMENT_NOT_FOUND = STATUSES["SETTLEMENT_NOT_FOUND"]


class Grids(ctypes.Structure):
    """``walras_grids``."""

    _fields_ = [
        ("tick_mantissa", c_int64),
        ("lot_mantissa", c_int64),
        ("tick_scale", c_uint32),
        ("lot_scale", c_uint32),
    ]


class Int128(ctypes.Structure):
    """``walras_int128``."""

    _fields_ = [
        ("low", c_uint64),
        ("high", c_int64),
    ]


class Bids(ctypes.Structure):
    """``walras_bids``."""

    _fields_ = [
        ("count", c_uint64),
        ("prices_ticks", c_void_p),
        ("quantities_lots", c_void_p),
        ("prices", c_void_p),
        ("quantities", c_void_p),
        ("budgets", c_void_p),
        ("sequences", c_void_p),
        ("bidders", c_void_p),
        ("flags", c_void_p),
    ]


class Fills(ctypes.Structure):
    """``walras_fills``."""

    _fields_ = [
        ("lots", c_void_p),
        ("payments", c_void_p),
        ("marks", c_void_p),
        ("bidders_capacity", c_uint64),
        ("bidders", c_void_p),
        ("bidder_lots", c_void_p),
        ("bidder_payments", c_void_p),
    ]


class Clearing(ctypes.Structure):
    """``walras_clearing``."""

    _fields_ = [
        ("outcome", c_int32),
        ("payments_are_exact", c_uint32),
        ("price_ticks", c_int64),
        ("price_low_ticks", c_int64),
        ("price_high_ticks", c_int64),
        ("indicative_price_ticks", c_int64),
        ("supply_lots", c_int64),
        ("allocated_lots", c_int64),
        ("unsold_lots", c_int64),
        ("oversold_lots", c_int64),
        ("demand_at_or_above_lots", Int128),
        ("demand_above_lots", Int128),
        ("marginal_demand_lots", Int128),
        ("marginal_available_lots", Int128),
        ("total_quantity_lots", Int128),
        ("revenue", Int128),
        ("bid_count", c_uint64),
        ("phantom_count", c_uint64),
        ("refused_count", c_uint64),
        ("killed_count", c_uint64),
        ("bidder_count", c_uint64),
    ]


class EngineStatus(ctypes.Structure):
    """``walras_engine_status``."""

    _fields_ = [
        ("readiness", c_int32),
        ("durability", c_int32),
        ("now_us", c_int64),
        ("auction_count", c_uint64),
    ]


class Id(ctypes.Structure):
    """``walras_id``."""

    _fields_ = [
        ("bytes", c_uint8 * 16),
    ]


class AuctionState(ctypes.Structure):
    """``walras_auction_state``."""

    _fields_ = [
        ("status", c_int32),
        ("outcome", c_int32),
        ("offset", c_uint64),
        ("at_us", c_int64),
        ("ends_at_us", c_int64),
        ("current_price_ticks", c_int64),
        ("next_price_ticks", c_int64),
        ("supply_lots", c_int64),
        ("matched_lots", c_int64),
        ("demand_above_lots", c_int64),
        ("demand_at_or_above_lots", c_int64),
        ("marginal_demand_lots", c_int64),
        ("marginal_available_lots", c_int64),
        ("total_quantity_lots", c_int64),
        ("bid_count", c_uint64),
        ("phantom_count", c_uint64),
    ]


class Result(ctypes.Structure):
    """``walras_result``."""

    _fields_ = [
        ("clearing_price_ticks", c_int64),
        ("allocated_lots", c_int64),
        ("bid_count", c_uint64),
        ("total_quantity_lots", c_int64),
        ("revenue", Int128),
        ("ended_at_us", c_int64),
    ]


class BidRow(ctypes.Structure):
    """``walras_bid_row``."""

    _fields_ = [
        ("bid", Id),
        ("client_bid_id", c_uint8 * 64),
        ("price_ticks", c_int64),
        ("quantity_lots", c_int64),
        ("filled_lots", c_int64),
        ("payment", Int128),
        ("at_us", c_int64),
        ("offset", c_uint64),
        ("status", c_int32),
        ("flags", c_uint32),
        ("bidder", c_uint32),
        ("reserved", c_uint32),
    ]


class Receipt(ctypes.Structure):
    """``walras_receipt``."""

    _fields_ = [
        ("bid", Id),
        ("offset", c_uint64),
        ("at_us", c_int64),
        ("current_price_ticks", c_int64),
        ("standing", c_int32),
        ("status", c_int32),
        ("is_repeated", c_uint32),
        ("priority_kept", c_uint32),
    ]


class Orders(ctypes.Structure):
    """``walras_orders``."""

    _fields_ = [
        ("count", c_uint64),
        ("prices_ticks", c_void_p),
        ("quantities_lots", c_void_p),
        ("flags", c_void_p),
        ("party_count", c_uint64),
        ("parties", c_void_p),
        ("party_offsets", c_void_p),
        ("party_indexes", c_void_p),
        ("client_bid_ids", c_void_p),
        ("client_bid_id_offsets", c_void_p),
    ]


class Answers(ctypes.Structure):
    """``walras_answers``."""

    _fields_ = [
        ("statuses", c_void_p),
        ("bids", c_void_p),
        ("offsets", c_void_p),
        ("path_prices_ticks", c_void_p),
        ("path_demand_above_lots", c_void_p),
    ]


class BidView(ctypes.Structure):
    """``walras_bid_view``."""

    _fields_ = [
        ("bid", Id),
        ("auction", Id),
        ("price_ticks", c_int64),
        ("quantity_lots", c_int64),
        ("filled_lots", c_int64),
        ("payment", Int128),
        ("current_price_ticks", c_int64),
        ("at_us", c_int64),
        ("offset", c_uint64),
        ("status", c_int32),
        ("standing", c_int32),
    ]


class WhatIf(ctypes.Structure):
    """``walras_what_if``."""

    _fields_ = [
        ("count", c_uint64),
        ("prices_ticks", c_void_p),
        ("quantities_lots", c_void_p),
        ("without_count", c_uint64),
        ("without", c_void_p),
    ]


class Event(ctypes.Structure):
    """``walras_event``."""

    _fields_ = [
        ("kind", c_uint32),
        ("flags", c_uint32),
        ("auction", Id),
        ("subject", Id),
        ("party_key", Id),
        ("offset", c_uint64),
        ("at_us", c_int64),
        ("price_ticks", c_int64),
        ("quantity_lots", c_int64),
        ("current_price_ticks", c_int64),
        ("json", c_void_p),
        ("json_bytes", c_uint64),
    ]


def int128(value: Int128) -> int:
    """The number."""
    return int(value.high << 64 | value.low)

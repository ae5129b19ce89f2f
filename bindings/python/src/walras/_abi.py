"""The numbers, structs and signatures of ``include/walras.h``, as ctypes wants them.

A test compares all of them with the header. Arrays and texts are passed as addresses with lengths; handles as plain
numbers.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from typing import Any

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


class Int128(ctypes.Structure):
    """``walras_int128``."""

    _fields_ = [("low", c_uint64), ("high", c_int64)]


class Grids(ctypes.Structure):
    """``walras_grids``."""

    _fields_ = [
        ("tick_mantissa", c_int64),
        ("lot_mantissa", c_int64),
        ("tick_scale", c_uint32),
        ("lot_scale", c_uint32),
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


_HANDLE_OUT = POINTER(c_void_p)
# Texts come back as an address and a length, so that ctypes makes no copy up to the first zero.
_TEXT_OUT = (POINTER(c_void_p), POINTER(c_uint64))

FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "walras_abi_version": (c_uint32, []),
    "walras_version": (c_char_p, []),
    "walras_last_error": (c_char_p, []),
    "walras_steps_from_floats": (c_int32, [c_int64, c_uint32, c_uint32, c_void_p, c_uint64, c_void_p]),
    "walras_terms_new": (c_int32, [c_char_p, c_uint64, _HANDLE_OUT]),
    "walras_terms_free": (c_int32, [c_void_p]),
    "walras_terms_grids": (c_int32, [c_void_p, POINTER(Grids), POINTER(c_int64)]),
    "walras_terms_supply": (c_int32, [c_void_p, c_void_p, c_uint64, c_void_p]),
    "walras_clear": (c_int32, [c_char_p, c_uint64, POINTER(Bids), POINTER(Fills), POINTER(Clearing)]),
    "walras_clear_with": (c_int32, [c_void_p, POINTER(Bids), POINTER(Fills), POINTER(Clearing)]),
    "walras_clear_many": (
        c_int32,
        [c_void_p, c_uint64, c_void_p, POINTER(Bids), c_uint32, POINTER(Fills), c_void_p],
    ),
    "walras_clear_json": (c_int32, [c_char_p, c_uint64, *_TEXT_OUT]),
}


def int128(value: Int128) -> int:
    """The number."""
    return int(value.high << 64 | value.low)

"""The signatures of ``include/walras.h``, as ctypes wants them. A test compares all of them with the header.

Arrays are passed as addresses, handles as plain numbers, texts as bytes with their length.
"""

from __future__ import annotations

from ctypes import POINTER, c_char_p, c_int32, c_int64, c_uint16, c_uint32, c_uint64, c_void_p
from typing import Any

from ._abi import (
    Answers,
    AuctionState,
    BidRow,
    Bids,
    BidView,
    Clearing,
    EngineStatus,
    Event,
    Fills,
    Grids,
    Id,
    Orders,
    Receipt,
    Result,
    WhatIf,
)

_HANDLE_OUT = POINTER(c_void_p)
_TEXT_IN = (c_char_p, c_uint64)
# Texts come back as an address and a length, so that ctypes makes no copy up to the first zero.
_TEXT_OUT = (POINTER(c_void_p), POINTER(c_uint64))

FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "walras_abi_version": (c_uint32, []),
    "walras_version": (c_char_p, []),
    "walras_last_error": (c_char_p, []),
    "walras_log_set": (c_int32, [c_uint32, c_void_p, c_void_p]),
    "walras_steps_from_floats": (c_int32, [c_int64, c_uint32, c_uint32, c_void_p, c_uint64, c_void_p]),
    "walras_terms_new": (c_int32, [*_TEXT_IN, _HANDLE_OUT]),
    "walras_terms_free": (c_int32, [c_void_p]),
    "walras_terms_grids": (c_int32, [c_void_p, POINTER(Grids), POINTER(c_int64)]),
    "walras_terms_supply": (c_int32, [c_void_p, c_void_p, c_uint64, c_void_p]),
    "walras_clear": (c_int32, [*_TEXT_IN, POINTER(Bids), POINTER(Fills), POINTER(Clearing)]),
    "walras_clear_with": (c_int32, [c_void_p, POINTER(Bids), POINTER(Fills), POINTER(Clearing)]),
    "walras_clear_many": (
        c_int32,
        [c_void_p, c_uint64, c_void_p, POINTER(Bids), c_uint32, POINTER(Fills), c_void_p],
    ),
    "walras_clear_json": (c_int32, [*_TEXT_IN, *_TEXT_OUT]),
    "walras_engine_new": (c_int32, [*_TEXT_IN, _HANDLE_OUT]),
    "walras_engine_free": (c_int32, [c_void_p]),
    "walras_engine_clone": (c_int32, [c_void_p, _HANDLE_OUT]),
    "walras_engine_drain": (c_int32, [c_void_p]),
    "walras_engine_digest": (c_int32, [c_void_p, c_void_p]),
    "walras_engine_now": (c_int32, [c_void_p, POINTER(c_int64)]),
    "walras_engine_advance": (c_int32, [c_void_p, c_int64]),
    "walras_engine_status_get": (c_int32, [c_void_p, POINTER(EngineStatus)]),
    "walras_auction_create": (c_int32, [c_void_p, *_TEXT_IN, *_TEXT_IN, *_TEXT_IN, POINTER(Id), POINTER(c_uint32)]),
    "walras_auction_close": (c_int32, [c_void_p, POINTER(Id)]),
    "walras_auction_cancel": (c_int32, [c_void_p, POINTER(Id), *_TEXT_IN]),
    "walras_auction_halt": (c_int32, [c_void_p, POINTER(Id), *_TEXT_IN]),
    "walras_auction_resume": (c_int32, [c_void_p, POINTER(Id)]),
    "walras_auction_at": (c_int32, [c_void_p, c_uint64, POINTER(Id)]),
    "walras_auction_grids": (c_int32, [c_void_p, POINTER(Id), POINTER(Grids)]),
    "walras_auction_state_get": (c_int32, [c_void_p, POINTER(Id), POINTER(AuctionState)]),
    "walras_auction_result": (c_int32, [c_void_p, POINTER(Id), POINTER(Result)]),
    "walras_auction_info": (c_int32, [c_void_p, POINTER(Id), *_TEXT_OUT]),
    "walras_auction_document": (c_int32, [c_void_p, POINTER(Id), *_TEXT_OUT]),
    "walras_auction_bidders": (c_int32, [c_void_p, POINTER(Id), c_uint32, *_TEXT_OUT]),
    "walras_auction_bidder": (c_int32, [c_void_p, POINTER(Id), POINTER(Id), *_TEXT_OUT]),
    "walras_auction_bids": (
        c_int32,
        [c_void_p, POINTER(Id), c_uint32, c_uint64, POINTER(BidRow), c_uint64, POINTER(c_uint64), POINTER(c_uint64)],
    ),
    "walras_auction_curve": (c_int32, [c_void_p, POINTER(Id), c_void_p, c_uint64, c_void_p, c_void_p]),
    "walras_auction_price_to_win": (c_int32, [c_void_p, POINTER(Id), c_int64, POINTER(c_int64)]),
    "walras_bid_submit": (
        c_int32,
        [c_void_p, POINTER(Id), *_TEXT_IN, c_int64, c_int64, c_uint32, *_TEXT_IN, POINTER(Receipt)],
    ),
    "walras_bids_submit": (c_int32, [c_void_p, POINTER(Id), POINTER(Orders), POINTER(Answers), POINTER(c_uint64)]),
    "walras_bid_cancel": (c_int32, [c_void_p, POINTER(Id), *_TEXT_IN, *_TEXT_IN, POINTER(Receipt)]),
    "walras_bid_amend": (c_int32, [c_void_p, POINTER(Id), *_TEXT_IN, *_TEXT_IN, c_int64, c_int64, POINTER(Receipt)]),
    "walras_bids_cancel_all": (c_int32, [c_void_p, *_TEXT_IN, POINTER(Id), POINTER(c_uint64)]),
    "walras_bid_query": (c_int32, [c_void_p, POINTER(Id), *_TEXT_IN, *_TEXT_IN, POINTER(BidView)]),
    "walras_auction_what_if": (
        c_int32,
        [c_void_p, POINTER(Id), POINTER(WhatIf), c_void_p, c_void_p, c_void_p],
    ),
    "walras_settlement_get": (c_int32, [c_void_p, POINTER(Id), *_TEXT_OUT]),
    "walras_settlement_execute": (c_int32, [c_void_p, POINTER(Id)]),
    "walras_settlement_affirm": (c_int32, [c_void_p, POINTER(Id), *_TEXT_IN, c_void_p, c_uint32, *_TEXT_IN]),
    "walras_settlement_report": (
        c_int32,
        [c_void_p, POINTER(Id), c_uint32, c_uint32, c_uint64, *_TEXT_IN, *_TEXT_IN],
    ),
    "walras_market_prices_put": (c_int32, [c_void_p, *_TEXT_IN, *_TEXT_IN]),
    "walras_market_order_book_put": (c_int32, [c_void_p, *_TEXT_IN, *_TEXT_IN]),
    "walras_event_publish": (c_int32, [c_void_p, *_TEXT_IN]),
    "walras_subscriber_new": (c_int32, [c_void_p, *_TEXT_IN, _HANDLE_OUT]),
    "walras_subscriber_free": (c_int32, [c_void_p]),
    "walras_subscriber_poll": (
        c_int32,
        [c_void_p, POINTER(Event), c_uint64, c_int32, POINTER(c_uint64), POINTER(c_uint64)],
    ),
    "walras_subscriber_set_wakeup": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "walras_subscriber_fd": (c_int32, [c_void_p, POINTER(c_int32)]),
    "walras_server_start": (c_int32, [c_void_p, *_TEXT_IN, _HANDLE_OUT]),
    "walras_server_port": (c_int32, [c_void_p, POINTER(c_uint16)]),
    "walras_server_connections": (c_int32, [c_void_p, POINTER(c_uint32)]),
    "walras_server_stop": (c_int32, [c_void_p]),
    "walras_server_free": (c_int32, [c_void_p]),
    "walras_token": (c_int32, [c_void_p, *_TEXT_IN, *_TEXT_OUT]),
}

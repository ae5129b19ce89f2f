/*
 * walras: uniform-price auctions, as a library.
 *
 * docs/EMBEDDING.md is the manual. In short:
 *
 * - Every call gives a status: 0 is success, and each range says what to do about the rest. Outputs come last and are
 *   written only on success. `walras_last_error` has the reason in words.
 * - Handles are numbers that look like pointers; nobody follows them. Each `..._new` or `..._start` gives one, the `..._free`
 *   of its kind takes it back and accepts null. A stale or wrong handle gives WALRAS_BAD_HANDLE, never a crash.
 * - A `const` handle: call from as many threads at once as you like. A mutable one: one thread at a time.
 * - Texts are UTF-8 with their length in bytes, and need no zero at the end. Texts that the library gives end with a zero
 *   that does not count, and are valid until the same thread's next call that gives a text.
 * - Prices are whole ticks, quantities whole lots, money tick x lot units, times microseconds since 1970.
 *
 * This file is generated from src/ffi; do not edit it.
 */

#ifndef WALRAS_H
#define WALRAS_H

#include <stdint.h>

// Price of a bid that takes any price: a price taker. Only where the terms allow it.
#define WALRAS_NO_PRICE INT64_MIN

// Price or quantity that is on no step of its grid, in whole steps: a sale refuses the bid as it would a float off the grid.
#define WALRAS_OFF_GRID_STEP -9223372036854775807

// Flag of a bid: it only takes part in price discovery.
#define WALRAS_BID_PHANTOM 1

// Flag of a bid: the bidder's own analytics mark, stored and echoed, never used.
#define WALRAS_BID_MARGINAL 2

// The sale took place at a price where demand meets supply.
#define WALRAS_OUTCOME_CLEARED 0

// The sale took place with supply left over.
#define WALRAS_OUTCOME_UNDERSUBSCRIBED 1

// There was nothing to sell or nobody to sell to.
#define WALRAS_OUTCOME_NO_SALE 2

// The terms call the sale off: undersubscribed, or below `min_revenue`.
#define WALRAS_OUTCOME_CANCELLED 3

// Mask of a bid's mark that tells why it was refused; 0 where it was taken.
#define WALRAS_MARK_REFUSAL 15

// Refused: price, quantity or budget is a float off its grid.
#define WALRAS_REFUSED_NOT_A_MULTIPLE 1

// Refused: anything else wrong with the one bid, such as a quantity that is not above 0.
#define WALRAS_REFUSED_INVALID 2

// Refused: a budget where the price may be 0.
#define WALRAS_REFUSED_NEEDS_POSITIVE_RESERVE 3

// Refused: below `min_bid_quantity`.
#define WALRAS_REFUSED_BELOW_MIN_QUANTITY 4

// Refused: below the lowest price of the sale.
#define WALRAS_REFUSED_BELOW_RESERVE 5

// Mark of a bid whose limit is exactly the clearing price.
#define WALRAS_MARK_AT_MARGIN 16

// Mark of a bid that the rule for all-or-none bids removed.
#define WALRAS_MARK_KILLED 32

// No moment: of an auction that has no end, for instance.
#define WALRAS_NO_TIME INT64_MIN

// An auction that has a start time which has not come.
#define WALRAS_AUCTION_SCHEDULED 0

// An auction that takes bids.
#define WALRAS_AUCTION_ACTIVE 1

// An auction that takes none until resumed.
#define WALRAS_AUCTION_HALTED 2

// An auction that has its result.
#define WALRAS_AUCTION_COMPLETED 3

// An auction that was called off.
#define WALRAS_AUCTION_CANCELLED 4

// The bid stands while its auction runs.
#define WALRAS_BID_PENDING 0

// The bid was taken back.
#define WALRAS_BID_CANCELLED 1

// The bid won whole.
#define WALRAS_BID_FILLED 2

// The bid won in part.
#define WALRAS_BID_PARTIAL 3

// The bid won nothing.
#define WALRAS_BID_UNFILLED 4

// The bid was removed by the rule for all-or-none bids.
#define WALRAS_BID_KILLED 5

// At the indicative price the bid would be filled whole.
#define WALRAS_STANDING_ABOVE 0

// At the indicative price the bid would share what is left.
#define WALRAS_STANDING_AT_MARGIN 1

// At the indicative price the bid would get nothing.
#define WALRAS_STANDING_BELOW 2

// The engine takes all work.
#define WALRAS_ENGINE_READY 0

// The disk runs low: no new auctions.
#define WALRAS_ENGINE_LOW_SPACE 1

// The disk is full: no new bids either.
#define WALRAS_ENGINE_FULL 2

// The log failed: nothing is taken.
#define WALRAS_ENGINE_FROZEN 3

// The engine found a fault in itself: nothing is taken.
#define WALRAS_ENGINE_FAULTY 4

// A server on the engine is being stopped.
#define WALRAS_ENGINE_DRAINING 5

// An acknowledgement survives power loss.
#define WALRAS_DURABILITY_FSYNC 0

// An acknowledgement survives the process, not the machine.
#define WALRAS_DURABILITY_OS 1

// There is no log: the state is gone when the engine is freed.
#define WALRAS_DURABILITY_MEMORY 2

// Of `walras_auction_bids`: every bid that was ever accepted.
#define WALRAS_BIDS_ALL 0

// Of `walras_auction_bids`: those that were not taken back.
#define WALRAS_BIDS_LIVE 1

// Of `walras_auction_bids`: those that won something.
#define WALRAS_BIDS_WON 2

// Flag of a row: the bid ended at the margin.
#define WALRAS_BID_AT_MARGIN 4

// No event has this kind.
#define WALRAS_EVENT_OTHER 0

// An auction exists now.
#define WALRAS_EVENT_AUCTION_CREATED 1

// An auction's state, after every change and once a second.
#define WALRAS_EVENT_AUCTION_UPDATE 2

// An auction has its result.
#define WALRAS_EVENT_AUCTION_COMPLETE 3

// An auction was called off.
#define WALRAS_EVENT_AUCTION_CANCELLED 4

// A bid was accepted.
#define WALRAS_EVENT_BID_ACCEPTED 5

// A bid was refused; only for subscribers that asked for refusals.
#define WALRAS_EVENT_BID_REJECTED 7

// A bid was taken back.
#define WALRAS_EVENT_BID_CANCELLED 8

// A bid was changed.
#define WALRAS_EVENT_BID_AMENDED 9

// A settlement began.
#define WALRAS_EVENT_SETTLEMENT_STARTED 10

// A settlement moved on.
#define WALRAS_EVENT_SETTLEMENT_PROGRESS 11

// The host is asked to carry out a step of a settlement; it answers with `walras_settlement_report`.
#define WALRAS_EVENT_SETTLEMENT_REQUEST 12

// A settlement was carried out.
#define WALRAS_EVENT_SETTLEMENT_COMPLETE 13

// A settlement ended without effect.
#define WALRAS_EVENT_SETTLEMENT_FAILED 14

// New prices of a token.
#define WALRAS_EVENT_PRICE_UPDATE 15

// A new order book of a pair.
#define WALRAS_EVENT_ORDER_BOOK_UPDATE 16

// Something that the host itself published.
#define WALRAS_EVENT_HOST 17

// The bid only takes part in price discovery.
#define WALRAS_EVENT_IS_PHANTOM 1

// The bidder's analytics mark.
#define WALRAS_EVENT_IS_MARGINAL 2

// The bid would be filled whole at the current price.
#define WALRAS_EVENT_IS_ABOVE 4

// The bid would share what is left at the current price.
#define WALRAS_EVENT_IS_AT_MARGIN 8

// The bid would get nothing at the current price.
#define WALRAS_EVENT_IS_BELOW 16

// The amended bid kept its time priority.
#define WALRAS_EVENT_IS_PRIORITY_KEPT 32

// Nothing more happens in the auction but its settlement.
#define WALRAS_EVENT_IS_LAST 256

// The step that holds money and lots.
#define WALRAS_STEP_PREPARE 0

// The step that moves them.
#define WALRAS_STEP_COMMIT 1

// The step that lets the holds go.
#define WALRAS_STEP_ABORT 2

// Nothing is reported.
#define WALRAS_LOG_OFF 0

// Faults alone.
#define WALRAS_LOG_ERROR 1

// And what needs somebody's attention.
#define WALRAS_LOG_WARN 2

// And what happens seldom.
#define WALRAS_LOG_INFO 3

// And what is of use to developers.
#define WALRAS_LOG_DEBUG 4

// And everything else.
#define WALRAS_LOG_TRACE 5

// Off the grid is refused with `WALRAS_OFF_GRID`.
#define WALRAS_ROUND_REFUSE 0

// Off the grid goes to the step below.
#define WALRAS_ROUND_DOWN 1

// Off the grid goes to the nearest step; of two equally near ones to the even.
#define WALRAS_ROUND_NEAREST 2

// The version of the interface that this header describes; see `walras_abi_version`.
#define WALRAS_ABI_VERSION 1

// A number of a bid that stays as it is.
#define WALRAS_UNCHANGED INT64_MIN

// A live engine: auctions, bids, settlements, in one order. All calls on one engine may run on many threads at once.
typedef struct walras_engine walras_engine;

// A WebSocket and REST server on an engine.
typedef struct walras_server walras_server;

// A reader of what happens in an engine. The engine never waits for it.
typedef struct walras_subscriber walras_subscriber;

// The terms of a sale, read once. Immutable.
typedef struct walras_terms walras_terms;

// What a call answers. 0 is success; 1 to 99 a mistake in the use of this interface; the 100s something malformed; the
// 200s not allowed; the 300s refused by the auction's rules; the 400s busy, to be tried later; the 900s our fault.
typedef int32_t walras_status;

// The grids of a sale: a price of `n` ticks is `n * tick_mantissa / 10^tick_scale`, a quantity of `n` lots likewise,
// and money of `n` is `n * tick_mantissa * lot_mantissa / 10^(tick_scale + lot_scale)`.
typedef struct walras_grids {
    // The digits of the tick, above 0: 5 for 0.005.
    int64_t tick_mantissa;
    // The digits of the lot, above 0.
    int64_t lot_mantissa;
    // How many of the tick's digits are fractional: 3 for 0.005.
    uint32_t tick_scale;
    // How many of the lot's digits are fractional.
    uint32_t lot_scale;
} walras_grids;

// A signed number of 128 bits, in two's complement. Money is counted in tick × lot units.
typedef struct walras_int128 {
    // The lower 64 bits.
    uint64_t low;
    // The upper 64 bits, with the sign.
    int64_t high;
} walras_int128;

// Bids of one sale, column by column. Each array has `count` items; those that may be null say so.
typedef struct walras_bids {
    // How many there are.
    uint64_t count;
    // Highest prices in ticks; `WALRAS_NO_PRICE` for price takers. Null if `prices` is given.
    const int64_t *prices_ticks;
    // Quantities in lots. Null if `quantities` is given.
    const int64_t *quantities_lots;
    // In place of `prices_ticks`: prices as floats, each of which must be the float nearest to a multiple of the tick;
    // NaN for price takers.
    const double *prices;
    // In place of `quantities_lots`: quantities as floats, likewise.
    const double *quantities;
    // Budgets in tick × lot units. A bid with a budget above 0 wants what that much money buys; its quantity must
    // be 0. Null: no bid has one.
    const struct walras_int128 *budgets;
    // Time priorities, lower first, equal ones by position. Null: the position.
    const uint64_t *sequences;
    // Whose bids they are: any number that is the same for the same bidder. Bidders named in the terms' `net_long` are
    // 0, 1, 2 … in the order written. Null: every bid has a bidder of its own, none of them in `net_long`.
    const uint32_t *bidders;
    // `WALRAS_BID_PHANTOM`, `WALRAS_BID_MARGINAL`. Null: none.
    const uint8_t *flags;
} walras_bids;

// Where the parts of a result go. Each array may be null if it is not wanted.
typedef struct walras_fills {
    // Lots won, one for each bid.
    int64_t *lots;
    // What each bid pays, in tick × lot units, before any rounding to the terms' `money_unit`. Where an average price
    // leaves a fraction it is rounded down, and `payments_are_exact` is 0.
    struct walras_int128 *payments;
    // `WALRAS_MARK_…` and `WALRAS_REFUSED_…`, one for each bid. If it is null, a refused bid fails the whole call.
    uint8_t *marks;
    // How many winners the three arrays below have room for.
    uint64_t bidders_capacity;
    // With `money_unit`: the winners, in the order of their first winning bids.
    uint32_t *bidders;
    // Lots that each winner has won altogether.
    int64_t *bidder_lots;
    // What each winner pays altogether, rounded down to `money_unit`, in whole tick × lot units.
    struct walras_int128 *bidder_payments;
} walras_fills;

// The figures of a sale.
typedef struct walras_clearing {
    // `WALRAS_OUTCOME_…`.
    int32_t outcome;
    // Whether every payment, and the revenue, is a whole number of tick × lot units: 0 or 1.
    uint32_t payments_are_exact;
    // The clearing price; `WALRAS_NO_PRICE` when nothing sells.
    int64_t price_ticks;
    // The lowest price at which supply and demand meet.
    int64_t price_low_ticks;
    // The highest price at which supply and demand meet.
    int64_t price_high_ticks;
    // The clearing price, or the lowest price of the sale when nothing sells: what follows is as of here.
    int64_t indicative_price_ticks;
    // Supply.
    int64_t supply_lots;
    // Lots sold.
    int64_t allocated_lots;
    // Supply that is not sold.
    int64_t unsold_lots;
    // Lots sold beyond the supply, by the rounding of `treasury`.
    int64_t oversold_lots;
    // Lots wanted at or above the price, phantoms included.
    struct walras_int128 demand_at_or_above_lots;
    // Lots wanted above the price, phantoms included.
    struct walras_int128 demand_above_lots;
    // Lots that real bids want at exactly the price.
    struct walras_int128 marginal_demand_lots;
    // Lots there are for them.
    struct walras_int128 marginal_available_lots;
    // What real bids want at the lowest price of the sale, before caps.
    struct walras_int128 total_quantity_lots;
    // What all payments come to, in tick × lot units, rounded down.
    struct walras_int128 revenue;
    // Real bids that were taken, killed ones included.
    uint64_t bid_count;
    // Phantom bids that were taken.
    uint64_t phantom_count;
    // Bids that were refused.
    uint64_t refused_count;
    // Bids that the rule for all-or-none bids removed.
    uint64_t killed_count;
    // Entries written to `bidders` of `walras_fills`; without `money_unit` 0.
    uint64_t bidder_count;
} walras_clearing;

// How an engine is.
typedef struct walras_engine_status {
    // `WALRAS_ENGINE_…`.
    int32_t readiness;
    // `WALRAS_DURABILITY_…`.
    int32_t durability;
    // The engine's time.
    int64_t now_us;
    // How many auctions there are, those that have ended included.
    uint64_t auction_count;
} walras_engine_status;

// An id: the 16 bytes of a UUID, in the order in which its text shows them.
typedef struct walras_id {
    // The bytes.
    uint8_t bytes[16];
} walras_id;

// Where an auction stands: what `auction_update` says, in ticks and lots.
typedef struct walras_auction_state {
    // `WALRAS_AUCTION_…`.
    int32_t status;
    // `WALRAS_OUTCOME_…` if it ended now, or as it has ended.
    int32_t outcome;
    // The last event included.
    uint64_t offset;
    // When this was computed.
    int64_t at_us;
    // When it ends, or has ended; `WALRAS_NO_TIME` while that is open.
    int64_t ends_at_us;
    // The price if it ended now; the lowest price of the sale while nothing sells.
    int64_t current_price_ticks;
    // What the price would be with one more lot wanted at any price; `WALRAS_NO_PRICE` once it has ended.
    int64_t next_price_ticks;
    // Lots on offer at the current price.
    int64_t supply_lots;
    // Lots that would be, or were, sold.
    int64_t matched_lots;
    // Lots wanted above the current price, phantoms included.
    int64_t demand_above_lots;
    // Lots wanted at or above the current price, phantoms included.
    int64_t demand_at_or_above_lots;
    // Lots that real bids want at exactly the current price.
    int64_t marginal_demand_lots;
    // Lots there are for them.
    int64_t marginal_available_lots;
    // What all live real bids want.
    int64_t total_quantity_lots;
    // Live real bids.
    uint64_t bid_count;
    // Live phantom bids.
    uint64_t phantom_count;
} walras_auction_state;

// The result of a completed auction.
typedef struct walras_result {
    // `WALRAS_NO_PRICE` when nothing was sold.
    int64_t clearing_price_ticks;
    // Lots sold.
    int64_t allocated_lots;
    // Live real bids at the close.
    uint64_t bid_count;
    // What they wanted.
    int64_t total_quantity_lots;
    // What all winners pay together, in tick × lot units.
    struct walras_int128 revenue;
    // When it ended.
    int64_t ended_at_us;
} walras_result;

// One bid of an auction.
typedef struct walras_bid_row {
    // The bid.
    struct walras_id bid;
    // The owner's own id for it, padded with zeros; all zeros for none.
    uint8_t client_bid_id[64];
    // The highest price; `WALRAS_NO_PRICE` for a price taker.
    int64_t price_ticks;
    // The quantity.
    int64_t quantity_lots;
    // Lots won; 0 until the auction has completed.
    int64_t filled_lots;
    // What they cost, in tick × lot units.
    struct walras_int128 payment;
    // When it was accepted.
    int64_t at_us;
    // The event of its acceptance.
    uint64_t offset;
    // `WALRAS_BID_PENDING` and so on.
    int32_t status;
    // `WALRAS_BID_PHANTOM`, `WALRAS_BID_MARGINAL`, `WALRAS_BID_AT_MARGIN`.
    uint32_t flags;
    // The number of its owner among the auction's bidders; see `walras_auction_bidders`.
    uint32_t bidder;
    // 0.
    uint32_t reserved;
} walras_bid_row;

// What a bidder hears of a bid that was accepted, changed or taken back.
typedef struct walras_receipt {
    // The bid.
    struct walras_id bid;
    // The event's number in its auction.
    uint64_t offset;
    // When it happened.
    int64_t at_us;
    // The indicative price after it; `WALRAS_NO_PRICE` of a bid that was taken back.
    int64_t current_price_ticks;
    // `WALRAS_STANDING_…` after it.
    int32_t standing;
    // `WALRAS_BID_…`: what has become of the bid.
    int32_t status;
    // Whether this is the repeated answer to something that had happened before: 0 or 1.
    uint32_t is_repeated;
    // Whether an amended bid kept its time priority: 0 or 1.
    uint32_t priority_kept;
} walras_receipt;

// Bids to be submitted to one auction, column by column.
typedef struct walras_orders {
    // How many there are.
    uint64_t count;
    // Highest prices in ticks; `WALRAS_NO_PRICE` for price takers.
    const int64_t *prices_ticks;
    // Quantities in lots.
    const int64_t *quantities_lots;
    // `WALRAS_BID_PHANTOM`, `WALRAS_BID_MARGINAL`. Null: none.
    const uint8_t *flags;
    // How many parties the bids belong to; at least 1 if there are bids.
    uint64_t party_count;
    // The parties' names behind each other.
    const char *parties;
    // Where each name begins in `parties`, and where the last one ends: `party_count + 1` items, from 0.
    const uint64_t *party_offsets;
    // Whose each bid is, as an index of a party. Null: all are the first party's.
    const uint32_t *party_indexes;
    // The bids' own ids behind each other. Null: none has one.
    const char *client_bid_ids;
    // Where each id begins in `client_bid_ids`, and where the last one ends: `count + 1` items, from 0. An empty id is
    // none. Null if `client_bid_ids` is.
    const uint64_t *client_bid_id_offsets;
} walras_orders;

// Where the answers to submitted bids go. Each array may be null if it is not wanted.
typedef struct walras_answers {
    // A status for each bid: 0, or why it was refused.
    int32_t *statuses;
    // The ids of the accepted ones; zeros for the others.
    struct walras_id *bids;
    // The events' numbers of the accepted ones; 0 for the others.
    uint64_t *offsets;
    // The indicative price after each bid.
    int64_t *path_prices_ticks;
    // Lots wanted above that price after each bid.
    int64_t *path_demand_above_lots;
} walras_answers;

// All that its owner may know of a bid.
typedef struct walras_bid_view {
    // The bid.
    struct walras_id bid;
    // Its auction.
    struct walras_id auction;
    // The highest price; `WALRAS_NO_PRICE` for a price taker.
    int64_t price_ticks;
    // The quantity.
    int64_t quantity_lots;
    // Lots won; 0 until the auction has completed.
    int64_t filled_lots;
    // What they cost, in tick × lot units.
    struct walras_int128 payment;
    // The indicative price now.
    int64_t current_price_ticks;
    // When it was accepted.
    int64_t at_us;
    // The event of its acceptance.
    uint64_t offset;
    // `WALRAS_BID_PENDING` and so on.
    int32_t status;
    // `WALRAS_STANDING_…` now.
    int32_t standing;
} walras_bid_view;

// A bid, or nothing at all, that is imagined in an auction.
typedef struct walras_what_if {
    // How many bids are imagined, each alone.
    uint64_t count;
    // Highest prices in ticks; `WALRAS_NO_PRICE` for price takers.
    const int64_t *prices_ticks;
    // Quantities in lots; 0 imagines no bid, and tells the price without the bids left out.
    const int64_t *quantities_lots;
    // How many bids are left out.
    uint64_t without_count;
    // The bids that are left out.
    const struct walras_id *without;
} walras_what_if;

// What is new in an engine. Which fields are set depends on the kind; the others are 0, or `WALRAS_NO_PRICE`.
typedef struct walras_event {
    // `WALRAS_EVENT_…`.
    uint32_t kind;
    // `WALRAS_EVENT_IS_…`.
    uint32_t flags;
    // The auction.
    struct walras_id auction;
    // The bid; of settlement events the settlement.
    struct walras_id subject;
    // The key of the bid's owner; see `walras_auction_bidder`. Of market data the key of its topic.
    struct walras_id party_key;
    // The event's number in its auction; of state the last event it includes.
    uint64_t offset;
    // When it happened; of state when it was computed.
    int64_t at_us;
    // The bid's highest price; of a completed auction the clearing price.
    int64_t price_ticks;
    // The bid's quantity; of an auction the lots that are, or would be, sold.
    int64_t quantity_lots;
    // The indicative price after it.
    int64_t current_price_ticks;
    // The JSON message that clients of the WebSocket protocol get, without a zero at its end; null unless the subscriber
    // asked for JSON. Valid until the subscriber is polled again or freed.
    const char *json;
    // Its length.
    uint64_t json_bytes;
} walras_event;

// Success. Outputs are written only with this one.
#define WALRAS_OK 0

// A pointer that must not be null is null.
#define WALRAS_NULL_POINTER 1

// A handle that was never given out, is of another kind, or was freed.
#define WALRAS_BAD_HANDLE 2

// The engine or server behind the handle was stopped.
#define WALRAS_STOPPED 3

// A length, count or offset that cannot be: beyond the address space, or inconsistent with another.
#define WALRAS_BAD_LENGTH 4

// Text that is not UTF-8.
#define WALRAS_NOT_UTF8 5

// A number that stands for none of the documented choices.
#define WALRAS_BAD_ARGUMENT 6

// An array given for results is too short.
#define WALRAS_BUFFER_TOO_SMALL 7

// A call from within a wake-up or log function.
#define WALRAS_REENTRANT 8

// The handle was made before this process was forked off: its threads live in the parent.
#define WALRAS_FORKED 9

// Two threads at once in calls that take the handle exclusively.
#define WALRAS_IN_USE 10

// Not in this build, on this platform, or with this engine's clock.
#define WALRAS_NOT_SUPPORTED 11

// More handles than there can be.
#define WALRAS_TOO_MANY_HANDLES 12

// Malformed JSON, terms or options; the error's text names the field.
#define WALRAS_INVALID_MESSAGE 100

// A float that is on no step of its grid.
#define WALRAS_OFF_GRID 101

// `AUTH_REQUIRED` of the protocol.
#define WALRAS_AUTH_REQUIRED 200

// `AUTH_FAILED` of the protocol.
#define WALRAS_AUTH_FAILED 201

// `TOKEN_EXPIRED` of the protocol.
#define WALRAS_TOKEN_EXPIRED 202

// `PERMISSION_DENIED` of the protocol.
#define WALRAS_PERMISSION_DENIED 203

// There is no such auction.
#define WALRAS_AUCTION_NOT_FOUND 300

// There is no such bid, or it is another party's.
#define WALRAS_BID_NOT_FOUND 301

// There is no such settlement.
#define WALRAS_SETTLEMENT_NOT_FOUND 302

// The auction exists already.
#define WALRAS_AUCTION_EXISTS 303

// `SUBSCRIPTION_FAILED` of the protocol.
#define WALRAS_SUBSCRIPTION_FAILED 304

// The auction has not opened, is halted, or is otherwise not ready for this.
#define WALRAS_AUCTION_NOT_OPEN 305

// The auction has ended.
#define WALRAS_AUCTION_ENDED 306

// In the last moments bids may only be placed or raised.
#define WALRAS_AUCTION_LOCKED 307

// A price or quantity that the auction cannot take.
#define WALRAS_INVALID_BID 308

// The price is below the reserve.
#define WALRAS_BID_TOO_LOW 309

// The party has as many live bids as it may have.
#define WALRAS_BID_LIMIT 310

// The `client_bid_id` names another bid of the party.
#define WALRAS_DUPLICATE_BID_ID 311

// The settlement is not waiting for that.
#define WALRAS_SETTLEMENT_CONFLICT 312

// Too many requests.
#define WALRAS_RATE_LIMITED 400

// Full, or out of disk space: later there may be room.
#define WALRAS_UNAVAILABLE 401

// A fault of the library. What was asked may or may not have happened.
#define WALRAS_INTERNAL 900

// The log failed, or the engine found a fault in itself: it takes nothing more. A new engine on the same data recovers.
#define WALRAS_FROZEN 901

// The data folder cannot be opened: locked by another process, damaged, or not accessible.
#define WALRAS_DATA 902

// The system refused a thread, a socket or a descriptor.
#define WALRAS_SYSTEM 903

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of this interface. It grows when a signature, a number or a layout changes; a host that was built against
// another one must not go on.
uint32_t walras_abi_version(void);

// The version of the library, such as "0.1.0". Lives as long as the process.
const char *walras_version(void);

// What went wrong in this thread's last call, for people; empty if nothing did. Ends with a zero. Valid until the
// thread's next call into the library; the statuses alone are enough to act on.
const char *walras_last_error(void);

// Reports what happens inside the library, from `level` (`WALRAS_LOG_…`) on; at first nothing is reported. Lines go to standard
// error, or with `function` to that: `function(argument, level, line)`, the line ending with a zero and valid during the
// call. The function is called by whatever thread has something to say, the engine's own among them. It must not block, and
// must not call this library (`WALRAS_REENTRANT`). When this call returns, no thread is inside the function that was set before.
// In a process that was forked while the function was under way, lines go to standard error for good, and
// this call answers `WALRAS_FORKED`.
//
// Pointers:
// `function` is null or may be called with `argument` from any thread until another one is set.
walras_status walras_log_set(uint32_t level,
                             void (*function)(void*,
                                              uint32_t,
                                              const char*),
                             void *argument);

// Puts floats on the grid of the step `mantissa / 10^scale`: `steps_out[i]` is how many steps `floats[i]` is. A float that
// is not the nearest one to any multiple of the step is treated as `rounding` (`WALRAS_ROUND_…`) says. Without rounding
// a float whose decimal has 16 or more digits counts as what it is in 15: programs write 0.1 + 0.2 for 0.3.
//
// Pointers:
// `floats` is null or has `count` items, and `steps_out` has room for as many.
walras_status walras_steps_from_floats(int64_t mantissa,
                                       uint32_t scale,
                                       uint32_t rounding,
                                       const double *floats,
                                       uint64_t count,
                                       int64_t *steps_out);

// Reads the terms of a sale from JSON (the keys of `walras clear`, without `bids`). Give the terms back with
// `walras_terms_free`.
//
// Pointers:
// `json` is null or has `json_bytes` readable bytes; `terms_out` is null or writable.
walras_status walras_terms_new(const char *json,
                               uint64_t json_bytes,
                               struct walras_terms **terms_out);

// Gives terms back; null is fine. The handle means nothing afterwards, and a second call says so.
//
// Pointers:
// None: `terms` may be anything.
walras_status walras_terms_free(struct walras_terms *terms);

// Writes the grids of prices and quantities, and the lowest price at which the sale can clear.
//
// Pointers:
// `grids_out` and `lowest_price_ticks_out` are null or writable.
walras_status walras_terms_grids(const struct walras_terms *terms,
                                 struct walras_grids *grids_out,
                                 int64_t *lowest_price_ticks_out);

// Writes the supply, in whole lots, at each of `count` prices.
//
// Pointers:
// `prices_ticks` is null or has `count` items, and `lots_out` is null or has room for as many.
walras_status walras_terms_supply(const struct walras_terms *terms,
                                  const int64_t *prices_ticks,
                                  uint64_t count,
                                  int64_t *lots_out);

// Clears one sale from arrays, its terms given as JSON. See `walras_clear_with`.
//
// Pointers:
// As for `walras_terms_new` and `walras_clear_with`.
walras_status walras_clear(const char *terms_json,
                           uint64_t terms_json_bytes,
                           const struct walras_bids *bids,
                           const struct walras_fills *fills,
                           struct walras_clearing *clearing_out);

// Clears one sale from arrays: the price, what each bid wins and pays, the figures. Needs no engine. Safe to call from
// many threads at once. A bid that the sale cannot take is refused (see `marks` of `walras_fills`), the rest clears.
// `fills` may be null if only the figures are wanted.
//
// Pointers:
// `bids`, `fills` and `clearing_out` are null or valid, each array in `bids` is null or has `count` items, and each in
// `fills` is null or has room for as many (those of bidders for `bidders_capacity`). Inputs and outputs do not overlap.
walras_status walras_clear_with(const struct walras_terms *terms,
                                const struct walras_bids *bids,
                                const struct walras_fills *fills,
                                struct walras_clearing *clearing_out);

// Clears `count` sales under the same terms, on `threads` threads (0: one for each processor). The arrays of `bids` hold
// all sales behind each other: sale `i` has the bids from `offsets[i]` to before `offsets[i + 1]`, so `offsets` has
// `count + 1` items, from 0 to `bids->count`. `clearings_out` has room for `count` entries. Awards by bidder are not
// written. If one sale cannot be cleared the call fails, and what was written means nothing.
//
// Pointers:
// As for `walras_clear_with`; `offsets` is null or has `count + 1` items and `clearings_out` is null or has room for
// `count`.
walras_status walras_clear_many(const struct walras_terms *terms,
                                uint64_t count,
                                const uint64_t *offsets,
                                const struct walras_bids *bids,
                                uint32_t threads,
                                const struct walras_fills *fills,
                                struct walras_clearing *clearings_out);

// Clears one auction given as a JSON document with its bids, exactly as the program `walras clear` does; the result is
// that program's line, without a line end. The text is valid until this thread's next call that gives a text.
//
// Pointers:
// `json` is null or has `json_bytes` readable bytes; the outputs are null or writable.
walras_status walras_clear_json(const char *json,
                                uint64_t json_bytes,
                                const char **result_out,
                                uint64_t *result_bytes_out);

// Makes an engine. `options` is a JSON object or empty; its keys, all optional:
//
// - `data`: folder of the log. Without it the state lives in memory and is gone when the engine is freed.
// - `durability`: `"fsync"` (default) or `"os"`; only with `data`.
// - `clock`: `"system"` (default) or `"manual"`: time stands still but for `walras_engine_advance`.
// - `start_time_us`: what the manual clock shows at first (0).
// - `seed`: with it and the manual clock, two runs with the same calls give the same bytes.
// - `active_auctions`, `bids_per_auction`: bounds of the engine.
// - `ring_bytes`: how much of what happens is kept for subscribers that are slow to read (16 MiB).
// - `history_bytes`: how much is kept for clients of a server that come back (64 MiB).
// - `queue_requests`: how many requests of a server's clients may wait (16384).
//
// Give the engine back with `walras_engine_free`.
//
// Pointers:
// `options` is null or has `options_bytes` readable bytes; `engine_out` is null or writable.
walras_status walras_engine_new(const char *options,
                                uint64_t options_bytes,
                                struct walras_engine **engine_out);

// Stops an engine in good order and gives it back; null is fine. Calls that are under way end first. Its subscribers and
// servers keep their handles: they tell that it was stopped, and are to be freed on their own.
//
// Pointers:
// None: `engine` may be anything.
walras_status walras_engine_free(struct walras_engine *engine);

// Makes an engine of its own that begins where this one stands, for asking what would have been: in memory, with a manual
// clock at the same time. With a `seed` it gives the ids that the original would give from here. The original is
// not touched; while its state is copied it waits.
//
// Pointers:
// `clone_out` is null or writable.
walras_status walras_engine_clone(const struct walras_engine *engine,
                                  struct walras_engine **clone_out);

// Waits until everything asked for before this call, by clients of a server too, is carried out, durable and visible to
// subscribers.
//
// Pointers:
// None: `engine` may be anything.
walras_status walras_engine_drain(const struct walras_engine *engine);

// Writes the SHA-256 of the whole state: what `walras log replay` prints for the same history.
//
// Pointers:
// `digest_out` is null or has room for 32 bytes.
walras_status walras_engine_digest(const struct walras_engine *engine,
                                   uint8_t *digest_out);

// Writes the engine's time.
//
// Pointers:
// `now_us_out` is null or writable.
walras_status walras_engine_now(const struct walras_engine *engine,
                                int64_t *now_us_out);

// Moves the manual clock on by `by_us` microseconds and carries out what becomes due by then: starts, ends, deadlines, each
// at the new time. With the system's clock: `WALRAS_NOT_SUPPORTED`.
//
// Pointers:
// None: `engine` may be anything.
walras_status walras_engine_advance(const struct walras_engine *engine,
                                    int64_t by_us);

// Writes how the engine is.
//
// Pointers:
// `status_out` is null or writable.
walras_status walras_engine_status_get(const struct walras_engine *engine,
                                       struct walras_engine_status *status_out);

// Creates an auction from terms in JSON (the keys of `POST /v1/auctions`). `creator` is a party's name, and the seller
// unless the terms name one. With `idempotency_key` (may be null) a repeated call gives the auction of the first, and
// `created_out` (may be null) tells 0.
//
// Pointers:
// Each text is null or has as many readable bytes as are told; the outputs are null or writable.
walras_status walras_auction_create(const struct walras_engine *engine,
                                    const char *creator,
                                    uint64_t creator_bytes,
                                    const char *terms_json,
                                    uint64_t terms_json_bytes,
                                    const char *idempotency_key,
                                    uint64_t idempotency_key_bytes,
                                    struct walras_id *auction_out,
                                    uint32_t *created_out);

// Ends an auction now: price, allocation, settlement.
//
// Pointers:
// `auction` is null or readable.
walras_status walras_auction_close(const struct walras_engine *engine,
                                   const struct walras_id *auction);

// Calls an auction off: nothing is sold. The reason, for people, may be null.
//
// Pointers:
// `auction` is null or readable; `reason` is null or has `reason_bytes` readable bytes.
walras_status walras_auction_cancel(const struct walras_engine *engine,
                                    const struct walras_id *auction,
                                    const char *reason,
                                    uint64_t reason_bytes);

// Stops an auction's taking of bids until it is resumed; its end stays where it is. The reason may be null.
//
// Pointers:
// As for `walras_auction_cancel`.
walras_status walras_auction_halt(const struct walras_engine *engine,
                                  const struct walras_id *auction,
                                  const char *reason,
                                  uint64_t reason_bytes);

// Lets a halted auction take bids again.
//
// Pointers:
// `auction` is null or readable.
walras_status walras_auction_resume(const struct walras_engine *engine,
                                    const struct walras_id *auction);

// Writes the id of the auction that was created as number `index`, from 0. `walras_engine_status_get` tells how many
// there are.
//
// Pointers:
// `auction_out` is null or writable.
walras_status walras_auction_at(const struct walras_engine *engine,
                                uint64_t index,
                                struct walras_id *auction_out);

// Writes an auction's grids of prices and quantities.
//
// Pointers:
// `auction` is null or readable; `grids_out` is null or writable.
walras_status walras_auction_grids(const struct walras_engine *engine,
                                   const struct walras_id *auction,
                                   struct walras_grids *grids_out);

// Writes where an auction stands.
//
// Pointers:
// `auction` is null or readable; `state_out` is null or writable.
walras_status walras_auction_state_get(const struct walras_engine *engine,
                                       const struct walras_id *auction,
                                       struct walras_auction_state *state_out);

// Writes the result of a completed auction.
//
// Pointers:
// `auction` is null or readable; `result_out` is null or writable.
walras_status walras_auction_result(const struct walras_engine *engine,
                                    const struct walras_id *auction,
                                    struct walras_result *result_out);

// Gives an auction's resolved terms, their hash and its state as JSON: the payload of the protocol's `auction_info`.
//
// Pointers:
// `auction` is null or readable; the outputs are null or writable.
walras_status walras_auction_info(const struct walras_engine *engine,
                                  const struct walras_id *auction,
                                  const char **json_out,
                                  uint64_t *json_bytes_out);

// Gives an auction with all its live bids as the document that `walras_clear_json` and `walras clear` read: clearing it gives
// the recorded result again.
//
// Pointers:
// As for `walras_auction_info`.
walras_status walras_auction_document(const struct walras_engine *engine,
                                      const struct walras_id *auction,
                                      const char **json_out,
                                      uint64_t *json_bytes_out);

// Gives the names of an auction's bidders as a JSON array, by their numbers, from number `first` on.
//
// Pointers:
// As for `walras_auction_info`.
walras_status walras_auction_bidders(const struct walras_engine *engine,
                                     const struct walras_id *auction,
                                     uint32_t first,
                                     const char **json_out,
                                     uint64_t *json_bytes_out);

// Gives the name of the bidder whose key an event carries.
//
// Pointers:
// `auction` and `party_key` are null or readable; the outputs are null or writable.
walras_status walras_auction_bidder(const struct walras_engine *engine,
                                    const struct walras_id *auction,
                                    const struct walras_id *party_key,
                                    const char **name_out,
                                    uint64_t *name_bytes_out);

// Writes bids of an auction in the order they were accepted, those that `which` (`WALRAS_BIDS_…`) says, beginning with the
// `first`th accepted one. `count_out` tells how many were written, `next_out` where to go on: when a call writes fewer
// than there is room for, all have been given.
//
// Pointers:
// `auction` is null or readable; `rows_out` is null or has room for `capacity` rows; the other outputs are null or writable.
walras_status walras_auction_bids(const struct walras_engine *engine,
                                  const struct walras_id *auction,
                                  uint32_t which,
                                  uint64_t first,
                                  struct walras_bid_row *rows_out,
                                  uint64_t capacity,
                                  uint64_t *count_out,
                                  uint64_t *next_out);

// Writes lots wanted at or above, and lots on offer at, each of `count` prices. Either output may be null.
//
// Pointers:
// `auction` is null or readable; `prices_ticks` is null or has `count` items; the outputs are null or have room for as many.
walras_status walras_auction_curve(const struct walras_engine *engine,
                                   const struct walras_id *auction,
                                   const int64_t *prices_ticks,
                                   uint64_t count,
                                   int64_t *demand_lots_out,
                                   int64_t *supply_lots_out);

// Writes the lowest limit at which a new bid of `quantity_lots` would be filled whole if the auction ended now;
// `WALRAS_NO_PRICE` where no limit would.
//
// Pointers:
// `auction` is null or readable; `price_ticks_out` is null or writable.
walras_status walras_auction_price_to_win(const struct walras_engine *engine,
                                          const struct walras_id *auction,
                                          int64_t quantity_lots,
                                          int64_t *price_ticks_out);

// Submits one bid of a party. `price_ticks` is `WALRAS_NO_PRICE` for a price taker; `flags` are `WALRAS_BID_…`;
// `client_bid_id` is the party's own name for the bid, or null. When the call returns, the bid is as durable as the
// engine promises. `receipt_out` may be null.
//
// Pointers:
// `auction` is null or readable; each text is null or has as many readable bytes as are told; `receipt_out` is null or
// writable.
walras_status walras_bid_submit(const struct walras_engine *engine,
                                const struct walras_id *auction,
                                const char *party,
                                uint64_t party_bytes,
                                int64_t price_ticks,
                                int64_t quantity_lots,
                                uint32_t flags,
                                const char *client_bid_id,
                                uint64_t client_bid_id_bytes,
                                struct walras_receipt *receipt_out);

// Submits many bids to one auction, in order, each judged alone: a refused one does not stop the others. Succeeds if the
// bids could be judged at all; `accepted_out` (may be null) tells how many were accepted, `answers` (may be null) what
// became of each. Other callers' wishes may come between them. If the engine fails on the way, the call does, and what was
// written means nothing.
//
// Pointers:
// The structs are null or readable, and their arrays are null or as long as their docs say; `auction` is null or readable;
// `accepted_out` is null or writable.
walras_status walras_bids_submit(const struct walras_engine *engine,
                                 const struct walras_id *auction,
                                 const struct walras_orders *orders,
                                 const struct walras_answers *answers,
                                 uint64_t *accepted_out);

// Takes a bid back. `bid` is its id, and `party` its owner, or null for whoever owns it. If `client_bid_id` is not null, `bid` is the
// auction instead, and `party` is needed. `receipt_out` may be null.
//
// Pointers:
// `bid` is null or readable; each text is null or has as many readable bytes as are told; `receipt_out` is null or writable.
walras_status walras_bid_cancel(const struct walras_engine *engine,
                                const struct walras_id *bid,
                                const char *party,
                                uint64_t party_bytes,
                                const char *client_bid_id,
                                uint64_t client_bid_id_bytes,
                                struct walras_receipt *receipt_out);

// Changes a bid's price, quantity or both; `WALRAS_UNCHANGED` leaves one as it is. The bid is named as for
// `walras_bid_cancel`. A lower quantity keeps the bid's time priority, anything else loses it.
//
// Pointers:
// As for `walras_bid_cancel`.
walras_status walras_bid_amend(const struct walras_engine *engine,
                               const struct walras_id *bid,
                               const char *party,
                               uint64_t party_bytes,
                               const char *client_bid_id,
                               uint64_t client_bid_id_bytes,
                               int64_t price_ticks,
                               int64_t quantity_lots,
                               struct walras_receipt *receipt_out);

// Takes all live bids of a party back, in one auction, or in all if `auction` is null. `count_out` (may be null) tells how many.
//
// Pointers:
// `party` is null or has `party_bytes` readable bytes; `auction` is null or readable; `count_out` is null or writable.
walras_status walras_bids_cancel_all(const struct walras_engine *engine,
                                     const char *party,
                                     uint64_t party_bytes,
                                     const struct walras_id *auction,
                                     uint64_t *count_out);

// Writes what has become of a bid, which is named as for `walras_bid_cancel`.
//
// Pointers:
// `bid` is null or readable; each text is null or has as many readable bytes as are told; `view_out` is null or writable.
walras_status walras_bid_query(const struct walras_engine *engine,
                               const struct walras_id *bid,
                               const char *party,
                               uint64_t party_bytes,
                               const char *client_bid_id,
                               uint64_t client_bid_id_bytes,
                               struct walras_bid_view *view_out);

// Asks what would come of bids that nobody has placed, each alone, if the auction ended now: the clearing price
// (`WALRAS_NO_PRICE` where nothing would sell), the lots the bid would win, and what they would cost. Nothing changes. Some
// live bids may be left out. Each output has one entry for each imagined bid and may be null. A bid at the margin, and
// every one where bids are left out or the terms cap bidders, takes a pass over all bids; the engine waits meanwhile.
//
// Pointers:
// `auction` and `what_if` are null or readable, the arrays of `what_if` as long as they say, and the outputs null or with
// room for `count` items.
walras_status walras_auction_what_if(const struct walras_engine *engine,
                                     const struct walras_id *auction,
                                     const struct walras_what_if *what_if,
                                     int64_t *prices_ticks_out,
                                     int64_t *filled_lots_out,
                                     struct walras_int128 *payments_out);

// Gives the settlement of an auction as JSON: where it stands, who has said what, what each party's account changes by.
//
// Pointers:
// `auction` is null or readable; the outputs are null or writable.
walras_status walras_settlement_get(const struct walras_engine *engine,
                                    const struct walras_id *auction,
                                    const char **json_out,
                                    uint64_t *json_bytes_out);

// Starts the settlement of an auction whose terms say `start: "manual"`.
//
// Pointers:
// `auction` is null or readable.
walras_status walras_settlement_execute(const struct walras_engine *engine,
                                        const struct walras_id *auction);

// Says for a participant that it agrees (`agrees` 1) with the allocations of which `hash` has the 32 bytes of SHA-256, or
// objects (0), with a reason or null.
//
// Pointers:
// `settlement` is null or readable, `hash` is null or has 32 readable bytes, and each text is null or has as many readable bytes
// as are told.
walras_status walras_settlement_affirm(const struct walras_engine *engine,
                                       const struct walras_id *settlement,
                                       const char *party,
                                       uint64_t party_bytes,
                                       const uint8_t *hash,
                                       uint32_t agrees,
                                       const char *reason,
                                       uint64_t reason_bytes);

// Reports, as the executor of a settlement whose terms say `executor: "host"`, on a step that it was asked for by
// `WALRAS_EVENT_SETTLEMENT_REQUEST`: `step` is `WALRAS_STEP_…`, `is_done` 1 or 0. `execution_path_json`, a JSON array of texts, and
// `reason` may be null. A step may be asked for again after a restart: carry each out once.
//
// Pointers:
// `settlement` is null or readable; each text is null or has as many readable bytes as are told.
walras_status walras_settlement_report(const struct walras_engine *engine,
                                       const struct walras_id *settlement,
                                       uint32_t step,
                                       uint32_t is_done,
                                       uint64_t gas_used,
                                       const char *execution_path_json,
                                       uint64_t execution_path_json_bytes,
                                       const char *reason,
                                       uint64_t reason_bytes);

// Publishes new prices of a token: JSON `{"prices": {"usd": 2500.0}, "24h_change": 1.5, "timestamp": "…"}`, the last two optional.
//
// Pointers:
// Each text is null or has as many readable bytes as are told.
walras_status walras_market_prices_put(const struct walras_engine *engine,
                                       const char *token,
                                       uint64_t token_bytes,
                                       const char *json,
                                       uint64_t json_bytes);

// Publishes a new order book of a pair: JSON `{"bids": [{"price": 1.0, "quantity": 2.0}], "asks": []}`.
//
// Pointers:
// Each text is null or has as many readable bytes as are told.
walras_status walras_market_order_book_put(const struct walras_engine *engine,
                                           const char *token_pair,
                                           uint64_t token_pair_bytes,
                                           const char *json,
                                           uint64_t json_bytes);

// Gives a JSON value of the host's own, of at most 60,000 bytes, a place among the events that the engine's subscribers see.
// It is not logged, and clients of a server do not see it.
//
// Pointers:
// `json` is null or has `json_bytes` readable bytes.
walras_status walras_event_publish(const struct walras_engine *engine,
                                   const char *json,
                                   uint64_t json_bytes);

// Subscribes to what happens in an engine from now on. `filter` is a JSON object or empty; its keys, all optional:
//
// - `channels`: some of `"auction"`, `"bids"`, `"settlement"`, `"market_data"`, `"host"`; all without it.
// - `auction_id`: events of other auctions are left out.
// - `json`: whether events carry their JSON (true); without it they are cheaper to take.
// - `refusals`: whether refused bids are told (false).
//
// Each accepted bid is told once, with its owner's key. Give the subscriber back with `walras_subscriber_free`.
//
// Pointers:
// `filter` is null or has `filter_bytes` readable bytes; `subscriber_out` is null or writable.
walras_status walras_subscriber_new(const struct walras_engine *engine,
                                    const char *filter,
                                    uint64_t filter_bytes,
                                    struct walras_subscriber **subscriber_out);

// Gives a subscriber back; null is fine. When it returns, no thread is inside its wake-up function.
//
// Pointers:
// None: `subscriber` may be anything.
walras_status walras_subscriber_free(struct walras_subscriber *subscriber);

// Writes the events that are new, at most `capacity`, in order. If there are none it waits for some: `timeout_ms`
// milliseconds, not at all for 0, as long as it takes for a negative number. `count_out` tells how many were written.
// `missed_out` tells how many records of the engine, of whatever kind, were overwritten before this subscriber read them;
// they came before the events written now. Poll until no events come, then wait. Once the engine is stopped and all is read:
// `WALRAS_STOPPED`.
//
// Pointers:
// `events_out` is null or has room for `capacity` events; the other outputs are null or writable.
walras_status walras_subscriber_poll(struct walras_subscriber *subscriber,
                                     struct walras_event *events_out,
                                     uint64_t capacity,
                                     int32_t timeout_ms,
                                     uint64_t *count_out,
                                     uint64_t *missed_out);

// From now on calls `wake_up(argument)` when there is something to poll; null for no function. Calls coalesce: after one, none
// comes before a poll has found nothing left. The function runs on whatever thread runs the engine. It must be quick, must not
// block, and must not call this library (`WALRAS_REENTRANT`); what it returns is not looked at. When this call returns, no
// thread is inside the function that was set before. `uv_async_send` of libuv is such a function.
//
// Pointers:
// `wake_up` is null or may be called with `argument` from any thread until another one is set or the subscriber is freed.
walras_status walras_subscriber_set_wakeup(struct walras_subscriber *subscriber,
                                           int (*wake_up)(void*),
                                           void *argument);

// Writes a descriptor that is readable while there is something to poll, for `poll`, `epoll` and event loops. It belongs to the
// subscriber: do not read or close it.
//
// Pointers:
// `fd_out` is null or writable.
walras_status walras_subscriber_fd(struct walras_subscriber *subscriber,
                                   int32_t *fd_out);

// Starts a server on an engine; when this returns, connections are taken. `options` is a JSON object or empty: the keys of
// `walras config` but `data`, `durability` and `log`, with `listen` "127.0.0.1:0" (a port given by the system), `shards` 1 and
// `drain_ms` 1000 if not given. Without a key to verify tokens with it makes a secret of its own, and `walras_token` makes
// tokens for it. `development: true` takes the token `test-token`, and `test-token:NAME` for separate bidders, from anybody.
// In a library without the server: `WALRAS_NOT_SUPPORTED`. Give the server back with `walras_server_free`.
//
// Pointers:
// `options` is null or has `options_bytes` readable bytes; `server_out` is null or writable.
walras_status walras_server_start(const struct walras_engine *engine,
                                  const char *options,
                                  uint64_t options_bytes,
                                  struct walras_server **server_out);

// Writes the port at which the server listens.
//
// Pointers:
// `port_out` is null or writable.
walras_status walras_server_port(const struct walras_server *server,
                                 uint16_t *port_out);

// Writes how many connections are open.
//
// Pointers:
// `count_out` is null or writable.
walras_status walras_server_connections(const struct walras_server *server,
                                        uint32_t *count_out);

// Takes no more connections, tells every client when to come back, closes the connections over `drain_ms`, and waits until
// all are closed. The engine goes on. The handle stays valid, and tells that the server was stopped.
//
// Pointers:
// None: `server` may be anything.
walras_status walras_server_stop(const struct walras_server *server);

// Gives a server back, and ends it at once if it still runs; null is fine.
//
// Pointers:
// None: `server` may be anything.
walras_status walras_server_free(struct walras_server *server);

// Gives a token that the server takes, or, without a server (null), one signed with the `secret` among the options. `options` is
// a JSON object: `subject` is required; `bidder`, `roles`, `permissions`, `ttl_seconds` (3600), `auctions`, `channels`, `subs`,
// `limits` as of `walras token`; without a server also `secret`, `issuer`, `audience`.
//
// Pointers:
// `options` is null or has `options_bytes` readable bytes; the outputs are null or writable.
walras_status walras_token(const struct walras_server *server,
                           const char *options,
                           uint64_t options_bytes,
                           const char **token_out,
                           uint64_t *token_bytes_out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WALRAS_H */

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

// Off the grid is refused with `WALRAS_OFF_GRID`.
#define WALRAS_ROUND_REFUSE 0

// Off the grid goes to the step below.
#define WALRAS_ROUND_DOWN 1

// Off the grid goes to the nearest step; of two equally near ones to the even.
#define WALRAS_ROUND_NEAREST 2

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

// Full for now, or out of disk space.
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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WALRAS_H */

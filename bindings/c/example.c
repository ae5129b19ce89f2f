/*
 * A sale cleared from arrays; a live auction with a subscriber; and the same engine served over WebSockets.
 *
 * Build and run, from the root of the project:
 *
 *   cargo rustc --release --locked --lib --crate-type cdylib
 *   cc -std=c11 -Iinclude bindings/c/example.c target/release/libwalras.so -o example
 *   LD_LIBRARY_PATH=target/release ./example       (where libwalras.so.1 is a link to libwalras.so)
 *
 * It is C11 and C++17 alike.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "walras.h"

/* Ends the program with the library's own words if a call fails. */
static void check(walras_status status, const char *what) {
    if (status != WALRAS_OK) {
        fprintf(stderr, "%s: status %" PRId32 ": %s\n", what, status, walras_last_error());
        exit(1);
    }
}

#define CHECK(call) check((call), #call)

static const char *const TERMS =
    "{\"tick_size\": \"0.01\", \"lot_size\": \"1\", \"reserve_price\": 10,"
    " \"supply\": {\"type\": \"fixed\", \"quantity\": 100}}";

/* A clock that stands still and a seed: the same bytes at every run. A real market leaves both out. */
static const char *const OPTIONS = "{\"clock\": \"manual\", \"start_time_us\": 1704067200000000, \"seed\": 1}";

/* One sale, no engine: three bids for 100 lots. */
static void clear_a_sale(void) {
    const double prices[] = {12.50, 12.00, 11.75};
    const double quantities[] = {60, 60, 60};
    int64_t lots[3];
    walras_bids bids;
    walras_fills fills;
    walras_clearing clearing;
    memset(&bids, 0, sizeof bids);
    memset(&fills, 0, sizeof fills);
    bids.count = 3;
    bids.prices = prices;
    bids.quantities = quantities;
    fills.lots = lots;
    CHECK(walras_clear(TERMS, strlen(TERMS), &bids, &fills, &clearing));
    printf("the sale clears at %" PRId64 " ticks; lots won: %" PRId64 ", %" PRId64 ", %" PRId64 "\n",
           clearing.price_ticks, lots[0], lots[1], lots[2]);
}

static void submit(const walras_engine *engine, const walras_id *auction, const char *party, int64_t price_ticks,
                   int64_t quantity_lots) {
    walras_receipt receipt;
    CHECK(walras_bid_submit(engine, auction, party, strlen(party), price_ticks, quantity_lots, 0, NULL, 0,
                            &receipt));
    printf("%s bids %" PRId64 " lots at %" PRId64 " ticks; the price is %" PRId64 " now\n", party, quantity_lots,
           price_ticks, receipt.current_price_ticks);
}

/* Everything that is new, until nothing is. */
static void hear(walras_subscriber *subscriber) {
    walras_event events[16];
    uint64_t count, missed, index;
    do {
        CHECK(walras_subscriber_poll(subscriber, events, 16, 0, &count, &missed));
        if (missed > 0) printf("%" PRIu64 " records were missed\n", missed);
        for (index = 0; index < count; index++) {
            if (events[index].kind == WALRAS_EVENT_BID_ACCEPTED) {
                printf("event %" PRIu64 ": %.*s\n", events[index].offset, (int)events[index].json_bytes,
                       events[index].json);
            }
        }
    } while (count > 0);
}

/* The server in this process. A library without it says so, and the example goes on. */
static void serve(const walras_engine *engine) {
    walras_server *server = NULL;
    const char *wish = "{\"subject\": \"alice\", \"roles\": [\"trader\"]}";
    const char *token;
    uint64_t token_bytes;
    uint16_t port = 0;
    walras_status status = walras_server_start(engine, NULL, 0, &server);
    if (status == WALRAS_NOT_SUPPORTED) {
        printf("this library has no server\n");
        return;
    }
    check(status, "walras_server_start");
    CHECK(walras_server_port(server, &port));
    CHECK(walras_token(server, wish, strlen(wish), &token, &token_bytes));
    fprintf(stderr, "ws://127.0.0.1:%" PRIu16 "/v1/ws, token of alice: %.*s\n", port, (int)token_bytes, token);
    printf("clients may connect\n");
    CHECK(walras_server_stop(server));
    CHECK(walras_server_free(server));
}

int main(void) {
    walras_engine *engine = NULL;
    walras_subscriber *subscriber = NULL;
    walras_id auction;
    walras_result result;
    walras_bid_row rows[8];
    uint64_t count, next, index;

    if (walras_abi_version() != WALRAS_ABI_VERSION) {
        fprintf(stderr, "the library has another interface than the header\n");
        return 1;
    }
    printf("walras, interface %" PRIu32 "\n", walras_abi_version());
    clear_a_sale();

    CHECK(walras_engine_new(OPTIONS, strlen(OPTIONS), &engine));
    CHECK(walras_subscriber_new(engine, NULL, 0, &subscriber));
    CHECK(walras_auction_create(engine, "seller", strlen("seller"), TERMS, strlen(TERMS), NULL, 0, &auction, NULL));
    submit(engine, &auction, "ann", 1250, 60);
    submit(engine, &auction, "bob", 1200, 60);
    submit(engine, &auction, "cat", 1175, 60);
    hear(subscriber);
    serve(engine);

    CHECK(walras_auction_close(engine, &auction));
    CHECK(walras_auction_result(engine, &auction, &result));
    printf("%" PRId64 " lots are sold at %" PRId64 " ticks\n", result.allocated_lots, result.clearing_price_ticks);
    CHECK(walras_auction_bids(engine, &auction, WALRAS_BIDS_WON, 0, rows, 8, &count, &next));
    for (index = 0; index < count; index++) {
        printf("bidder %" PRIu32 " wins %" PRId64 " of %" PRId64 " lots\n", rows[index].bidder, rows[index].filled_lots,
               rows[index].quantity_lots);
    }
    CHECK(walras_subscriber_free(subscriber));
    CHECK(walras_engine_free(engine));
    return 0;
}

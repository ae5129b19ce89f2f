/*
 * What only C can tell: the layouts as a C compiler sees them, calls from many threads, misuse with C's own means, a fork,
 * and that nothing is leaked, which valgrind watches. The first argument says how many times things are made and freed. With a
 * second one there is no fork: what a child leaves of its parent's is no leak, but looks like one.
 */
#define _XOPEN_SOURCE 700

#include <ftw.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "walras.h"

#ifdef __cplusplus
#define SAME static_assert
#else
#define SAME _Static_assert
#endif

SAME(sizeof(walras_int128) == 16, "int128");
SAME(sizeof(walras_id) == 16, "id");
SAME(sizeof(walras_grids) == 24, "grids");
SAME(sizeof(walras_clearing) == 208, "clearing");
SAME(offsetof(walras_clearing, revenue) == 152, "clearing.revenue");
SAME(offsetof(walras_clearing, bidder_count) == 200, "clearing.bidder_count");
SAME(sizeof(walras_bids) == 8 + 8 * sizeof(void *), "bids");
SAME(sizeof(walras_fills) == 8 + 6 * sizeof(void *), "fills");
SAME(sizeof(walras_engine_status) == 24, "engine_status");
SAME(sizeof(walras_auction_state) == 120, "auction_state");
SAME(offsetof(walras_auction_state, current_price_ticks) == 32, "auction_state.current_price_ticks");
SAME(sizeof(walras_result) == 56, "result");
SAME(sizeof(walras_receipt) == 56, "receipt");
SAME(offsetof(walras_receipt, current_price_ticks) == 32, "receipt.current_price_ticks");
SAME(sizeof(walras_bid_view) == 104, "bid_view");
SAME(sizeof(walras_bid_row) == 152, "bid_row");
SAME(offsetof(walras_bid_row, payment) == 104, "bid_row.payment");
SAME(sizeof(walras_event) == 104 + sizeof(void *), "event");
SAME(offsetof(walras_event, offset) == 56, "event.offset");
SAME(offsetof(walras_event, json) == 96, "event.json");
SAME(WALRAS_OK == 0 && WALRAS_BAD_HANDLE == 2 && WALRAS_BID_TOO_LOW == 309 && WALRAS_INTERNAL == 900, "statuses");
SAME(WALRAS_NO_PRICE == INT64_MIN && WALRAS_UNCHANGED == INT64_MIN && WALRAS_NO_TIME == INT64_MIN, "marks");

#define EXPECT(status, call)                                                                                       \
    do {                                                                                                           \
        walras_status found = (call);                                                                              \
        if (found != (status)) {                                                                                   \
            fprintf(stderr, "line %d: %s gives %d: %s\n", __LINE__, #call, (int)found, walras_last_error());       \
            exit(1);                                                                                               \
        }                                                                                                          \
    } while (0)

static const char *const TERMS = "{\"tick_size\": 1, \"lot_size\": 1, \"max_bids_per_bidder\": 1000000,"
                                 " \"supply\": {\"type\": \"fixed\", \"quantity\": 100}}";

static walras_engine *engine_new(const char *options) {
    walras_engine *engine = NULL;
    EXPECT(WALRAS_OK, walras_engine_new(options, strlen(options), &engine));
    return engine;
}

static walras_id create(const walras_engine *engine) {
    walras_id auction;
    EXPECT(WALRAS_OK, walras_auction_create(engine, "seller", 6, TERMS, strlen(TERMS), NULL, 0, &auction, NULL));
    return auction;
}

static walras_status submit(const walras_engine *engine, const walras_id *auction, const char *party) {
    return walras_bid_submit(engine, auction, party, strlen(party), 10, 1, 0, NULL, 0, NULL);
}

static int wake(void *argument) {
    ++*(int *)argument;
    return 0;
}

/* One of everything, made, used and freed. */
static void one_of_everything(void) {
    walras_engine *engine = engine_new("{\"ring_bytes\": 65536, \"clock\": \"manual\", \"seed\": 1}");
    walras_engine *clone = NULL;
    walras_subscriber *subscriber = NULL;
    walras_terms *terms = NULL;
    walras_event events[8];
    uint64_t count, missed, total = 0;
    int woken = 0, fd = -1;
    walras_id auction = create(engine);
    EXPECT(WALRAS_OK, walras_terms_new(TERMS, strlen(TERMS), &terms));
    EXPECT(WALRAS_OK, walras_subscriber_new(engine, NULL, 0, &subscriber));
    EXPECT(WALRAS_OK, walras_subscriber_set_wakeup(subscriber, wake, &woken));
    EXPECT(WALRAS_OK, walras_subscriber_fd(subscriber, &fd));
    EXPECT(WALRAS_OK, submit(engine, &auction, "ann"));
    EXPECT(WALRAS_OK, walras_engine_clone(engine, &clone));
    EXPECT(WALRAS_OK, submit(clone, &auction, "bob"));
    do {
        EXPECT(WALRAS_OK, walras_subscriber_poll(subscriber, events, 8, 0, &count, &missed));
        total += count;
    } while (count > 0);
    if (total < 2 || woken < 1) {
        fprintf(stderr, "%d events, woken %d times\n", (int)total, woken);
        exit(1);
    }
    EXPECT(WALRAS_OK, walras_engine_free(clone));
    EXPECT(WALRAS_OK, walras_engine_free(engine));
    EXPECT(WALRAS_STOPPED, walras_subscriber_poll(subscriber, events, 8, 0, &count, &missed));
    EXPECT(WALRAS_OK, walras_subscriber_free(subscriber));
    EXPECT(WALRAS_OK, walras_terms_free(terms));
    EXPECT(WALRAS_BAD_HANDLE, walras_engine_free(engine));
    EXPECT(WALRAS_BAD_HANDLE, walras_subscriber_free(subscriber));
    EXPECT(WALRAS_BAD_HANDLE, walras_terms_free(terms));
}

struct worker {
    const walras_engine *engine;
    walras_id auction;
    int stop_at;
    /* Waited at after a hundred bids, where there is one. */
    pthread_barrier_t *halfway;
};

static void *work(void *argument) {
    struct worker *worker = (struct worker *)argument;
    int step;
    for (step = 0; step < worker->stop_at; step++) {
        walras_status status = submit(worker->engine, &worker->auction, "ann");
        if (status == WALRAS_STOPPED || status == WALRAS_BAD_HANDLE) return NULL;
        EXPECT(WALRAS_OK, status);
        if (step == 100 && worker->halfway != NULL) pthread_barrier_wait(worker->halfway);
    }
    return NULL;
}

/* Four threads bid; a fifth frees the engine under two of them, as soon as both are at it: left alone they would come to
   the most bids that an auction takes. */
static void many_threads(void) {
    walras_engine *kept = engine_new(""), *freed = engine_new("");
    walras_auction_state state;
    struct worker workers[4];
    pthread_t threads[4];
    pthread_barrier_t halfway;
    int index;
    pthread_barrier_init(&halfway, NULL, 3);
    for (index = 0; index < 4; index++) {
        workers[index].engine = index < 2 ? kept : freed;
        workers[index].stop_at = index < 2 ? 300 : 1000000000;
        workers[index].halfway = index < 2 ? NULL : &halfway;
    }
    workers[0].auction = workers[1].auction = create(kept);
    workers[2].auction = workers[3].auction = create(freed);
    for (index = 0; index < 4; index++) pthread_create(&threads[index], NULL, work, &workers[index]);
    pthread_barrier_wait(&halfway);
    EXPECT(WALRAS_OK, walras_engine_free(freed));
    for (index = 0; index < 4; index++) pthread_join(threads[index], NULL);
    pthread_barrier_destroy(&halfway);
    EXPECT(WALRAS_OK, walras_auction_state_get(kept, &workers[0].auction, &state));
    if (state.bid_count != 600) {
        fprintf(stderr, "%d bids of 600\n", (int)state.bid_count);
        exit(1);
    }
    EXPECT(WALRAS_OK, walras_engine_free(kept));
}

static void misuse(void) {
    walras_engine *engine = engine_new("");
    walras_id auction = create(engine);
    walras_event events[2];
    uint64_t count, missed;
    int local = 0;
    EXPECT(WALRAS_NULL_POINTER, walras_engine_new(NULL, 0, NULL));
    EXPECT(WALRAS_INVALID_MESSAGE, walras_engine_new("{\"sead\": 1}", 11, &engine));
    EXPECT(WALRAS_NOT_UTF8, walras_bid_submit(engine, &auction, "\xff\xfe", 2, 1, 1, 0, NULL, 0, NULL));
    EXPECT(WALRAS_NULL_POINTER, walras_bid_submit(engine, NULL, "ann", 3, 1, 1, 0, NULL, 0, NULL));
    EXPECT(WALRAS_NULL_POINTER, walras_bid_submit(engine, &auction, NULL, 3, 1, 1, 0, NULL, 0, NULL));
    EXPECT(WALRAS_INVALID_MESSAGE, walras_bid_submit(engine, &auction, "", 0, 1, 1, 0, NULL, 0, NULL));
    EXPECT(WALRAS_BAD_ARGUMENT, walras_bid_submit(engine, &auction, "ann", 3, 1, 1, 64, NULL, 0, NULL));
    EXPECT(WALRAS_INVALID_MESSAGE, walras_bid_submit(engine, &auction, "ann", 3, 1, 1, 0, "a b", 3, NULL));
    EXPECT(WALRAS_BAD_LENGTH, walras_bid_submit(engine, &auction, "ann", UINT64_MAX, 1, 1, 0, NULL, 0, NULL));
    EXPECT(WALRAS_BAD_HANDLE, submit(NULL, &auction, "ann"));
    EXPECT(WALRAS_BAD_HANDLE, submit((const walras_engine *)&local, &auction, "ann"));
    EXPECT(WALRAS_BAD_HANDLE, walras_server_stop((const walras_server *)engine));
    EXPECT(WALRAS_BAD_HANDLE, walras_subscriber_poll((walras_subscriber *)engine, events, 2, 0, &count, &missed));
    EXPECT(WALRAS_NOT_SUPPORTED, walras_engine_advance(engine, 5));
    memset(&auction, 7, sizeof auction);
    EXPECT(WALRAS_AUCTION_NOT_FOUND, submit(engine, &auction, "ann"));
    if (strlen(walras_last_error()) < 10) exit(1);
    EXPECT(WALRAS_OK, walras_engine_free(engine));
    EXPECT(WALRAS_OK, walras_engine_free(NULL));
}

/* In the child the parent's engine is no more than a number; what is plain memory works on, and so does what is new. */
static void forking(void) {
    walras_engine *engine = engine_new("");
    walras_id auction = create(engine);
    walras_terms *terms = NULL;
    walras_grids grids;
    int status = -1;
    pid_t child;
    EXPECT(WALRAS_OK, walras_terms_new(TERMS, strlen(TERMS), &terms));
    child = fork();
    if (child == 0) {
        EXPECT(WALRAS_FORKED, submit(engine, &auction, "ann"));
        EXPECT(WALRAS_FORKED, walras_engine_free(engine));
        EXPECT(WALRAS_OK, walras_terms_grids(terms, &grids, NULL));
        engine = engine_new("");
        auction = create(engine);
        EXPECT(WALRAS_OK, submit(engine, &auction, "ann"));
        EXPECT(WALRAS_OK, walras_engine_free(engine));
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "the child ended with %d\n", status);
        exit(1);
    }
    EXPECT(WALRAS_OK, submit(engine, &auction, "ann"));
    EXPECT(WALRAS_OK, walras_engine_free(engine));
    EXPECT(WALRAS_OK, walras_terms_free(terms));
}

static volatile int is_over;

static void *keep_busy(void *given) {
    walras_engine *engine = (walras_engine *)given;
    walras_terms *terms;
    walras_engine_status status;
    while (!is_over) {
        EXPECT(WALRAS_OK, walras_engine_status_get(engine, &status));
        EXPECT(WALRAS_OK, walras_terms_new(TERMS, strlen(TERMS), &terms));
        EXPECT(WALRAS_OK, walras_terms_free(terms));
    }
    return NULL;
}

/* Whatever other threads are in the middle of when the process forks, the child can go on. */
static void forking_while_busy(void) {
    walras_engine *engine = engine_new("");
    pthread_t threads[2];
    int index, status = -1;
    pid_t child;
    for (index = 0; index < 2; index++)
        if (pthread_create(&threads[index], NULL, keep_busy, engine) != 0) exit(1);
    for (index = 0; index < 200; index++) {
        child = fork();
        if (child == 0) {
            /* One that waits for ever is ended by the signal. */
            alarm(30);
            EXPECT(WALRAS_OK, walras_engine_free(engine_new("{\"clock\":\"manual\"}")));
            _exit(0);
        }
        if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "child %d ended with %d\n", index, status);
            exit(1);
        }
    }
    is_over = 1;
    for (index = 0; index < 2; index++) pthread_join(threads[index], NULL);
    EXPECT(WALRAS_OK, walras_engine_free(engine));
}

static int entered[2], leave[2];

/* Stays inside until it is told to leave. */
static void stay(void *argument, uint32_t level, const char *line) {
    char byte = 0;
    (void)argument, (void)level, (void)line;
    if (write(entered[1], &byte, 1) != 1 || read(leave[0], &byte, 1) != 1) exit(1);
}

static int forget(const char *path, const struct stat *found, int kind, struct FTW *place) {
    (void)found, (void)kind, (void)place;
    return remove(path);
}

static void *engine_with_a_log(void *options) {
    EXPECT(WALRAS_OK, walras_engine_free(engine_new((const char *)options)));
    return NULL;
}

/* A child that was forked while a thread was inside the log function is told so, and waits for nobody. */
static void forking_while_logging(void) {
    char folder[] = "/tmp/walras-XXXXXX", options[128], byte = 0;
    pthread_t thread;
    pid_t child;
    int status = -1;
    if (mkdtemp(folder) == NULL || pipe(entered) != 0 || pipe(leave) != 0) exit(1);
    snprintf(options, sizeof options, "{\"data\":\"%s\",\"durability\":\"os\"}", folder);
    EXPECT(WALRAS_OK, walras_log_set(WALRAS_LOG_INFO, stay, NULL));
    if (pthread_create(&thread, NULL, engine_with_a_log, options) != 0) exit(1);
    if (read(entered[0], &byte, 1) != 1) exit(1);
    child = fork();
    if (child == 0) {
        alarm(30);
        EXPECT(WALRAS_FORKED, walras_log_set(WALRAS_LOG_OFF, NULL, NULL));
        EXPECT(WALRAS_OK, walras_engine_free(engine_new("{\"clock\":\"manual\"}")));
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "the child ended with %d\n", status);
        exit(1);
    }
    /* Any further line finds its byte waiting. */
    if (write(leave[1], "0123456789", 10) != 10) exit(1);
    EXPECT(WALRAS_OK, walras_log_set(WALRAS_LOG_OFF, NULL, NULL));
    pthread_join(thread, NULL);
    if (nftw(folder, forget, 8, FTW_DEPTH | FTW_PHYS) != 0) exit(1);
}

/* The memory of this process in use, in pages. */
static long pages(void) {
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &size, &resident) != 2) exit(1);
    fclose(file);
    return resident;
}

int main(int argument_count, char **arguments) {
    int rounds = argument_count > 1 ? atoi(arguments[1]) : 1, round;
    long before = 0, after;
    misuse();
    many_threads();
    if (argument_count <= 2) {
        forking();
        forking_while_busy();
        forking_while_logging();
    }
    for (round = 0; round < rounds; round++) {
        if (round == rounds / 10) before = pages();
        one_of_everything();
    }
    after = pages();
    printf("%d rounds; %ld pages after a tenth of them, %ld at the end\n", rounds, before, after);
    /* Nine tenths of the rounds may cost no more than a page each hundred. */
    if (rounds >= 1000 && after - before > rounds / 100 + 64) return 1;
    return 0;
}

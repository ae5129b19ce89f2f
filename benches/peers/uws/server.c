/* uWebSockets as a broadcast server that `walras bench` can drive. Prints its port.
 *
 * uWebSockets is on no package registry by itself; the Python package `socketify` carries it as a shared library with
 * a C interface. `benches/fanout.py` fetches that and builds this file against it, and declares here what it calls. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct uws_app_s uws_app;
typedef struct uws_res_s uws_res;
typedef struct uws_req_s uws_req;
typedef struct uws_websocket_s uws_websocket;
typedef struct uws_socket_context_s uws_socket_context;
struct us_listen_socket_t;

enum { TEXT = 1 };

struct us_socket_context_options_t {
    const char *key_file, *cert_file, *passphrase, *dh_params_file, *ca_file, *ciphers;
    int prefer_low_memory;
};

typedef struct {
    int port;
    const char *host;
    int options;
} listen_config;

typedef struct {
    int compression;
    unsigned int max_payload_length;
    unsigned short idle_timeout_s;
    unsigned int max_backpressure;
    bool close_on_backpressure_limit, reset_idle_timeout_on_send, send_pings_automatically;
    unsigned short max_lifetime_min;
    void (*upgrade)(uws_res *, uws_req *, uws_socket_context *, void *);
    void (*open)(uws_websocket *, void *);
    void (*message)(uws_websocket *, const char *, size_t, int, void *);
    void (*drain)(uws_websocket *, void *);
    void (*ping)(uws_websocket *, const char *, size_t, void *);
    void (*pong)(uws_websocket *, const char *, size_t, void *);
    void (*close)(uws_websocket *, int, const char *, size_t, void *);
    void (*subscription)(uws_websocket *, const char *, size_t, int, int, void *);
} socket_behavior;

void *socketify_create_loop(void);
void *socketify_get_native_loop(void *loop);
int socketify_loop_run(void *loop, int mode);
void *uws_get_loop_with_native(void *native_loop);
uws_app *uws_create_app(int ssl, struct us_socket_context_options_t options);
void uws_app_any(int ssl, uws_app *app, const char *pattern, void (*handler)(uws_res *, uws_req *, void *), void *data);
void uws_res_end(int ssl, uws_res *response, const char *body, size_t length, bool close);
void uws_ws(int ssl, uws_app *app, const char *pattern, socket_behavior behavior, void *data);
int uws_ws_send(int ssl, uws_websocket *socket, const char *message, size_t length, int opcode);
bool uws_ws_subscribe(int ssl, uws_websocket *socket, const char *topic, size_t length);
bool uws_publish(int ssl, uws_app *app, const char *topic, size_t topic_length, const char *message,
                 size_t message_length, int opcode, bool compress);
void uws_app_listen_with_config(int ssl, uws_app *app, listen_config config,
                                void (*handler)(struct us_listen_socket_t *, listen_config, void *), void *data);
int us_socket_local_port(int ssl, void *socket);

/* As long as what walras sends for a bid. */
static const char EVENT[] =
    "{\"type\":\"new_bid\",\"timestamp\":\"2024-01-01T00:00:31.000Z\",\"payload\":{"
    "\"bid_id\":\"660e8400-e29b-41d4-a716-446655440001\",\"auction_id\":\"550e8400-e29b-41d4-a716-446655440000\","
    "\"quantity\":100.0,\"price\":52.0,\"timestamp\":\"2024-01-01T00:00:31.000Z\",\"is_phantom\":false,"
    "\"current_price\":48.5,\"offset\":129},\"padding\":\"0123\"}";
static const char TOPIC[] = "bids";

static uws_app *app;

static bool says(const char *message, size_t length, const char *word)
{
    return memmem(message, length, word, strlen(word)) != NULL;
}

static void answer(uws_websocket *socket, const char *message)
{
    uws_ws_send(0, socket, message, strlen(message), TEXT);
}

static void on_message(uws_websocket *socket, const char *message, size_t length, int opcode, void *data)
{
    (void)opcode, (void)data;
    if (says(message, length, "\"ping\"")) {
        answer(socket, "{\"type\":\"pong\",\"timestamp\":\"2024-01-01T00:00:31.000Z\"}");
    } else if (says(message, length, "auth\"")) {
        answer(socket, "{\"type\":\"auth_success\"}");
    } else if (says(message, length, "subscribe")) {
        uws_ws_subscribe(0, socket, TOPIC, sizeof TOPIC - 1);
        answer(socket, "{\"type\":\"subscribed\"}");
    } else {
        uws_publish(0, app, TOPIC, sizeof TOPIC - 1, EVENT, sizeof EVENT - 1, TEXT, false);
        answer(socket, "{\"type\":\"bid_accepted\"}");
    }
}

/* A wish to open or end an auction is granted. */
static void on_request(uws_res *response, uws_req *request, void *data)
{
    (void)request, (void)data;
    uws_res_end(0, response, "", 0, false);
}

static void on_listen(struct us_listen_socket_t *socket, listen_config config, void *data)
{
    (void)config, (void)data;
    printf("%d\n", socket == NULL ? 0 : us_socket_local_port(0, socket));
    fflush(stdout);
}

int main(void)
{
    void *loop = socketify_create_loop();
    uws_get_loop_with_native(socketify_get_native_loop(loop));
    app = uws_create_app(0, (struct us_socket_context_options_t){0});
    if (app == NULL) return 1;
    uws_ws(0, app, "/*", (socket_behavior){.max_payload_length = 64 * 1024, .max_backpressure = 1024 * 1024,
                                           .message = on_message}, NULL);
    uws_app_any(0, app, "/*", on_request, NULL);
    uws_app_listen_with_config(0, app, (listen_config){.port = 0, .host = "127.0.0.1"}, on_listen, NULL);
    return socketify_loop_run(loop, 0);
}

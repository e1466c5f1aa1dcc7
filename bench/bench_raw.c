/*  The same work on bare libzmq, between processes over tcp: round trip,
    one-way with a counting acknowledgement, PUB to N SUBs.                   */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "bench/bench.h"

#define EVENT_SIZE 300

static void
s_bind (void *socket, char *endpoint, size_t size)
{
    if (zmq_bind (socket, "tcp://127.0.0.1:*"))
        bench_die ("bind", zmq_strerror (zmq_errno ()));
    zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
}

static void
s_echo (int in, int out, void *arg)
{
    (void)arg;
    void *context = zmq_ctx_new (), *router = zmq_socket (context, ZMQ_ROUTER);
    char endpoint[256];
    s_bind (router, endpoint, sizeof endpoint);
    bench_write_line (out, endpoint);
    (void)in;
    for (;;) {
        char id[256], body[1024];
        int id_size = zmq_recv (router, id, sizeof id, 0);
        int size = zmq_recv (router, body, sizeof body, 0);
        if (id_size < 0 || size < 2)
            break;
        zmq_send (router, id, (size_t)id_size, ZMQ_SNDMORE);
        zmq_send (router, body, (size_t)size, 0);
    }
    int linger = 0;
    zmq_setsockopt (router, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close (router);
    zmq_ctx_term (context);
}

static void
s_round_trip (const char *name)
{
    long count = bench_env ("BENCH_ROUND_TRIPS", 20000);
    bench_child_t child = bench_fork (s_echo, NULL);
    char endpoint[256], body[EVENT_SIZE] = "x", answer[1024];
    bench_read_line (child.from_child, endpoint, sizeof endpoint);
    void *context = zmq_ctx_new (), *dealer = zmq_socket (context, ZMQ_DEALER);
    zmq_connect (dealer, endpoint);
    int64_t *samples = calloc ((size_t)count, sizeof *samples);
    for (long i = -200; i < count; i++) {
        int64_t start = bench_now_ns ();
        zmq_send (dealer, body, sizeof body, 0);
        zmq_recv (dealer, answer, sizeof answer, 0);
        if (i >= 0)
            samples[i] = bench_now_ns () - start;
    }
    zmq_send (dealer, "", 0, 0);
    bench_print_percentiles (name, samples, (size_t)count);
    bench_join (&child);
    free (samples);
    zmq_close (dealer);
    zmq_ctx_term (context);
}

static void
s_sink (int in, int out, void *arg)
{
    long count = *(long *)arg;
    void *context = zmq_ctx_new (), *pull = zmq_socket (context, ZMQ_PULL);
    char endpoint[256], body[1024];
    s_bind (pull, endpoint, sizeof endpoint);
    bench_write_line (out, endpoint);
    (void)in;
    for (long i = 0; i < count; i++)
        zmq_recv (pull, body, sizeof body, 0);
    bench_write_line (out, "done");
    zmq_close (pull);
    zmq_ctx_term (context);
}

static void
s_one_way (void)
{
    long count = bench_env ("BENCH_EVENTS", 600000);
    bench_child_t child = bench_fork (s_sink, &count);
    char line[256], body[EVENT_SIZE] = "x";
    bench_read_line (child.from_child, line, sizeof line);
    void *context = zmq_ctx_new (), *push = zmq_socket (context, ZMQ_PUSH);
    zmq_connect (push, line);
    bench_meter_t meter = {.pids = {child.pid}, .count = 1};
    bench_meter_start (&meter);
    for (long i = 0; i < count; i++)
        zmq_send (push, body, sizeof body, 0);
    bench_read_line (child.from_child, line, sizeof line);
    bench_meter_print (&meter, "raw.targeted", (double)count, "events/s");
    bench_join (&child);
    zmq_close (push);
    zmq_ctx_term (context);
}

typedef struct {
    char endpoint[256];
    long count;
    int subscribers;
} s_fan_t;

static void
s_subscribers (int in, int out, void *arg)
{
    (void)in;
    s_fan_t *fan = arg;
    void *context = zmq_ctx_new ();
    void *subs[64];
    int none = 0;
    for (int i = 0; i < fan->subscribers; i++) {
        subs[i] = zmq_socket (context, ZMQ_SUB);
        zmq_setsockopt (subs[i], ZMQ_RCVHWM, &none, sizeof none);
        zmq_setsockopt (subs[i], ZMQ_SUBSCRIBE, "", 0);
        zmq_connect (subs[i], fan->endpoint);
    }
    char body[1024];
    for (int i = 0; i < fan->subscribers; i++) /* a first one: all are live */
        zmq_recv (subs[i], body, sizeof body, 0);
    bench_write_line (out, "ready");
    for (int i = 0; i < fan->subscribers; i++)
        for (long n = 0; n < fan->count;)
            if (zmq_recv (subs[i], body, sizeof body, 0) == EVENT_SIZE)
                n++;
    bench_write_line (out, "done");
    for (int i = 0; i < fan->subscribers; i++)
        zmq_close (subs[i]);
    zmq_ctx_term (context);
}

/*  A port that was free a moment ago: the child must fork before this process
    has a context, so it learns the endpoint before the socket is bound.      */
static void
s_free_endpoint (char *endpoint, size_t size)
{
    void *context = zmq_ctx_new (), *probe = zmq_socket (context, ZMQ_PUB);
    s_bind (probe, endpoint, size);
    zmq_close (probe);
    zmq_ctx_term (context);
}

static void
s_fan_out (int subscribers)
{
    s_fan_t fan = {.count =
                       bench_env ("BENCH_BROADCASTS", 1000000) / subscribers,
                   .subscribers = subscribers};
    s_free_endpoint (fan.endpoint, sizeof fan.endpoint);
    bench_child_t child = bench_fork (s_subscribers, &fan);
    void *context = zmq_ctx_new (), *pub = zmq_socket (context, ZMQ_PUB);
    int none = 0;
    zmq_setsockopt (pub, ZMQ_SNDHWM, &none, sizeof none);
    if (zmq_bind (pub, fan.endpoint))
        bench_die (fan.endpoint, zmq_strerror (zmq_errno ()));
    char line[64], body[EVENT_SIZE] = "x";
    zmq_pollitem_t item = {.fd = child.from_child, .events = ZMQ_POLLIN};
    while (zmq_poll (&item, 1, 5) == 0)
        zmq_send (pub, "?", 1, 0);
    bench_read_line (child.from_child, line, sizeof line);
    char name[64];
    snprintf (name, sizeof name, "raw.broadcast_%d", subscribers);
    bench_meter_t meter = {.pids = {child.pid}, .count = 1};
    bench_meter_start (&meter);
    for (long i = 0; i < fan.count; i++)
        zmq_send (pub, body, sizeof body, 0);
    bench_read_line (child.from_child, line, sizeof line);
    bench_meter_print (&meter, name, (double)fan.count * subscribers,
                       "deliveries/s");
    bench_join (&child);
    zmq_close (pub);
    zmq_ctx_term (context);
}

int
main (void)
{
    bench_pin (1);
    s_round_trip ("raw.round_trip_pinned");
    bench_pin (0);
    s_round_trip ("raw.round_trip");
    s_one_way ();
    s_fan_out (16);
    s_fan_out (64);
    return 0;
}

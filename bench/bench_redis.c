/*  The same work through Redis publish/subscribe: round trip between two
    clients, one publisher to one subscriber, one publisher to N subscribers in
    four processes. Nothing is numbered, acknowledged or stored.              */

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"

#define EVENT_SIZE 300
#define PROCESSES 4
#define BATCH 64 /* publishes on their way at once */

static redisContext *
s_dial (int port)
{
    redisContext *context = redisConnect ("127.0.0.1", port);
    if (!context || context->err)
        bench_die ("redis", context ? context->errstr : "no memory");
    return context;
}

static redisReply *
s_reply (redisContext *context)
{
    void *reply = NULL;
    if (redisGetReply (context, &reply) != REDIS_OK || !reply ||
        ((redisReply *)reply)->type == REDIS_REPLY_ERROR)
        bench_die ("redis", "no reply");
    return reply;
}

static void
s_skip (redisContext *context)
{
    freeReplyObject (s_reply (context));
}

static void
s_flush (redisContext *context)
{
    for (int done = 0; !done;)
        if (redisBufferWrite (context, &done) != REDIS_OK)
            bench_die ("redis", context->errstr);
}

static void
s_echo (int in, int out, void *arg)
{
    (void)in;
    redisContext *from = s_dial (*(int *)arg), *to = s_dial (*(int *)arg);
    redisAppendCommand (from, "SUBSCRIBE bench:request");
    s_skip (from);
    bench_write_line (out, "ready");
    for (bool last = false; !last;) {
        redisReply *event = s_reply (from);
        last = event->element[2]->len < EVENT_SIZE;
        redisAppendCommand (to, "PUBLISH bench:answer %b",
                            event->element[2]->str, event->element[2]->len);
        s_flush (to);
        freeReplyObject (event);
        s_skip (to);
    }
    redisFree (from);
    redisFree (to);
}

static void
s_round_trip (int port, const char *name)
{
    long count = bench_env ("BENCH_ROUND_TRIPS", 20000);
    bench_child_t child = bench_fork (s_echo, &port);
    char line[16], body[EVENT_SIZE] = "x";
    bench_read_line (child.from_child, line, sizeof line);
    redisContext *from = s_dial (port), *to = s_dial (port);
    redisAppendCommand (from, "SUBSCRIBE bench:answer");
    s_skip (from);
    int64_t *samples = calloc ((size_t)count, sizeof *samples);
    for (long i = -200; i < count; i++) {
        int64_t start = bench_now_ns ();
        redisAppendCommand (to, "PUBLISH bench:request %b", body, sizeof body);
        s_flush (to);
        s_skip (from);
        if (i >= 0)
            samples[i] = bench_now_ns () - start;
        s_skip (to);
    }
    redisAppendCommand (to, "PUBLISH bench:request end");
    s_skip (to);
    bench_print_percentiles (name, samples, (size_t)count);
    free (samples);
    redisFree (from);
    redisFree (to);
    bench_join (&child);
}

typedef struct {
    int port;
    int subscribers; /* in this process                                       */
    long count;
} s_fan_t;

/*  hiredis blocks, so each subscriber has a thread, as each agent has.      */
static void *
s_subscriber (void *arg)
{
    const s_fan_t *fan = arg;
    redisContext *context = s_dial (fan->port);
    redisAppendCommand (context, "SUBSCRIBE bench:fan");
    s_skip (context);
    for (long n = 0; n < fan->count;) {
        redisReply *event = s_reply (context);
        n += event->element[2]->len == EVENT_SIZE;
        freeReplyObject (event);
    }
    redisFree (context);
    return NULL;
}

static void
s_subscribers (int in, int out, void *arg)
{
    s_fan_t *fan = arg;
    pthread_t threads[64];
    char line[16];
    for (int i = 0; i < fan->subscribers; i++)
        if (pthread_create (&threads[i], NULL, s_subscriber, fan))
            bench_die ("thread", "failed");
    bench_write_line (out, "ready");
    for (int i = 0; i < fan->subscribers; i++)
        pthread_join (threads[i], NULL);
    bench_write_line (out, "done");
    while (read (in, line, sizeof line) > 0) {
    }
}

/*  PUBLISH answers with the number of subscribers it reached.               */
static void
s_wait_subscribed (redisContext *context, int subscribers)
{
    for (long long reached = 0; reached < subscribers;) {
        redisAppendCommand (context, "PUBLISH bench:fan ?");
        redisReply *reply = s_reply (context);
        reached = reply->integer;
        freeReplyObject (reply);
    }
}

static void
s_fan (int port, int server, int processes, int subscribers, long count,
       const char *name, const char *unit)
{
    s_fan_t fan = {
        .port = port, .subscribers = subscribers / processes, .count = count};
    bench_child_t children[PROCESSES];
    char line[64], body[EVENT_SIZE] = "x";
    for (int i = 0; i < processes; i++)
        children[i] = bench_fork (s_subscribers, &fan);
    for (int i = 0; i < processes; i++)
        bench_read_line (children[i].from_child, line, sizeof line);
    redisContext *context = s_dial (port);
    s_wait_subscribed (context, subscribers);
    bench_meter_t meter = {.pids = {server}, .count = 1};
    for (int i = 0; i < processes; i++)
        bench_meter_add (&meter, children[i].pid);
    bench_meter_start (&meter);
    for (long sent = 0; sent < count;) {
        int n = 0;
        for (; n < BATCH && sent < count; n++, sent++)
            redisAppendCommand (context, "PUBLISH bench:fan %b", body,
                                sizeof body);
        while (n--)
            s_skip (context);
    }
    for (int i = 0; i < processes; i++)
        bench_read_line (children[i].from_child, line, sizeof line);
    bench_meter_print (&meter, name, (double)count * subscribers, unit);
    for (int i = 0; i < processes; i++)
        bench_join (&children[i]);
    redisFree (context);
}

static int
s_serve (int *port_p, int *pid_p)
{
    char port[16];
    *port_p = bench_free_port ();
    snprintf (port, sizeof port, "%d", *port_p);
    const char *argv[] = {"redis-server",
                          "--port",
                          port,
                          "--bind",
                          "127.0.0.1",
                          "--save",
                          "",
                          "--appendonly",
                          "no",
                          "--client-output-buffer-limit",
                          "pubsub 0 0 0",
                          NULL};
    return bench_server_start (argv, *port_p, pid_p);
}

int
main (void)
{
    int port, server;
    bench_pin (1);
    if (!s_serve (&port, &server)) {
        fprintf (stderr, "bench_redis: redis-server is not installed\n");
        return 0;
    }
    s_round_trip (port, "redis.round_trip_pinned");
    bench_server_stop (server);
    bench_pin (0);
    s_serve (&port, &server);
    long broadcasts = bench_env ("BENCH_BROADCASTS", 1000000);
    s_round_trip (port, "redis.round_trip");
    s_fan (port, server, 1, 1, bench_env ("BENCH_EVENTS", 600000),
           "redis.targeted", "events/s");
    s_fan (port, server, PROCESSES, 16, broadcasts / 16, "redis.broadcast_16",
           "deliveries/s");
    s_fan (port, server, PROCESSES, 64, broadcasts / 64, "redis.broadcast_64",
           "deliveries/s");
    bench_server_stop (server);
    return 0;
}

/*  The same work through a NATS server: request and reply between two clients,
    one publisher to one subscriber, one publisher to N subscribers in four
    processes. Core NATS: nothing is numbered, acknowledged or stored.        */

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"

#define EVENT_SIZE 300
#define PROCESSES 4
#define CREDIT 16384 /* how far the publisher runs ahead of a process */

static void
s_ok (natsStatus status, const char *what)
{
    if (status != NATS_OK)
        bench_die (what, natsStatus_GetText (status));
}

static natsConnection *
s_dial (int port, bool at_once)
{
    natsOptions *options = NULL;
    natsConnection *connection = NULL;
    char url[64];
    snprintf (url, sizeof url, "nats://127.0.0.1:%d", port);
    s_ok (natsOptions_Create (&options), "options");
    s_ok (natsOptions_SetURL (options, url), url);
    s_ok (natsOptions_SetSendAsap (options, at_once), "asap");
    s_ok (natsConnection_Connect (&connection, options), url);
    natsOptions_Destroy (options);
    return connection;
}

static void
s_on_request (natsConnection *connection, natsSubscription *subscription,
              natsMsg *message, void *arg)
{
    (void)subscription;
    (void)arg;
    s_ok (natsConnection_Publish (connection, natsMsg_GetReply (message),
                                  natsMsg_GetData (message),
                                  natsMsg_GetDataLength (message)),
          "reply");
    natsMsg_Destroy (message);
}

static void
s_echo (int in, int out, void *arg)
{
    natsConnection *connection = s_dial (*(int *)arg, true);
    natsSubscription *subscription;
    char line[16];
    s_ok (natsConnection_Subscribe (&subscription, connection, "bench.echo",
                                    s_on_request, NULL),
          "subscribe");
    s_ok (natsConnection_Flush (connection), "flush");
    bench_write_line (out, "ready");
    while (read (in, line, sizeof line) > 0) {
    }
    natsSubscription_Destroy (subscription);
    natsConnection_Destroy (connection);
}

static void
s_round_trip (int port, const char *name)
{
    long count = bench_env ("BENCH_ROUND_TRIPS", 20000);
    bench_child_t child = bench_fork (s_echo, &port);
    char line[16], body[EVENT_SIZE] = "x";
    bench_read_line (child.from_child, line, sizeof line);
    natsConnection *connection = s_dial (port, true);
    int64_t *samples = calloc ((size_t)count, sizeof *samples);
    for (long i = -200; i < count; i++) {
        natsMsg *answer = NULL;
        int64_t start = bench_now_ns ();
        s_ok (natsConnection_Request (&answer, connection, "bench.echo", body,
                                      sizeof body, 5000),
              "request");
        if (i >= 0)
            samples[i] = bench_now_ns () - start;
        natsMsg_Destroy (answer);
    }
    bench_print_percentiles (name, samples, (size_t)count);
    free (samples);
    natsConnection_Destroy (connection);
    bench_join (&child);
}

typedef struct {
    int port;
    int subscribers; /* in this process                                       */
    long count;
} s_fan_t;

typedef struct {
    long count;
    _Atomic long got;
} s_count_t;

static void
s_on_event (natsConnection *connection, natsSubscription *subscription,
            natsMsg *message, void *arg)
{
    (void)connection;
    (void)subscription;
    ((s_count_t *)arg)->got++;
    natsMsg_Destroy (message);
}

/*  Each subscriber has a connection, as each agent has a session. The slowest
    one's count goes to the publisher now and then, which waits when it is too
    far ahead: without that the server would cut slow subscribers off.        */
static void
s_subscribers (int in, int out, void *arg)
{
    const s_fan_t *fan = arg;
    natsConnection *connections[64];
    natsSubscription *subscriptions[64];
    s_count_t counts[64] = {{0}};
    char line[32];
    for (int i = 0; i < fan->subscribers; i++) {
        connections[i] = s_dial (fan->port, false);
        s_ok (natsConnection_Subscribe (&subscriptions[i], connections[i],
                                        "bench.fan", s_on_event, &counts[i]),
              "subscribe");
        s_ok (natsSubscription_SetPendingLimits (subscriptions[i], -1, -1),
              "limits");
        s_ok (natsConnection_Flush (connections[i]), "flush");
    }
    bench_write_line (out, "ready");
    for (long told = 0; told < fan->count;) {
        long least = fan->count;
        for (int i = 0; i < fan->subscribers; i++)
            if (counts[i].got < least)
                least = counts[i].got;
        if (least == fan->count || least - told >= CREDIT / 4) {
            told = least;
            snprintf (line, sizeof line, "%ld", told);
            bench_write_line (out, line);
        } else
            usleep (200);
    }
    while (read (in, line, sizeof line) > 0) {
    }
    for (int i = 0; i < fan->subscribers; i++) {
        natsSubscription_Destroy (subscriptions[i]);
        natsConnection_Destroy (connections[i]);
    }
}

static long
s_least (bench_child_t *children, long *done, int processes, long needed)
{
    long least = 0;
    for (int i = 0; i < processes; i++) {
        char line[32];
        while (done[i] < needed) {
            bench_read_line (children[i].from_child, line, sizeof line);
            done[i] = strtol (line, NULL, 10);
        }
        if (i == 0 || done[i] < least)
            least = done[i];
    }
    return least;
}

/*  Deliveries per second, and CPU of publisher, server and subscribers.     */
static void
s_fan (int port, int server, int processes, int subscribers, long count,
       const char *name, const char *unit)
{
    s_fan_t fan = {
        .port = port, .subscribers = subscribers / processes, .count = count};
    bench_child_t children[PROCESSES];
    long done[PROCESSES] = {0};
    char line[64], body[EVENT_SIZE] = "x";
    for (int i = 0; i < processes; i++)
        children[i] = bench_fork (s_subscribers, &fan);
    for (int i = 0; i < processes; i++)
        bench_read_line (children[i].from_child, line, sizeof line);
    natsConnection *connection = s_dial (port, false);
    bench_meter_t meter = {.pids = {server}, .count = 1};
    for (int i = 0; i < processes; i++)
        bench_meter_add (&meter, children[i].pid);
    bench_meter_start (&meter);
    for (long i = 0; i < count; i++) {
        if (i % 256 == 0 && i > CREDIT)
            s_least (children, done, processes, i - CREDIT);
        s_ok (
            natsConnection_Publish (connection, "bench.fan", body, sizeof body),
            "publish");
    }
    s_ok (natsConnection_Flush (connection), "flush");
    s_least (children, done, processes, count);
    bench_meter_print (&meter, name, (double)count * subscribers, unit);
    for (int i = 0; i < processes; i++)
        bench_join (&children[i]);
    natsConnection_Destroy (connection);
}

static int
s_serve (int *port_p, int *pid_p)
{
    char port[16];
    *port_p = bench_free_port ();
    snprintf (port, sizeof port, "%d", *port_p);
    const char *argv[] = {"nats-server", "-a", "127.0.0.1", "-p", port, NULL};
    return bench_server_start (argv, *port_p, pid_p);
}

int
main (void)
{
    int port, server;
    bench_pin (1);
    if (!s_serve (&port, &server)) {
        fprintf (stderr, "bench_nats: nats-server is not installed\n");
        return 0;
    }
    s_round_trip (port, "nats.round_trip_pinned");
    bench_server_stop (server);
    bench_pin (0);
    s_serve (&port, &server);
    long broadcasts = bench_env ("BENCH_BROADCASTS", 1000000);
    s_round_trip (port, "nats.round_trip");
    s_fan (port, server, 1, 1, bench_env ("BENCH_EVENTS", 600000),
           "nats.targeted", "events/s");
    s_fan (port, server, PROCESSES, 16, broadcasts / 16, "nats.broadcast_16",
           "deliveries/s");
    s_fan (port, server, PROCESSES, 64, broadcasts / 64, "nats.broadcast_64",
           "deliveries/s");
    bench_server_stop (server);
    nats_Close ();
    return 0;
}

/*  What one hop through a node adds: the round trip between two agents of one
    node (two hops), beside two threads that hand the same bytes to and fro over
    inproc sockets; half of the difference.                                   */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "bench/mesh.h"

static void *
s_echo (void *context)
{
    char body[1024];
    int size;
    void *pair = zmq_socket (context, ZMQ_PAIR);
    if (zmq_connect (pair, "inproc://bench"))
        bench_die ("connect", zmq_strerror (zmq_errno ()));
    while ((size = zmq_recv (pair, body, sizeof body, 0)) > 0)
        zmq_send (pair, body, (size_t)size, 0);
    zmq_close (pair);
    return NULL;
}

static double
s_direct (int64_t *samples, long count)
{
    char body[300] = "x";
    void *context = zmq_ctx_new (), *pair = zmq_socket (context, ZMQ_PAIR);
    pthread_t thread;
    if (zmq_bind (pair, "inproc://bench") ||
        pthread_create (&thread, NULL, s_echo, context))
        bench_die ("inproc", "failed");
    for (long i = -200; i < count; i++) {
        int64_t start = bench_now_ns ();
        zmq_send (pair, body, sizeof body, 0);
        zmq_recv (pair, body, sizeof body, 0);
        if (i >= 0)
            samples[i] = bench_now_ns () - start;
    }
    zmq_send (pair, "", 0, 0);
    pthread_join (thread, NULL);
    zmq_close (pair);
    zmq_ctx_term (context);
    bench_print_percentiles ("hop.direct_round_trip", samples, (size_t)count);
    return (double)samples[count / 2] / 1000;
}

static double
s_through_node (int64_t *samples, long count)
{
    covey_node_t *node = bench_node ("one", NULL, NULL, false);
    bench_far_t what = {.agents = 1};
    bench_receivers_t receivers = {.count = 0};
    bench_receivers_start (&receivers, node, &what);
    covey_agent_t *agent = bench_sender (node);
    char params[BENCH_BODY + 1];
    memset (params, 'x', sizeof params);
    params[0] = params[BENCH_BODY - 1] = '"';
    params[BENCH_BODY] = '\0';
    for (long i = -200; i < count; i++) {
        int64_t start = bench_now_ns ();
        bench_check (
            covey_agent_request (agent, "far-0-0", "ping", params, 5000, NULL),
            "request");
        if (i >= 0)
            samples[i] = bench_now_ns () - start;
    }
    covey_agent_destroy (&agent);
    bench_receivers_stop (&receivers);
    covey_node_destroy (&node);
    bench_print_percentiles ("hop.node_round_trip", samples, (size_t)count);
    return (double)samples[count / 2] / 1000;
}

int
main (void)
{
    long count = bench_env ("BENCH_ROUND_TRIPS", 20000);
    int64_t *samples = calloc ((size_t)count, sizeof *samples);
    double node = s_through_node (samples, count);
    double direct = s_direct (samples, count);
    bench_print ("hop.added.p50", (node - direct) / 2, "us");
    free (samples);
    return 0;
}

/*  Agents on two node processes over tcp: round trip of a request, targeted
    events, broadcasts to N subscribing agents, stored events.                */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "covey.h"

#define BODY_SIZE 200 /* an event of about 300 bytes */

typedef struct {
    char join[128];  /* the first node's endpoint                            */
    int subscribers; /* agents in the second process that subscribe          */
    long expected;   /* events each of them waits for                        */
} s_far_t;

/*  Counts in handlers, which run in threads of the agents.                  */
typedef struct {
    long expected;
    _Atomic long got;
} s_count_t;

static covey_err_t
s_on_count (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    (void)event;
    s_count_t *count = arg;
    count->got++;
    return COVEY_OK;
}

static covey_err_t
s_on_request (covey_agent_t *agent, const covey_event_t *request, void *arg)
{
    (void)arg;
    static const char body[BODY_SIZE] = "x";
    return covey_agent_respond (agent, request, COVEY_CONTENT_BINARY, body,
                                sizeof body);
}

/*  An event that was dropped never arrives: better to say so than to wait.  */
static void
s_on_notice (covey_agent_t *agent, const covey_notice_t *notice, void *arg)
{
    (void)agent;
    (void)arg;
    if (notice->kind == COVEY_NOTICE_UNDELIVERED)
        bench_die ("an event was dropped", notice->text);
}

static covey_node_t *
s_node (const char *name, const char *join, const char *data)
{
    covey_node_t *node = covey_node_new (name);
    bench_check (covey_node_set (node, "listen", "127.0.0.1:0"), "listen");
    if (join)
        bench_check (covey_node_set (node, "join", join), "join");
    if (data)
        bench_check (covey_node_set (node, "data", data), "data");
    bench_check (covey_node_start (node, 10000), "start");
    return node;
}

static void
s_wait (const s_count_t *counts, int n)
{
    int64_t deadline = bench_now_ns () + (int64_t)120 * 1000000000;
    for (int i = 0; i < n;) {
        if (counts[i].got >= counts[i].expected)
            i++;
        else if (bench_now_ns () > deadline)
            bench_die ("events", "not all arrived within two minutes");
        else
            usleep (200);
    }
}

static covey_agent_t *
s_receiver (covey_node_t *node, int index, s_count_t *count, bool subscribe)
{
    char id[32];
    snprintf (id, sizeof id, "far-%d", index);
    covey_agent_t *agent = covey_agent_new (id, "receiver");
    covey_agent_on_request (agent, s_on_request, NULL);
    covey_agent_on_message (agent, s_on_count, count);
    bench_check (covey_agent_attach (agent, node, 10000), "attach");
    bench_check (covey_agent_start (agent), "start");
    if (subscribe) {
        int type = COVEY_EVENT_SYSTEM_INFO;
        covey_filter_t filter = {.types = &type, .type_count = 1};
        uint32_t handle;
        bench_check (covey_agent_subscribe (agent, &filter, NULL, s_on_count,
                                            count, &handle),
                     "subscribe");
    }
    return agent;
}

/*  The second process: a node and its agents, until the pipe closes.        */
static void
s_far (int in, int out, void *arg)
{
    const s_far_t *far = arg;
    char line[64], join[128];
    bench_read_line (in, join, sizeof join);
    covey_node_t *node = s_node ("far", join, NULL);
    bench_check (covey_node_wait_nodes (node, 2, 10000), "nodes");
    int n = far->subscribers > 0 ? far->subscribers : 1;
    s_count_t counts[64] = {{0}};
    covey_agent_t *agents[64];
    for (int i = 0; i < n; i++) {
        counts[i].expected = far->expected;
        agents[i] = s_receiver (node, i, &counts[i], far->subscribers > 0);
    }
    bench_write_line (out, "ready");
    if (far->expected) {
        s_wait (counts, n);
        bench_write_line (out, "done");
    }
    while (read (in, line, sizeof line) > 0) {
    }
    for (int i = 0; i < n; i++)
        covey_agent_destroy (&agents[i]);
    covey_node_destroy (&node);
}

typedef struct {
    bench_child_t child;
    covey_node_t *node;
    covey_agent_t *agent;
} s_near_t;

/*  The child forks first: no thread and no socket exists yet.               */
static void
s_open (s_near_t *near, s_far_t *far, const char *data)
{
    near->child = bench_fork (s_far, far);
    near->node = s_node ("near", NULL, data);
    bench_write_line (near->child.to_child, covey_node_endpoint (near->node));
    near->agent = covey_agent_new ("near", "sender");
    covey_agent_on_notice (near->agent, s_on_notice, NULL);
    bench_check (covey_agent_attach (near->agent, near->node, 10000), "attach");
    char line[64];
    bench_read_line (near->child.from_child, line, sizeof line);
    int n = far->subscribers > 0 ? far->subscribers : 1;
    bench_check (covey_node_wait_agents (near->node, (size_t)n + 1, 10000),
                 "agents");
}

static void
s_close (s_near_t *near)
{
    bench_join (&near->child);
    covey_agent_destroy (&near->agent);
    covey_node_destroy (&near->node);
}

static void
s_round_trip (void)
{
    long count = bench_env ("BENCH_ROUND_TRIPS", 20000);
    s_near_t near;
    s_far_t far = {.subscribers = 0};
    s_open (&near, &far, NULL);
    char params[BODY_SIZE + 16];
    memset (params, 'x', sizeof params);
    params[0] = params[BODY_SIZE - 1] = '"';
    params[BODY_SIZE] = '\0';
    int64_t *samples = calloc ((size_t)count, sizeof *samples);
    for (long i = -200; i < count; i++) {
        int64_t start = bench_now_ns ();
        bench_check (covey_agent_request (near.agent, "far-0", "ping", params,
                                          5000, NULL),
                     "request");
        if (i >= 0)
            samples[i] = bench_now_ns () - start;
    }
    bench_print_percentiles ("mesh.round_trip", samples, (size_t)count);
    free (samples);
    s_close (&near);
}

static covey_event_t *
s_event (int type, const char *target)
{
    static const char body[BODY_SIZE] = "x";
    covey_event_t *event = covey_event_new (type);
    if (target) {
        bench_check (covey_event_add_target (event, target), "target");
        bench_check (covey_event_set_str (event, "messageId", "m"), "id");
        bench_check (covey_event_set_payload (event, "content",
                                              COVEY_CONTENT_BINARY, body,
                                              sizeof body),
                     "content");
        bench_check (covey_event_set_str (event, "contentType", "binary"),
                     "type");
    } else {
        bench_check (covey_event_set_str (event, "component", "bench"), "c");
        bench_check (covey_event_set_str (event, "message", "m"), "m");
        bench_check (covey_event_set_payload (event, "details",
                                              COVEY_CONTENT_BINARY, body,
                                              sizeof body),
                     "details");
    }
    return event;
}

/*  Post, and when the window is full wait for the node to catch up.         */
static void
s_post_all (covey_agent_t *agent, int type, const char *target, long count)
{
    for (long i = 0; i < count; i++) {
        covey_event_t *event = s_event (type, target);
        covey_err_t rc = covey_agent_post (agent, &event);
        while (rc == COVEY_EAGAIN) {
            bench_check (covey_agent_flush (agent, COVEY_LEVEL_ACCEPTED, 60000),
                         "flush");
            event = s_event (type, target);
            rc = covey_agent_post (agent, &event);
        }
        bench_check (rc, "post");
    }
    bench_check (covey_agent_flush (agent, COVEY_LEVEL_ACCEPTED, 60000),
                 "flush");
}

static void
s_targeted (void)
{
    long count = bench_env ("BENCH_EVENTS", 300000);
    s_near_t near;
    s_far_t far = {.expected = count};
    s_open (&near, &far, NULL);
    char line[64];
    bench_check (covey_agent_start (near.agent), "start"); /* for notices */
    int64_t start = bench_now_ns ();
    s_post_all (near.agent, COVEY_EVENT_MESSAGE_SENT, "far-0", count);
    bench_read_line (near.child.from_child, line, sizeof line);
    bench_print ("mesh.targeted",
                 (double)count * 1e9 / (double)(bench_now_ns () - start),
                 "events/s");
    s_close (&near);
}

static void
s_broadcast (int subscribers)
{
    long count = bench_env ("BENCH_BROADCASTS", 100000) / subscribers;
    s_near_t near;
    s_far_t far = {.subscribers = subscribers, .expected = count};
    s_open (&near, &far, NULL);
    char line[64], name[64];
    int64_t start = bench_now_ns ();
    s_post_all (near.agent, COVEY_EVENT_SYSTEM_INFO, NULL, count);
    bench_read_line (near.child.from_child, line, sizeof line);
    double seconds = (double)(bench_now_ns () - start) / 1e9;
    snprintf (name, sizeof name, "mesh.broadcast_%d", subscribers);
    bench_print (name, (double)count * subscribers / seconds, "deliveries/s");
    s_close (&near);
}

/*  One node process with a journal on disk; the agent is in this process.   */
static void
s_stored (void)
{
    long count = bench_env ("BENCH_STORED", 100000);
    char data[] = "/tmp/covey-bench-XXXXXX";
    if (!mkdtemp (data))
        bench_die (data, "cannot be made");
    s_near_t near;
    s_far_t far = {.subscribers = 0};
    s_open (&near, &far, data);
    int64_t start = bench_now_ns ();
    for (long sent = 0; sent < count; sent += 1000) {
        s_post_all (near.agent, COVEY_EVENT_SYSTEM_INFO, NULL, 1000);
    }
    bench_check (covey_agent_flush (near.agent, COVEY_LEVEL_STORED, 60000),
                 "stored");
    bench_print ("mesh.stored",
                 (double)count * 1e9 / (double)(bench_now_ns () - start),
                 "events/s");
    long single = count / 100;
    int64_t *samples = calloc ((size_t)single, sizeof *samples);
    for (long i = 0; i < single; i++) {
        covey_event_t *event = s_event (COVEY_EVENT_SYSTEM_INFO, NULL);
        start = bench_now_ns ();
        bench_check (covey_agent_publish (near.agent, &event,
                                          COVEY_LEVEL_STORED, 5000, NULL),
                     "publish");
        samples[i] = bench_now_ns () - start;
    }
    bench_print_percentiles ("mesh.stored_one", samples, (size_t)single);
    free (samples);
    s_close (&near);
    char command[128];
    snprintf (command, sizeof command, "rm -rf %s", data);
    if (system (command))
        bench_die (data, "cannot be removed");
}

int
main (int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "all";
    int all = strcmp (only, "all") == 0;
    if (all || strcmp (only, "round_trip") == 0)
        s_round_trip ();
    if (all || strcmp (only, "targeted") == 0)
        s_targeted ();
    if (all || strcmp (only, "broadcast") == 0) {
        s_broadcast (1);
        s_broadcast (4);
        s_broadcast (16);
    }
    if (all || strcmp (only, "stored") == 0)
        s_stored ();
    return 0;
}

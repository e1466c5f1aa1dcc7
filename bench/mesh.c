#include "bench/mesh.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 20000

covey_node_t *
bench_node (const char *name, const char *join, const char *data, bool journal)
{
    covey_node_t *node = covey_node_new (name);
    bench_check (covey_node_set (node, "listen", "127.0.0.1:0"), "listen");
    if (join)
        bench_check (covey_node_set (node, "join", join), "join");
    if (data)
        bench_check (covey_node_set (node, "data", data), "data");
    if (!journal)
        bench_check (covey_node_set (node, "persist-all", "false"), "persist");
    bench_check (covey_node_start (node, WAIT_MS), "start");
    return node;
}

static covey_err_t
s_on_event (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    (void)event;
    ++*(_Atomic long *)arg;
    return COVEY_OK;
}

static covey_err_t
s_on_request (covey_agent_t *agent, const covey_event_t *request, void *arg)
{
    (void)arg;
    static const char body[BENCH_BODY] = "x";
    return covey_agent_respond (agent, request, COVEY_CONTENT_BINARY, body,
                                sizeof body);
}

void
bench_receivers_start (bench_receivers_t *self, covey_node_t *node,
                       const bench_far_t *what)
{
    self->count = what->agents;
    for (int i = 0; i < what->agents; i++) {
        char id[32];
        snprintf (id, sizeof id, "far-%d-%d", what->number, i);
        covey_agent_t *agent = covey_agent_new (id, "receiver");
        self->agents[i] = agent;
        covey_agent_on_request (agent, s_on_request, NULL);
        covey_agent_on_message (agent, s_on_event, &self->got[i]);
        bench_check (covey_agent_attach (agent, node, WAIT_MS), "attach");
        bench_check (covey_agent_start (agent), "start");
        if (what->subscribe) {
            int type = COVEY_EVENT_SYSTEM_INFO;
            covey_filter_t filter = {.types = &type, .type_count = 1};
            uint32_t handle;
            bench_check (covey_agent_subscribe (agent, &filter, NULL,
                                                s_on_event, &self->got[i],
                                                &handle),
                         "subscribe");
        }
    }
}

void
bench_receivers_wait (const bench_receivers_t *self, long expected)
{
    int64_t deadline = bench_now_ns () + (int64_t)120 * 1000000000;
    for (int i = 0; i < self->count;) {
        if (self->got[i] >= expected)
            i++;
        else if (bench_now_ns () > deadline)
            bench_die ("events", "not all arrived within two minutes");
        else
            usleep (1000);
    }
}

void
bench_receivers_stop (bench_receivers_t *self)
{
    for (int i = 0; i < self->count; i++)
        covey_agent_destroy (&self->agents[i]);
}

/*  Until the pipe closes.                                                   */
static void
s_far (int in, int out, void *arg)
{
    const bench_far_t *what = arg;
    char line[64], join[128], name[32];
    snprintf (name, sizeof name, "far-%d", what->number);
    bench_read_line (in, join, sizeof join);
    covey_node_t *node = bench_node (name, join, NULL, what->journal);
    bench_check (covey_node_wait_nodes (node, (size_t)what->nodes, WAIT_MS),
                 "nodes");
    bench_receivers_t receivers = {.count = 0};
    bench_receivers_start (&receivers, node, what);
    bench_write_line (out, "ready");
    if (what->expected) {
        bench_receivers_wait (&receivers, what->expected);
        bench_write_line (out, "done");
    }
    while (read (in, line, sizeof line) > 0) {
    }
    bench_receivers_stop (&receivers);
    covey_node_destroy (&node);
}

bench_child_t
bench_far_start (bench_far_t *what)
{
    return bench_fork (s_far, what);
}

covey_event_t *
bench_event (const char *target)
{
    static const char body[BENCH_BODY] = "x";
    int type = target ? COVEY_EVENT_MESSAGE_SENT : COVEY_EVENT_SYSTEM_INFO;
    covey_event_t *event = covey_event_new (type);
    const char *field = target ? "content" : "details";
    if (target) {
        bench_check (covey_event_add_target (event, target), "target");
        bench_check (covey_event_set_str (event, "messageId", "m"), "id");
        bench_check (covey_event_set_str (event, "contentType", "binary"),
                     "type");
    } else {
        bench_check (covey_event_set_str (event, "component", "bench"), "c");
        bench_check (covey_event_set_str (event, "message", "m"), "m");
    }
    bench_check (covey_event_set_payload (event, field, COVEY_CONTENT_BINARY,
                                          body, sizeof body),
                 field);
    return event;
}

void
bench_post_all (covey_agent_t *agent, const char *target, long count)
{
    for (long i = 0; i < count; i++) {
        covey_event_t *event = bench_event (target);
        bench_check (covey_agent_post_wait (agent, &event, 60000), "post");
    }
    bench_check (covey_agent_flush (agent, COVEY_LEVEL_ACCEPTED, 60000),
                 "flush");
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

covey_agent_t *
bench_sender (covey_node_t *node)
{
    covey_agent_t *agent = covey_agent_new ("near", "sender");
    covey_agent_on_notice (agent, s_on_notice, NULL);
    bench_check (covey_agent_attach (agent, node, WAIT_MS), "attach");
    return agent;
}

/*  Agents on node processes over tcp: round trip of a request, targeted events
    from one to one, broadcasts to N subscribing agents on four nodes. With
    persist-all off, as those that stand beside store nothing either; the line
    "with the journal" says what storing all of it costs.                     */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/mesh.h"

#define NODES_MAX 4

typedef struct {
    bench_far_t what[NODES_MAX];
    bench_child_t children[NODES_MAX];
    int nodes;
    covey_node_t *node;
    covey_agent_t *agent;
    bench_receivers_t receivers; /* of this process                           */
} s_mesh_t;

/*  Children fork first: no thread and no socket exists yet. `agents` receive,
    the same number in each of `nodes` processes; with two, all in the other. */
static void
s_open (s_mesh_t *self, int nodes, int agents, bool subscribe, long expected,
        bool journal)
{
    memset (self, 0, sizeof *self);
    self->nodes = nodes;
    int share = nodes == 2 ? agents : agents / nodes;
    for (int i = 0; i < nodes; i++) {
        self->what[i] = (bench_far_t){.number = i,
                                      .agents = share,
                                      .subscribe = subscribe,
                                      .expected = expected,
                                      .nodes = nodes,
                                      .journal = journal};
        if (i > 0)
            self->children[i] = bench_far_start (&self->what[i]);
    }
    self->node = bench_node ("near", NULL, NULL, journal);
    for (int i = 1; i < nodes; i++)
        bench_write_line (self->children[i].to_child,
                          covey_node_endpoint (self->node));
    self->agent = bench_sender (self->node);
    if (nodes > 2)
        bench_receivers_start (&self->receivers, self->node, &self->what[0]);
    char line[64];
    for (int i = 1; i < nodes; i++)
        bench_read_line (self->children[i].from_child, line, sizeof line);
    bench_check (covey_node_wait_agents (self->node, (size_t)agents + 1, 20000),
                 "agents");
}

static void
s_wait (s_mesh_t *self)
{
    char line[64];
    bench_receivers_wait (&self->receivers, self->what[0].expected);
    for (int i = 1; i < self->nodes; i++)
        bench_read_line (self->children[i].from_child, line, sizeof line);
}

static void
s_close (s_mesh_t *self)
{
    for (int i = 1; i < self->nodes; i++)
        bench_join (&self->children[i]);
    bench_receivers_stop (&self->receivers);
    covey_agent_destroy (&self->agent);
    covey_node_destroy (&self->node);
}

static void
s_round_trip (const char *name)
{
    long count = bench_env ("BENCH_ROUND_TRIPS", 20000);
    s_mesh_t mesh;
    s_open (&mesh, 2, 1, false, 0, false);
    char params[BENCH_BODY + 1];
    memset (params, 'x', sizeof params);
    params[0] = params[BENCH_BODY - 1] = '"';
    params[BENCH_BODY] = '\0';
    int64_t *samples = calloc ((size_t)count, sizeof *samples);
    for (long i = -200; i < count; i++) {
        int64_t start = bench_now_ns ();
        bench_check (covey_agent_request (mesh.agent, "far-1-0", "ping", params,
                                          5000, NULL),
                     "request");
        if (i >= 0)
            samples[i] = bench_now_ns () - start;
    }
    bench_print_percentiles (name, samples, (size_t)count);
    free (samples);
    s_close (&mesh);
}

static void
s_targeted (const char *name, bool journal)
{
    long count = bench_env ("BENCH_EVENTS", 600000);
    s_mesh_t mesh;
    s_open (&mesh, 2, 1, false, count, journal);
    bench_meter_t meter = {.count = 0};
    bench_meter_add (&meter, mesh.children[1].pid);
    bench_check (covey_agent_start (mesh.agent), "start"); /* for notices */
    bench_meter_start (&meter);
    bench_post_all (mesh.agent, "far-1-0", count);
    s_wait (&mesh);
    bench_meter_print (&meter, name, (double)count, "events/s");
    s_close (&mesh);
}

static void
s_broadcast (int subscribers, const char *name)
{
    long count = bench_env ("BENCH_BROADCASTS", 1000000) / subscribers;
    s_mesh_t mesh;
    s_open (&mesh, NODES_MAX, subscribers, true, count, false);
    bench_meter_t meter = {.count = 0};
    for (int i = 1; i < mesh.nodes; i++)
        bench_meter_add (&meter, mesh.children[i].pid);
    bench_meter_start (&meter);
    bench_post_all (mesh.agent, NULL, count);
    s_wait (&mesh);
    bench_meter_print (&meter, name, (double)count * subscribers,
                       "deliveries/s");
    s_close (&mesh);
}

int
main (int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "all";
    int all = strcmp (only, "all") == 0;
    if (all || strcmp (only, "round_trip") == 0) {
        bench_pin (1);
        s_round_trip ("mesh.round_trip_pinned");
        bench_pin (0);
        s_round_trip ("mesh.round_trip");
    }
    if (all || strcmp (only, "targeted") == 0)
        s_targeted ("mesh.targeted", false);
    if (all || strcmp (only, "journal") == 0)
        s_targeted ("mesh.targeted_journal", true);
    if (all || strcmp (only, "broadcast") == 0) {
        s_broadcast (16, "mesh.broadcast_16");
        s_broadcast (64, "mesh.broadcast_64");
    }
    return 0;
}

#include "bench/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    int number;
    char dir[96], join[128]; /* "": begins the mesh                           */
} coord_node_t;

static void
s_node (int in, int out, void *arg)
{
    const coord_node_t *what = arg;
    char line[320], name[32];
    snprintf (name, sizeof name, "c%d", what->number);
    covey_node_t *node = covey_node_new (name);
    bench_check (covey_node_set (node, "listen", "127.0.0.1:0"), "listen");
    bench_check (covey_node_set (node, "data", what->dir), "data");
    bench_check (
        covey_node_set (node, "roles",
                        what->number ? "coordinator" : "coordinator,persister"),
        "roles");
    bench_check (covey_node_set (node, "persist-all", "false"), "persist");
    if (*what->join)
        bench_check (covey_node_set (node, "join", what->join), "join");
    bench_check (covey_node_start (node, BENCH_WAIT_MS), "start");
    snprintf (line, sizeof line, "%s %s", covey_node_endpoint (node),
              covey_node_session_endpoint (node));
    bench_write_line (out, line);
    while (read (in, line, sizeof line) > 0) {
    }
    covey_node_destroy (&node);
}

void
bench_cluster_attach (const bench_cluster_t *self, covey_agent_t *agent)
{
    bench_check (
        self->own
            ? covey_agent_attach (agent, self->own, BENCH_WAIT_MS)
            : covey_agent_connect (agent, self->session[0], BENCH_WAIT_MS),
        "connect");
}

covey_agent_t *
bench_cluster_client (const bench_cluster_t *self, int number)
{
    char id[32];
    snprintf (id, sizeof id, "client-%d", number);
    covey_agent_t *client = covey_agent_new (id, "client");
    bench_check (covey_agent_set_client (client, true), "client");
    bench_cluster_attach (self, client);
    return client;
}

void
bench_cluster_start (bench_cluster_t *self, int count)
{
    char line[320], params[64];
    memset (self, 0, sizeof *self);
    snprintf (self->dir, sizeof self->dir, "/tmp/covey-bench-XXXXXX");
    if (!mkdtemp (self->dir))
        bench_die (self->dir, "cannot be made");
    for (int i = 0; i < count; i++) {
        coord_node_t what = {.number = i};
        snprintf (what.dir, sizeof what.dir, "%s/%d", self->dir, i);
        if (i)
            snprintf (what.join, sizeof what.join, "%s", self->endpoint[0]);
        self->node[i] = bench_fork (s_node, &what);
        bench_read_line (self->node[i].from_child, line, sizeof line);
        if (sscanf (line, "%127s %159s", self->endpoint[i], self->session[i]) !=
            2)
            bench_die ("node", line);
        self->count++;
    }
    covey_agent_t *client = bench_cluster_client (self, 0);
    for (int i = 1; i < count; i++) {
        snprintf (params, sizeof params, "{\"node\":\"c%d\"}", i);
        bench_check (covey_agent_request (client, "coordinator",
                                          "mesh.coordinator.add", params,
                                          BENCH_WAIT_MS, NULL),
                     "add a coordinator");
    }
    covey_agent_destroy (&client);
}

void
bench_cluster_stop (bench_cluster_t *self)
{
    char command[128];
    while (self->count)
        bench_join (&self->node[--self->count]);
    snprintf (command, sizeof command, "rm -rf %s", self->dir);
    if (system (command))
        bench_die (self->dir, "cannot be removed");
}

void
bench_cluster_start_own (bench_cluster_t *self)
{
    self->own = covey_node_new ("clients");
    bench_check (covey_node_set (self->own, "listen", "127.0.0.1:0"), "listen");
    bench_check (covey_node_set (self->own, "roles", "none"), "roles");
    bench_check (covey_node_set (self->own, "join", self->endpoint[0]), "join");
    bench_check (covey_node_start (self->own, BENCH_WAIT_MS), "start");
}

void
bench_cluster_meter (const bench_cluster_t *self, bench_meter_t *meter)
{
    memset (meter, 0, sizeof *meter);
    for (int i = 0; i < self->count; i++)
        bench_meter_add (meter, self->node[i].pid);
    bench_meter_start (meter);
}

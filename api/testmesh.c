/*  testmesh - some nodes in this process, for tests                          */

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/agent_i.h"
#include "base/clock.h"

#define NODES_MAX 64
#define PATH_SIZE 128
#define STOP_MS 2000

struct covey_testmesh {
    char folder[PATH_SIZE]; /* "" until it is made                            */
    covey_node_t *nodes[NODES_MAX];
    size_t node_count;
    covey_agent_t **agents;
    size_t agent_count;
    size_t started; /* agents from here on wait for start                     */
};

static int
s_remove (const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info;
    (void)kind;
    (void)ftw;
    (void)remove (path); /* what stays is in /tmp                            */
    return 0;
}

static covey_err_t
s_make_folder (covey_testmesh_t *self)
{
    const char *parent = getenv ("TMPDIR");
    char path[PATH_SIZE];
    int size = snprintf (path, sizeof path, "%s/covey-XXXXXX",
                         parent && *parent ? parent : "/tmp");
    if (size < 0 || (size_t)size >= sizeof path || !mkdtemp (path))
        return covey_fail (covey_errbuf (), COVEY_IO,
                           "no temporary folder can be made in %.200s; set "
                           "TMPDIR",
                           parent && *parent ? parent : "/tmp");
    memcpy (self->folder, path, (size_t)size + 1);
    return COVEY_OK;
}

static covey_err_t
s_start_node (covey_testmesh_t *self, size_t index, int timeout_ms)
{
    char name[32], data[PATH_SIZE + 32];
    snprintf (name, sizeof name, "node-%zu", index + 1);
    covey_node_t *node = covey_node_new (name);
    if (!node)
        return COVEY_NOMEM;
    self->nodes[self->node_count++] = node;
    /* The folder's name is unique, so meshes of other tests are strangers. */
    covey_err_t rc = covey_node_set (node, "mesh", self->folder);
    if (rc == COVEY_OK)
        rc = covey_node_set (node, "listen", "127.0.0.1:0");
    if (rc == COVEY_OK && index > 0)
        rc =
            covey_node_set (node, "join", covey_node_endpoint (self->nodes[0]));
    if (rc == COVEY_OK && index == 0) {
        snprintf (data, sizeof data, "%s/%s", self->folder, name);
        rc = covey_node_set (node, "data", data);
    }
    return rc ? rc : covey_node_start (node, timeout_ms);
}

static int
s_left (int64_t until_ms)
{
    int64_t left_ms = until_ms - covey_clock_mono_ms ();
    return left_ms > 0 ? (int)left_ms : 0;
}

covey_err_t
covey_testmesh_new (size_t node_count, int timeout_ms,
                    covey_testmesh_t **mesh_p)
{
    assert (mesh_p);
    if (node_count == 0 || node_count > NODES_MAX)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "%zu nodes: a test mesh has 1 to %d", node_count,
                           NODES_MAX);
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_testmesh_t *self = calloc (1, sizeof *self);
    if (!self)
        abort ();
    covey_err_t rc = s_make_folder (self);
    for (size_t i = 0; rc == COVEY_OK && i < node_count; i++)
        rc = s_start_node (self, i, s_left (until_ms));
    for (size_t i = 0; rc == COVEY_OK && i < node_count; i++)
        rc = covey_node_wait_nodes (self->nodes[i], node_count,
                                    s_left (until_ms));
    if (rc) {
        covey_errbuf_t kept = *covey_errbuf ();
        covey_testmesh_destroy (&self);
        *covey_errbuf () = kept;
        return rc;
    }
    *mesh_p = self;
    return COVEY_OK;
}

void
covey_testmesh_destroy (covey_testmesh_t **self_p)
{
    assert (self_p);
    covey_testmesh_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    for (size_t i = 0; i < self->agent_count; i++)
        covey_agent_destroy (&self->agents[i]);
    free (self->agents);
    /* The first one stores for all, so it goes last. */
    while (self->node_count)
        covey_node_destroy (&self->nodes[--self->node_count]);
    if (*self->folder)
        (void)nftw (self->folder, s_remove, 8, FTW_DEPTH | FTW_PHYS);
    free (self);
}

covey_node_t *
covey_testmesh_node (covey_testmesh_t *self, size_t index)
{
    assert (self);
    return index < self->node_count ? self->nodes[index] : NULL;
}

covey_agent_t *
covey_testmesh_agent (covey_testmesh_t *self, size_t index, const char *id,
                      const char *type)
{
    assert (self);
    if (index >= self->node_count) {
        (void)covey_fail (covey_errbuf (), COVEY_INVALID,
                          "node %zu: the test mesh has %zu", index,
                          self->node_count);
        return NULL;
    }
    covey_agent_t *agent = covey_agent_new (id, type);
    if (!agent)
        return NULL;
    if (covey_agent_attach (agent, self->nodes[index], STOP_MS)) {
        covey_agent_destroy (&agent);
        return NULL;
    }
    covey_agent_t **agents = realloc (
        self->agents, (self->agent_count + 1) * sizeof (covey_agent_t *));
    if (!agents)
        abort ();
    agents[self->agent_count++] = agent;
    self->agents = agents;
    return agent;
}

covey_err_t
covey_testmesh_start (covey_testmesh_t *self, int timeout_ms)
{
    assert (self);
    int64_t until_ms = covey_i_deadline (timeout_ms);
    covey_err_t rc = COVEY_OK;
    for (; rc == COVEY_OK && self->started < self->agent_count; self->started++)
        rc = covey_agent_start (self->agents[self->started]);
    for (size_t i = 0; rc == COVEY_OK && i < self->node_count; i++)
        rc = covey_node_wait_agents (self->nodes[i], self->agent_count,
                                     s_left (until_ms));
    return rc;
}

/*  Many nodes in one process that start at once: all know all, and a broadcast
    reaches an agent on each, once.                                           */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "node/node_actor.h"
#include "tests/support/support_api.h"
#include "tests/support/support_node.h"

#define NODES_MAX 60
#define TCP_NODES 25
#define INPROC_NODES 60
#define FDS_PER_PAIR 5
#define WAIT_MS 60000

typedef struct {
    covey_node_actor_t *nodes[NODES_MAX];
    covey_agent_t *agents[NODES_MAX];
    support_log_t *log;
} mesh_t;

static covey_node_actor_t *
s_node (const char *join, bool inproc)
{
    covey_node_config_t config;
    support_node_config (&config, "one-of-many");
    config.joins = &join;
    config.join_count = join ? 1 : 0;
    config.inproc = inproc;
    return support_node_open (&config);
}

static covey_agent_t *
s_agent (int index, const covey_node_actor_t *node, support_log_t *log)
{
    char id[32];
    snprintf (id, sizeof id, "a%d", index);
    covey_agent_t *agent = covey_agent_new (id, "listener");
    covey_agent_on_broadcast (agent, support_log_handler, log);
    expect_ok (
        covey_agent_connect (agent, covey_node_actor_inproc (node), WAIT_MS));
    expect_ok (covey_agent_start (agent));
    return agent;
}

static void
s_check_broadcast (mesh_t *mesh, int from, int count)
{
    support_log_clear (mesh->log);
    expect_ok (covey_agent_broadcast (
        mesh->agents[from], "news", COVEY_CONTENT_TEXT, "x", 1, NULL, WAIT_MS));
    assert_true (support_log_wait (mesh->log, (size_t)count - 1, WAIT_MS));
    bool got[NODES_MAX] = {false};
    for (int i = 0; i < count - 1; i++) {
        int who = -1;
        for (int n = 0; n < count; n++)
            if (strcmp (support_log_agent (mesh->log, (size_t)i),
                        covey_agent_id (mesh->agents[n])) == 0)
                who = n;
        assert_in_range (who, 0, count - 1);
        assert_false (got[who]);
        got[who] = true;
    }
    assert_false (got[from]);
}

static void
s_run (int count, bool inproc)
{
    mesh_t mesh = {.log = support_log_new ()};
    covey_errbuf_t err;
    for (int i = 0; i < count; i++)
        mesh.nodes[i] = s_node (
            i ? covey_node_actor_endpoint (mesh.nodes[0]) : NULL, inproc);
    for (int i = 0; i < count; i++)
        if (covey_node_actor_wait_nodes (mesh.nodes[i], (size_t)count, WAIT_MS,
                                         &err))
            fail_msg ("node %d: %s", i, err.text);
    for (int i = 0; i < count; i++)
        mesh.agents[i] = s_agent (i, mesh.nodes[i], mesh.log);
    for (int i = 0; i < count; i++)
        if (covey_node_actor_wait_agents (mesh.nodes[i], (size_t)count, WAIT_MS,
                                          &err))
            fail_msg ("node %d: %s", i, err.text);
    s_check_broadcast (&mesh, 0, count);
    s_check_broadcast (&mesh, count - 1, count);
    for (int i = 0; i < count; i++)
        covey_agent_destroy (&mesh.agents[i]);
    for (int i = 0; i < count; i++)
        covey_node_actor_destroy (&mesh.nodes[i]);
    support_log_destroy (&mesh.log);
}

static void
all_find_all_over_tcp (void **state)
{
    (void)state;
    struct rlimit limit;
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < TCP_NODES * TCP_NODES * FDS_PER_PAIR + 500) {
        printf ("skipped: %ld descriptors are too few for %d nodes\n",
                (long)limit.rlim_cur, TCP_NODES);
        skip ();
    }
    s_run (TCP_NODES, false);
}

static void
all_find_all_in_the_process (void **state)
{
    (void)state;
    s_run (INPROC_NODES, true);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (all_find_all_over_tcp),
        cmocka_unit_test (all_find_all_in_the_process),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

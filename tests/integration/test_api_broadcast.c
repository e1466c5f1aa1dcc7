/*  Broadcasts: who hears them by their scope                                 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/support_api.h"

#define AGENTS 6

/*  Even ones on node 0, odd ones on node 1; `client` hears nothing by scope. */
static const struct {
    const char *id, *type, *capability, *tag;
} who[AGENTS] = {
    {"speaker", "worker", "c", "x"}, {"w1", "worker", "c", "x"},
    {"w2", "worker", "rust", "x"},   {"r1", "reviewer", "c", "y"},
    {"r2", "reviewer", "rust", "y"}, {"client", "worker", "c", "x"}};

static covey_testmesh_t *mesh;
static covey_agent_t *agents[AGENTS];
static support_log_t *heard;

static int
s_setup (void **state)
{
    (void)state;
    heard = support_log_new ();
    expect_ok (covey_testmesh_new (2, SUPPORT_WAIT_MS, &mesh));
    for (size_t i = 0; i < AGENTS; i++) {
        covey_agent_t *agent = covey_agent_new (who[i].id, who[i].type);
        expect_ok (covey_agent_add_capability (agent, who[i].capability));
        expect_ok (covey_agent_add_tag (agent, who[i].tag));
        expect_ok (covey_agent_set_client (agent, i == AGENTS - 1));
        covey_agent_on_broadcast (agent, support_log_handler, heard);
        expect_ok (covey_agent_attach (agent, covey_testmesh_node (mesh, i % 2),
                                       SUPPORT_WAIT_MS));
        expect_ok (covey_agent_start (agent));
        agents[i] = agent;
    }
    for (size_t i = 0; i < 2; i++)
        expect_ok (covey_node_wait_agents (covey_testmesh_node (mesh, i),
                                           AGENTS - 1, SUPPORT_WAIT_MS));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    for (size_t i = 0; i < AGENTS; i++)
        covey_agent_destroy (&agents[i]);
    covey_testmesh_destroy (&mesh);
    support_log_destroy (&heard);
    return 0;
}

/*  Broadcast, then a global one behind it: once all have heard that, nobody
    hears the first any more. `names` in the order of `who`.                  */
static void
s_expect (const covey_scope_t *scope, const char *names)
{
    support_log_clear (heard);
    expect_ok (covey_agent_broadcast (agents[0], "news", COVEY_CONTENT_TEXT,
                                      "first", 5, scope, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_broadcast (agents[0], "news", COVEY_CONTENT_TEXT,
                                      "last", 4, NULL, SUPPORT_WAIT_MS));
    size_t last = 0;
    char got[200] = "";
    for (size_t at = 0; last < AGENTS - 2; at++) {
        assert_true (support_log_wait (heard, at + 1, SUPPORT_WAIT_MS));
        if (strcmp (support_content (support_log_event (heard, at)), "last") ==
            0)
            last++;
    }
    for (size_t i = 0; i < AGENTS; i++)
        for (size_t at = 0; at < support_log_count (heard); at++)
            if (strcmp (support_log_agent (heard, at), who[i].id) == 0 &&
                strcmp (support_content (support_log_event (heard, at)),
                        "first") == 0)
                snprintf (got + strlen (got), sizeof got - strlen (got), "%s ",
                          who[i].id);
    assert_string_equal (got, names);
}

static void
global_reaches_all_but_sender_and_clients (void **state)
{
    (void)state;
    s_expect (NULL, "w1 w2 r1 r2 ");
}

static void
type_reaches_agents_of_that_type (void **state)
{
    (void)state;
    const char *types[] = {"reviewer"};
    s_expect (&(covey_scope_t){.agent_types = types, .agent_type_count = 1},
              "r1 r2 ");
}

static void
custom_needs_all_that_is_given (void **state)
{
    (void)state;
    const char *types[] = {"worker", "reviewer"}, *caps[] = {"rust"},
               *tags[] = {"y"};
    s_expect (&(covey_scope_t){.capabilities = caps, .capability_count = 1},
              "w2 r2 ");
    s_expect (&(covey_scope_t){.tags = tags, .tag_count = 1}, "r1 r2 ");
    s_expect (&(covey_scope_t){.agent_types = types,
                               .agent_type_count = 2,
                               .capabilities = caps,
                               .capability_count = 1,
                               .tags = tags,
                               .tag_count = 1},
              "r2 ");
}

static void
swarm_reaches_its_members (void **state)
{
    (void)state;
    expect_ok (covey_swarm_form (agents[0],
                                 "{\"swarmId\":\"duo\",\"objective\":\"sing\","
                                 "\"members\":[{\"agentId\":\"w1\"},"
                                 "{\"agentId\":\"r2\"}]}",
                                 SUPPORT_WAIT_MS, NULL));
    s_expect (&(covey_scope_t){.swarm_id = "duo"}, "w1 r2 ");
    expect_ok (covey_swarm_join (agents[2], "duo", 1, SUPPORT_WAIT_MS));
    expect_ok (covey_swarm_leave (agents[1], "duo", SUPPORT_WAIT_MS));
    s_expect (&(covey_scope_t){.swarm_id = "duo"}, "w2 r2 ");
}

static void
scope_and_subscription_bring_it_once_per_handler (void **state)
{
    (void)state;
    int type = COVEY_EVENT_BROADCAST;
    support_log_t *other = support_log_new ();
    uint32_t same, another;
    covey_filter_t filter = {.types = &type, .type_count = 1};
    expect_ok (covey_agent_subscribe (agents[1], &filter, NULL,
                                      support_log_handler, heard, &same));
    expect_ok (covey_agent_subscribe (agents[1], &filter, NULL,
                                      support_log_handler, other, &another));
    s_expect (NULL, "w1 w2 r1 r2 ");
    assert_true (support_log_wait (other, 2, SUPPORT_WAIT_MS));
    assert_int_equal (support_log_count (other), 2);
    /* What the swarm gets is not what the subscription alone would bring. */
    s_expect (&(covey_scope_t){.swarm_id = "duo"}, "w1 w2 r2 ");
    support_log_clear (heard);
    expect_ok (covey_agent_unsubscribe (agents[1], same));
    s_expect (&(covey_scope_t){.swarm_id = "duo"}, "w2 r2 ");
    expect_ok (covey_agent_unsubscribe_all (agents[1]));
    support_log_destroy (&other);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (global_reaches_all_but_sender_and_clients),
        cmocka_unit_test (type_reaches_agents_of_that_type),
        cmocka_unit_test (custom_needs_all_that_is_given),
        cmocka_unit_test (swarm_reaches_its_members),
        cmocka_unit_test (scope_and_subscription_bring_it_once_per_handler),
    };
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}

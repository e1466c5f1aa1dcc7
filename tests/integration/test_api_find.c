/*  The directory of agents: who is there, what they can do, how they do.    */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/support_api.h"

static covey_node_t *s_nodes[2];
static covey_agent_t *s_ann, *s_bob;

static covey_node_t *
s_node (const char *name, const char *join)
{
    covey_node_t *node = covey_node_new (name);
    assert_non_null (node);
    expect_ok (covey_node_set (node, "listen", "127.0.0.1:0"));
    expect_ok (covey_node_set (node, "mesh", "find-test"));
    expect_ok (covey_node_set (node, "stallAfter", "300"));
    if (join)
        expect_ok (covey_node_set (node, "join", join));
    expect_ok (covey_node_start (node, SUPPORT_WAIT_MS));
    return node;
}

/*  Ann is on the first node and works; Bob is on the second and never reads. */
static int
s_setup (void **state)
{
    (void)state;
    s_nodes[0] = s_node ("alpha", NULL);
    s_nodes[1] = s_node ("beta", covey_node_endpoint (s_nodes[0]));
    for (int i = 0; i < 2; i++)
        expect_ok (covey_node_wait_nodes (s_nodes[i], 2, SUPPORT_WAIT_MS));
    s_ann = covey_agent_new ("ann", "worker");
    expect_ok (covey_agent_add_capability (s_ann, "count"));
    expect_ok (covey_agent_add_capability (s_ann, "shout"));
    expect_ok (covey_agent_add_tag (s_ann, "eu"));
    expect_ok (covey_agent_attach (s_ann, s_nodes[0], SUPPORT_WAIT_MS));
    expect_ok (covey_agent_start (s_ann));
    s_bob = covey_agent_new ("bob", "reader");
    expect_ok (covey_agent_add_capability (s_bob, "count"));
    expect_ok (covey_agent_set_grace (s_bob, 60000));
    expect_code (covey_agent_set_grace (s_bob, -1), INVALID);
    expect_ok (covey_agent_attach (s_bob, s_nodes[1], SUPPORT_WAIT_MS));
    for (int i = 0; i < 2; i++)
        expect_ok (covey_node_wait_agents (s_nodes[i], 2, SUPPORT_WAIT_MS));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    covey_agent_destroy (&s_ann);
    covey_agent_destroy (&s_bob);
    for (int i = 1; i >= 0; i--)
        covey_node_destroy (&s_nodes[i]);
    return 0;
}

/*  What was found, and the last of it.                                       */
static char s_found[256];
static covey_agent_info_t s_last;

static covey_err_t
s_note (covey_agent_t *agent, const covey_agent_info_t *info, void *arg)
{
    (void)agent;
    (void)arg;
    size_t used = strlen (s_found);
    snprintf (s_found + used, sizeof s_found - used, "%s ", info->id);
    s_last = *info; /* numbers only                                           */
    return COVEY_OK;
}

static const char *
s_find (const covey_agent_query_t *query)
{
    s_found[0] = '\0';
    expect_ok (covey_agent_find (s_ann, query, SUPPORT_WAIT_MS, s_note, NULL));
    return s_found;
}

#define FIND(...) s_find (&(covey_agent_query_t){__VA_ARGS__})

static void
agents_are_found_by_what_they_are (void **state)
{
    (void)state;
    const char *const count[] = {"count"}, *const both[] = {"shout", "count"};
    const char *const eu[] = {"eu"};
    assert_string_equal (s_find (NULL), "ann bob ");
    assert_string_equal (FIND (.id = "bob"), "bob ");
    assert_string_equal (FIND (.id = "nobody"), "");
    assert_string_equal (FIND (.type = "worker"), "ann ");
    assert_string_equal (FIND (.capabilities = count, .capability_count = 1),
                         "ann bob ");
    assert_string_equal (FIND (.capabilities = both, .capability_count = 2),
                         "ann ");
    assert_string_equal (FIND (.tags = eu, .tag_count = 1), "ann ");
    assert_string_equal (FIND (.node = "beta"), "bob ");
    assert_string_equal (FIND (.state = "ready"), "ann bob ");
    assert_string_equal (FIND (.state = "busy"), "");
    assert_string_equal (FIND (.limit = 1), "ann ");
    covey_agent_query_t wrong = {.node = "gamma"};
    expect_code (
        covey_agent_find (s_ann, &wrong, SUPPORT_WAIT_MS, s_note, NULL),
        REMOTE);
    assert_non_null (strstr (covey_error (), "gamma"));
    wrong = (covey_agent_query_t){.state = "asleep"};
    expect_code (
        covey_agent_find (s_ann, &wrong, SUPPORT_WAIT_MS, s_note, NULL),
        REMOTE);
    assert_non_null (strstr (covey_error (), "asleep"));
}

static void
pages_follow_each_other (void **state)
{
    (void)state;
    char *json = NULL;
    expect_ok (covey_agent_request (s_ann, "node", "mesh.agents",
                                    "{\"limit\":1,\"after\":\"ann\"}",
                                    SUPPORT_WAIT_MS, &json));
    assert_null (strstr (json, "\"id\":\"ann\""));
    assert_non_null (strstr (json, "\"id\":\"bob\""));
    covey_free (json);
}

static covey_err_t
s_stop (covey_agent_t *agent, const covey_agent_info_t *info, void *arg)
{
    (void)agent;
    (void)info;
    ++*(int *)arg;
    return COVEY_CANCELED;
}

static void
the_callback_can_end_the_search (void **state)
{
    (void)state;
    int calls = 0;
    assert_int_equal (
        covey_agent_find (s_ann, NULL, SUPPORT_WAIT_MS, s_stop, &calls),
        COVEY_CANCELED);
    assert_int_equal (calls, 1);
}

/*  Bob's node finds him out; Ann sees it from hers.                          */
static void
agent_that_does_nothing_is_stalled_until_it_goes_on (void **state)
{
    (void)state;
    support_log_t *log = support_log_new ();
    int types[] = {COVEY_EVENT_AGENT_BUSY, COVEY_EVENT_AGENT_READY};
    covey_filter_t filter = {.types = types, .type_count = 2};
    uint32_t handle;
    expect_ok (covey_agent_subscribe (s_ann, &filter, NULL, support_log_handler,
                                      log, &handle));
    expect_ok (covey_agent_send (s_ann, "bob", COVEY_CONTENT_TEXT, "x", 1,
                                 SUPPORT_WAIT_MS));
    assert_true (support_log_wait (log, 1, SUPPORT_WAIT_MS));
    const covey_event_t *event = support_log_event (log, 0);
    assert_int_equal (covey_event_type (event), COVEY_EVENT_AGENT_BUSY);
    assert_string_equal (covey_event_str (event, "agentId"), "bob");
    assert_non_null (strstr (covey_event_str (event, "reason"), "stalled"));
    int64_t end_ms = support_now_ms () + SUPPORT_WAIT_MS;
    while (!*FIND (.state = "stalled") && support_now_ms () < end_ms) {
    }
    assert_string_equal (s_found, "bob ");
    int64_t stalled_us = s_last.since_us, active_us = s_last.active_us;
    assert_true (s_last.active_us < s_last.since_us);
    assert_true (s_last.node_heard_us > 0);
    assert_int_equal (s_last.lease_end_us, s_last.session_heard_us + 60000000);
    covey_event_t *message = NULL;
    expect_ok (covey_agent_recv (s_bob, SUPPORT_WAIT_MS, &message));
    covey_event_destroy (&message);
    /* It is done with what it got when it asks for more. */
    (void)covey_agent_recv (s_bob, 0, &message);
    assert_true (support_log_wait (log, 2, SUPPORT_WAIT_MS));
    assert_int_equal (covey_event_type (support_log_event (log, 1)),
                      COVEY_EVENT_AGENT_READY);
    while (*FIND (.state = "stalled") && support_now_ms () < end_ms) {
    }
    assert_string_equal (FIND (.id = "bob", .state = "ready"), "bob ");
    assert_true (s_last.since_us > stalled_us);
    assert_true (s_last.active_us > active_us);
    support_log_destroy (&log);
}

/*  Bob leaves, and comes back.                                              */
static void
who_is_gone_is_found_by_the_state_it_ended_in (void **state)
{
    (void)state;
    int64_t end_ms = support_now_ms () + SUPPORT_WAIT_MS;
    covey_agent_destroy (&s_bob);
    while (!*FIND (.state = "terminated") && support_now_ms () < end_ms) {
    }
    assert_string_equal (s_found, "bob ");
    assert_true (s_last.since_us > 0);
    assert_string_equal (FIND (.id = "bob"), "");
    assert_string_equal (FIND (.state = "lost"), "");

    s_bob = covey_agent_new ("bob", "reader");
    expect_ok (covey_agent_attach (s_bob, s_nodes[1], SUPPORT_WAIT_MS));
    while (!*FIND (.id = "bob") && support_now_ms () < end_ms) {
    }
    assert_string_equal (FIND (.state = "terminated"), "");
}

/*  Whoever sends to nobody is told at once, and how large the mesh is.       */
static void
message_to_nobody_says_how_many_are_known (void **state)
{
    (void)state;
    expect_code (covey_agent_send (s_ann, "ghost", COVEY_CONTENT_TEXT, "x", 1,
                                   SUPPORT_WAIT_MS),
                 NOAGENT);
    assert_non_null (strstr (covey_error (),
                             "no agent \"ghost\" in this mesh (2 nodes, 2 "
                             "agents known)"));
    expect_code (
        covey_agent_request (s_ann, "ghost", "m", NULL, SUPPORT_WAIT_MS, NULL),
        NOAGENT);
    assert_non_null (strstr (covey_error (), "2 nodes, 2 agents"));
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (agents_are_found_by_what_they_are),
        CASE (pages_follow_each_other),
        CASE (the_callback_can_end_the_search),
        CASE (agent_that_does_nothing_is_stalled_until_it_goes_on),
        CASE (who_is_gone_is_found_by_the_state_it_ended_in),
        CASE (message_to_nobody_says_how_many_are_known),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

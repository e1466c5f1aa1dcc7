/*  What became of a request: under an id of the caller's choice, and after a
    timeout                                                                   */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/support_api.h"

static covey_testmesh_t *mesh;
static covey_agent_t *ann, *bob;

static int
s_setup (void **state)
{
    (void)state;
    expect_ok (covey_testmesh_new (1, SUPPORT_WAIT_MS, &mesh));
    ann = covey_testmesh_agent (mesh, 0, "ann", "tester");
    bob = covey_testmesh_agent (mesh, 0, "bob", "tester");
    assert_non_null (ann);
    assert_non_null (bob);
    expect_ok (covey_testmesh_start (mesh, SUPPORT_WAIT_MS));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    covey_testmesh_destroy (&mesh);
    return 0;
}

/*  Does the outcome, as `agent` sees it, have `part` in it?                  */
static bool
s_has (covey_agent_t *agent, const char *request_id, const char *client,
       const char *part)
{
    char *json = NULL;
    expect_ok (covey_agent_outcome (agent, request_id, client, SUPPORT_WAIT_MS,
                                    &json));
    bool has = strstr (json, part) != NULL;
    if (!has)
        print_message ("%s\n", json);
    covey_free (json);
    return has;
}

static void
test_the_same_request_is_executed_once (void **state)
{
    (void)state;
    const char *id = "order-1";
    for (int i = 0; i < 2; i++)
        expect_ok (covey_agent_request_as (ann, id, "coordinator", "swarm.form",
                                           "{\"swarmId\":\"once\"}",
                                           SUPPORT_WAIT_MS, NULL));
    assert_string_equal (covey_request_id (), id);
    expect_code (covey_agent_request_as (ann, NULL, "coordinator", "swarm.form",
                                         "{\"swarmId\":\"once\"}",
                                         SUPPORT_WAIT_MS, NULL),
                 REMOTE);
    assert_true (s_has (ann, NULL, NULL, "\"refused\""));
    /* asking did not make it another one */
    assert_true (s_has (ann, NULL, NULL, "\"EXISTS\""));
    assert_true (s_has (ann, id, NULL, "\"done\""));
    assert_true (s_has (bob, id, "ann", "\"id\":\"once\""));
    assert_true (s_has (bob, id, NULL, "\"NOTFOUND\""));
}

static void
test_a_timeout_says_how_to_ask (void **state)
{
    (void)state;
    int64_t end_ms = support_now_ms () + SUPPORT_WAIT_MS;
    covey_err_t rc = COVEY_OK;
    /* one millisecond is too short for a commit, sooner or later */
    while (rc != COVEY_TIMEOUT && support_now_ms () < end_ms)
        rc = covey_task_submit (ann, "{\"taskType\":\"late\"}", 1, NULL);
    char hint[160], id[64];
    snprintf (id, sizeof id, "%s", covey_request_id ());
    snprintf (hint, sizeof hint, "covey outcome %s --client ann", id);
    assert_int_equal (rc, COVEY_TIMEOUT);
    assert_non_null (strstr (covey_error (), hint));
    while (!s_has (ann, NULL, NULL, "\"done\"") && support_now_ms () < end_ms)
        continue;
    assert_true (s_has (ann, id, NULL, "\"shows\":\"task\""));
}

static void
test_a_question_has_no_outcome (void **state)
{
    (void)state;
    enum { TASKS = 500 }; /* take longer than a millisecond to list */
    static const char task[] = "{\"taskType\":\"many\"},";
    char json[16 + TASKS * sizeof task] = "{\"tasks\":[";
    char *at = json + strlen (json);
    for (size_t i = 0; i < TASKS; i++, at += sizeof task - 1)
        memcpy (at, task, sizeof task);
    memcpy (at - 1, "]}", 3); /* instead of the last comma                    */
    expect_ok (covey_agent_request (ann, "coordinator", "task.batch", json,
                                    SUPPORT_WAIT_MS, NULL));
    int64_t end_ms = support_now_ms () + SUPPORT_WAIT_MS;
    covey_err_t rc = COVEY_OK;
    while (rc != COVEY_TIMEOUT && support_now_ms () < end_ms)
        rc = covey_agent_request (ann, "coordinator", "task.list",
                                  "{\"limit\":1000}", 1, NULL);
    assert_int_equal (rc, COVEY_TIMEOUT);
    assert_null (strstr (covey_error (), "covey outcome"));
}

static void
test_limits_are_seen_by_all_and_set_by_no_agent (void **state)
{
    (void)state;
    char *json = NULL;
    expect_ok (covey_agent_limits (ann, NULL, SUPPORT_WAIT_MS, &json));
    assert_non_null (strstr (json, "\"limits\":{\"agents\":"));
    covey_free (json);
    expect_code (
        covey_agent_limits (ann, "{\"tasks\":5}", SUPPORT_WAIT_MS, NULL),
        DENIED);
    expect_code (
        covey_agent_limits (ann, "{\"taks\":5}", SUPPORT_WAIT_MS, NULL),
        INVALID);
}

static void
test_a_read_says_how_fresh_it_has_to_be (void **state)
{
    (void)state;
    static const char *const levels[] = {NULL, "default", "stale",
                                         "linearizable"};
    const char *query = " { \"limit\" : 3 } ";
    for (size_t i = 0; i < 4; i++) {
        char *json = NULL;
        bool is_stale = levels[i] && strcmp (levels[i], "stale") == 0;
        expect_ok (covey_agent_read (ann, "swarm.list", query, levels[i],
                                     SUPPORT_WAIT_MS, &json));
        assert_non_null (strstr (json, "\"swarms\":["));
        assert_int_equal (strstr (json, "\"age\":") != NULL, is_stale);
        covey_free (json);
        expect_ok (covey_agent_read (ann, "mesh.coordinator", NULL, levels[i],
                                     SUPPORT_WAIT_MS, &json));
        assert_int_equal (strstr (json, "\"age\":") != NULL, is_stale);
        covey_free (json);
    }
    char *json = NULL;
    expect_code (covey_agent_read (ann, "swarm.list", NULL, "strong",
                                   SUPPORT_WAIT_MS, &json),
                 REMOTE);
    assert_non_null (strstr (covey_error (), "strong"));
    expect_code (covey_agent_read (ann, "swarm.list", "[]", "stale",
                                   SUPPORT_WAIT_MS, &json),
                 INVALID);
    expect_code (covey_agent_read (ann, "swarm.list", "{", "stale",
                                   SUPPORT_WAIT_MS, &json),
                 MALFORMED);
    expect_code (covey_agent_read (ann, "swarm.disband", "{\"swarmId\":\"x\"}",
                                   "stale", SUPPORT_WAIT_MS, &json),
                 REMOTE);
    assert_non_null (strstr (covey_error (), "changes something"));
    assert_null (json);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_the_same_request_is_executed_once),
        cmocka_unit_test (test_a_timeout_says_how_to_ask),
        cmocka_unit_test (test_a_question_has_no_outcome),
        cmocka_unit_test (test_limits_are_seen_by_all_and_set_by_no_agent),
        cmocka_unit_test (test_a_read_says_how_fresh_it_has_to_be),
    };
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}

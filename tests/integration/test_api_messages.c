/*  Messages and requests between agents on one node and on two               */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/support_api.h"

static covey_testmesh_t *mesh;
static covey_agent_t *ann, *bob, *cat; /* ann and bob on node 0, cat on 1 */
static support_log_t *messages, *notices, *late;

/*  "echo" answers, "fail" fails, "refuse" answers with an error of its own,
    "silent" never answers, "later" keeps the request for the test, "relay" asks
    another agent before it answers.                                          */
static covey_err_t
s_on_request (covey_agent_t *agent, const covey_event_t *request, void *arg)
{
    (void)arg;
    const char *method = covey_event_str (request, "method");
    size_t size = 0;
    const void *params = covey_event_payload (request, "params", NULL, &size);
    if (strcmp (method, "echo") == 0)
        return covey_agent_respond (agent, request, COVEY_CONTENT_JSON,
                                    params ? params : "null",
                                    params ? size : 4);
    if (strcmp (method, "refuse") == 0)
        return covey_agent_respond_error (agent, request, "NO_TEA", "no tea");
    if (strcmp (method, "later") == 0)
        return support_log_handler (agent, request, late);
    if (strcmp (method, "relay") == 0) {
        char *json;
        covey_err_t rc = covey_agent_request (agent, "bob", "echo",
                                              "\"relayed\"", 5000, &json);
        if (rc)
            return rc;
        rc = covey_agent_respond (agent, request, COVEY_CONTENT_JSON, json,
                                  strlen (json));
        covey_free (json);
        return rc;
    }
    return strcmp (method, "silent") == 0 ? COVEY_OK : COVEY_STATE;
}

static int
s_setup (void **state)
{
    (void)state;
    messages = support_log_new ();
    notices = support_log_new ();
    late = support_log_new ();
    expect_ok (covey_testmesh_new (2, SUPPORT_WAIT_MS, &mesh));
    ann = covey_testmesh_agent (mesh, 0, "ann", "worker");
    bob = covey_testmesh_agent (mesh, 0, "bob", "worker");
    cat = covey_testmesh_agent (mesh, 1, "cat", "worker");
    covey_agent_t *all[] = {ann, bob, cat};
    for (size_t i = 0; i < 3; i++) {
        assert_non_null (all[i]);
        covey_agent_on_message (all[i], support_log_handler, messages);
        covey_agent_on_request (all[i], s_on_request, NULL);
        covey_agent_on_notice (all[i], support_log_notice, notices);
    }
    expect_ok (covey_testmesh_start (mesh, SUPPORT_WAIT_MS));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    covey_testmesh_destroy (&mesh);
    support_log_destroy (&messages);
    support_log_destroy (&notices);
    support_log_destroy (&late);
    return 0;
}

static int
s_clear (void **state)
{
    (void)state;
    support_log_clear (messages);
    support_log_clear (notices);
    support_log_clear (late);
    return 0;
}

static void
message_arrives_on_the_same_and_on_another_node (void **state)
{
    (void)state;
    expect_ok (covey_agent_send (ann, "bob", COVEY_CONTENT_TEXT, "one", 3,
                                 SUPPORT_WAIT_MS));
    assert_true (support_log_wait (messages, 1, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_send (ann, "cat", COVEY_CONTENT_JSON, "{\"n\":2}", 7,
                                 SUPPORT_WAIT_MS));
    assert_true (support_log_wait (messages, 2, SUPPORT_WAIT_MS));
    const covey_event_t *one = support_log_event (messages, 0);
    const covey_event_t *two = support_log_event (messages, 1);
    assert_string_equal (support_log_agent (messages, 0), "bob");
    assert_string_equal (support_log_agent (messages, 1), "cat");
    assert_string_equal (support_content (one), "one");
    assert_string_equal (support_content (two), "{\"n\":2}");
    assert_string_equal (covey_event_source (one), "ann");
    assert_string_equal (covey_event_str (two, "contentType"), "json");
    assert_true (covey_event_hlc (two) > covey_event_hlc (one));
}

static void
message_to_nobody_is_refused_at_once (void **state)
{
    (void)state;
    int64_t start_ms = support_now_ms ();
    expect_code (covey_agent_send (ann, "nobody", COVEY_CONTENT_TEXT, "x", 1,
                                   SUPPORT_WAIT_MS),
                 NOAGENT);
    assert_non_null (strstr (covey_error (), "nobody"));
    assert_true (support_now_ms () - start_ms < 1000);
}

static void
refused_post_comes_as_notice (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_SYSTEM_INFO);
    expect_ok (covey_event_set_str (event, "component", "test"));
    expect_ok (covey_event_set_str (event, "message", "lost"));
    expect_ok (covey_event_add_target (event, "nobody"));
    expect_ok (covey_agent_post (ann, &event));
    assert_null (event);
    assert_true (support_log_wait (notices, 1, SUPPORT_WAIT_MS));
    assert_int_equal (support_log_kind (notices, 0), COVEY_NOTICE_REFUSED);
    assert_non_null (strstr (support_log_text (notices, 0), "nobody"));
}

static void
posts_leave_before_their_agent_is_destroyed (void **state)
{
    (void)state;
    covey_agent_t *brief = covey_agent_new ("brief", "worker");
    expect_ok (covey_agent_attach (brief, covey_testmesh_node (mesh, 0),
                                   SUPPORT_WAIT_MS));
    for (int i = 0; i < 10; i++) {
        covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
        expect_ok (covey_event_add_target (event, "bob"));
        expect_ok (covey_event_set_str (event, "messageId", "m"));
        expect_ok (covey_event_set_str (event, "contentType", "text"));
        expect_ok (covey_event_set_payload (event, "content",
                                            COVEY_CONTENT_TEXT, "x", 1));
        expect_ok (covey_agent_post (brief, &event));
    }
    covey_agent_destroy (&brief);
    assert_true (support_log_wait (messages, 10, SUPPORT_WAIT_MS));
}

static void
invalid_event_is_refused_before_it_leaves (void **state)
{
    (void)state;
    covey_event_t *event = covey_event_new (COVEY_EVENT_SYSTEM_INFO);
    covey_err_t rc = covey_agent_publish (ann, &event, COVEY_LEVEL_ACCEPTED,
                                          SUPPORT_WAIT_MS, NULL);
    assert_true (rc == COVEY_INVALID || rc == COVEY_MALFORMED);
    assert_non_null (strstr (covey_error (), "component"));
    assert_null (event);
}

static void
request_gets_its_answer (void **state)
{
    (void)state;
    const char *targets[] = {"bob", "cat"};
    for (int i = 0; i < 2; i++) {
        char *json = NULL;
        expect_ok (covey_agent_request (ann, targets[i], "echo", "{\"a\":[1]}",
                                        SUPPORT_WAIT_MS, &json));
        assert_string_equal (json, "{\"a\":[1]}");
        covey_free (json);
    }
}

static void
error_response_has_code_and_message (void **state)
{
    (void)state;
    expect_code (
        covey_agent_request (ann, "cat", "refuse", NULL, SUPPORT_WAIT_MS, NULL),
        REMOTE);
    assert_string_equal (covey_error (), "NO_TEA: no tea");
}

static void
failing_handler_becomes_an_error_response_and_the_agent_lives (void **state)
{
    (void)state;
    expect_code (
        covey_agent_request (ann, "bob", "fail", NULL, SUPPORT_WAIT_MS, NULL),
        REMOTE);
    assert_non_null (strstr (covey_error (), "INTERNAL_ERROR"));
    covey_agent_stats_t stats;
    covey_agent_stats (bob, &stats);
    assert_true (stats.handler_errors > 0);
    expect_ok (
        covey_agent_request (ann, "bob", "echo", NULL, SUPPORT_WAIT_MS, NULL));
}

static void
agent_without_request_handler_says_so (void **state)
{
    (void)state;
    covey_agent_on_request (bob, NULL, NULL);
    expect_code (
        covey_agent_request (ann, "bob", "echo", NULL, SUPPORT_WAIT_MS, NULL),
        REMOTE);
    assert_non_null (strstr (covey_error (), "METHOD_NOT_FOUND"));
    covey_agent_on_request (bob, s_on_request, NULL);
}

static void
request_to_nobody_fails_at_once (void **state)
{
    (void)state;
    int64_t start_ms = support_now_ms ();
    expect_code (covey_agent_request (ann, "nobody", "echo", NULL,
                                      SUPPORT_WAIT_MS, NULL),
                 NOAGENT);
    assert_true (support_now_ms () - start_ms < 1000);
}

static void
request_without_answer_times_out_and_a_late_answer_is_counted (void **state)
{
    (void)state;
    expect_code (covey_agent_request (ann, "cat", "later", NULL, 50, NULL),
                 TIMEOUT);
    assert_true (support_log_wait (late, 1, SUPPORT_WAIT_MS));
    covey_agent_stats_t before, after;
    covey_agent_stats (ann, &before);
    expect_ok (covey_agent_respond (cat, support_log_event (late, 0),
                                    COVEY_CONTENT_TEXT, "late", 4));
    /* What comes behind it on the same way has passed it. */
    expect_ok (covey_agent_send (cat, "ann", COVEY_CONTENT_TEXT, "after", 5,
                                 SUPPORT_WAIT_MS));
    assert_true (support_log_wait (messages, 1, SUPPORT_WAIT_MS));
    covey_agent_stats (ann, &after);
    assert_int_equal (after.dropped_late - before.dropped_late, 1);
}

static void
malformed_params_are_refused_here (void **state)
{
    (void)state;
    expect_code (covey_agent_request (ann, "bob", "echo",
                                      "{\"a\":", SUPPORT_WAIT_MS, NULL),
                 MALFORMED);
}

static void
s_vanish (size_t node, bool graceful)
{
    covey_agent_t *dan = covey_agent_new ("dan", "worker");
    expect_ok (covey_agent_attach (dan, covey_testmesh_node (mesh, node),
                                   SUPPORT_WAIT_MS));
    covey_agent_on_request (dan, s_on_request, NULL);
    expect_ok (covey_agent_start (dan));
    expect_ok (covey_node_wait_agents (covey_testmesh_node (mesh, 0), 4,
                                       SUPPORT_WAIT_MS));
    support_log_clear (late);
    support_log_t *answers = support_log_new ();
    expect_ok (covey_agent_ask (ann, "dan", "later", NULL, 60000,
                                support_log_handler, answers));
    assert_true (support_log_wait (late, 1, SUPPORT_WAIT_MS));
    int64_t start_ms = support_now_ms ();
    if (graceful)
        (void)covey_agent_shutdown (dan, "test", SUPPORT_WAIT_MS);
    covey_agent_destroy (&dan);
    assert_true (support_log_wait (answers, 1, SUPPORT_WAIT_MS));
    assert_true (support_now_ms () - start_ms < 5000);
    const covey_event_t *answer = support_log_event (answers, 0);
    assert_false (covey_event_bool (answer, "success"));
    assert_string_equal (covey_event_str (answer, "error.code"), "NOAGENT");
    support_log_destroy (&answers);
}

static void
agent_that_vanishes_ends_its_requests (void **state)
{
    (void)state;
    s_vanish (0, true);
    s_vanish (1, false);
}

static void
ask_gets_the_answer_in_the_dispatching_thread (void **state)
{
    (void)state;
    support_log_t *answers = support_log_new ();
    for (int i = 0; i < 20; i++)
        expect_ok (covey_agent_ask (ann, i % 2 ? "bob" : "cat", "echo", "true",
                                    SUPPORT_WAIT_MS, support_log_handler,
                                    answers));
    assert_true (support_log_wait (answers, 20, SUPPORT_WAIT_MS));
    for (size_t i = 0; i < 20; i++)
        assert_true (
            covey_event_bool (support_log_event (answers, i), "success"));
    expect_ok (covey_agent_ask (ann, "cat", "silent", NULL, 50,
                                support_log_handler, answers));
    assert_true (support_log_wait (answers, 21, SUPPORT_WAIT_MS));
    assert_string_equal (
        covey_event_str (support_log_event (answers, 20), "error.code"),
        "TIMEOUT");
    support_log_destroy (&answers);
}

static void
handler_may_ask_while_it_answers (void **state)
{
    (void)state;
    char *json = NULL;
    expect_ok (covey_agent_request (ann, "cat", "relay", NULL, SUPPORT_WAIT_MS,
                                    &json));
    assert_string_equal (json, "\"relayed\"");
    covey_free (json);
}

static void
later_session_supersedes_the_first (void **state)
{
    (void)state;
    covey_agent_t *first = covey_agent_new ("twin", "worker");
    covey_agent_t *second = covey_agent_new ("twin", "worker");
    covey_agent_on_notice (first, support_log_notice, notices);
    covey_node_t *node = covey_testmesh_node (mesh, 0);
    expect_ok (covey_agent_attach (first, node, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_start (first));
    expect_ok (covey_agent_attach (second, node, SUPPORT_WAIT_MS));
    /* Its announcement may still have been under way: then that is refused
       before the last word is said. */
    size_t last = 1;
    assert_true (support_log_wait (notices, last, SUPPORT_WAIT_MS));
    while (support_log_kind (notices, last - 1) == COVEY_NOTICE_REFUSED)
        assert_true (support_log_wait (notices, ++last, SUPPORT_WAIT_MS));
    assert_int_equal (support_log_kind (notices, last - 1),
                      COVEY_NOTICE_SUPERSEDED);
    expect_code (covey_agent_send (first, "ann", COVEY_CONTENT_TEXT, "x", 1,
                                   SUPPORT_WAIT_MS),
                 FENCED);
    expect_ok (covey_agent_send (second, "ann", COVEY_CONTENT_TEXT, "y", 1,
                                 SUPPORT_WAIT_MS));
    covey_agent_destroy (&first);
    covey_agent_destroy (&second);
}

int
main (void)
{
#define TEST(name) cmocka_unit_test_setup (name, s_clear)
    const struct CMUnitTest tests[] = {
        TEST (message_arrives_on_the_same_and_on_another_node),
        TEST (message_to_nobody_is_refused_at_once),
        TEST (refused_post_comes_as_notice),
        TEST (posts_leave_before_their_agent_is_destroyed),
        TEST (invalid_event_is_refused_before_it_leaves),
        TEST (request_gets_its_answer),
        TEST (error_response_has_code_and_message),
        TEST (failing_handler_becomes_an_error_response_and_the_agent_lives),
        TEST (agent_without_request_handler_says_so),
        TEST (request_to_nobody_fails_at_once),
        TEST (request_without_answer_times_out_and_a_late_answer_is_counted),
        TEST (malformed_params_are_refused_here),
        TEST (agent_that_vanishes_ends_its_requests),
        TEST (ask_gets_the_answer_in_the_dispatching_thread),
        TEST (handler_may_ask_while_it_answers),
        TEST (later_session_supersedes_the_first),
    };
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}

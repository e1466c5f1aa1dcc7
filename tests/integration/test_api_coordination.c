/*  Coordination sessions by the C API: who takes part with and without
   handlers, waiting for the outcome, pause and cancel */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "tests/support/support_api.h"

static covey_testmesh_t *mesh;
static covey_agent_t *asker;
static support_log_t *asked, *other, *held;

static covey_err_t
s_work (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)arg;
    const char *id = covey_agent_id (agent);
    return covey_task_complete (agent, event, COVEY_CONTENT_TEXT, id,
                                strlen (id));
}

static covey_err_t
s_join (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)support_log_handler (agent, event, arg);
    return covey_coordination_accept (agent, event);
}

static covey_err_t
s_fail (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    (void)event;
    (void)arg;
    return COVEY_DENIED;
}

static covey_agent_t *
s_agent (size_t node, const char *id, const char *type)
{
    covey_agent_t *agent = covey_testmesh_agent (mesh, node, id, type);
    assert_non_null (agent);
    return agent;
}

static int
s_setup (void **state)
{
    (void)state;
    asked = support_log_new ();
    other = support_log_new ();
    held = support_log_new ();
    expect_ok (covey_testmesh_new (2, SUPPORT_WAIT_MS, &mesh));
    asker = s_agent (1, "asker", "boss");
    covey_agent_on_task (s_agent (0, "plain", "worker"), s_work, NULL);
    covey_agent_t *agent = s_agent (1, "events", "worker");
    covey_agent_on_task (agent, s_work, NULL);
    covey_agent_on_event (agent, support_log_handler, other);
    agent = s_agent (0, "joins", "worker");
    covey_agent_on_task (agent, s_work, NULL);
    covey_agent_on_coordination (agent, s_join, asked);
    (void)s_agent (1, "idle", "worker");
    agent = s_agent (0, "fails", "worker");
    covey_agent_on_task (agent, s_work, NULL);
    covey_agent_on_coordination (agent, s_fail, NULL);
    agent = s_agent (1, "slow", "slow");
    covey_agent_on_task (agent, support_log_handler, held);
    expect_ok (covey_testmesh_start (mesh, SUPPORT_WAIT_MS));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    covey_testmesh_destroy (&mesh);
    support_log_destroy (&asked);
    support_log_destroy (&other);
    support_log_destroy (&held);
    return 0;
}

static json_t *
s_json (char *text)
{
    json_t *object = json_loads (text, 0, NULL);
    covey_free (text);
    assert_non_null (object);
    return object;
}

static const char *
s_text (const json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));
    return text ? text : "";
}

/*  "answer: reason" of an agent in a session.                               */
static void
s_expect_answer (const json_t *session, const char *agent, const char *answer,
                 const char *reason)
{
    size_t i;
    const json_t *one;
    json_array_foreach (json_object_get (session, "agents"), i, one)
    {
        if (strcmp (s_text (one, "agentId"), agent) != 0)
            continue;
        assert_string_equal (s_text (one, "answer"), answer);
        if (!strstr (s_text (one, "reason"), reason))
            fail_msg ("%s: %s", agent, s_text (one, "reason"));
        return;
    }
    fail_msg ("%s was not asked", agent);
}

static void
who_works_on_tasks_takes_part_and_handlers_decide (void **state)
{
    (void)state;
    char *view = NULL;
    expect_ok (covey_agent_coordinate (
        asker,
        "{\"coordinationId\":\"one\",\"objective\":\"say who you are\","
        "\"agentType\":\"worker\",\"minAgents\":3,\"maxAgents\":5,"
        "\"gatherTimeout\":60000}",
        SUPPORT_WAIT_MS, &view));
    covey_free (view);
    expect_ok (covey_coordination_wait (asker, "one", SUPPORT_WAIT_MS, &view));
    json_t *session = s_json (view);
    assert_true (json_is_true (json_object_get (session, "success")));
    assert_int_equal (json_array_size (json_object_get (session, "result")), 3);
    size_t i;
    const json_t *one;
    json_array_foreach (json_object_get (session, "result"), i, one)
        assert_string_equal (s_text (one, "agentId"), s_text (one, "result"));
    s_expect_answer (session, "plain", "participates", "");
    s_expect_answer (session, "events", "participates", "");
    s_expect_answer (session, "joins", "participates", "");
    s_expect_answer (session, "idle", "rejected", "works on no tasks");
    s_expect_answer (session, "fails", "rejected", "denied");
    json_decref (session);
    /* the handler for other events sees it, and need not answer */
    assert_int_equal (covey_event_type (support_log_event (other, 0)),
                      COVEY_EVENT_COORDINATION_REQUEST);
    const covey_event_t *request = support_log_event (asked, 0);
    assert_string_equal (covey_event_str (request, "objective"),
                         "say who you are");
    assert_string_equal (covey_event_source (request), "asker");
}

static void
steps_name_their_session_and_a_cancel_reaches_them (void **state)
{
    (void)state;
    expect_ok (covey_agent_coordinate (
        asker,
        "{\"coordinationId\":\"two\",\"objective\":\"wait\",\"agentType\":"
        "\"slow\",\"strategy\":\"sequential\"}",
        SUPPORT_WAIT_MS, NULL));
    assert_true (support_log_wait (held, 1, SUPPORT_WAIT_MS));
    const covey_event_t *task = support_log_event (held, 0);
    assert_string_equal (covey_event_metadata (task, "coordinationId"), "two");
    assert_string_equal (covey_event_metadata (task, "step"), "work");
    assert_string_equal (covey_event_correlation_id (task), "two");
    expect_ok (covey_coordination_pause (asker, "two", SUPPORT_WAIT_MS));
    char *view = NULL;
    expect_ok (covey_coordination_show (asker, "two", SUPPORT_WAIT_MS, &view));
    json_t *session = s_json (view);
    assert_string_equal (s_text (session, "state"), "paused");
    json_decref (session);
    expect_code (covey_coordination_wait (asker, "two", 300, NULL), TIMEOUT);
    expect_ok (covey_coordination_resume (asker, "two", SUPPORT_WAIT_MS));
    expect_ok (
        covey_coordination_cancel (asker, "two", "enough", SUPPORT_WAIT_MS));
    expect_ok (covey_coordination_wait (asker, "two", SUPPORT_WAIT_MS, &view));
    session = s_json (view);
    assert_false (json_is_true (json_object_get (session, "success")));
    assert_string_equal (s_text (session, "code"), "CANCELLED");
    json_decref (session);
}

static void
wrong_calls_are_refused (void **state)
{
    (void)state;
    expect_code (covey_agent_coordinate (asker, "{}", SUPPORT_WAIT_MS, NULL),
                 INVALID);
    expect_code (covey_agent_coordinate (asker, "{\"objectiv\":\"x\"}",
                                         SUPPORT_WAIT_MS, NULL),
                 INVALID);
    expect_code (covey_coordination_show (asker, "none", SUPPORT_WAIT_MS, NULL),
                 NOTFOUND);
    covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
    expect_code (covey_coordination_accept (asker, event), INVALID);
    covey_event_destroy (&event);
    event = covey_event_new (COVEY_EVENT_COORDINATION_REQUEST);
    expect_ok (covey_event_set_str (event, "coordinationId", "one"));
    expect_code (covey_coordination_reject (asker, event, NULL), DENIED);
    covey_event_destroy (&event);
}

/*  Its members are told by targeted tasks, and everybody else by an event.  */
static void
a_swarm_gets_a_task (void **state)
{
    (void)state;
    char *view = NULL;
    expect_ok (covey_swarm_form (asker,
                                 "{\"swarmId\":\"two\",\"members\":["
                                 "{\"agentId\":\"plain\"},{\"agentId\":"
                                 "\"events\"}]}",
                                 SUPPORT_WAIT_MS, NULL));
    expect_ok (covey_swarm_task (asker,
                                 "{\"swarmId\":\"two\",\"taskId\":\"shares\","
                                 "\"mode\":\"split\",\"objective\":\"x\","
                                 "\"input\":[1,2,3]}",
                                 SUPPORT_WAIT_MS, &view));
    assert_non_null (strstr (view, "\"mode\":\"split\""));
    covey_free (view);
    expect_ok (
        covey_coordination_wait (asker, "shares", SUPPORT_WAIT_MS, &view));
    json_t *session = s_json (view);
    assert_true (json_is_true (json_object_get (session, "success")));
    assert_int_equal (json_array_size (json_object_get (session, "result")), 3);
    json_decref (session);
    expect_code (covey_swarm_task (asker, "{\"swarmId\":\"two\"}",
                                   SUPPORT_WAIT_MS, NULL),
                 INVALID);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (who_works_on_tasks_takes_part_and_handlers_decide),
        cmocka_unit_test (steps_name_their_session_and_a_cancel_reaches_them),
        cmocka_unit_test (wrong_calls_are_refused),
        cmocka_unit_test (a_swarm_gets_a_task),
    };
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}

/*  Agents that stop taking work, finish what they have, and leave            */

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "tests/support/support_api.h"

static covey_testmesh_t *mesh;
static covey_agent_t *boss;
static support_log_t *tasks;
static support_log_t *messages;

/*  Handlers wait behind it.                                                  */
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_changed = PTHREAD_COND_INITIALIZER;
static bool s_is_open;

static void
s_open_gate (bool open)
{
    pthread_mutex_lock (&s_lock);
    s_is_open = open;
    pthread_cond_broadcast (&s_changed);
    pthread_mutex_unlock (&s_lock);
}

static covey_err_t
s_on_task (covey_agent_t *agent, const covey_event_t *task, void *arg)
{
    (void)support_log_handler (agent, task, arg);
    if (strcmp (covey_event_str (task, "taskType"), "keep") == 0)
        return strcmp (covey_agent_id (agent), "ada") == 0
                   ? COVEY_OK /* and never says more                          */
                   : covey_task_complete (agent, task, COVEY_CONTENT_JSON, "1",
                                          1);
    pthread_mutex_lock (&s_lock);
    while (!s_is_open)
        pthread_cond_wait (&s_changed, &s_lock);
    pthread_mutex_unlock (&s_lock);
    return covey_task_complete (agent, task, COVEY_CONTENT_JSON, "1", 1);
}

static covey_agent_t *
s_worker (size_t node, const char *id)
{
    covey_agent_t *agent = covey_agent_new (id, "worker");
    assert_non_null (agent);
    expect_ok (covey_agent_set_task_slots (agent, 8));
    covey_agent_on_task (agent, s_on_task, tasks);
    covey_agent_on_message (agent, support_log_handler, messages);
    expect_ok (covey_agent_attach (agent, covey_testmesh_node (mesh, node),
                                   SUPPORT_WAIT_MS));
    return agent;
}

static int
s_setup (void **state)
{
    (void)state;
    tasks = support_log_new ();
    messages = support_log_new ();
    s_open_gate (false);
    expect_ok (covey_testmesh_new (2, SUPPORT_WAIT_MS, &mesh));
    boss = covey_agent_new ("boss", "boss");
    expect_ok (covey_agent_set_client (boss, true));
    expect_ok (covey_agent_attach (boss, covey_testmesh_node (mesh, 0),
                                   SUPPORT_WAIT_MS));
    expect_ok (covey_agent_start (boss));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    covey_agent_destroy (&boss);
    covey_testmesh_destroy (&mesh);
    support_log_destroy (&tasks);
    support_log_destroy (&messages);
    return 0;
}

static void
s_submit (const char *type, char id[64])
{
    char json[128], *view = NULL;
    snprintf (json, sizeof json,
              "{\"taskType\":\"%s\",\"agentType\":\"worker\"}", type);
    expect_ok (covey_task_submit (boss, json, SUPPORT_WAIT_MS, &view));
    json_t *object = json_loads (view, 0, NULL);
    snprintf (id, 64, "%s", json_string_value (json_object_get (object, "id")));
    json_decref (object);
    covey_free (view);
}

/*  The agent that completed it.                                              */
static void
s_expect_done_by (const char *id, const char *agent)
{
    char *view = NULL;
    expect_ok (covey_task_wait (boss, id, SUPPORT_WAIT_MS, &view));
    json_t *object = json_loads (view, 0, NULL);
    assert_string_equal (json_string_value (json_object_get (object, "state")),
                         "completed");
    assert_string_equal (json_string_value (json_object_get (object, "agent")),
                         agent);
    json_decref (object);
    covey_free (view);
}

static json_int_t
s_capacity (const char *id)
{
    char *list = NULL;
    json_int_t capacity = -1;
    expect_ok (covey_agent_request (boss, "node", "mesh.agents", NULL,
                                    SUPPORT_WAIT_MS, &list));
    json_t *agents = json_loads (list, 0, NULL), *one;
    size_t i;
    json_array_foreach (agents, i, one)
    {
        if (strcmp (json_string_value (json_object_get (one, "id")), id) == 0)
            capacity =
                json_integer_value (json_object_get (one, "availableCapacity"));
    }
    json_decref (agents);
    covey_free (list);
    return capacity;
}

static void
s_wait_capacity (const char *id, json_int_t capacity)
{
    int64_t until_ms = support_now_ms () + SUPPORT_WAIT_MS;
    while (s_capacity (id) != capacity)
        if (support_now_ms () > until_ms)
            fail_msg ("%s does not come to capacity %d", id, (int)capacity);
}

static void *
s_drain (void *arg)
{
    expect_ok (covey_agent_drain (arg, "maintenance", SUPPORT_WAIT_MS));
    return NULL;
}

static void
draining_agent_finishes_and_gets_nothing_new (void **state)
{
    (void)state;
    covey_agent_t *ada = s_worker (1, "ada");
    expect_ok (covey_agent_start (ada));
    char first[64], later[5][64];
    s_submit ("slow", first);
    assert_true (support_log_wait (tasks, 1, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_send (boss, "ada", COVEY_CONTENT_TEXT, "queued", 6,
                                 SUPPORT_WAIT_MS));
    covey_agent_t *bob = s_worker (0, "bob");
    expect_ok (covey_agent_start (bob));
    expect_ok (covey_node_wait_agents (covey_testmesh_node (mesh, 1), 2,
                                       SUPPORT_WAIT_MS));
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_drain, ada), 0);
    s_wait_capacity ("ada", 0);
    static const char *const types[] = {"worker"};
    covey_scope_t group = {.agent_types = types, .agent_type_count = 1};
    for (int i = 0; i < 5; i++) {
        expect_ok (covey_agent_send_group (boss, &group, COVEY_CONTENT_TEXT,
                                           "work", 4, SUPPORT_WAIT_MS));
        s_submit ("keep", later[i]);
    }
    for (int i = 0; i < 5; i++)
        s_expect_done_by (later[i], "bob");
    expect_ok (covey_agent_send (boss, "ada", COVEY_CONTENT_TEXT, "by id", 5,
                                 SUPPORT_WAIT_MS));
    assert_true (s_capacity ("ada") == 0); /* still there, still at work      */
    s_open_gate (true);
    pthread_join (thread, NULL);
    s_expect_done_by (first, "ada");
    assert_true (support_log_wait (messages, 7, SUPPORT_WAIT_MS));
    int to_ada = 0;
    for (size_t i = 0; i < 7; i++)
        to_ada += strcmp (support_log_agent (messages, i), "ada") == 0;
    assert_int_equal (to_ada, 2); /* the two by id                            */
    assert_int_equal (support_log_count (tasks), 6);
    expect_code (covey_agent_send (boss, "ada", COVEY_CONTENT_TEXT, "x", 1,
                                   SUPPORT_WAIT_MS),
                 NOAGENT);
    covey_agent_destroy (&ada);
    covey_agent_destroy (&bob);
}

static void
what_is_not_finished_in_time_goes_to_others (void **state)
{
    (void)state;
    covey_agent_t *ada = s_worker (1, "ada");
    expect_ok (covey_agent_start (ada));
    char id[64];
    s_submit ("keep", id);
    assert_true (support_log_wait (tasks, 1, SUPPORT_WAIT_MS));
    expect_code (covey_agent_drain (ada, "maintenance", 300), TIMEOUT);
    assert_non_null (strstr (covey_error (), "1 tasks"));
    covey_agent_t *bob = s_worker (0, "bob");
    expect_ok (covey_agent_start (bob));
    s_expect_done_by (id, "bob");
    covey_agent_destroy (&ada);
    covey_agent_destroy (&bob);
}

/*  Nobody runs its handlers: drain does.                                     */
static void
drain_runs_the_handlers_itself (void **state)
{
    (void)state;
    covey_agent_t *ada = s_worker (1, "ada");
    expect_ok (covey_node_wait_agents (covey_testmesh_node (mesh, 0), 1,
                                       SUPPORT_WAIT_MS));
    for (int i = 0; i < 10; i++)
        expect_ok (covey_agent_send (boss, "ada", COVEY_CONTENT_TEXT, "x", 1,
                                     SUPPORT_WAIT_MS));
    expect_ok (covey_agent_drain (ada, NULL, SUPPORT_WAIT_MS));
    assert_int_equal (support_log_count (messages), 10);
    expect_ok (covey_agent_drain (ada, NULL, SUPPORT_WAIT_MS)); /* is gone    */
    covey_agent_destroy (&ada);
}

static void *
s_drain_node (void *arg)
{
    expect_ok (covey_node_drain (arg, SUPPORT_WAIT_MS));
    return NULL;
}

static void
node_drains_with_its_agents (void **state)
{
    (void)state;
    covey_agent_t *ada = s_worker (1, "ada"), *eve = NULL;
    expect_ok (covey_agent_start (ada));
    char first[64], later[3][64];
    s_submit ("slow", first);
    assert_true (support_log_wait (tasks, 1, SUPPORT_WAIT_MS));
    covey_agent_t *bob = s_worker (0, "bob");
    expect_ok (covey_agent_start (bob));
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_drain_node,
                                      covey_testmesh_node (mesh, 1)),
                      0);
    s_wait_capacity ("ada", 0);
    for (int i = 0; i < 3; i++) {
        s_submit ("keep", later[i]);
        s_expect_done_by (later[i], "bob");
    }
    eve = covey_agent_new ("eve", "worker");
    expect_code (covey_agent_attach (eve, covey_testmesh_node (mesh, 1), 500),
                 CLOSED);
    assert_non_null (strstr (covey_error (), "is draining"));
    s_open_gate (true);
    pthread_join (thread, NULL);
    s_expect_done_by (first, "ada");
    expect_ok (
        covey_node_stop (covey_testmesh_node (mesh, 1), SUPPORT_WAIT_MS));
    covey_agent_destroy (&eve);
    covey_agent_destroy (&ada);
    covey_agent_destroy (&bob);
}

/*  mesh.drain of the second node, asked at the first one.                    */
static covey_err_t
s_ask_drain (int timeout_ms, char **result_p)
{
    char target[48], params[32];
    snprintf (target, sizeof target, "node:%s",
              covey_node_id (covey_testmesh_node (mesh, 1)));
    snprintf (params, sizeof params, "{\"timeout\":%d}", timeout_ms);
    return covey_agent_request (boss, target, "mesh.drain", params,
                                SUPPORT_WAIT_MS, result_p);
}

static bool
s_wants_to_leave (void)
{
    struct pollfd pollfd = {
        .fd = covey_node_leave_fd (covey_testmesh_node (mesh, 1)),
        .events = POLLIN};
    return poll (&pollfd, 1, 0) == 1;
}

static void *
s_drain_by_request (void *arg)
{
    expect_ok (s_ask_drain (SUPPORT_WAIT_MS, arg));
    return NULL;
}

static void
node_drains_on_request_and_tells_its_agents (void **state)
{
    (void)state;
    char *result = NULL, first[64];
    support_log_t *notices = support_log_new ();
    covey_agent_t *ada = s_worker (1, "ada");
    expect_ok (covey_agent_start (ada));
    covey_agent_t *eve = covey_agent_new ("eve", "listener");
    covey_agent_on_notice (eve, support_log_notice, notices);
    expect_ok (covey_agent_attach (eve, covey_testmesh_node (mesh, 1),
                                   SUPPORT_WAIT_MS));
    expect_ok (covey_agent_start (eve));
    s_submit ("slow", first);
    assert_true (support_log_wait (tasks, 1, SUPPORT_WAIT_MS));
    pthread_t thread;
    assert_int_equal (
        pthread_create (&thread, NULL, s_drain_by_request, &result), 0);
    assert_true (support_log_wait (notices, 1, SUPPORT_WAIT_MS));
    assert_int_equal (support_log_kind (notices, 0), COVEY_NOTICE_DRAINING);
    expect_code (s_ask_drain (1000, &result), REMOTE); /* one at a time       */
    assert_false (s_wants_to_leave ());
    s_open_gate (true);
    pthread_join (thread, NULL);
    assert_non_null (strstr (result, "\"drained\":true,"));
    assert_null (strstr (result, "\"finished\":0,"));
    assert_non_null (strstr (result, "\"unfinished\":0,\"unsent\":0"));
    covey_free (result);
    assert_true (s_wants_to_leave ());
    s_expect_done_by (first, "ada");
    expect_ok (
        covey_node_stop (covey_testmesh_node (mesh, 1), SUPPORT_WAIT_MS));
    assert_int_equal (covey_node_leave_fd (covey_testmesh_node (mesh, 1)), -1);
    covey_agent_destroy (&ada);
    covey_agent_destroy (&eve);
    support_log_destroy (&notices);
}

static void
request_says_what_was_left_at_its_deadline (void **state)
{
    (void)state;
    char *result = NULL;
    covey_agent_t *ada = s_worker (1, "ada"); /* nobody runs its handlers     */
    expect_ok (covey_node_wait_agents (covey_testmesh_node (mesh, 0), 1,
                                       SUPPORT_WAIT_MS));
    for (int i = 0; i < 2; i++)
        expect_ok (covey_agent_send (boss, "ada", COVEY_CONTENT_TEXT, "x", 1,
                                     SUPPORT_WAIT_MS));
    expect_code (s_ask_drain (86400001, &result), REMOTE);
    expect_ok (s_ask_drain (200, &result));
    assert_non_null (
        strstr (result, "\"drained\":false,\"finished\":0,\"unfinished\":2,"));
    assert_true (s_wants_to_leave ());
    covey_free (result);
    covey_agent_destroy (&ada);
}

static void
node_says_what_it_could_not_finish (void **state)
{
    (void)state;
    covey_agent_t *ada = s_worker (1, "ada"); /* nobody runs its handlers     */
    expect_ok (covey_node_wait_agents (covey_testmesh_node (mesh, 0), 1,
                                       SUPPORT_WAIT_MS));
    for (int i = 0; i < 3; i++)
        expect_ok (covey_agent_send (boss, "ada", COVEY_CONTENT_TEXT, "x", 1,
                                     SUPPORT_WAIT_MS));
    expect_code (covey_node_drain (covey_testmesh_node (mesh, 1), 200),
                 TIMEOUT);
    assert_non_null (strstr (covey_error (), "3 events"));
    covey_agent_destroy (&ada);
}

static covey_err_t
s_drain_in_handler (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    *(covey_err_t *)arg = covey_agent_drain (agent, NULL, SUPPORT_WAIT_MS);
    return support_log_handler (agent, event, messages);
}

static void
handler_cannot_drain_its_own_agent (void **state)
{
    (void)state;
    covey_err_t rc = COVEY_OK;
    covey_agent_t *ada = covey_agent_new ("ada", "worker");
    covey_agent_on_message (ada, s_drain_in_handler, &rc);
    expect_ok (covey_agent_attach (ada, covey_testmesh_node (mesh, 0),
                                   SUPPORT_WAIT_MS));
    expect_ok (covey_agent_start (ada));
    expect_ok (covey_agent_send (boss, "ada", COVEY_CONTENT_TEXT, "x", 1,
                                 SUPPORT_WAIT_MS));
    assert_true (support_log_wait (messages, 1, SUPPORT_WAIT_MS));
    assert_int_equal (rc, COVEY_STATE);
    covey_agent_destroy (&ada);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (draining_agent_finishes_and_gets_nothing_new),
        CASE (what_is_not_finished_in_time_goes_to_others),
        CASE (drain_runs_the_handlers_itself),
        CASE (handler_cannot_drain_its_own_agent),
        CASE (node_drains_with_its_agents),
        CASE (node_drains_on_request_and_tells_its_agents),
        CASE (request_says_what_was_left_at_its_deadline),
        CASE (node_says_what_it_could_not_finish),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

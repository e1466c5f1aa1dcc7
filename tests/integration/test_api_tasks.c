/*  Tasks from the submitter's and the worker's side                          */

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
static support_log_t *assigned;

/*  What a worker does with a task depends on the task's type.                */
static covey_err_t
s_on_task (covey_agent_t *agent, const covey_event_t *task, void *arg)
{
    const char *type = covey_event_str (task, "taskType");
    (void)support_log_handler (agent, task, arg);
    if (strcmp (type, "keep") == 0)
        return COVEY_OK;
    if (strcmp (type, "reject") == 0)
        return covey_task_reject (agent, task, "not today");
    covey_err_t rc = covey_task_accept (agent, task);
    if (rc == COVEY_OK)
        rc = covey_task_start (agent, task);
    if (rc)
        return rc;
    if (strcmp (type, "crash") == 0)
        return COVEY_STATE;
    if (strcmp (type, "fail") == 0)
        return covey_task_fail (agent, task, "broken", "E_BROKEN", false);
    rc = covey_task_progress (agent, task, 50, "half way");
    size_t size = 0;
    const void *input = covey_event_payload (task, "input", NULL, &size);
    if (rc == COVEY_OK)
        rc = covey_task_complete (agent, task, COVEY_CONTENT_JSON,
                                  input ? input : "null", input ? size : 4);
    return rc;
}

static covey_agent_t *
s_worker (size_t node, const char *id, const char *capability)
{
    covey_agent_t *agent = covey_agent_new (id, "worker");
    assert_non_null (agent);
    expect_ok (covey_agent_add_capability (agent, capability));
    covey_agent_on_task (agent, s_on_task, assigned);
    expect_ok (covey_agent_attach (agent, covey_testmesh_node (mesh, node),
                                   SUPPORT_WAIT_MS));
    expect_ok (covey_agent_start (agent));
    return agent;
}

static int
s_setup (void **state)
{
    (void)state;
    assigned = support_log_new ();
    expect_ok (covey_testmesh_new (2, SUPPORT_WAIT_MS, &mesh));
    boss = covey_agent_new ("boss", "boss");
    expect_ok (covey_agent_set_client (boss, true));
    expect_ok (covey_agent_attach (boss, covey_testmesh_node (mesh, 1),
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
    support_log_destroy (&assigned);
    return 0;
}

static int
s_clear (void **state)
{
    (void)state;
    support_log_clear (assigned);
    return 0;
}

static void
s_submit (const char *json, char id[64])
{
    char *view = NULL;
    expect_ok (covey_task_submit (boss, json, SUPPORT_WAIT_MS, &view));
    json_t *object = json_loads (view, 0, NULL);
    snprintf (id, 64, "%s", json_string_value (json_object_get (object, "id")));
    json_decref (object);
    covey_free (view);
}

static json_t *
s_wait (const char *id)
{
    char *view = NULL;
    expect_ok (covey_task_wait (boss, id, SUPPORT_WAIT_MS, &view));
    json_t *object = json_loads (view, 0, NULL);
    assert_non_null (object);
    covey_free (view);
    return object;
}

static const char *
s_text (json_t *object, const char *key)
{
    const char *text = json_string_value (json_object_get (object, key));
    return text ? text : "";
}

static long long
s_number (json_t *object, const char *key)
{
    return json_integer_value (json_object_get (object, key));
}

static void
task_runs_from_submit_to_completed (void **state)
{
    (void)state;
    covey_agent_t *worker = s_worker (0, "ada", "count");
    char id[64];
    s_submit ("{\"taskType\":\"count\",\"requiredCapabilities\":[\"count\"],"
              "\"input\":{\"n\":7}}",
              id);
    json_t *view = s_wait (id);
    assert_string_equal (s_text (view, "state"), "completed");
    assert_string_equal (s_text (view, "agent"), "ada");
    assert_int_equal (s_number (json_object_get (view, "result"), "n"), 7);
    json_decref (view);
    covey_agent_destroy (&worker);
}

static void
wait_on_an_ended_task_returns_at_once (void **state)
{
    (void)state;
    covey_agent_t *worker = s_worker (1, "ada", "count");
    char id[64];
    s_submit ("{\"taskType\":\"count\"}", id);
    json_decref (s_wait (id));
    int64_t start_ms = support_now_ms ();
    json_decref (s_wait (id));
    assert_true (support_now_ms () - start_ms < 1500);
    covey_agent_destroy (&worker);
}

static void
failed_handler_fails_the_task_and_it_is_tried_again (void **state)
{
    (void)state;
    covey_agent_t *worker = s_worker (0, "ada", "count");
    char id[64];
    s_submit ("{\"taskType\":\"crash\",\"retry\":{\"attempts\":2,"
              "\"firstDelay\":10}}",
              id);
    json_t *view = s_wait (id);
    assert_string_equal (s_text (view, "state"), "parked");
    assert_int_equal (s_number (view, "attempt"), 2);
    json_decref (view);
    s_submit ("{\"taskType\":\"fail\"}", id);
    view = s_wait (id);
    assert_string_equal (s_text (view, "state"), "failed");
    assert_string_equal (s_text (view, "error"), "broken");
    assert_string_equal (s_text (view, "errorCode"), "E_BROKEN");
    json_decref (view);
    covey_agent_destroy (&worker);
}

static void
task_waits_for_an_agent_that_can_do_it (void **state)
{
    (void)state;
    covey_agent_t *other = s_worker (0, "bea", "paint");
    char id[64];
    s_submit ("{\"taskType\":\"count\",\"requiredCapabilities\":[\"count\"]}",
              id);
    expect_code (covey_task_wait (boss, id, 100, NULL), TIMEOUT);
    covey_agent_t *worker = s_worker (1, "ada", "count");
    json_t *view = s_wait (id);
    assert_string_equal (s_text (view, "agent"), "ada");
    json_decref (view);
    covey_agent_destroy (&other);
    covey_agent_destroy (&worker);
}

static void
vanished_agents_task_goes_to_another_with_a_higher_token (void **state)
{
    (void)state;
    covey_agent_t *first = s_worker (1, "ada", "count");
    char id[64];
    s_submit ("{\"taskType\":\"keep\",\"lease\":60000,"
              "\"retry\":{\"firstDelay\":10}}",
              id);
    assert_true (support_log_wait (assigned, 1, SUPPORT_WAIT_MS));
    covey_agent_destroy (&first);
    covey_agent_t *second = s_worker (0, "bea", "count");
    assert_true (support_log_wait (assigned, 2, SUPPORT_WAIT_MS));
    const covey_event_t *old = support_log_event (assigned, 0);
    const covey_event_t *new = support_log_event (assigned, 1);
    assert_string_equal (support_log_agent (assigned, 1), "bea");
    assert_string_equal (covey_event_str (new, "taskId"), id);
    assert_true (covey_event_int (new, "fencingToken") >
                 covey_event_int (old, "fencingToken"));
    /* The first one is back and still believes in its task. */
    first = s_worker (1, "ada", "count");
    expect_code (covey_task_complete (first, old, COVEY_CONTENT_TEXT, "x", 1),
                 FENCED);
    expect_ok (covey_task_accept (second, new));
    expect_ok (covey_task_start (second, new));
    expect_ok (covey_task_complete (second, new, COVEY_CONTENT_TEXT, "y", 1));
    json_t *view = s_wait (id);
    assert_string_equal (s_text (view, "result"), "y");
    json_decref (view);
    covey_agent_destroy (&first);
    covey_agent_destroy (&second);
}

static void
rejected_task_goes_elsewhere (void **state)
{
    (void)state;
    covey_agent_t *first = s_worker (0, "ada", "count");
    char id[64];
    s_submit ("{\"taskType\":\"reject\"}", id);
    assert_true (support_log_wait (assigned, 1, SUPPORT_WAIT_MS));
    covey_agent_t *second = s_worker (1, "bea", "count");
    assert_true (support_log_wait (assigned, 2, SUPPORT_WAIT_MS));
    expect_ok (covey_task_cancel (boss, id, "enough", SUPPORT_WAIT_MS));
    json_t *view = s_wait (id);
    assert_string_equal (s_text (view, "state"), "cancelled");
    json_decref (view);
    covey_agent_destroy (&first);
    covey_agent_destroy (&second);
}

static void
dependencies_run_first (void **state)
{
    (void)state;
    covey_agent_t *worker = s_worker (0, "ada", "count");
    char first[64], second[64], json[200];
    s_submit ("{\"taskType\":\"count\",\"requiredCapabilities\":[\"later\"]}",
              first);
    snprintf (json, sizeof json,
              "{\"taskType\":\"count\",\"dependencies\":[\"%s\"]}", first);
    s_submit (json, second);
    expect_code (covey_task_wait (boss, second, 100, NULL), TIMEOUT);
    covey_agent_t *later = s_worker (1, "bea", "later");
    json_decref (s_wait (first));
    json_t *view = s_wait (second);
    assert_string_equal (s_text (view, "state"), "completed");
    json_decref (view);
    covey_agent_destroy (&worker);
    covey_agent_destroy (&later);
}

/*  The assignment that came last, of a task of type "keep"; the caller owns it.
    "keep" is not accepted by the handler.                                    */
static covey_event_t *
s_take (size_t count)
{
    assert_true (support_log_wait (assigned, count, SUPPORT_WAIT_MS));
    covey_event_t *task =
        covey_event_dup (support_log_event (assigned, count - 1));
    return task;
}

static void
a_task_is_paused_with_details_and_goes_on (void **state)
{
    (void)state;
    covey_agent_t *worker = s_worker (0, "ada", "keep");
    covey_task_wish_t wish = COVEY_TASK_CANCEL;
    const covey_progress_t half = {.percent = 50,
                                   .details = "{\"page\":7}",
                                   .details_size = 10,
                                   .details_content = COVEY_CONTENT_JSON};
    char id[64];
    s_submit ("{\"taskType\":\"keep\"}", id);
    covey_event_t *task = s_take (1);
    expect_ok (covey_task_accept (worker, task));
    expect_ok (covey_task_start (worker, task));
    expect_ok (covey_task_report (worker, task, &half, &wish));
    assert_int_equal (wish, COVEY_TASK_GO_ON);
    expect_ok (covey_task_pause (boss, id, SUPPORT_WAIT_MS));
    expect_ok (covey_task_report (worker, task, &half, &wish));
    assert_int_equal (wish, COVEY_TASK_PAUSE);
    expect_ok (covey_task_yield (worker, task, "asked to", COVEY_CONTENT_JSON,
                                 "{\"page\":9}", 10));
    expect_code (covey_task_report (worker, task, &half, &wish), FENCED);
    assert_int_equal (wish, COVEY_TASK_GO_ON);
    covey_event_destroy (&task);
    expect_code (covey_task_pause (boss, id, SUPPORT_WAIT_MS), STATE);
    expect_ok (covey_task_resume (boss, id, SUPPORT_WAIT_MS));
    task = s_take (2);
    size_t size = 0;
    const void *details = covey_event_payload (task, "details", NULL, &size);
    assert_int_equal (size, 10);
    assert_memory_equal (details, "{\"page\":9}", 10);
    expect_ok (covey_task_accept (worker, task));
    expect_ok (covey_task_start (worker, task));
    expect_ok (
        covey_task_cancel_within (boss, id, "enough", 60000, SUPPORT_WAIT_MS));
    expect_ok (covey_task_report (worker, task, &half, &wish));
    assert_int_equal (wish, COVEY_TASK_CANCEL);
    expect_ok (
        covey_task_yield (worker, task, NULL, COVEY_CONTENT_TEXT, NULL, 0));
    covey_event_destroy (&task);
    json_t *view = s_wait (id);
    assert_string_equal (s_text (view, "state"), "cancelled");
    json_decref (view);
    covey_agent_destroy (&worker);
}

static void
batches_and_schedules_submit_tasks (void **state)
{
    (void)state;
    char *json = NULL;
    covey_agent_t *worker = s_worker (1, "bea", "count");
    expect_ok (covey_task_batch (
        boss,
        "{\"tasks\":[{\"taskId\":\"b\",\"taskType\":\"count\","
        "\"dependencies\":[\"a\"]},{\"taskId\":\"a\",\"taskType\":"
        "\"count\"}]}",
        SUPPORT_WAIT_MS, NULL));
    json_t *view = s_wait ("b");
    assert_string_equal (s_text (view, "state"), "completed");
    json_decref (view);
    expect_code (covey_task_batch (boss, "{\"task\":[]}", 1000, NULL), INVALID);

    expect_ok (covey_schedule_add (
        boss,
        "{\"scheduleId\":\"s\",\"every\":3600000,\"task\":{\"taskType\":"
        "\"count\"}}",
        SUPPORT_WAIT_MS, NULL));
    expect_ok (covey_schedule_pause (boss, "s", SUPPORT_WAIT_MS));
    expect_code (covey_schedule_pause (boss, "s", SUPPORT_WAIT_MS), STATE);
    expect_ok (covey_schedule_show (boss, "s", SUPPORT_WAIT_MS, &json));
    assert_non_null (strstr (json, "\"state\":\"paused\""));
    covey_free (json);
    expect_ok (covey_schedule_resume (boss, "s", SUPPORT_WAIT_MS));
    expect_ok (covey_schedule_list (boss, "{\"state\":\"active\"}",
                                    SUPPORT_WAIT_MS, &json));
    assert_non_null (strstr (json, "\"id\":\"s\""));
    covey_free (json);
    expect_ok (covey_schedule_delete (boss, "s", SUPPORT_WAIT_MS));
    expect_code (covey_schedule_show (boss, "s", SUPPORT_WAIT_MS, NULL),
                 NOTFOUND);
    covey_agent_destroy (&worker);
}

static void
what_is_wrong_is_refused_with_a_reason (void **state)
{
    (void)state;
    expect_code (
        covey_task_submit (boss, "{\"taskTyp\":\"x\"}", SUPPORT_WAIT_MS, NULL),
        INVALID);
    assert_non_null (strstr (covey_error (), "taskTyp"));
    expect_code (
        covey_task_submit (boss, "{\"taskType\":", SUPPORT_WAIT_MS, NULL),
        MALFORMED);
    expect_code (covey_task_show (boss, "nothing", SUPPORT_WAIT_MS, NULL),
                 NOTFOUND);
    covey_event_t *info = covey_event_new (COVEY_EVENT_SYSTEM_INFO);
    expect_code (covey_task_accept (boss, info), INVALID);
    covey_event_destroy (&info);
}

int
main (void)
{
#define TEST(name) cmocka_unit_test_setup (name, s_clear)
    const struct CMUnitTest tests[] = {
        TEST (task_runs_from_submit_to_completed),
        TEST (wait_on_an_ended_task_returns_at_once),
        TEST (failed_handler_fails_the_task_and_it_is_tried_again),
        TEST (task_waits_for_an_agent_that_can_do_it),
        TEST (vanished_agents_task_goes_to_another_with_a_higher_token),
        TEST (rejected_task_goes_elsewhere),
        TEST (dependencies_run_first),
        TEST (a_task_is_paused_with_details_and_goes_on),
        TEST (batches_and_schedules_submit_tasks),
        TEST (what_is_wrong_is_refused_with_a_reason),
    };
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}

/*  state: tasks that wait for others, come together, or belong to a parent */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_task.h"
#include "coordinator/save.h"

static void
test_batches_take_tasks_in_any_order (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 4);
    assert_int_equal (
        support_call (c, "boss", "task.batch",
                      "{\"tasks\":["
                      "{\"taskId\":\"d\",\"taskType\":\"x\",\"dependencies\":"
                      "[\"b\",\"c\"]},"
                      "{\"taskId\":\"b\",\"taskType\":\"x\",\"dependencies\":"
                      "[\"a\"]},"
                      "{\"taskId\":\"c\",\"taskType\":\"x\",\"dependencies\":"
                      "[\"a\"]},"
                      "{\"taskId\":\"a\",\"taskType\":\"x\"},"
                      "{\"taskType\":\"x\"}],\"idempotencyKey\":\"k\"}"),
        COVEY_OK);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_SUBMITTED), 5);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_ASSIGNED), 2);
    assert_non_null (strstr ((char *)c->reply.data, "\"id\":\"d\""));
    assert_int_equal (support_task_report (c, "complete", "a", ""), COVEY_OK);
    support_task_is (c, "b", "assigned", "");
    support_task_is (c, "c", "assigned", "");
    assert_int_equal (support_task_report (c, "complete", "b", ""), COVEY_OK);
    support_task_is (c, "d", "queued", "");
    assert_int_equal (support_task_report (c, "complete", "c", ""), COVEY_OK);
    support_task_is (c, "d", "assigned", "");
    /* the same key: the same tasks */
    assert_int_equal (support_call (c, "boss", "task.batch",
                                    "{\"tasks\":[{\"taskType\":\"y\"}],"
                                    "\"idempotencyKey\":\"k\"}"),
                      COVEY_OK);
    assert_int_equal (c->effects.fact_count, 0);
    assert_non_null (strstr ((char *)c->reply.data, "\"id\":\"d\""));
}

static void
s_refuse_batch (support_control_t *c, const char *tasks, covey_err_t code,
                const char *why)
{
    assert_int_equal (
        support_call (c, "boss", "task.batch", "{\"tasks\":[%s]}", tasks),
        code);
    if (!strstr (c->err.text, why))
        fail_msg ("\"%s\" does not say \"%s\"", c->err.text, why);
    assert_int_equal (support_task_ask (c, "show", "new", ""), COVEY_NOTFOUND);
}

static void
test_a_bad_batch_changes_nothing (void **state)
{
    support_control_t *c = *state;
#define NEW "{\"taskId\":\"new\",\"taskType\":\"x\"}"
    support_task_submit (c, "old", "");
    s_refuse_batch (c, "", COVEY_LIMIT, "1 to 1000");
    s_refuse_batch (c, NEW "," NEW, COVEY_INVALID, "new is there twice");
    s_refuse_batch (c, NEW ",{\"taskId\":\"old\",\"taskType\":\"x\"}",
                    COVEY_EXISTS, "old exists");
    s_refuse_batch (c, NEW ",{\"taskType\":\"x\",\"dependencies\":[\"no\"]}",
                    COVEY_NOTFOUND, "dependency no");
    s_refuse_batch (c,
                    "{\"taskId\":\"new\",\"taskType\":\"x\","
                    "\"dependencies\":[\"b\"]},"
                    "{\"taskId\":\"b\",\"taskType\":\"x\","
                    "\"dependencies\":[\"old\",\"new\"]}",
                    COVEY_INVALID, "a cycle: new waits for b waits for new");
    s_refuse_batch (c, NEW ",{\"taskType\":\"x\",\"idempotencyKey\":\"k\"}",
                    COVEY_INVALID, "tasks[1]: idempotencyKey");
    s_refuse_batch (c, NEW ",{\"taskType\":\"x\",\"parent\":\"no\"}",
                    COVEY_NOTFOUND, "parent no");
    s_refuse_batch (c, NEW ",{\"taskType\":\"x\",\"dependencyPolicy\":\"no\"}",
                    COVEY_INVALID, "fail, ignore, wait");
}

static void
test_what_waits_decides_what_a_failure_means (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 1);
    support_task_submit (c, "a", ",\"retry\":{\"attempts\":1}");
    support_task_submit (c, "fails", ",\"dependencies\":[\"a\"]");
    support_task_submit (c, "ignores",
                         ",\"dependencies\":[\"a\",\"fails\"],"
                         "\"dependencyPolicy\":\"ignore\"");
    support_task_submit (c, "waits",
                         ",\"dependencies\":[\"a\"],\"dependencyPolicy\":"
                         "\"wait\"");
    assert_int_equal (support_task_report (c, "fail", "a", ""), COVEY_OK);
    support_task_is (c, "a", "parked", "");
    support_task_is (c, "fails", "failed", "DEPENDENCY_FAILED");
    support_task_is (c, "ignores", "assigned", "");
    support_task_is (c, "waits", "queued", "");
    /* new ones see it likewise */
    support_task_submit (c, "late", ",\"dependencies\":[\"a\"]");
    support_task_is (c, "late", "failed", "DEPENDENCY_FAILED");
    support_task_submit (c, "late2",
                         ",\"dependencies\":[\"a\"],\"dependencyPolicy\":"
                         "\"wait\"");
    assert_int_equal (support_task_ask (c, "retry", "a", ""), COVEY_OK);
    assert_int_equal (support_task_report (c, "complete", "ignores", ""),
                      COVEY_OK);
    assert_int_equal (support_task_report (c, "complete", "a", ""), COVEY_OK);
    support_task_is (c, "waits", "assigned", "");
    support_task_is (c, "late2", "queued", "");
    /* a cancelled one can never come */
    support_task_submit (c, "b", "");
    support_task_submit (c, "w",
                         ",\"dependencies\":[\"b\"],\"dependencyPolicy\":"
                         "\"wait\"");
    assert_int_equal (support_task_ask (c, "cancel", "b", ""), COVEY_OK);
    support_task_is (c, "w", "failed", "DEPENDENCY_FAILED");
    assert_int_equal (support_task_ask (c, "retry", "w", ""), COVEY_STATE);
}

static void
test_who_waits_for_a_forgotten_task_fails (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 1);
    support_task_submit (c, "a", ",\"keepResult\":1000");
    support_task_submit (c, "w",
                         ",\"dependencies\":[\"a\"],\"dependencyPolicy\":"
                         "\"wait\"");
    assert_int_equal (
        support_task_report (c, "fail", "a", ",\"retryable\":false"), COVEY_OK);
    support_task_is (c, "w", "queued", "");
    support_tick (c, 1000);
    support_task_is (c, "w", "failed", "DEPENDENCY_FAILED");
}

static void
test_children_go_with_their_parent (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 4);
    support_task_submit (c, "p", ",\"priority\":\"high\",\"share\":\"team\"");
    support_task_submit (c, "cancel", ",\"parent\":\"p\"");
    assert_string_equal (support_reply (c, "priority"), "high");
    assert_string_equal (support_reply (c, "share"), "team");
    assert_string_equal (support_reply (c, "correlationId"), "p");
    support_task_submit (c, "request",
                         ",\"parent\":\"p\",\"parentPolicy\":\"request\"");
    support_task_submit (c, "abandon",
                         ",\"parent\":\"p\",\"parentPolicy\":\"abandon\"");
    support_task_submit (c, "queued",
                         ",\"parent\":\"cancel\",\"parentPolicy\":"
                         "\"request\"");
    support_task_submit (c, "done", ",\"parent\":\"p\"");
    assert_int_equal (support_task_ask (c, "pause", "done", ""), COVEY_OK);
    assert_int_equal (support_task_ask (c, "cancel", "done", ""), COVEY_OK);
    assert_int_equal (support_task_report (c, "complete", "p", ""), COVEY_OK);
    support_task_is (c, "cancel", "cancelled", "");
    assert_string_equal (support_reply (c, "error"), "its parent p is "
                                                     "completed");
    support_task_is (c, "queued", "cancelled", ""); /* and theirs with them */
    support_task_is (c, "abandon", "assigned", "");
    support_task_is (c, "request", "assigned", "");
    assert_string_equal (support_reply (c, "cancelRequested"), "true");
    support_tick (c, 20000); /* nobody takes it away, but silence */
    support_task_is (c, "request", "assigned", "");
    assert_int_equal (support_task_report (c, "yield", "request", ""),
                      COVEY_OK);
    support_task_is (c, "request", "cancelled", "");
    assert_int_equal (support_call (c, "boss", "task.submit",
                                    "{\"taskType\":\"x\",\"parent\":\"p\"}"),
                      COVEY_STATE);
}

static void
test_a_parked_parent_has_not_ended (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 1);
    support_task_submit (c, "p", ",\"retry\":{\"attempts\":1}");
    support_task_submit (c, "child",
                         ",\"parent\":\"p\",\"notBefore\":"
                         "\"2033-01-01T00:00:00Z\"");
    assert_int_equal (support_task_report (c, "fail", "p", ""), COVEY_OK);
    support_task_is (c, "p", "parked", "");
    support_task_is (c, "child", "queued", "");
    assert_int_equal (support_task_ask (c, "cancel", "p", ""), COVEY_OK);
    support_task_is (c, "child", "cancelled", "");
}

/*  A parked task that is not kept any more takes along who waits for it, that
    one its child, and the child's agent is free: in this command, not in the
    next.                                                                     */
static void
test_who_waits_for_a_forgotten_task_frees_an_agent (void **state)
{
    support_control_t *c = *state;
    static const char *const once =
        ",\"requiredCapabilities\":[\"a\"],\"retry\":{\"attempts\":1}";
    assert_int_equal (
        support_call (c, "boss", "mesh.setLimits", "{\"parkedTasks\":1}"),
        COVEY_OK);
    support_agent_up (c, "w1", "worker", "a", 1);
    support_agent_up (c, "w2", "worker", "b", 1);
    support_task_submit (c, "parked", once);
    support_task_submit (
        c, "waiter",
        ",\"dependencies\":[\"parked\"],\"dependencyPolicy\":\"wait\"");
    support_task_submit (
        c, "child", ",\"parent\":\"waiter\",\"requiredCapabilities\":[\"b\"]");
    support_task_submit (c, "next", ",\"requiredCapabilities\":[\"b\"]");
    assert_int_equal (support_task_report (c, "fail", "parked", ""), COVEY_OK);
    support_task_is (c, "child", "assigned", "");
    support_task_submit (c, "other", once);
    assert_int_equal (support_task_report (c, "fail", "other", ""), COVEY_OK);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_ASSIGNED), 1);
    support_task_is (c, "waiter", "failed", "DEPENDENCY_FAILED");
    support_task_is (c, "child", "cancelled", "");
    support_task_is (c, "next", "assigned", "");
}

int
main (void)
{
#define T(name)                                                \
    cmocka_unit_test_setup_teardown (name, support_task_setup, \
                                     support_task_teardown)
    const struct CMUnitTest tests[] = {
        T (test_batches_take_tasks_in_any_order),
        T (test_a_bad_batch_changes_nothing),
        T (test_what_waits_decides_what_a_failure_means),
        T (test_who_waits_for_a_forgotten_task_fails),
        T (test_who_waits_for_a_forgotten_task_frees_an_agent),
        T (test_children_go_with_their_parent),
        T (test_a_parked_parent_has_not_ended),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

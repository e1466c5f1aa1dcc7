/*  state: limits in time, pause, requested cancels, what an attempt hands on */
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
test_the_wait_for_an_agent_has_a_limit_for_each_attempt (void **state)
{
    support_control_t *c = *state;
    support_task_submit (c, "t1", ",\"queueTimeout\":1000");
    support_tick (c, 900);
    support_task_is (c, "t1", "queued", "");
    support_agent_up (c, "w1", "worker", "", 1);
    support_task_is (c, "t1", "assigned", "");
    support_tick (c, 5000); /* it is not in the queue: nothing counts */
    support_agent_down (c, "w1");
    support_tick (c, 999);
    support_task_is (c, "t1", "queued", "AGENT_LOST");
    support_tick (c, 1);
    support_task_is (c, "t1", "failed", "QUEUE_TIMEOUT");
    assert_false (covey_event_bool (
        support_fact (c, COVEY_EVENT_TASK_FAILED, 0), "retryable"));
}

static void
test_waiting_for_tasks_and_for_a_time_is_not_waiting_for_an_agent (void **state)
{
    support_control_t *c = *state;
    support_task_submit (c, "t1", ",\"delay\":5000");
    support_task_submit (c, "t2",
                         ",\"dependencies\":[\"t1\"],\"queueTimeout\":100,"
                         "\"totalTimeout\":3000");
    support_tick (c, 4999);
    support_task_is (c, "t1", "queued", "");
    support_task_is (c, "t2", "queued", "");
    support_agent_up (c, "w1", "worker", "", 1);
    support_task_is (c, "t1", "queued", "");
    support_tick (c, 1);
    support_task_is (c, "t1", "assigned", "");
    assert_int_equal (support_task_report (c, "complete", "t1", ""), COVEY_OK);
    support_task_is (c, "t2", "assigned", "");
    support_tick (c, 3000);
    support_task_is (c, "t2", "failed", "TOTAL_TIMEOUT");
}

static void
test_an_attempt_that_takes_too_long_is_taken_away_and_tried_again (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 1);
    support_task_submit (c, "t1",
                         ",\"runTimeout\":2000,\"lease\":1500,\"retry\":"
                         "{\"attempts\":2,\"firstDelay\":1000}");
    const covey_event_t *assigned =
        support_fact (c, COVEY_EVENT_TASK_ASSIGNED, 0);
    assert_int_equal (covey_event_int (assigned, "runTimeout"), 2000);
    assert_int_equal (covey_event_int (assigned, "lease"), 1500);
    support_tick (c, 1000);
    assert_int_equal (support_task_report (c, "progress", "t1", ""), COVEY_OK);
    support_tick (c, 999);
    support_task_is (c, "t1", "started", "");
    support_tick (c, 1);
    const covey_event_t *word = support_fact (c, COVEY_EVENT_TASK_CANCELLED, 0);
    assert_string_equal (covey_event_target (word, 0), "w1");
    support_task_is (c, "t1", "queued",
                     "RUN_TIMEOUT"); /* waits for its delay */
    support_tick (c, 1000);
    support_task_is (c, "t1", "assigned", "RUN_TIMEOUT");
    support_tick (c, 1000);
    assert_int_equal (support_task_report (c, "progress", "t1", ""), COVEY_OK);
    support_tick (c, 1000);
    support_task_is (c, "t1", "parked", "RUN_TIMEOUT");
}

static void
test_all_attempts_together_have_a_limit (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 1);
    support_task_submit (c, "t1", ",\"totalTimeout\":3000");
    assert_int_equal (
        support_task_report (c, "fail", "t1", ",\"retryDelay\":2500"),
        COVEY_OK);
    support_tick (c, 2499);
    support_task_is (c, "t1", "queued", ""); /* the failure named its delay */
    support_tick (c, 1);
    support_task_is (c, "t1", "assigned", "");
    support_tick (c, 500);
    support_task_is (c, "t1", "failed", "TOTAL_TIMEOUT");
    /* a person tries again: it begins anew */
    assert_int_equal (support_task_ask (c, "retry", "t1", ""), COVEY_OK);
    support_tick (c, 2999);
    support_task_is (c, "t1", "assigned", "TOTAL_TIMEOUT");
    support_tick (c, 1);
    support_task_is (c, "t1", "failed", "TOTAL_TIMEOUT");
    support_task_submit (c, "t2",
                         ",\"totalTimeout\":3000,\"deadline\":"
                         "\"2023-11-14T22:13:28Z\"");
    support_tick (c, 3000);
    assert_true (c->now_us >= 1700000005000000);
    support_task_is (c, "t2", "failed", "DEADLINE_EXCEEDED");
}

static void
test_results_are_kept_as_long_as_their_task_says (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 1);
    support_task_submit (c, "short", ",\"keepResult\":1000");
    assert_int_equal (support_task_report (c, "complete", "short", ""),
                      COVEY_OK);
    support_task_submit (c, "not", ",\"keepResult\":0");
    assert_int_equal (support_task_report (c, "complete", "not", ""), COVEY_OK);
    assert_int_equal (support_task_ask (c, "show", "not", ""), COVEY_NOTFOUND);
    support_task_submit (c, "usual", "");
    assert_int_equal (support_task_report (c, "complete", "usual", ""),
                      COVEY_OK);
    assert_true (covey_state_next_us (c->state) == c->now_us + 1000000);
    support_tick (c, 1000);
    assert_int_equal (support_task_ask (c, "show", "short", ""),
                      COVEY_NOTFOUND);
    support_task_is (c, "usual", "completed", "");
    support_tick (c, 86400000);
    assert_int_equal (support_task_ask (c, "show", "usual", ""),
                      COVEY_NOTFOUND);
}

static void
test_the_next_attempt_gets_the_last_details (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 1);
    support_task_submit (c, "t1", "");
    assert_int_equal (
        support_task_report (c, "progress", "t1", ",\"details\":{\"row\":7}"),
        COVEY_OK);
    assert_int_equal (
        support_task_report (c, "progress", "t1", ",\"progress\":9"), COVEY_OK);
    support_agent_up (c, "w2", "worker", "", 1);
    support_agent_down (c, "w1");
    const covey_event_t *assigned =
        support_fact (c, COVEY_EVENT_TASK_ASSIGNED, 0);
    assert_memory_equal (covey_event_payload (assigned, "details", NULL, NULL),
                         "{\"row\":7}", 9);
    assert_int_equal (support_task_ask (c, "show", "t1", ""), COVEY_OK);
    assert_non_null (strstr ((char *)c->reply.data, "{\"row\":7}"));
    assert_int_equal (support_task_report (c, "complete", "t1", ""), COVEY_OK);
    assert_int_equal (support_task_ask (c, "show", "t1", ""), COVEY_OK);
    assert_null (strstr ((char *)c->reply.data, "row"));
}

static void
test_a_queued_task_is_paused_and_resumed (void **state)
{
    support_control_t *c = *state;
    support_task_submit (c, "t1", ",\"queueTimeout\":1000");
    assert_int_equal (support_task_ask (c, "pause", "t1", ""), COVEY_OK);
    assert_string_equal (
        covey_event_str (support_fact (c, COVEY_EVENT_TASK_PROGRESS, 0),
                         "status"),
        "paused");
    assert_int_equal (support_task_ask (c, "pause", "t1", ""), COVEY_STATE);
    support_agent_up (c, "w1", "worker", "", 1);
    support_tick (c, 2000);
    support_task_is (c, "t1", "paused", "");
    assert_int_equal (support_task_ask (c, "resume", "t1", ""), COVEY_OK);
    support_task_is (c, "t1", "assigned", "");
    assert_int_equal (support_task_ask (c, "resume", "t1", ""), COVEY_STATE);
    /* paused while it waits for another: it goes on when resumed */
    support_task_submit (c, "t2", ",\"dependencies\":[\"t1\"]");
    assert_int_equal (support_task_ask (c, "pause", "t2", ""), COVEY_OK);
    assert_int_equal (support_task_report (c, "complete", "t1", ""), COVEY_OK);
    support_task_is (c, "t2", "paused", "");
    assert_int_equal (support_task_ask (c, "resume", "t2", ""), COVEY_OK);
    support_task_is (c, "t2", "assigned", "");
    /* a paused one is cancelled, and has a deadline, like others */
    support_task_submit (c, "t3", ",\"deadline\":\"2023-11-14T22:13:30Z\"");
    assert_int_equal (support_task_ask (c, "pause", "t3", ""), COVEY_OK);
    support_task_submit (c, "t4", "");
    assert_int_equal (support_task_ask (c, "pause", "t4", ""), COVEY_OK);
    assert_int_equal (support_task_ask (c, "cancel", "t4", ""), COVEY_OK);
    support_task_is (c, "t4", "cancelled", "");
    support_tick (c, 8000);
    support_task_is (c, "t3", "failed", "DEADLINE_EXCEEDED");
}

static void
test_an_agent_hears_of_a_pause_and_gives_the_task_back (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 1);
    support_task_submit (c, "t1", "");
    assert_int_equal (support_task_report (c, "start", "t1", ""), COVEY_OK);
    assert_int_equal (support_task_ask (c, "pause", "t1", ""), COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "started");
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_PROGRESS), 2);
    assert_string_equal (
        covey_event_target (support_fact (c, COVEY_EVENT_TASK_PROGRESS, 1), 0),
        "w1");
    assert_int_equal (support_task_report (c, "progress", "t1", ""), COVEY_OK);
    assert_string_equal (support_reply (c, "pauseRequested"), "true");
    /* taken back, asked again */
    assert_int_equal (support_task_ask (c, "resume", "t1", ""), COVEY_OK);
    assert_int_equal (support_task_report (c, "progress", "t1", ""), COVEY_OK);
    assert_string_equal (support_reply (c, "pauseRequested"), "");
    assert_int_equal (support_task_ask (c, "pause", "t1", ""), COVEY_OK);
    assert_int_equal (support_task_report (c, "yield", "t1", ",\"details\":3"),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "paused");
    assert_int_equal (support_reply_int (c, "attempt"), 0);
    assert_int_equal (support_task_ask (c, "resume", "t1", ""), COVEY_OK);
    const covey_event_t *assigned =
        support_fact (c, COVEY_EVENT_TASK_ASSIGNED, 0);
    assert_int_equal (covey_event_int (assigned, "attempt"), 1);
    assert_memory_equal (covey_event_payload (assigned, "details", NULL, NULL),
                         "3", 1);
    /* one that is lost meanwhile is paused, too; one that is done is done */
    assert_int_equal (support_task_ask (c, "pause", "t1", ""), COVEY_OK);
    support_agent_up (c, "w2", "worker", "", 1);
    support_agent_down (c, "w1");
    support_task_is (c, "t1", "paused", "AGENT_LOST");
    assert_int_equal (support_task_ask (c, "resume", "t1", ""), COVEY_OK);
    assert_int_equal (support_task_ask (c, "pause", "t1", ""), COVEY_OK);
    assert_int_equal (support_task_report (c, "complete", "t1", ""), COVEY_OK);
    support_task_is (c, "t1", "completed", "");
}

static void
test_a_yielded_task_goes_on_elsewhere_and_does_not_count (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 1);
    support_task_submit (c, "t1", "");
    support_agent_up (c, "w2", "worker", "", 1);
    assert_int_equal (
        support_task_report (c, "yield", "t1", ",\"reason\":\"later\""),
        COVEY_OK);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_REJECTED), 1);
    support_task_is (c, "t1", "assigned", "");
    assert_string_equal (support_reply (c, "agent"), "w2");
    assert_int_equal (support_reply_int (c, "attempt"), 1);
}

static void
test_a_cancel_with_grace_lets_the_agent_stop (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 4);
    support_task_submit (c, "yields", "");
    support_task_submit (c, "fails", "");
    support_task_submit (c, "silent", "");
    support_task_submit (c, "done", "");
    static const char *const ids[] = {"yields", "fails", "silent", "done"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal (
            support_task_ask (c, "cancel", ids[i],
                              ",\"grace\":2000,\"reason\":\"why\""),
            COVEY_OK);
        assert_string_equal (support_reply (c, "state"), "assigned");
        assert_int_equal (support_task_report (c, "progress", ids[i], ""),
                          COVEY_OK);
        assert_string_equal (support_reply (c, "cancelRequested"), "true");
    }
    assert_int_equal (support_task_report (c, "yield", "yields", ""), COVEY_OK);
    support_task_is (c, "yields", "cancelled", "");
    assert_string_equal (support_reply (c, "error"), "why");
    assert_int_equal (support_task_report (c, "fail", "fails", ""), COVEY_OK);
    support_task_is (c, "fails", "cancelled", "");
    assert_int_equal (support_task_report (c, "complete", "done", ""),
                      COVEY_OK);
    support_task_is (c, "done", "completed", "");
    support_tick (c, 1999);
    support_task_is (c, "silent", "started", "");
    support_tick (c, 1);
    support_task_is (c, "silent", "cancelled", "");
    assert_int_equal (support_task_report (c, "complete", "silent", ""),
                      COVEY_STATE);
    /* nobody works on it: no grace is needed; nor for a second word */
    support_agent_down (c, "w1");
    support_task_submit (c, "waits", "");
    assert_int_equal (
        support_task_ask (c, "cancel", "waits", ",\"grace\":2000"), COVEY_OK);
    support_task_is (c, "waits", "cancelled", "");
}

static void
test_a_grace_does_not_make_an_attempt_longer (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 1);
    support_task_submit (c, "t1", ",\"runTimeout\":1000");
    assert_int_equal (support_task_ask (c, "cancel", "t1", ",\"grace\":5000"),
                      COVEY_OK);
    support_tick (c, 1000);
    support_task_is (c, "t1", "cancelled", "");
    /* nor does it change what an agent says is final */
    support_task_submit (c, "t2", "");
    assert_int_equal (support_task_ask (c, "cancel", "t2", ",\"grace\":5000"),
                      COVEY_OK);
    assert_int_equal (
        support_task_report (c, "fail", "t2", ",\"retryable\":false"),
        COVEY_OK);
    support_task_is (c, "t2", "failed", "");
}

static void
test_details_are_refused_when_the_queue_is_full_of_bytes (void **state)
{
    support_control_t *c = *state;
    covey_state_limits_t limits;
    support_control_deinit (c);
    covey_state_limits_init (&limits);
    limits.task_bytes_max = 4000;
    support_control_init (c, &limits);
    support_agent_up (c, "w1", "worker", "", 1);
    support_task_submit (c, "t1", "");
    char big[3400];
    memset (big, 'x', sizeof big);
    memcpy (big, ",\"details\":\"", 12);
    big[sizeof big - 2] = '"';
    big[sizeof big - 1] = '\0';
    assert_int_equal (support_task_report (c, "progress", "t1", big),
                      COVEY_EAGAIN);
    support_task_is (c, "t1", "assigned", "");
    assert_int_equal (
        support_task_report (c, "progress", "t1", ",\"details\":1"), COVEY_OK);
}

int
main (void)
{
#define T(name)                                                \
    cmocka_unit_test_setup_teardown (name, support_task_setup, \
                                     support_task_teardown)
    const struct CMUnitTest tests[] = {
        T (test_the_wait_for_an_agent_has_a_limit_for_each_attempt),
        T (test_waiting_for_tasks_and_for_a_time_is_not_waiting_for_an_agent),
        T (test_an_attempt_that_takes_too_long_is_taken_away_and_tried_again),
        T (test_all_attempts_together_have_a_limit),
        T (test_results_are_kept_as_long_as_their_task_says),
        T (test_the_next_attempt_gets_the_last_details),
        T (test_a_queued_task_is_paused_and_resumed),
        T (test_an_agent_hears_of_a_pause_and_gives_the_task_back),
        T (test_a_yielded_task_goes_on_elsewhere_and_does_not_count),
        T (test_a_cancel_with_grace_lets_the_agent_stop),
        T (test_a_grace_does_not_make_an_attempt_longer),
        T (test_details_are_refused_when_the_queue_is_full_of_bytes),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

/*  state: what happens to tasks from submission to the end                   */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_control.h"

static void
s_submit (support_control_t *c, const char *id)
{
    assert_int_equal (
        support_call (c, "boss", "task.submit",
                      "{\"taskId\":\"%s\",\"taskType\":\"count\"}", id),
        COVEY_OK);
}

static covey_err_t
s_report (support_control_t *c, const char *agent, const char *verb,
          const char *task, uint64_t token, const char *more)
{
    char method[64];
    snprintf (method, sizeof method, "task.%s", verb);
    covey_err_t code = support_call (
        c, agent, method, "{\"taskId\":\"%s\",\"fencingToken\":%llu%s}", task,
        (unsigned long long)token, more);
    return code;
}

static const char *
s_state_of (support_control_t *c, const char *task)
{
    assert_int_equal (
        support_call (c, "boss", "task.show", "{\"taskId\":\"%s\"}", task),
        COVEY_OK);
    return support_reply (c, "state");
}

static uint64_t
s_token (support_control_t *c, const char *task)
{
    assert_int_equal (
        support_call (c, "boss", "task.show", "{\"taskId\":\"%s\"}", task),
        COVEY_OK);
    return (uint64_t)support_reply_int (c, "fencingToken");
}

static void
test_a_task_goes_from_submission_to_its_result (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "w1", "worker", "count", 1);
    assert_int_equal (
        support_call (c, "boss", "task.submit",
                      "{\"taskId\":\"t1\",\"taskType\":\"count\","
                      "\"requiredCapabilities\":[\"count\"],"
                      "\"input\":{\"file\":\"a.c\"},\"priority\":\"high\"}"),
        COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "assigned");
    assert_string_equal (support_reply (c, "agent"), "w1");
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_SUBMITTED), 1);
    const covey_event_t *assigned =
        support_fact (c, COVEY_EVENT_TASK_ASSIGNED, 0);
    assert_non_null (assigned);
    assert_string_equal (covey_event_target (assigned, 0), "w1");
    assert_string_equal (covey_event_source (assigned), "coordinator");
    assert_string_equal (covey_event_correlation_id (assigned), "t1");
    assert_memory_equal (covey_event_payload (assigned, "input", NULL, NULL),
                         "{\"file\":\"a.c\"}", 14);
    uint64_t token = (uint64_t)covey_event_int (assigned, "fencingToken");
    assert_int_equal (token, 1);

    assert_int_equal (s_report (c, "w1", "accept", "t1", token, ""), COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "accepted");
    const covey_event_t *fact = support_fact (c, COVEY_EVENT_TASK_ACCEPTED, 0);
    assert_string_equal (covey_event_source (fact), "w1");
    assert_int_equal (covey_event_target_count (fact), 0);
    assert_int_equal (s_report (c, "w1", "start", "t1", token, ""), COVEY_OK);
    assert_int_equal (s_report (c, "w1", "progress", "t1", token,
                                ",\"progress\":50,\"status\":\"half\""),
                      COVEY_OK);
    assert_int_equal (support_reply_int (c, "progress"), 50);
    c->now_us += 2000000;
    assert_int_equal (s_report (c, "w1", "complete", "t1", token,
                                ",\"result\":{\"lines\":7}"),
                      COVEY_OK);
    fact = support_fact (c, COVEY_EVENT_TASK_COMPLETED, 0);
    assert_int_equal (covey_event_int (fact, "duration"), 2000);
    assert_string_equal (s_state_of (c, "t1"), "completed");
    assert_non_null (strstr ((char *)c->reply.data, "{\"lines\":7}"));
    assert_int_equal (s_report (c, "w1", "complete", "t1", token, ""),
                      COVEY_STATE);
    support_control_end (c);
}

static void
test_a_report_with_an_old_token_is_fenced_and_names_the_holder (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "w1", "worker", "", 1);
    s_submit (c, "t1");
    uint64_t old = s_token (c, "t1");
    support_agent_up (c, "w2", "worker", "", 1);
    support_agent_down (c, "w1");
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_FAILED), 1);
    assert_string_equal (
        covey_event_str (support_fact (c, COVEY_EVENT_TASK_FAILED, 0),
                         "errorCode"),
        "AGENT_LOST");
    uint64_t now = s_token (c, "t1");
    assert_true (now > old);
    assert_string_equal (support_reply (c, "agent"), "w2");
    assert_int_equal (support_reply_int (c, "attempt"), 2);

    assert_int_equal (s_report (c, "w1", "complete", "t1", old, ""),
                      COVEY_FENCED);
    assert_non_null (strstr (c->err.text, "w2"));
    assert_int_equal (c->effects.fact_count, 1); /* it is on record */
    const covey_event_t *warning =
        support_fact (c, COVEY_EVENT_SYSTEM_WARNING, 0);
    assert_non_null (strstr (covey_event_str (warning, "message"), "w2"));
    assert_string_equal (covey_event_metadata (warning, "taskId"), "t1");
    assert_string_equal (covey_event_metadata (warning, "agentId"), "w1");
    assert_int_equal (s_report (c, "w2", "complete", "t1", old, ""),
                      COVEY_FENCED);
    assert_int_equal (s_report (c, "w1", "complete", "t1", now, ""),
                      COVEY_FENCED);
    assert_int_equal (s_report (c, "w2", "complete", "t1", now, ""), COVEY_OK);
    support_control_end (c);
}

static void
test_a_silent_agent_loses_its_task_when_the_lease_ends (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "w1", "worker", "", 1);
    assert_int_equal (support_call (c, "boss", "task.submit",
                                    "{\"taskId\":\"t1\",\"taskType\":\"x\","
                                    "\"lease\":1000}"),
                      COVEY_OK);
    uint64_t token = s_token (c, "t1");
    support_tick (c, 900);
    assert_int_equal (s_report (c, "w1", "progress", "t1", token, ""),
                      COVEY_OK);
    support_tick (c, 900); /* renewed: 1,800 ms in all */
    assert_int_equal (s_token (c, "t1"), token);
    support_tick (c, 100);
    assert_true (s_token (c, "t1") > token);
    const covey_event_t *word = support_fact (c, COVEY_EVENT_TASK_CANCELLED, 0);
    assert_string_equal (covey_event_target (word, 0), "w1");
    assert_int_equal (support_reply_int (c, "attempt"), 2);
    /* three attempts in all, then a person has to look */
    support_tick (c, 1000);
    assert_string_equal (s_state_of (c, "t1"), "assigned");
    support_tick (c, 1000);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_PARKED), 1);
    assert_string_equal (s_state_of (c, "t1"), "parked");
    assert_int_equal (
        support_call (c, "boss", "task.retry", "{\"taskId\":\"t1\"}"),
        COVEY_OK);
    assert_string_equal (s_state_of (c, "t1"), "assigned");
    assert_int_equal (support_reply_int (c, "attempt"), 1);
    support_control_end (c);
}

static void
test_what_is_due_happens_before_the_next_command (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "w1", "worker", "", 1);
    s_submit (c, "t1");
    uint64_t token = s_token (c, "t1");
    c->now_us += 30000000; /* to the microsecond, and no tick in between */
    assert_int_equal (s_report (c, "w1", "complete", "t1", token, ""),
                      COVEY_FENCED);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_FAILED), 1);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_COMPLETED), 0);
    const covey_event_t *fact = support_fact (c, COVEY_EVENT_TASK_FAILED, 0);
    assert_string_equal (covey_event_source (fact), "coordinator");
    assert_null (covey_event_causation_id (fact));
    support_control_end (c);
}

static void
test_an_agent_that_begins_anew_has_lost_what_it_held (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    for (int i = 0; i < 3; i++) {
        char id[16];
        snprintf (id, sizeof id, "t%d", i);
        support_agent_up (c, "w1", "worker", "", 1);
        s_submit (c, id);
        uint64_t old = s_token (c, id);
        support_agent_up (c, "w1", "worker", "", 1);
        const covey_event_t *fact =
            support_fact (c, COVEY_EVENT_TASK_FAILED, 0);
        assert_string_equal (covey_event_str (fact, "errorCode"), "AGENT_LOST");
        assert_true (s_token (c, id) > old);
        assert_int_equal (s_report (c, "w1", "complete", id, old, ""),
                          COVEY_FENCED);
        assert_int_equal (
            s_report (c, "w1", "complete", id, s_token (c, id), ""), COVEY_OK);
    }
    support_control_end (c);
}

static void
test_leases_begin_anew_when_a_coordinator_resumes (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "w1", "worker", "", 1);
    s_submit (c, "t1");
    uint64_t token = s_token (c, "t1");
    c->now_us += 3600000000; /* nobody was there for an hour */
    Covey__Control__Tick tick = COVEY__CONTROL__TICK__INIT;
    tick.has_resumed = tick.resumed = true;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_TICK;
    command.tick = &tick;
    support_apply (c, &command);
    assert_int_equal (s_report (c, "w1", "complete", "t1", token, ""),
                      COVEY_OK);
    support_control_end (c);
}

static void
test_a_failed_try_is_followed_by_another_after_a_growing_delay (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "w1", "worker", "", 1);
    s_submit (c, "t1");
    int64_t delays[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal (s_report (c, "w1", "fail", "t1", s_token (c, "t1"),
                                    ",\"error\":\"no luck\","
                                    "\"errorCode\":\"E1\",\"retryable\":true"),
                          COVEY_OK);
        assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_FAILED), 1);
        assert_string_equal (s_state_of (c, "t1"), "queued");
        assert_non_null (strstr (support_reply (c, "waitsBecause"), "until"));
        delays[i] = covey_state_next_us (c->state) - c->now_us;
        support_tick (c, delays[i] / 1000 - 1);
        assert_string_equal (s_state_of (c, "t1"), "queued");
        support_tick (c, 1);
        assert_string_equal (s_state_of (c, "t1"), "assigned");
    }
    assert_in_range (delays[0], 800000, 1000000);
    assert_in_range (delays[1], 1600000, 2000000);
    assert_int_equal (s_report (c, "w1", "fail", "t1", s_token (c, "t1"), ""),
                      COVEY_OK);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_PARKED), 1);
    assert_string_equal (s_state_of (c, "t1"), "parked");
    support_control_end (c);
}

static void
test_fatal_codes_and_final_failures_are_not_tried_again (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "w1", "worker", "", 2);
    assert_int_equal (support_call (c, "boss", "task.submit",
                                    "{\"taskId\":\"t1\",\"taskType\":\"x\","
                                    "\"retry\":{\"fatalCodes\":[\"EBAD\"]}}"),
                      COVEY_OK);
    assert_int_equal (s_report (c, "w1", "fail", "t1", s_token (c, "t1"),
                                ",\"errorCode\":\"EBAD\",\"retryable\":true"),
                      COVEY_OK);
    assert_string_equal (s_state_of (c, "t1"), "failed");
    s_submit (c, "t2");
    assert_int_equal (s_report (c, "w1", "fail", "t2", s_token (c, "t2"),
                                ",\"retryable\":false"),
                      COVEY_OK);
    assert_string_equal (s_state_of (c, "t2"), "failed");
    support_control_end (c);
}

static void
test_a_rejected_task_goes_to_another_agent_and_costs_no_attempt (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "w1", "worker", "", 1);
    s_submit (c, "t1");
    assert_int_equal (s_report (c, "w1", "reject", "t1", s_token (c, "t1"),
                                ",\"reason\":\"no\""),
                      COVEY_OK);
    assert_string_equal (s_state_of (c, "t1"), "queued");
    assert_non_null (strstr (support_reply (c, "waitsBecause"), "rejected"));
    support_agent_up (c, "w2", "worker", "", 1);
    assert_string_equal (s_state_of (c, "t1"), "assigned");
    assert_string_equal (support_reply (c, "agent"), "w2");
    assert_int_equal (support_reply_int (c, "attempt"), 1);
    support_control_end (c);
}

static void
test_the_deadline_ends_a_task_wherever_it_is (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    for (int held = 0; held <= 1; held++) {
        if (held)
            support_agent_up (c, "w1", "worker", "", 1);
        assert_int_equal (
            support_call (c, "boss", "task.submit",
                          "{\"taskId\":\"t%d\",\"taskType\":\"x\","
                          "\"deadline\":%lld}",
                          held, (long long)c->now_us + 5000000),
            COVEY_OK);
        support_tick (c, 5000);
        char id[16];
        snprintf (id, sizeof id, "t%d", held);
        assert_string_equal (s_state_of (c, id), "failed");
        assert_string_equal (support_reply (c, "errorCode"),
                             "DEADLINE_EXCEEDED");
        assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_CANCELLED),
                          held);
    }
    assert_int_equal (support_call (c, "boss", "task.submit",
                                    "{\"taskType\":\"x\",\"deadline\":%lld}",
                                    (long long)c->now_us - 1),
                      COVEY_INVALID);
    support_control_end (c);
}

static void
test_a_task_waits_for_its_dependencies (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "w1", "worker", "", 4);
    s_submit (c, "a");
    s_submit (c, "b");
    assert_int_equal (support_call (c, "boss", "task.submit",
                                    "{\"taskId\":\"sum\",\"taskType\":\"sum\","
                                    "\"dependencies\":[\"a\",\"b\",\"a\"]}"),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "queued");
    assert_string_equal (support_reply (c, "waitsBecause"),
                         "waits for 2 tasks");
    assert_int_equal (s_report (c, "w1", "complete", "a", s_token (c, "a"), ""),
                      COVEY_OK);
    assert_string_equal (s_state_of (c, "sum"), "queued");
    assert_int_equal (s_report (c, "w1", "complete", "b", s_token (c, "b"), ""),
                      COVEY_OK);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_ASSIGNED), 1);
    assert_string_equal (s_state_of (c, "sum"), "assigned");
    support_control_end (c);
}

static void
test_unknown_and_cyclic_dependencies_are_refused_at_submission (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    assert_int_equal (support_call (c, "boss", "task.submit",
                                    "{\"taskId\":\"a\",\"taskType\":\"x\","
                                    "\"dependencies\":[\"nope\"]}"),
                      COVEY_NOTFOUND);
    assert_non_null (strstr (c->err.text, "nope"));
    assert_int_equal (support_call (c, "boss", "task.submit",
                                    "{\"taskId\":\"a\",\"taskType\":\"x\","
                                    "\"dependencies\":[\"a\"]}"),
                      COVEY_INVALID);
    assert_non_null (strstr (c->err.text, "cycle"));
    assert_int_equal (c->effects.fact_count, 0);
    assert_int_equal (
        support_call (c, "boss", "task.show", "{\"taskId\":\"a\"}"),
        COVEY_NOTFOUND);
    support_control_end (c);
}

static void
test_a_failed_dependency_fails_the_whole_chain_behind_it (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "w1", "worker", "", 1);
    s_submit (c, "t0");
    enum { CHAIN = 20000 };
    for (int i = 1; i < CHAIN; i++)
        assert_int_equal (
            support_call (c, "boss", "task.submit",
                          "{\"taskId\":\"t%d\",\"taskType\":\"x\","
                          "\"dependencies\":[\"t%d\"]}",
                          i, i - 1),
            COVEY_OK);
    assert_int_equal (
        support_call (c, "boss", "task.cancel", "{\"taskId\":\"t0\"}"),
        COVEY_OK);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_CANCELLED), 2);
    assert_int_equal (c->effects.fact_count, 2 + CHAIN - 1);
    assert_string_equal (s_state_of (c, "t19999"), "failed");
    assert_string_equal (support_reply (c, "errorCode"), "DEPENDENCY_FAILED");
    /* one that comes late fails at once, and a retry wants the first first */
    assert_int_equal (support_call (c, "boss", "task.submit",
                                    "{\"taskId\":\"late\",\"taskType\":\"x\","
                                    "\"dependencies\":[\"t5\"]}"),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "failed");
    assert_int_equal (
        support_call (c, "boss", "task.retry", "{\"taskId\":\"t7\"}"),
        COVEY_STATE);
    assert_non_null (strstr (c->err.text, "t6"));
    support_control_end (c);
}

static void
test_a_request_is_executed_once_and_answered_as_often_as_it_comes (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    const char *submit = "{\"taskType\":\"x\"}";
    assert_int_equal (support_call_as (c, "boss", "r-1", "task.submit", submit),
                      COVEY_OK);
    char id[64];
    snprintf (id, sizeof id, "%s", support_reply (c, "id"));
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_SUBMITTED), 1);
    assert_int_equal (support_call_as (c, "boss", "r-1", "task.submit", submit),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "id"), id);
    assert_int_equal (c->effects.fact_count, 0);
    /* another client's request of the same id is another request */
    assert_int_equal (
        support_call_as (c, "chief", "r-1", "task.submit", submit), COVEY_OK);
    assert_string_not_equal (support_reply (c, "id"), id);
    /* a refusal is repeated, too */
    const char *show = "{\"taskId\":\"none\"}";
    assert_int_equal (support_call_as (c, "boss", "r-2", "task.cancel", show),
                      COVEY_NOTFOUND);
    assert_int_equal (support_call (c, "boss", "task.submit",
                                    "{\"taskId\":\"none\","
                                    "\"taskType\":\"x\"}"),
                      COVEY_OK);
    assert_int_equal (support_call_as (c, "boss", "r-2", "task.cancel", show),
                      COVEY_NOTFOUND);
    assert_non_null (strstr (c->err.text, "none"));
    support_control_end (c);
}

static void
test_an_idempotency_key_finds_the_task_of_another_request (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    const char *submit = "{\"taskType\":\"x\",\"idempotencyKey\":\"night-1\"}";
    assert_int_equal (support_call (c, "boss", "task.submit", "%s", submit),
                      COVEY_OK);
    char id[64];
    snprintf (id, sizeof id, "%s", support_reply (c, "id"));
    assert_int_equal (support_call (c, "other", "task.submit", "%s", submit),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "id"), id);
    assert_int_equal (c->effects.fact_count, 0);
    s_submit (c, "t1");
    assert_int_equal (support_call (c, "boss", "task.submit",
                                    "{\"taskId\":\"t1\",\"taskType\":\"x\"}"),
                      COVEY_EXISTS);
    support_control_end (c);
}

static void
test_a_full_queue_refuses_and_takes_again_when_there_is_room (void **state)
{
    (void)state;
    covey_state_limits_t limits;
    covey_state_limits_init (&limits);
    limits.tasks_max = 3;
    limits.ended_max = 2;
    support_control_t *c = calloc (1, sizeof *c);
    support_control_init (c, &limits);
    s_submit (c, "t1");
    s_submit (c, "t2");
    s_submit (c, "t3");
    const char *submit = "{\"taskId\":\"t4\",\"taskType\":\"x\"}";
    assert_int_equal (
        support_call_as (c, "boss", "same", "task.submit", submit),
        COVEY_EAGAIN);
    assert_int_equal (
        support_call (c, "boss", "task.cancel", "{\"taskId\":\"t1\"}"),
        COVEY_OK);
    /* the same request: EAGAIN was no verdict */
    assert_int_equal (
        support_call_as (c, "boss", "same", "task.submit", submit), COVEY_OK);
    for (int i = 2; i <= 4; i++)
        assert_int_equal (
            support_call (c, "boss", "task.cancel", "{\"taskId\":\"t%d\"}", i),
            COVEY_OK);
    /* only two ended ones are kept */
    assert_int_equal (
        support_call (c, "boss", "task.show", "{\"taskId\":\"t2\"}"),
        COVEY_NOTFOUND);
    assert_string_equal (s_state_of (c, "t4"), "cancelled");
    support_control_end (c);
}

static void
test_priority_goes_first_then_age (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    static const char *const order[] = {"c1", "h1", "n1", "n2", "l1"};
    static const char *const submits[][2] = {{"n1", "normal"},
                                             {"l1", "low"},
                                             {"c1", "critical"},
                                             {"n2", "normal"},
                                             {"h1", "high"}};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal (support_call (c, "boss", "task.submit",
                                        "{\"taskId\":\"%s\",\"taskType\":"
                                        "\"x\",\"priority\":\"%s\"}",
                                        submits[i][0], submits[i][1]),
                          COVEY_OK);
    support_agent_up (c, "w1", "worker", "", 1);
    for (size_t i = 0; i < 5; i++) {
        const covey_event_t *assigned =
            support_fact (c, COVEY_EVENT_TASK_ASSIGNED, 0);
        assert_non_null (assigned);
        assert_string_equal (covey_event_str (assigned, "taskId"), order[i]);
        assert_int_equal (
            s_report (c, "w1", "complete", order[i],
                      (uint64_t)covey_event_int (assigned, "fencingToken"), ""),
            COVEY_OK);
    }
    support_control_end (c);
}

static void
test_cancel_tells_the_agent_that_works_on_it (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    support_agent_up (c, "w1", "worker", "", 1);
    s_submit (c, "t1");
    uint64_t token = s_token (c, "t1");
    assert_int_equal (support_call (c, "boss", "task.cancel",
                                    "{\"taskId\":\"t1\",\"reason\":\"late\"}"),
                      COVEY_OK);
    const covey_event_t *all = support_fact (c, COVEY_EVENT_TASK_CANCELLED, 0);
    const covey_event_t *word = support_fact (c, COVEY_EVENT_TASK_CANCELLED, 1);
    assert_int_equal (covey_event_target_count (all), 0);
    assert_string_equal (covey_event_str (all, "by"), "boss");
    assert_string_equal (covey_event_str (all, "reason"), "late");
    assert_string_equal (covey_event_target (word, 0), "w1");
    assert_int_equal (s_report (c, "w1", "complete", "t1", token, ""),
                      COVEY_STATE);
    assert_int_equal (
        support_call (c, "boss", "task.cancel", "{\"taskId\":\"t1\"}"),
        COVEY_STATE);
    support_control_end (c);
}

static void
test_bad_parameters_are_refused_before_they_become_a_command (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    static const char *const bad[][2] = {
        {"task.submit", "{}"},
        {"task.submit", "{\"taskType\":\"\"}"},
        {"task.submit", "{\"taskTyp\":\"x\"}"},
        {"task.submit", "{\"taskType\":\"x\",\"lease\":1}"},
        {"task.submit", "{\"taskType\":\"x\",\"priority\":\"urgent\"}"},
        {"task.submit", "{\"taskType\":\"x\",\"retry\":{\"multiplier\":0.5}}"},
        {"task.submit", "{\"taskType\":\"x\",\"retry\":{\"attempts\":1001}}"},
        {"task.submit", "{\"taskType\":\"x\",\"dependencies\":[\"\"]}"},
        {"task.submit", "{\"taskType\":"},
        {"task.progress",
         "{\"taskId\":\"t\",\"fencingToken\":1,\"progress\":101}"},
        {"task.complete", "{\"taskId\":\"t\"}"},
        {"swarm.form", "{\"members\":[{\"agentId\":\"a b\"}]}"},
        {"swarm.form", "{\"members\":[{\"agentId\":\"a\",\"weight\":0}]}"},
        {"swarm.vote", "{\"consensusId\":\"v\"}"},
        {"swarm.vote", "{\"consensusId\":\"v\",\"vote\":\"maybe\"}"},
        {"swarm.propose", "{\"swarmId\":\"s\",\"proposal\":1,\"timeout\":0}"},
        {"swarm.propose",
         "{\"swarmId\":\"s\",\"proposal\":1,\"quorumSize\":0}"},
        {"task.sumbit", "{}"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t before = c->index;
        covey_err_t code = support_call (c, "boss", bad[i][0], "%s", bad[i][1]);
        if (!code || !c->err.text[0] || c->index != before)
            fail_msg ("%s %s: %s \"%s\"", bad[i][0], bad[i][1],
                      covey_err_name (code), c->err.text);
    }
    assert_non_null (strstr (c->err.text, "task.submit"));
    support_control_end (c);
}

static void
test_lists_go_on_where_they_ended (void **state)
{
    (void)state;
    support_control_t *c = support_control_new (NULL);
    for (int i = 0; i < 7; i++) {
        char id[16];
        snprintf (id, sizeof id, "t%d", i);
        s_submit (c, id);
    }
    int seen = 0;
    char after[64] = "";
    do {
        assert_int_equal (support_call (c, "boss", "task.list",
                                        *after
                                            ? "{\"limit\":3,\"after\":\"%s\"}"
                                            : "{\"limit\":3}%s",
                                        after),
                          COVEY_OK);
        for (const char *at = (char *)c->reply.data;
             (at = strstr (at, "\"id\":")); at++)
            seen++;
        snprintf (after, sizeof after, "%s", support_reply (c, "next"));
    } while (*after);
    assert_int_equal (seen, 7);
    assert_int_equal (
        support_call (c, "boss", "task.list", "{\"state\":\"sleeping\"}"),
        COVEY_INVALID);
    assert_int_equal (
        support_call (c, "boss", "task.list", "{\"state\":\"completed\"}"),
        COVEY_OK);
    assert_string_equal ((char *)c->reply.data, "{\"tasks\":[]}");
    support_control_end (c);
}

static void
test_facts_of_a_replayed_entry_have_the_same_ids (void **state)
{
    (void)state;
    uint8_t first[2][16];
    for (int round = 0; round < 2; round++) {
        support_control_t *c = support_control_new (NULL);
        support_agent_up (c, "w1", "worker", "", 1);
        s_submit (c, "t1");
        assert_int_equal (c->effects.fact_count, 2);
        for (int i = 0; i < 2; i++) {
            const uint8_t *id = covey_event_id (c->effects.facts[i]);
            assert_int_equal (id[6] >> 4, 7);
            assert_int_equal (id[8] >> 6, 2);
            if (round)
                assert_memory_equal (first[i], id, 16);
            memcpy (first[i], id, 16);
        }
        assert_memory_not_equal (first[0], first[1], 16);
        support_control_end (c);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_a_task_goes_from_submission_to_its_result),
        cmocka_unit_test (
            test_a_report_with_an_old_token_is_fenced_and_names_the_holder),
        cmocka_unit_test (
            test_a_silent_agent_loses_its_task_when_the_lease_ends),
        cmocka_unit_test (test_what_is_due_happens_before_the_next_command),
        cmocka_unit_test (test_an_agent_that_begins_anew_has_lost_what_it_held),
        cmocka_unit_test (test_leases_begin_anew_when_a_coordinator_resumes),
        cmocka_unit_test (
            test_a_failed_try_is_followed_by_another_after_a_growing_delay),
        cmocka_unit_test (
            test_fatal_codes_and_final_failures_are_not_tried_again),
        cmocka_unit_test (
            test_a_rejected_task_goes_to_another_agent_and_costs_no_attempt),
        cmocka_unit_test (test_the_deadline_ends_a_task_wherever_it_is),
        cmocka_unit_test (test_a_task_waits_for_its_dependencies),
        cmocka_unit_test (
            test_unknown_and_cyclic_dependencies_are_refused_at_submission),
        cmocka_unit_test (
            test_a_failed_dependency_fails_the_whole_chain_behind_it),
        cmocka_unit_test (
            test_a_request_is_executed_once_and_answered_as_often_as_it_comes),
        cmocka_unit_test (
            test_an_idempotency_key_finds_the_task_of_another_request),
        cmocka_unit_test (
            test_a_full_queue_refuses_and_takes_again_when_there_is_room),
        cmocka_unit_test (test_priority_goes_first_then_age),
        cmocka_unit_test (test_cancel_tells_the_agent_that_works_on_it),
        cmocka_unit_test (
            test_bad_parameters_are_refused_before_they_become_a_command),
        cmocka_unit_test (test_lists_go_on_where_they_ended),
        cmocka_unit_test (test_facts_of_a_replayed_entry_have_the_same_ids),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

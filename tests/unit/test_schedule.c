/*  state: schedules, from their first time to their end */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_task.h"
#include "coordinator/save.h"

static covey_err_t
s_add (support_control_t *c, const char *id, const char *more)
{
    return support_call (c, "boss", "task.schedule.add",
                         "{\"scheduleId\":\"%s\",\"task\":{\"taskType\":\"x\"}"
                         "%s}",
                         id, more);
}

static int64_t
s_count (support_control_t *c, const char *id, const char *key)
{
    assert_int_equal (support_call (c, "boss", "task.schedule.show",
                                    "{\"scheduleId\":\"%s\"}", id),
                      COVEY_OK);
    return support_reply_int (c, key);
}

static covey_err_t
s_do (support_control_t *c, const char *verb, const char *id)
{
    char method[60];
    snprintf (method, sizeof method, "task.schedule.%s", verb);
    return support_call (c, "boss", method, "{\"scheduleId\":\"%s\"}", id);
}

/*  Complete what w1 holds, all of it.                                       */
static void
s_complete_all (support_control_t *c)
{
    for (int i = 0; i < 20; i++) {
        assert_int_equal (support_call (c, "boss", "task.list",
                                        "{\"state\":\"assigned\",\"limit\":1}"),
                          COVEY_OK);
        char id[300];
        snprintf (id, sizeof id, "%s", support_reply (c, "id"));
        if (!*id)
            return;
        assert_int_equal (support_task_report (c, "complete", id, ""),
                          COVEY_OK);
    }
}

static void
test_every_second_until_its_end (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 10);
    assert_int_equal (s_add (c, "s", ",\"every\":1000,\"times\":3"), COVEY_OK);
    assert_string_equal (support_reply (c, "nextAt"),
                         "2023-11-14T22:13:21.000Z");
    assert_int_equal (s_add (c, "s", ",\"every\":1000"), COVEY_EXISTS);
    support_tick (c, 999);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_SUBMITTED), 0);
    support_tick (c, 1);
    const covey_event_t *fact = support_fact (c, COVEY_EVENT_TASK_SUBMITTED, 0);
    assert_string_equal (covey_event_str (fact, "taskId"),
                         "s/2023-11-14T22:13:21.000Z");
    assert_string_equal (covey_event_source (fact), "boss");
    support_task_is (c, "s/2023-11-14T22:13:21.000Z", "assigned", "");
    assert_string_equal (support_reply (c, "schedule"), "s");
    support_tick (c, 1000); /* the first one runs yet */
    assert_int_equal (s_count (c, "s", "skipped"), 1);
    s_complete_all (c);
    support_tick (c, 1000);
    assert_int_equal (s_count (c, "s", "runs"), 2);
    assert_string_equal (support_reply (c, "state"), "ended");
    support_tick (c, 5000);
    assert_int_equal (s_count (c, "s", "runs"), 2);
    assert_int_equal (s_do (c, "delete", "s"), COVEY_OK);
    assert_int_equal (s_do (c, "show", "s"), COVEY_NOTFOUND);
    assert_int_equal (s_do (c, "delete", "s"), COVEY_NOTFOUND);
}

static void
test_cron_times_come_in_utc (void **state)
{
    support_control_t *c = *state;
    assert_int_equal (s_add (c, "n", ",\"cron\":\"30 22 * * tue\""), COVEY_OK);
    assert_string_equal (support_reply (c, "nextAt"),
                         "2023-11-14T22:30:00.000Z");
    support_tick (c, 16 * 60000 + 40000);
    assert_int_equal (s_count (c, "n", "runs"), 1);
    assert_string_equal (support_reply (c, "nextAt"),
                         "2023-11-21T22:30:00.000Z");
}

static void
test_what_runs_and_what_comes (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 1000);
    static const char *const overlaps[] = {"skip", "bufferOne", "bufferAll",
                                           "cancelOther", "allowAll"};
    char more[100];
    for (size_t i = 0; i < 5; i++) {
        snprintf (more, sizeof more, ",\"every\":1000,\"overlap\":\"%s\"",
                  overlaps[i]);
        assert_int_equal (s_add (c, overlaps[i], more), COVEY_OK);
    }
    for (int i = 0; i < 4; i++)
        support_tick (c, 1000);
    static const int64_t wanted[5][3] = {
        {1, 3, 0}, {1, 2, 1}, {1, 0, 3}, {4, 0, 0}, {4, 0, 0}};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal (s_count (c, overlaps[i], "runs"), wanted[i][0]);
        assert_int_equal (s_count (c, overlaps[i], "skipped"), wanted[i][1]);
        assert_int_equal (s_count (c, overlaps[i], "buffered"), wanted[i][2]);
    }
    assert_int_equal (
        support_call (c, "boss", "task.list", "{\"state\":\"cancelled\"}"),
        COVEY_OK);
    assert_non_null (strstr ((char *)c->reply.data, "cancelOther/"));
    support_task_is (c, "allowAll/2023-11-14T22:13:22.000Z", "assigned", "");
    /* what was buffered follows, one after the other */
    support_task_is (c, "bufferAll/2023-11-14T22:13:21.000Z", "assigned", "");
    assert_int_equal (support_task_report (c, "complete",
                                           "bufferAll/2023-11-14T22:13:21.000Z",
                                           ""),
                      COVEY_OK);
    assert_int_equal (support_fact_count (c, COVEY_EVENT_TASK_SUBMITTED), 1);
    support_task_is (c, "bufferAll/2023-11-14T22:13:22.000Z", "assigned", "");
    assert_int_equal (s_count (c, "bufferAll", "buffered"), 2);
}

/*  What waits for the one before it is one of its times already.            */
static void
test_buffered_times_count (void **state)
{
    support_control_t *c = *state;
    support_agent_up (c, "w1", "worker", "", 10);
    assert_int_equal (
        s_add (c, "s", ",\"every\":1000,\"times\":3,\"overlap\":\"bufferAll\""),
        COVEY_OK);
    for (int i = 0; i < 9; i++)
        support_tick (c, 1000);
    assert_int_equal (s_count (c, "s", "buffered"), 2);
    for (int i = 0; i < 3; i++)
        s_complete_all (c);
    support_tick (c, 5000);
    assert_int_equal (s_count (c, "s", "runs"), 3);
    assert_string_equal (support_reply (c, "state"), "ended");
}

static void
test_times_that_nobody_saw_are_made_up_if_not_too_old (void **state)
{
    support_control_t *c = *state;
    assert_int_equal (s_add (c, "all",
                             ",\"every\":1000,\"overlap\":"
                             "\"allowAll\",\"catchUp\":5000"),
                      COVEY_OK);
    assert_int_equal (s_add (c, "none", ",\"every\":1000,\"catchUp\":0"),
                      COVEY_OK);
    support_tick (c, 20500); /* nobody was there */
    assert_int_equal (s_count (c, "all", "runs"), 5);
    assert_int_equal (s_count (c, "all", "missed"), 15);
    assert_int_equal (s_count (c, "none", "runs"), 0);
    assert_int_equal (s_count (c, "none", "missed"), 20);
    support_tick (c, 500); /* and on it goes */
    assert_int_equal (s_count (c, "none", "runs"), 1);
    /* a year of seconds is not made up, nor counted */
    assert_int_equal (s_add (c, "year",
                             ",\"every\":100,\"overlap\":"
                             "\"allowAll\",\"catchUp\":31536000000"),
                      COVEY_OK);
    support_tick (c, INT64_C (31536000000));
    assert_int_equal (s_count (c, "year", "runs"), 1000);
}

static void
test_a_paused_schedule_lets_times_pass (void **state)
{
    support_control_t *c = *state;
    assert_int_equal (s_add (c, "s", ",\"every\":1000"), COVEY_OK);
    assert_int_equal (s_do (c, "resume", "s"), COVEY_STATE);
    assert_int_equal (s_do (c, "pause", "s"), COVEY_OK);
    assert_string_equal (support_reply (c, "state"), "paused");
    assert_int_equal (s_do (c, "pause", "s"), COVEY_STATE);
    support_tick (c, 3500);
    assert_int_equal (s_do (c, "resume", "s"), COVEY_OK);
    assert_string_equal (support_reply (c, "nextAt"),
                         "2023-11-14T22:13:24.000Z");
    assert_int_equal (s_count (c, "s", "runs"), 0);
    support_tick (c, 500);
    assert_int_equal (s_count (c, "s", "runs"), 1);
    assert_int_equal (support_call (c, "boss", "task.schedule.list",
                                    "{\"state\":\"active\"}"),
                      COVEY_OK);
    assert_string_equal (support_reply (c, "id"), "s");
}

static void
test_what_is_no_schedule_is_refused (void **state)
{
    support_control_t *c = *state;
    static const char *const cases[][2] = {
        {"", "one of cron and every"},
        {",\"every\":1000,\"cron\":\"* * * * *\"", "one of cron and every"},
        {",\"every\":99", "every is 99"},
        {",\"cron\":\"* * * *\"", "4 fields"},
        {",\"every\":1000,\"overlap\":\"no\"", "bufferOne"},
        {",\"every\":1000,\"endsAt\":\"2020-01-01T00:00:00Z\"", "never run"},
        {",\"every\":1000,\"startsAt\":\"2030-01-01T00:00:00Z\",\"endsAt\":"
         "\"2029-01-01T00:00:00Z\"",
         "before startsAt"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal (s_add (c, "s", cases[i][0]), COVEY_INVALID);
        if (!strstr (c->err.text, cases[i][1]))
            fail_msg ("\"%s\" does not say \"%s\"", c->err.text, cases[i][1]);
    }
    assert_int_equal (
        support_call (c, "boss", "task.schedule.add",
                      "{\"every\":1000,\"task\":{\"taskType\":\"x\","
                      "\"taskId\":\"t\"}}"),
        COVEY_INVALID);
    assert_int_equal (s_do (c, "show", "s"), COVEY_NOTFOUND);
}

int
main (void)
{
#define T(name)                                                \
    cmocka_unit_test_setup_teardown (name, support_task_setup, \
                                     support_task_teardown)
    const struct CMUnitTest tests[] = {
        T (test_every_second_until_its_end),
        T (test_cron_times_come_in_utc),
        T (test_what_runs_and_what_comes),
        T (test_buffered_times_count),
        T (test_times_that_nobody_saw_are_made_up_if_not_too_old),
        T (test_a_paused_schedule_lets_times_pass),
        T (test_what_is_no_schedule_is_refused),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

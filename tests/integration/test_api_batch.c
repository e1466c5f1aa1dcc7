/*  Many events at once: order, partial refusal, one wait.                   */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/support_api.h"

static covey_testmesh_t *s_mesh;
static covey_agent_t *s_from;
static support_log_t *s_log;

static int
s_setup (void **state)
{
    (void)state;
    expect_ok (covey_testmesh_new (2, SUPPORT_WAIT_MS, &s_mesh));
    s_from = covey_testmesh_agent (s_mesh, 0, "from", "worker");
    covey_agent_t *to = covey_testmesh_agent (s_mesh, 1, "to", "worker");
    s_log = support_log_new ();
    covey_agent_on_message (to, support_log_handler, s_log);
    expect_ok (covey_testmesh_start (s_mesh, SUPPORT_WAIT_MS));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    covey_testmesh_destroy (&s_mesh);
    support_log_destroy (&s_log);
    return 0;
}

static covey_event_t *
s_message (const char *target, int number)
{
    char text[16];
    int size = snprintf (text, sizeof text, "%d", number);
    covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
    expect_ok (covey_event_add_target (event, target));
    expect_ok (covey_event_set_str (event, "messageId", text));
    expect_ok (covey_event_set_str (event, "contentType", "text"));
    expect_ok (covey_event_set_payload (event, "content", COVEY_CONTENT_TEXT,
                                        text, (size_t)size));
    return event;
}

static void
all_arrive_in_order_and_are_stored (void **state)
{
    (void)state;
    enum { COUNT = COVEY_BATCH_MAX };
    static covey_event_t *events[COUNT];
    static covey_batch_result_t results[COUNT];
    for (int i = 0; i < COUNT; i++)
        events[i] = s_message ("to", i);
    expect_ok (covey_agent_publish_batch (
        s_from, events, COUNT, COVEY_LEVEL_STORED, SUPPORT_WAIT_MS, results));
    assert_true (support_log_wait (s_log, COUNT, SUPPORT_WAIT_MS));
    for (int i = 0; i < COUNT; i++) {
        assert_null (events[i]);
        assert_int_equal (results[i].code, COVEY_OK);
        assert_int_equal (results[i].receipt.level, COVEY_LEVEL_STORED);
        assert_true (i == 0 ||
                     results[i].receipt.offset > results[i - 1].receipt.offset);
        const covey_event_t *event = support_log_event (s_log, (size_t)i);
        assert_int_equal (strtol (support_content (event), NULL, 10), i);
        assert_memory_equal (covey_event_id (event), results[i].receipt.id, 16);
    }
}

/*  A bad one, one to nobody and none at all do not keep the others back.     */
static void
each_has_its_own_verdict (void **state)
{
    (void)state;
    covey_event_t *events[5] = {s_message ("to", 0), s_message ("ghost", 1),
                                covey_event_new (COVEY_EVENT_MESSAGE_SENT),
                                NULL, s_message ("to", 4)};
    covey_batch_result_t results[5];
    expect_code (covey_agent_publish_batch (s_from, events, 5,
                                            COVEY_LEVEL_ACCEPTED,
                                            SUPPORT_WAIT_MS, results),
                 NOAGENT);
    assert_non_null (strstr (covey_error (), "3 of 5 events failed, event 1"));
    const covey_err_t codes[] = {COVEY_OK, COVEY_NOAGENT, COVEY_INVALID,
                                 COVEY_INVALID, COVEY_OK};
    for (int i = 0; i < 5; i++) {
        assert_int_equal (results[i].code, codes[i]);
        assert_null (events[i]);
        assert_true ((*results[i].text != '\0') == (codes[i] != COVEY_OK));
    }
    assert_true (support_log_wait (s_log, 2, SUPPORT_WAIT_MS));
    assert_int_equal (
        strtol (support_content (support_log_event (s_log, 1)), NULL, 10), 4);
}

static void
bounds (void **state)
{
    (void)state;
    static covey_event_t *events[COVEY_BATCH_MAX + 1];
    expect_ok (covey_agent_publish_batch (s_from, NULL, 0, COVEY_LEVEL_STORED,
                                          SUPPORT_WAIT_MS, NULL));
    events[0] = s_message ("to", 0);
    expect_code (covey_agent_publish_batch (s_from, events, COVEY_BATCH_MAX + 1,
                                            COVEY_LEVEL_STORED, SUPPORT_WAIT_MS,
                                            NULL),
                 LIMIT);
    assert_null (events[0]);
    assert_int_equal (support_log_count (s_log), 0);
}

/*  Not attached: nothing is queued, and each is told.                        */
static void
without_a_node_none_is_published (void **state)
{
    (void)state;
    covey_agent_t *lonely = covey_agent_new ("lonely", "worker");
    covey_event_t *events[2] = {s_message ("to", 0), s_message ("to", 1)};
    covey_batch_result_t results[2];
    expect_code (covey_agent_publish_batch (lonely, events, 2,
                                            COVEY_LEVEL_ACCEPTED, 100, results),
                 STATE);
    assert_int_equal (results[0].code, COVEY_STATE);
    assert_int_equal (results[1].code, COVEY_STATE);
    covey_agent_destroy (&lonely);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (all_arrive_in_order_and_are_stored),
        CASE (each_has_its_own_verdict),
        CASE (bounds),
        CASE (without_a_node_none_is_published),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

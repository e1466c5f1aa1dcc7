/*  Three ways to receive, pause and resume, history and statistics           */

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/support_api.h"

static covey_testmesh_t *mesh;
static covey_agent_t *talker;

static int
s_setup (void **state)
{
    (void)state;
    expect_ok (covey_testmesh_new (1, SUPPORT_WAIT_MS, &mesh));
    talker = covey_testmesh_agent (mesh, 0, "talker", "worker");
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

static covey_agent_t *
s_agent (const char *id)
{
    covey_agent_t *agent = covey_agent_new (id, "worker");
    assert_non_null (agent);
    expect_ok (covey_agent_attach (agent, covey_testmesh_node (mesh, 0),
                                   SUPPORT_WAIT_MS));
    return agent;
}

static void
s_send (const char *to, int number)
{
    char text[16];
    snprintf (text, sizeof text, "%d", number);
    expect_ok (covey_agent_send (talker, to, COVEY_CONTENT_TEXT, text,
                                 strlen (text), SUPPORT_WAIT_MS));
}

static void
own_thread_runs_handlers_until_stop (void **state)
{
    (void)state;
    support_log_t *log = support_log_new ();
    covey_agent_t *agent = s_agent ("threaded");
    covey_agent_on_message (agent, support_log_handler, log);
    expect_ok (covey_agent_start (agent));
    expect_code (covey_agent_start (agent), STATE);
    for (int i = 0; i < 100; i++)
        s_send ("threaded", i);
    assert_true (support_log_wait (log, 100, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_stop (agent, SUPPORT_WAIT_MS));
    s_send ("threaded", 100);
    expect_ok (covey_agent_start (agent));
    assert_true (support_log_wait (log, 101, SUPPORT_WAIT_MS));
    for (int i = 0; i < 101; i++)
        assert_int_equal (
            (int)strtol (support_content (support_log_event (log, (size_t)i)),
                         NULL, 10),
            i);
    covey_agent_destroy (&agent);
    support_log_destroy (&log);
}

static void
own_loop_polls_the_descriptor (void **state)
{
    (void)state;
    support_log_t *log = support_log_new ();
    covey_agent_t *agent = s_agent ("looper");
    covey_agent_on_message (agent, support_log_handler, log);
    for (int i = 0; i < 300; i++)
        s_send ("looper", i);
    int64_t until_ms = support_now_ms () + SUPPORT_WAIT_MS;
    while (support_log_count (log) < 300 && support_now_ms () < until_ms) {
        struct pollfd fds = {.fd = covey_agent_fd (agent), .events = POLLIN};
        if (poll (&fds, 1, 1000) > 0)
            expect_ok (covey_agent_dispatch (agent));
    }
    assert_int_equal (support_log_count (log), 300);
    /* Nothing is left, so the descriptor rests (but for a heartbeat). */
    expect_ok (covey_agent_dispatch (agent));
    covey_agent_destroy (&agent);
    support_log_destroy (&log);
}

static void
recv_returns_what_no_handler_took (void **state)
{
    (void)state;
    support_log_t *log = support_log_new ();
    covey_agent_t *agent = s_agent ("reader");
    covey_agent_on_broadcast (agent, support_log_handler, log);
    expect_ok (covey_agent_broadcast (talker, "news", COVEY_CONTENT_TEXT, "b",
                                      1, NULL, SUPPORT_WAIT_MS));
    for (int i = 0; i < 10; i++)
        s_send ("reader", i);
    for (int i = 0; i < 10; i++) {
        covey_event_t *event = NULL;
        expect_ok (covey_agent_recv (agent, SUPPORT_WAIT_MS, &event));
        assert_int_equal ((int)strtol (support_content (event), NULL, 10), i);
        covey_event_destroy (&event);
    }
    assert_int_equal (support_log_count (log), 1);
    int64_t start_ms = support_now_ms ();
    covey_event_t *event = NULL;
    expect_code (covey_agent_recv (agent, 50, &event), TIMEOUT);
    assert_null (event);
    assert_true (support_now_ms () - start_ms >= 49);
    covey_agent_destroy (&agent);
    support_log_destroy (&log);
}

static void
recv_takes_requests_and_answers_them (void **state)
{
    (void)state;
    covey_agent_t *agent = s_agent ("server");
    covey_event_t *event = NULL;
    expect_code (covey_agent_recv (agent, 1, &event), TIMEOUT);
    support_log_t *answers = support_log_new ();
    expect_ok (covey_agent_ask (talker, "server", "add", "[1,2]",
                                SUPPORT_WAIT_MS, support_log_handler, answers));
    expect_ok (covey_agent_recv (agent, SUPPORT_WAIT_MS, &event));
    assert_int_equal (covey_event_type (event), COVEY_EVENT_REQUEST);
    expect_ok (covey_agent_respond (agent, event, COVEY_CONTENT_JSON, "3", 1));
    assert_true (support_log_wait (answers, 1, SUPPORT_WAIT_MS));
    covey_event_destroy (&event);
    covey_agent_destroy (&agent);
    support_log_destroy (&answers);
}

static covey_err_t
s_fail (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)support_log_handler (agent, event, arg);
    return COVEY_INVALID;
}

static void
failing_handler_is_counted_and_the_agent_goes_on (void **state)
{
    (void)state;
    support_log_t *log = support_log_new ();
    covey_agent_t *agent = s_agent ("clumsy");
    covey_agent_on_message (agent, s_fail, log);
    expect_ok (covey_agent_start (agent));
    for (int i = 0; i < 3; i++)
        s_send ("clumsy", i);
    assert_true (support_log_wait (log, 3, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_stop (agent, SUPPORT_WAIT_MS));
    covey_agent_stats_t stats;
    covey_agent_stats (agent, &stats);
    assert_int_equal (stats.handler_errors, 3);
    covey_agent_destroy (&agent);
    support_log_destroy (&log);
}

static void
paused_agent_gets_nothing_until_it_resumes (void **state)
{
    (void)state;
    support_log_t *log = support_log_new ();
    covey_agent_t *agent = s_agent ("sleeper");
    covey_agent_on_message (agent, support_log_handler, log);
    expect_ok (covey_agent_start (agent));
    s_send ("sleeper", 0);
    assert_true (support_log_wait (log, 1, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_pause (agent));
    for (int i = 1; i < 50; i++)
        s_send ("sleeper", i);
    assert_false (support_log_wait (log, 2, 100));
    /* It may ask meanwhile. */
    expect_ok (covey_agent_request (agent, "node", "mesh.agents", NULL,
                                    SUPPORT_WAIT_MS, NULL));
    expect_ok (covey_agent_resume (agent));
    assert_true (support_log_wait (log, 50, SUPPORT_WAIT_MS));
    for (int i = 0; i < 50; i++)
        assert_int_equal (
            (int)strtol (support_content (support_log_event (log, (size_t)i)),
                         NULL, 10),
            i);
    covey_agent_destroy (&agent);
    support_log_destroy (&log);
}

static covey_err_t
s_count (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    int *numbers = arg;
    numbers[++numbers[0]] = (int)strtol (support_content (event), NULL, 10);
    return COVEY_OK;
}

static void
history_and_statistics_tell_what_was_seen (void **state)
{
    (void)state;
    support_log_t *log = support_log_new ();
    covey_agent_t *agent = s_agent ("counted");
    covey_agent_on_message (agent, support_log_handler, log);
    expect_ok (covey_agent_start (agent));
    for (int i = 0; i < 1200; i++)
        s_send ("counted", i);
    assert_true (support_log_wait (log, 1200, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_stop (agent, SUPPORT_WAIT_MS));

    int numbers[COVEY_HISTORY_MAX + 1] = {0};
    covey_agent_history (agent, 5, s_count, numbers);
    assert_int_equal (numbers[0], 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal (numbers[i + 1], 1199 - i);
    numbers[0] = 0;
    covey_agent_history (agent, 5000, s_count, numbers);
    assert_int_equal (numbers[0], COVEY_HISTORY_MAX);

    covey_agent_stats_t stats;
    covey_agent_stats (agent, &stats);
    assert_int_equal (stats.events_total, 1200);
    assert_true (stats.events_per_second > 0);
    assert_int_equal (stats.subscriptions, 0);
    assert_true (stats.handling_min_us <= stats.handling_p50_us);
    assert_true (stats.handling_p50_us <= stats.handling_p99_us);
    assert_true (stats.handling_p99_us <= stats.handling_max_us);
    assert_int_equal (stats.dropped_duplicate + stats.dropped_unhandled, 0);
    assert_int_equal (stats.published, 1); /* agent:spawned                   */
    covey_agent_destroy (&agent);
    support_log_destroy (&log);
}

static void
expired_event_is_not_delivered (void **state)
{
    enum { TTL_MS = 500 };
    (void)state;
    support_log_t *log = support_log_new ();
    covey_agent_t *agent = s_agent ("late");
    covey_agent_on_message (agent, support_log_handler, log);
    covey_event_t *event = covey_event_new (COVEY_EVENT_MESSAGE_SENT);
    expect_ok (covey_event_add_target (event, "late"));
    expect_ok (covey_event_set_str (event, "messageId", "m"));
    expect_ok (covey_event_set_payload (event, "content", COVEY_CONTENT_TEXT,
                                        "old", 3));
    expect_ok (covey_event_set_str (event, "contentType", "text"));
    expect_ok (covey_event_set_ttl_ms (event, TTL_MS));
    expect_ok (covey_agent_publish (talker, &event, COVEY_LEVEL_ACCEPTED,
                                    SUPPORT_WAIT_MS, NULL));
    /* It counts from when it is here: what the nodes have counted is over. */
    covey_agent_stats_t stats = {0};
    int64_t until_ms = support_now_ms () + SUPPORT_WAIT_MS;
    while (!stats.queue_size && support_now_ms () < until_ms) {
        (void)poll (NULL, 0, 5);
        covey_agent_stats (agent, &stats);
    }
    assert_int_equal (stats.queue_size, 1);
    until_ms = support_now_ms () + TTL_MS + 5;
    while (support_now_ms () < until_ms)
        (void)poll (NULL, 0, 5);
    s_send ("late", 1);
    expect_ok (covey_agent_start (agent));
    assert_true (support_log_wait (log, 1, SUPPORT_WAIT_MS));
    assert_string_equal (support_content (support_log_event (log, 0)), "1");
    covey_agent_stats (agent, &stats);
    assert_int_equal (stats.dropped_expired, 1);
    covey_agent_destroy (&agent);
    support_log_destroy (&log);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (own_thread_runs_handlers_until_stop),
        cmocka_unit_test (own_loop_polls_the_descriptor),
        cmocka_unit_test (recv_returns_what_no_handler_took),
        cmocka_unit_test (recv_takes_requests_and_answers_them),
        cmocka_unit_test (failing_handler_is_counted_and_the_agent_goes_on),
        cmocka_unit_test (paused_agent_gets_nothing_until_it_resumes),
        cmocka_unit_test (history_and_statistics_tell_what_was_seen),
        cmocka_unit_test (expired_event_is_not_delivered),
    };
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}

/*  Subscriptions: filters, order, history, and their end                     */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/support_api.h"

static covey_testmesh_t *mesh;
static covey_agent_t *near, *far, *talker; /* near and talker on node 0       */
static support_log_t *seen;

static int
s_setup (void **state)
{
    (void)state;
    seen = support_log_new ();
    expect_ok (covey_testmesh_new (2, SUPPORT_WAIT_MS, &mesh));
    near = covey_testmesh_agent (mesh, 0, "near", "watcher");
    far = covey_testmesh_agent (mesh, 1, "far", "watcher");
    talker = covey_testmesh_agent (mesh, 0, "talker", "worker");
    expect_ok (covey_testmesh_start (mesh, SUPPORT_WAIT_MS));
    return 0;
}

static int
s_teardown (void **state)
{
    (void)state;
    covey_testmesh_destroy (&mesh);
    support_log_destroy (&seen);
    return 0;
}

static int
s_clear (void **state)
{
    (void)state;
    expect_ok (covey_agent_unsubscribe_all (near));
    expect_ok (covey_agent_unsubscribe_all (far));
    support_log_clear (seen);
    return 0;
}

/*  A notice with a text, and what a filter may look at.                      */
typedef struct {
    const char *target, *correlation, *session, *tag, *tag2;
    covey_priority_t priority;
    covey_agent_t *from;
} note_t;

static void
s_say (const char *text, const note_t *note)
{
    covey_event_t *event = covey_event_new (COVEY_EVENT_SYSTEM_INFO);
    expect_ok (covey_event_set_str (event, "component", "test"));
    expect_ok (covey_event_set_str (event, "message", text));
    if (note && note->target)
        expect_ok (covey_event_add_target (event, note->target));
    if (note && note->correlation)
        expect_ok (covey_event_set_correlation_id (event, note->correlation));
    if (note && note->session)
        expect_ok (covey_event_set_session_id (event, note->session));
    if (note && note->tag)
        expect_ok (covey_event_add_tag (event, note->tag));
    if (note && note->tag2)
        expect_ok (covey_event_add_tag (event, note->tag2));
    if (note && note->priority)
        expect_ok (covey_event_set_priority (event, note->priority));
    covey_agent_t *from = note && note->from ? note->from : talker;
    expect_ok (covey_agent_publish (from, &event, COVEY_LEVEL_ACCEPTED,
                                    SUPPORT_WAIT_MS, NULL));
}

/*  Subscribe with `filter`, say "no" without and "yes" with what it wants, then
    "end": only "yes" and, when it matches, "end" may arrive.                 */
static void
s_expect_only (covey_filter_t filter, const note_t *wanted,
               const note_t *unwanted)
{
    int type = COVEY_EVENT_SYSTEM_INFO;
    filter.types = &type;
    filter.type_count = 1;
    covey_agent_t *watchers[] = {near, far};
    for (size_t i = 0; i < 2; i++) {
        support_log_clear (seen);
        uint32_t handle;
        expect_ok (covey_agent_subscribe (watchers[i], &filter, NULL,
                                          support_log_handler, seen, &handle));
        s_say ("no", unwanted);
        s_say ("yes", wanted);
        assert_true (support_log_wait (seen, 1, SUPPORT_WAIT_MS));
        assert_string_equal (
            covey_event_str (support_log_event (seen, 0), "message"), "yes");
        expect_ok (covey_agent_unsubscribe (watchers[i], handle));
    }
}

static void
filter_by_type (void **state)
{
    (void)state;
    int type = COVEY_EVENT_SYSTEM_WARNING;
    covey_filter_t filter = {.types = &type, .type_count = 1};
    uint32_t handle;
    expect_ok (covey_agent_subscribe (far, &filter, NULL, support_log_handler,
                                      seen, &handle));
    s_say ("no", NULL);
    covey_event_t *event = covey_event_new (COVEY_EVENT_SYSTEM_WARNING);
    expect_ok (covey_event_set_str (event, "component", "test"));
    expect_ok (covey_event_set_str (event, "message", "yes"));
    expect_ok (covey_agent_publish (talker, &event, COVEY_LEVEL_ACCEPTED,
                                    SUPPORT_WAIT_MS, NULL));
    assert_true (support_log_wait (seen, 1, SUPPORT_WAIT_MS));
    assert_string_equal (
        covey_event_str (support_log_event (seen, 0), "message"), "yes");
}

static void
filter_by_source (void **state)
{
    (void)state;
    const char *sources[] = {"talker"};
    s_expect_only ((covey_filter_t){.sources = sources, .source_count = 1},
                   NULL, &(note_t){.from = far});
}

static void
filter_by_target_observes (void **state)
{
    (void)state;
    const char *targets[] = {"talker"};
    s_expect_only ((covey_filter_t){.targets = targets, .target_count = 1},
                   &(note_t){.target = "talker"}, NULL);
}

static void
filter_by_correlation_and_session (void **state)
{
    (void)state;
    const char *ids[] = {"a", "b"};
    s_expect_only (
        (covey_filter_t){.correlation_ids = ids, .correlation_id_count = 2},
        &(note_t){.correlation = "b"}, &(note_t){.correlation = "c"});
    s_expect_only ((covey_filter_t){.session_ids = ids, .session_id_count = 2},
                   &(note_t){.session = "a"}, &(note_t){.session = "c"});
}

static void
filter_by_tags_wants_all_of_them (void **state)
{
    (void)state;
    const char *tags[] = {"red", "blue"};
    s_expect_only ((covey_filter_t){.tags = tags, .tag_count = 2},
                   &(note_t){.tag = "blue", .tag2 = "red"},
                   &(note_t){.tag = "red"});
}

static void
filter_by_priority (void **state)
{
    (void)state;
    covey_priority_t priorities[] = {COVEY_PRIORITY_HIGH,
                                     COVEY_PRIORITY_CRITICAL};
    s_expect_only (
        (covey_filter_t){.priorities = priorities, .priority_count = 2},
        &(note_t){.priority = COVEY_PRIORITY_CRITICAL}, NULL);
}

static void
targeted_events_are_seen_by_observers_only (void **state)
{
    (void)state;
    support_log_t *observed = support_log_new ();
    int type = COVEY_EVENT_SYSTEM_INFO;
    covey_filter_t filter = {.types = &type, .type_count = 1};
    covey_subscribe_options_t observe = {.observe = true};
    uint32_t handle;
    expect_ok (covey_agent_subscribe (far, &filter, NULL, support_log_handler,
                                      seen, &handle));
    expect_ok (covey_agent_subscribe (far, &filter, &observe,
                                      support_log_handler, observed, &handle));
    s_say ("for near", &(note_t){.target = "near"});
    s_say ("for all", NULL);
    assert_true (support_log_wait (seen, 1, SUPPORT_WAIT_MS));
    assert_true (support_log_wait (observed, 2, SUPPORT_WAIT_MS));
    assert_string_equal (
        covey_event_str (support_log_event (seen, 0), "message"), "for all");
    support_log_destroy (&observed);
}

/* ------------------------------------------------------------------------ */

static pthread_mutex_t order_lock = PTHREAD_MUTEX_INITIALIZER;
static char order[64];

static covey_err_t
s_note_order (covey_agent_t *agent, const covey_event_t *event, void *arg)
{
    (void)agent;
    (void)event;
    pthread_mutex_lock (&order_lock);
    size_t size = strlen (order);
    snprintf (order + size, sizeof order - size, "%s", (const char *)arg);
    pthread_mutex_unlock (&order_lock);
    return COVEY_OK;
}

static void
higher_priority_is_called_first (void **state)
{
    (void)state;
    static char one[] = "1", two[] = "2", three[] = "3";
    struct {
        char *name;
        int priority;
    } subs[] = {{two, 5}, {three, -1}, {one, 9}};
    int type = COVEY_EVENT_SYSTEM_INFO;
    covey_filter_t filter = {.types = &type, .type_count = 1};
    uint32_t handle;
    for (size_t i = 0; i < 3; i++) {
        covey_subscribe_options_t options = {.priority = subs[i].priority};
        expect_ok (covey_agent_subscribe (near, &filter, &options, s_note_order,
                                          subs[i].name, &handle));
    }
    /* The last in line tells that all were called. */
    covey_subscribe_options_t last = {.priority = -100};
    expect_ok (covey_agent_subscribe (near, &filter, &last, support_log_handler,
                                      seen, &handle));
    s_say ("go", NULL);
    assert_true (support_log_wait (seen, 1, SUPPORT_WAIT_MS));
    pthread_mutex_lock (&order_lock);
    assert_string_equal (order, "123");
    pthread_mutex_unlock (&order_lock);
}

static void
history_comes_first_and_each_event_once (void **state)
{
    (void)state;
    const char *tags[] = {"history"};
    note_t tagged = {.tag = "history"};
    char text[16];
    for (int i = 0; i < 20; i++) {
        snprintf (text, sizeof text, "%d", i);
        s_say (text, &tagged);
    }
    expect_ok (covey_agent_flush (talker, COVEY_LEVEL_STORED, SUPPORT_WAIT_MS));
    covey_filter_t filter = {.tags = tags, .tag_count = 1};
    covey_subscribe_options_t options = {.include_history = true,
                                         .history_limit = 15,
                                         .timeout_ms = SUPPORT_WAIT_MS};
    uint32_t handle;
    expect_ok (covey_agent_subscribe (far, &filter, &options,
                                      support_log_handler, seen, &handle));
    for (int i = 20; i < 30; i++) {
        snprintf (text, sizeof text, "%d", i);
        s_say (text, &tagged);
    }
    assert_true (support_log_wait (seen, 25, SUPPORT_WAIT_MS));
    for (size_t i = 0; i < 25; i++) {
        const covey_event_t *event = support_log_event (seen, i);
        snprintf (text, sizeof text, "%zu", i + 5);
        assert_string_equal (covey_event_str (event, "message"), text);
        assert_true ((covey_event_offset (event) > 0) == (i < 15));
    }
}

static void
unsubscribed_handle_gets_nothing_more (void **state)
{
    (void)state;
    int type = COVEY_EVENT_SYSTEM_INFO;
    covey_filter_t filter = {.types = &type, .type_count = 1};
    support_log_t *other = support_log_new ();
    uint32_t ends, stays;
    expect_ok (covey_agent_subscribe (far, &filter, NULL, support_log_handler,
                                      seen, &ends));
    expect_ok (covey_agent_subscribe (far, &filter, NULL, support_log_handler,
                                      other, &stays));
    s_say ("one", NULL);
    assert_true (support_log_wait (seen, 1, SUPPORT_WAIT_MS));
    expect_ok (covey_agent_unsubscribe (far, ends));
    expect_code (covey_agent_unsubscribe (far, ends), NOTFOUND);
    s_say ("two", NULL);
    assert_true (support_log_wait (other, 2, SUPPORT_WAIT_MS));
    assert_int_equal (support_log_count (seen), 1);
    support_log_destroy (&other);
}

int
main (void)
{
#define TEST(name) cmocka_unit_test_setup (name, s_clear)
    const struct CMUnitTest tests[] = {
        TEST (filter_by_type),
        TEST (filter_by_source),
        TEST (filter_by_target_observes),
        TEST (filter_by_correlation_and_session),
        TEST (filter_by_tags_wants_all_of_them),
        TEST (filter_by_priority),
        TEST (targeted_events_are_seen_by_observers_only),
        TEST (higher_priority_is_called_first),
        TEST (history_comes_first_and_each_event_once),
        TEST (unsubscribed_handle_gets_nothing_more),
    };
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "persist/follow.h"
#include "tests/support/support_journal.h"

static const uint8_t s_origin[16] = "origin----------";

static int
s_set_up (void **state)
{
    *state = covey_follow_new ();
    return 0;
}

static int
s_tear_down (void **state)
{
    covey_follow_t *self = *state;
    covey_follow_destroy (&self);
    return 0;
}

static void
s_event (covey_follow_t *self, const support_event_t *event)
{
    covey_buf_t packed;
    covey_peek_t peek;
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    support_pack (event, s_origin, 1, &packed, &peek);
    covey_follow_event (self, &peek);
    covey_buf_deinit (&packed);
}

/*  Added at time 0, run once without result: held until 100.                */
static void
s_hold (covey_follow_t *self, uint64_t token,
        const Covey__Store__EventQuery *query)
{
    assert_int_equal (covey_follow_add (self, token, query, 100), COVEY_OK);
    assert_int_equal (covey_follow_rest (self, token, 0), COVEY_FOLLOW_HELD);
}

static void
test_held_query_runs_again_after_the_commit (void **state)
{
    covey_follow_t *self = *state;
    Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
    uint64_t token = 0;
    s_hold (self, 7, &query);
    s_event (self, &(support_event_t){.number = 1});
    assert_int_equal (covey_follow_next (self, 1, &token), COVEY_FOLLOW_HELD);
    covey_follow_committed (self);
    assert_int_equal (covey_follow_next (self, 1, &token), COVEY_FOLLOW_AGAIN);
    assert_int_equal (token, 7);
    assert_int_equal (covey_follow_next (self, 1, &token), COVEY_FOLLOW_HELD);
    assert_int_equal (covey_follow_rest (self, 7, 2), COVEY_FOLLOW_HELD);
}

static void
test_commit_during_a_run_is_not_missed (void **state)
{
    covey_follow_t *self = *state;
    Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
    assert_int_equal (covey_follow_add (self, 1, &query, 100), COVEY_OK);
    s_event (self, &(support_event_t){.number = 1});
    covey_follow_committed (self);
    assert_int_equal (covey_follow_rest (self, 1, 0), COVEY_FOLLOW_AGAIN);
    assert_int_equal (covey_follow_rest (self, 1, 0), COVEY_FOLLOW_HELD);
}

static void
test_commit_during_a_run_is_remembered_over_the_next (void **state)
{
    covey_follow_t *self = *state;
    Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
    assert_int_equal (covey_follow_add (self, 1, &query, 100), COVEY_OK);
    s_event (self, &(support_event_t){.number = 1});
    covey_follow_committed (self);
    covey_follow_committed (self);
    assert_int_equal (covey_follow_rest (self, 1, 0), COVEY_FOLLOW_AGAIN);
}

static void
test_commit_behind_a_run_wakes (void **state)
{
    covey_follow_t *self = *state;
    Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
    uint64_t token = 0;
    assert_int_equal (covey_follow_add (self, 1, &query, 100), COVEY_OK);
    s_event (self, &(support_event_t){.number = 1});
    assert_int_equal (covey_follow_rest (self, 1, 0), COVEY_FOLLOW_HELD);
    covey_follow_committed (self);
    assert_int_equal (covey_follow_next (self, 1, &token), COVEY_FOLLOW_AGAIN);
}

static void
test_lost_batch_wakes_nobody (void **state)
{
    covey_follow_t *self = *state;
    Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
    uint64_t token = 0;
    s_hold (self, 1, &query);
    s_event (self, &(support_event_t){.number = 1});
    covey_follow_lost (self);
    covey_follow_committed (self);
    assert_int_equal (covey_follow_next (self, 1, &token), COVEY_FOLLOW_HELD);
}

static void
test_deadline_ends_the_wait (void **state)
{
    covey_follow_t *self = *state;
    Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
    uint64_t token = 0;
    assert_int_equal (covey_follow_next_ms (self), INT64_MAX);
    s_hold (self, 1, &query);
    assert_int_equal (covey_follow_next_ms (self), 100);
    assert_int_equal (covey_follow_next (self, 99, &token), COVEY_FOLLOW_HELD);
    assert_int_equal (covey_follow_next (self, 100, &token), COVEY_FOLLOW_OVER);
    assert_int_equal (token, 1);
    covey_follow_remove (self, 1);
    assert_int_equal (covey_follow_count (self), 0);
    assert_int_equal (covey_follow_next (self, 100, &token), COVEY_FOLLOW_HELD);
    assert_int_equal (covey_follow_add (self, 2, &query, 100), COVEY_OK);
    assert_int_equal (covey_follow_rest (self, 2, 100), COVEY_FOLLOW_OVER);
}

static void
test_only_events_that_may_match_wake (void **state)
{
    static const support_event_t event = {.number = 1,
                                          .type = COVEY_EVENT_TASK_STARTED,
                                          .source = "ant",
                                          .targets = {"bee", "cow"},
                                          .tags = {"red", "blue"},
                                          .correlation = "c1",
                                          .session = "s1",
                                          .ts = 1000};
    char *const yes[] = {"task:started", "ant", "cow", "c1", "s1", "blue"};
    char *const no[] = {"broadcast", "bee", "ant", "c2", "s2", "green"};
    covey_follow_t *self = *state;
    for (int i = 0; i < 16; i++) {
        Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
        uint64_t token = 0;
        bool wanted = i % 2 == 0;
        char **list = (char **)(uintptr_t)(wanted ? yes : no) + i / 2 % 6;
        query.types = query.sources = query.targets = list;
        query.correlation_ids = query.session_ids = query.tags = list;
        query.n_types = i / 2 == 0;
        query.n_sources = i / 2 == 1;
        query.n_targets = i / 2 == 2;
        query.n_correlation_ids = i / 2 == 3;
        query.n_session_ids = i / 2 == 4;
        query.n_tags = i / 2 == 5;
        query.has_since = i / 2 == 6;
        query.has_until = i / 2 == 7;
        query.since = wanted ? 1000 : 1001;
        query.until = wanted ? 1001 : 1000;
        s_hold (self, 1, &query);
        s_event (self, &event);
        covey_follow_committed (self);
        assert_int_equal (covey_follow_next (self, 1, &token),
                          wanted ? COVEY_FOLLOW_AGAIN : COVEY_FOLLOW_HELD);
        covey_follow_remove (self, 1);
    }
}

static void
test_table_is_bounded (void **state)
{
    covey_follow_t *self = *state;
    Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
    for (uint64_t i = 0; i < COVEY_FOLLOW_MAX; i++)
        s_hold (self, i, &query);
    assert_int_equal (covey_follow_add (self, COVEY_FOLLOW_MAX, &query, 1),
                      COVEY_LIMIT);
    covey_follow_remove (self, 5);
    assert_int_equal (covey_follow_add (self, COVEY_FOLLOW_MAX, &query, 1),
                      COVEY_OK);
}

int
main (void)
{
#define COVEY_TEST(name) \
    cmocka_unit_test_setup_teardown (name, s_set_up, s_tear_down)
    const struct CMUnitTest tests[] = {
        COVEY_TEST (test_held_query_runs_again_after_the_commit),
        COVEY_TEST (test_commit_during_a_run_is_not_missed),
        COVEY_TEST (test_commit_during_a_run_is_remembered_over_the_next),
        COVEY_TEST (test_commit_behind_a_run_wakes),
        COVEY_TEST (test_lost_batch_wakes_nobody),
        COVEY_TEST (test_deadline_ends_the_wait),
        COVEY_TEST (test_only_events_that_may_match_wake),
        COVEY_TEST (test_table_is_bounded),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

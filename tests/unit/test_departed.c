/*  node/departed: who is remembered, and for how long                       */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node/departed.h"

typedef struct {
    size_t count;
    Covey__Wire__AgentState state; /* of the last                             */
    int64_t since_us;
} seen_t;

static void
s_see (void *arg, const covey_directory_entry_t *entry)
{
    seen_t *seen = arg;
    seen->count++;
    seen->state = entry->state;
    seen->since_us = entry->since_us;
}

static void
s_note (covey_departed_t *departed, const char *id, uint8_t node, bool lost,
        int64_t now_us)
{
    Covey__Wire__AgentInfo info = COVEY__WIRE__AGENT_INFO__INIT;
    uint8_t node_id[16] = {node}, session[16] = {1};
    char text[64];
    snprintf (text, sizeof text, "%s", id);
    info.agent_id = text;
    info.has_node_id = info.has_session_id = true;
    info.node_id.data = node_id;
    info.session_id.data = session;
    info.node_id.len = info.session_id.len = 16;
    covey_departed_note (departed, &info, lost, now_us);
}

static void
state_and_time_are_those_of_the_last_departure (void **state)
{
    (void)state;
    covey_departed_t *departed = covey_departed_new ();
    s_note (departed, "a", 1, false, 100);
    s_note (departed, "a", 2, true, 200);
    seen_t seen = {0};
    covey_departed_each (departed, s_see, &seen);
    assert_int_equal (seen.count, 1);
    assert_int_equal (seen.state, COVEY__WIRE__AGENT_STATE__AGENT_STATE_LOST);
    assert_int_equal (seen.since_us, 200);
    covey_departed_forget (departed, "a");
    covey_departed_forget (departed, "a");
    assert_int_equal (covey_departed_count (departed), 0);
    covey_departed_destroy (&departed);
}

static void
who_went_long_ago_is_forgotten (void **state)
{
    (void)state;
    covey_departed_t *departed = covey_departed_new ();
    s_note (departed, "a", 1, true, 0);
    s_note (departed, "b", 1, true, 1000);
    s_note (departed, "a", 1, true, 2000); /* again, later                    */
    covey_departed_tick (departed, COVEY_DEPARTED_US);
    assert_int_equal (covey_departed_count (departed), 2);
    covey_departed_tick (departed, COVEY_DEPARTED_US + 1000);
    assert_int_equal (covey_departed_count (departed), 1);
    covey_departed_tick (departed, COVEY_DEPARTED_US + 2000);
    assert_int_equal (covey_departed_count (departed), 0);
    covey_departed_destroy (&departed);
}

static void
first_one_makes_room (void **state)
{
    (void)state;
    covey_departed_t *departed = covey_departed_new ();
    char id[24];
    for (int i = 0; i <= COVEY_DEPARTED_MAX; i++) {
        snprintf (id, sizeof id, "agent-%d", i);
        s_note (departed, id, 1, false, i);
    }
    assert_int_equal (covey_departed_count (departed), COVEY_DEPARTED_MAX);
    covey_departed_forget (departed, "agent-0");
    assert_int_equal (covey_departed_count (departed), COVEY_DEPARTED_MAX);
    covey_departed_forget (departed, "agent-1");
    assert_int_equal (covey_departed_count (departed), COVEY_DEPARTED_MAX - 1);
    covey_departed_destroy (&departed);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (state_and_time_are_those_of_the_last_departure),
        cmocka_unit_test (who_went_long_ago_is_forgotten),
        cmocka_unit_test (first_one_makes_room),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "node/recent.h"

static int
s_setup (void **state)
{
    *state = covey_recent_new ();
    return 0;
}

static int
s_teardown (void **state)
{
    covey_recent_t *self = *state;
    covey_recent_destroy (&self);
    return 0;
}

/*  Event `number` of a source; valid until the next call.                   */
static const covey_peek_t *
s_event (const char *source, uint64_t number)
{
    static covey_peek_t event;
    static uint8_t id[16];
    memcpy (id, &number, sizeof number);
    event.id = id;
    event.source = (covey_slice_t){.text = source, .size = strlen (source)};
    return &event;
}

static void
test_the_same_event_is_known_for_the_same_session_only (void **state)
{
    covey_recent_t *self = *state;
    assert_false (covey_recent_has (self, s_event ("a", 1), 5));
    covey_recent_add (self, s_event ("a", 1), 5);
    assert_true (covey_recent_has (self, s_event ("a", 1), 5));
    assert_false (covey_recent_has (self, s_event ("a", 1), 6));
    assert_false (covey_recent_has (self, s_event ("a", 1), 0));
    assert_false (covey_recent_has (self, s_event ("a", 2), 5));
    assert_false (covey_recent_has (self, s_event ("b", 1), 5));
}

static void
test_a_whole_window_of_each_source_is_known (void **state)
{
    covey_recent_t *self = *state;
    enum { COUNT = 20000 };
    for (uint64_t i = 1; i <= COUNT; i++) {
        assert_false (covey_recent_has (self, s_event ("busy", i), 1));
        covey_recent_add (self, s_event ("busy", i), 1);
        if (i <= 10)
            covey_recent_add (self, s_event ("quiet", i), 1);
    }
    for (uint64_t i = COUNT - COVEY_RECENT_EVENTS + 1; i <= COUNT; i++)
        assert_true (covey_recent_has (self, s_event ("busy", i), 1));
    assert_false (covey_recent_has (self, s_event ("busy", 1), 1));
    assert_true (covey_recent_has (self, s_event ("quiet", 1), 1));
}

static void
test_who_was_silent_longest_is_forgotten (void **state)
{
    covey_recent_t *self = *state;
    char name[16];
    for (uint64_t i = 0; i <= COVEY_RECENT_SOURCES; i++) {
        snprintf (name, sizeof name, "s%d", (int)i);
        covey_recent_add (self, s_event (name, 1), 1);
        covey_recent_add (self, s_event ("s0", i), 1);
    }
    assert_int_equal (covey_recent_sources (self), COVEY_RECENT_SOURCES);
    assert_true (covey_recent_has (self, s_event ("s0", 1), 1));
    assert_false (covey_recent_has (self, s_event ("s1", 1), 1));
    assert_true (covey_recent_has (self, s_event ("s2", 1), 1));
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup_teardown (name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE (test_the_same_event_is_known_for_the_same_session_only),
        CASE (test_a_whole_window_of_each_source_is_known),
        CASE (test_who_was_silent_longest_is_forgotten),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

/*  hearings: which event asked which question, and whom it came to           */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/hearings.h"

static const uint8_t *
s_id (unsigned number, unsigned copy)
{
    static uint8_t id[16];
    memset (id, 0, sizeof id);
    memcpy (id, &number, sizeof number);
    id[15] = (uint8_t)copy;
    return id;
}

static void
test_all_copies_of_a_question_ask_it (void **state)
{
    (void)state;
    covey_hearings_t hearings;
    covey_hearings_init (&hearings);
    covey_hearings_ask (&hearings, s_id (1, 0), "one");
    covey_hearings_ask (&hearings, s_id (2, 0), "two");
    covey_hearings_ask (&hearings, s_id (1, 0), "one"); /* told again */
    assert_string_equal (covey_hearings_vote (&hearings, s_id (1, 7)), "one");
    assert_string_equal (covey_hearings_vote (&hearings, s_id (2, 0)), "two");
    assert_null (covey_hearings_vote (&hearings, s_id (3, 0)));
    covey_hearings_deinit (&hearings);
}

static void
test_the_oldest_question_makes_room (void **state)
{
    (void)state;
    covey_hearings_t hearings;
    covey_hearings_init (&hearings);
    for (unsigned i = 0; i < COVEY_HEARINGS_QUESTIONS + 2; i++) {
        char id[16];
        snprintf (id, sizeof id, "v%u", i);
        covey_hearings_ask (&hearings, s_id (i, 0), id);
    }
    assert_null (covey_hearings_vote (&hearings, s_id (1, 0)));
    assert_string_equal (covey_hearings_vote (&hearings, s_id (2, 0)), "v2");
    covey_hearings_deinit (&hearings);
}

static void
test_reports_leave_in_order_and_are_bounded (void **state)
{
    (void)state;
    covey_hearings_t hearings;
    covey_hearings_init (&hearings);
    for (size_t i = 0; i < COVEY_HEARINGS_MAX + 3; i++) {
        char id[32];
        snprintf (id, sizeof id, "a%zu", i);
        covey_hearings_add (&hearings, "v", id);
    }
    assert_int_equal (hearings.count, COVEY_HEARINGS_MAX);
    assert_int_equal (hearings.dropped, 3);
    covey_hearings_drop (&hearings, 2);
    assert_string_equal (hearings.waiting[0].agent_id, "a2");
    covey_hearings_drop (&hearings, hearings.count);
    assert_int_equal (hearings.count, 0);
    covey_hearings_deinit (&hearings);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_all_copies_of_a_question_ask_it),
        cmocka_unit_test (test_the_oldest_question_makes_room),
        cmocka_unit_test (test_reports_leave_in_order_and_are_bounded),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

/*  logclock: log time follows the voters' clocks, and never goes back        */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "coordinator/logclock.h"

#define NOW 1700000000000000
#define HOUR 3600000000

static void
test_alone_it_is_the_wall_clock (void **state)
{
    (void)state;
    covey_logclock_t clock;
    covey_logclock_lead (&clock, 5, 1000);
    assert_true (covey_logclock_now (&clock, NOW, 1000, NULL, 0, 1) == NOW);
    assert_int_equal (clock.ahead_us, 0);
}

static void
test_it_goes_on_when_the_wall_clock_is_set_back (void **state)
{
    (void)state;
    covey_logclock_t clock;
    covey_logclock_lead (&clock, NOW, 1000);
    covey_logclock_stamp (&clock, NOW + 7, 1000);
    assert_true (covey_logclock_now (&clock, NOW - HOUR, 1250, NULL, 0, 1) ==
                 NOW + 7 + 250000);
    /* Nor is what the log has of an earlier leader undone. */
    covey_logclock_lead (&clock, NOW + HOUR, 1000);
    assert_true (covey_logclock_now (&clock, NOW, 1000, NULL, 0, 1) ==
                 NOW + HOUR);
}

static void
test_a_leader_whose_clock_is_wrong_is_held_back (void **state)
{
    (void)state;
    covey_logclock_t clock;
    int64_t others[] = {NOW, NOW + 5};
    covey_logclock_lead (&clock, NOW - HOUR, 1000);
    int64_t now =
        covey_logclock_now (&clock, NOW + 24 * HOUR, 1000, others, 2, 3);
    assert_true (now == NOW + 5 + COVEY_LOGCLOCK_AHEAD_US);
    assert_true (clock.ahead_us > 23 * (int64_t)HOUR);
    /* With one of two others it is the smaller one. */
    now = covey_logclock_now (&clock, NOW + 24 * HOUR, 1000, others, 1, 3);
    assert_true (now == NOW + COVEY_LOGCLOCK_AHEAD_US);
}

static void
test_one_wild_voter_moves_nothing (void **state)
{
    (void)state;
    covey_logclock_t clock;
    int64_t others[] = {NOW + 1000 * HOUR, NOW + 3};
    covey_logclock_lead (&clock, NOW - HOUR, 1000);
    assert_true (covey_logclock_now (&clock, NOW, 1000, others, 2, 3) == NOW);
    others[0] = 0;
    assert_true (covey_logclock_now (&clock, NOW, 1000, others, 2, 3) == NOW);
}

static void
test_unheard_others_bound_it_by_the_log (void **state)
{
    (void)state;
    covey_logclock_t clock;
    covey_logclock_lead (&clock, NOW - HOUR, 1000);
    assert_true (covey_logclock_now (&clock, NOW, 3000, NULL, 0, 3) ==
                 NOW - HOUR + 2000000 + COVEY_LOGCLOCK_AHEAD_US);
    /* A mesh that slept for an hour is in the present once they are heard. */
    int64_t others[] = {NOW};
    assert_true (covey_logclock_now (&clock, NOW, 3000, others, 1, 3) == NOW);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_alone_it_is_the_wall_clock),
        cmocka_unit_test (test_it_goes_on_when_the_wall_clock_is_set_back),
        cmocka_unit_test (test_a_leader_whose_clock_is_wrong_is_held_back),
        cmocka_unit_test (test_one_wild_voter_moves_nothing),
        cmocka_unit_test (test_unheard_others_bound_it_by_the_log),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

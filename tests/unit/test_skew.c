#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/skew.h"

#define HOUR_US INT64_C (3600000000)

static void
test_own_clock_until_the_peer_says_something (void **state)
{
    (void)state;
    covey_skew_t skew = {0};
    assert_int_equal (covey_skew_now (&skew, 5, 77), 77);
    covey_skew_hear (&skew, INT64_MAX, 5); /* no clock says that              */
    covey_skew_hear (&skew, INT64_MIN, 5);
    assert_int_equal (covey_skew_now (&skew, 5, 77), 77);
    covey_skew_hear (&skew, HOUR_US, 5);
    assert_int_equal (covey_skew_now (&skew, 5, 77), HOUR_US);
    assert_int_equal (covey_skew_now (&skew, 6, 77), HOUR_US + 1000);
}

static void
test_the_fastest_message_counts (void **state)
{
    (void)state;
    covey_skew_t skew = {0};
    covey_skew_hear (&skew, HOUR_US, 40); /* 40 ms on its way                 */
    covey_skew_hear (&skew, HOUR_US + 100000, 102);
    covey_skew_hear (&skew, HOUR_US + 200000, 290);
    assert_int_equal (covey_skew_now (&skew, 300, 0), HOUR_US + 298000);
}

static void
test_a_jump_is_learned_within_two_spans (void **state)
{
    (void)state;
    covey_skew_t skew = {0};
    int64_t now_ms = 1;
    for (; now_ms < 3 * COVEY_SKEW_SPAN_MS; now_ms += 500)
        covey_skew_hear (&skew, HOUR_US + now_ms * 1000, now_ms);
    for (; now_ms < 6 * COVEY_SKEW_SPAN_MS; now_ms += 500)
        covey_skew_hear (&skew, now_ms * 1000, now_ms);
    assert_int_equal (covey_skew_now (&skew, now_ms, 0), now_ms * 1000);
    /* Forward at once. */
    covey_skew_hear (&skew, HOUR_US + now_ms * 1000, now_ms);
    assert_int_equal (covey_skew_now (&skew, now_ms, 0),
                      HOUR_US + now_ms * 1000);
}

static void
test_what_is_old_is_forgotten (void **state)
{
    (void)state;
    covey_skew_t skew = {0};
    covey_skew_hear (&skew, HOUR_US, 0);
    covey_skew_hear (&skew, 5, 3 * COVEY_SKEW_SPAN_MS);
    assert_int_equal (covey_skew_now (&skew, 3 * COVEY_SKEW_SPAN_MS, 0), 5);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_own_clock_until_the_peer_says_something),
        cmocka_unit_test (test_the_fastest_message_counts),
        cmocka_unit_test (test_a_jump_is_learned_within_two_spans),
        cmocka_unit_test (test_what_is_old_is_forgotten),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

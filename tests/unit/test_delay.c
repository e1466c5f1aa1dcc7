/*  node/delay: what the buckets count                                       */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "node/delay.h"

static void
each_wait_is_in_the_bucket_below_its_bound (void **state)
{
    (void)state;
    covey_delay_t delay = {0};
    covey_delay_note (&delay, 100, 100);   /* < 1 */
    covey_delay_note (&delay, 100, 101);   /* < 2 */
    covey_delay_note (&delay, 100, 103);   /* < 4 */
    covey_delay_note (&delay, 100, 104);   /* < 8 */
    covey_delay_note (&delay, 0, 32767);   /* < 32,768 */
    covey_delay_note (&delay, 0, 32768);   /* the rest */
    covey_delay_note (&delay, 0, 9999999); /* the rest */
    covey_delay_note (&delay, 100, 50);    /* backwards: < 1 */
    assert_int_equal (delay.buckets[0], 2);
    assert_int_equal (delay.buckets[1], 1);
    assert_int_equal (delay.buckets[2], 1);
    assert_int_equal (delay.buckets[3], 1);
    assert_int_equal (delay.buckets[15], 1);
    assert_int_equal (delay.buckets[16], 2);
    assert_int_equal (delay.count, 8);
    assert_int_equal (delay.max_ms, 9999999);
    assert_int_equal (delay.sum_ms, 1 + 3 + 4 + 32767 + 32768 + 9999999);
}

static void
percentiles_are_bounds_and_the_rest_is_the_longest (void **state)
{
    (void)state;
    covey_delay_t delay = {0}, other = {0};
    assert_int_equal (covey_delay_percentile_ms (&delay, 99), 0);
    for (int i = 0; i < 99; i++)
        covey_delay_note (&delay, 0, 5);
    covey_delay_note (&other, 0, 70000);
    covey_delay_add (&delay, &other);
    assert_int_equal (covey_delay_percentile_ms (&delay, 50), 8);
    assert_int_equal (covey_delay_percentile_ms (&delay, 99), 8);
    assert_int_equal (covey_delay_percentile_ms (&delay, 100), 70000);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (each_wait_is_in_the_bucket_below_its_bound),
        cmocka_unit_test (percentiles_are_bounds_and_the_rest_is_the_longest),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "api/meter.h"
#include "base/prng.h"

static void
empty_meter_shows_zero (void **state)
{
    (void)state;
    covey_meter_t meter;
    covey_meter_init (&meter);
    assert_true (covey_meter_rate (&meter, 5000) <= 0);
    assert_true (covey_meter_percentile_us (&meter, 0.5) <= 0);
    assert_true (covey_meter_mean_us (&meter) <= 0);
}

static void
rate_covers_the_last_ten_seconds (void **state)
{
    (void)state;
    covey_meter_t meter;
    covey_meter_init (&meter);
    for (int64_t ms = 1000; ms < 11000; ms += 10)
        covey_meter_add (&meter, 1000, ms);
    assert_true (fabs (covey_meter_rate (&meter, 10999) - 100) < 1);
    assert_true (fabs (covey_meter_rate (&meter, 15999) - 50) < 1);
    assert_true (covey_meter_rate (&meter, 30000) <= 0);
}

static int
s_compare (const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void
percentiles_are_right_within_a_bucket (void **state)
{
    (void)state;
    enum { COUNT = 10001 };
    uint64_t *all = calloc (COUNT, sizeof *all);
    assert_non_null (all);
    covey_prng_t prng;
    covey_prng_init (&prng, 3);
    covey_meter_t meter;
    covey_meter_init (&meter);
    for (int i = 0; i < COUNT; i++) {
        all[i] = covey_prng_next (&prng) >> (24 + covey_prng_below (&prng, 36));
        covey_meter_add (&meter, all[i], 1000);
    }
    qsort (all, COUNT, sizeof *all, s_compare);
    const double shares[] = {0, 0.1, 0.5, 0.9, 0.99, 1};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        double exact = (double)all[(size_t)(shares[i] * (COUNT - 1))] / 1000;
        double shown = covey_meter_percentile_us (&meter, shares[i]);
        assert_true (fabs (shown - exact) <= exact * 0.07 + 0.001);
    }
    assert_int_equal (meter.min_ns, all[0]);
    assert_int_equal (meter.max_ns, all[COUNT - 1]);
    free (all);
}

static void
huge_durations_stay_inside (void **state)
{
    (void)state;
    covey_meter_t meter;
    covey_meter_init (&meter);
    covey_meter_add (&meter, UINT64_MAX / 2, 1000);
    assert_true (covey_meter_percentile_us (&meter, 0.5) > 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (empty_meter_shows_zero),
        cmocka_unit_test (rate_covers_the_last_ten_seconds),
        cmocka_unit_test (percentiles_are_right_within_a_bucket),
        cmocka_unit_test (huge_durations_stay_inside),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

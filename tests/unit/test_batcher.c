#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "persist/batcher.h"

static void
test_empty_batch_is_never_due (void **state)
{
    (void)state;
    covey_batcher_t batcher;
    covey_batcher_init (&batcher, 3, 5);
    assert_false (covey_batcher_is_due (&batcher, false, 1000));
    assert_int_equal (covey_batcher_next_ms (&batcher), INT64_MAX);
}

static void
test_lone_event_is_due_at_once (void **state)
{
    (void)state;
    covey_batcher_t batcher;
    covey_batcher_init (&batcher, 3, 5);
    covey_batcher_add (&batcher, 100, 1000);
    assert_true (covey_batcher_is_due (&batcher, false, 1000));
    assert_false (covey_batcher_is_due (&batcher, true, 1000));
}

static void
test_batch_is_due_when_full_or_old (void **state)
{
    (void)state;
    covey_batcher_t batcher;
    covey_batcher_init (&batcher, 3, 5);
    covey_batcher_add (&batcher, 1, 1000);
    covey_batcher_add (&batcher, 1, 1003);
    assert_int_equal (covey_batcher_next_ms (&batcher), 1005);
    assert_false (covey_batcher_is_due (&batcher, true, 1004));
    assert_true (covey_batcher_is_due (&batcher, true, 1005));
    assert_false (covey_batcher_is_full (&batcher));
    covey_batcher_add (&batcher, 1, 1003);
    assert_true (covey_batcher_is_full (&batcher));
    assert_true (covey_batcher_is_due (&batcher, true, 1003));
}

static void
test_batch_is_bounded_in_bytes (void **state)
{
    (void)state;
    covey_batcher_t batcher;
    covey_batcher_init (&batcher, 1000, 5);
    covey_batcher_add (&batcher, COVEY_BATCHER_BYTES_MAX - 1, 0);
    assert_false (covey_batcher_is_full (&batcher));
    covey_batcher_add (&batcher, 1, 0);
    assert_true (covey_batcher_is_full (&batcher));
}

static void
test_cleared_batch_starts_over (void **state)
{
    (void)state;
    covey_batcher_t batcher;
    covey_batcher_init (&batcher, 1, 0);
    covey_batcher_add (&batcher, 10, 1000);
    covey_batcher_clear (&batcher);
    assert_false (covey_batcher_is_due (&batcher, false, 2000));
    covey_batcher_add (&batcher, 10, 3000);
    assert_int_equal (covey_batcher_next_ms (&batcher), 3000);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_empty_batch_is_never_due),
        cmocka_unit_test (test_lone_event_is_due_at_once),
        cmocka_unit_test (test_batch_is_due_when_full_or_old),
        cmocka_unit_test (test_batch_is_bounded_in_bytes),
        cmocka_unit_test (test_cleared_batch_starts_over),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

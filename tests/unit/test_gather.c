#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/gather.h"

static covey_gather_t *
s_new (int64_t timeout_ms, int64_t stall_ms, size_t max_answers,
       bool stop_on_error)
{
    covey_gather_rules_t rules = {.timeout_ms = timeout_ms,
                                  .stall_ms = stall_ms,
                                  .max_answers = max_answers,
                                  .stop_on_error = stop_on_error};
    return covey_gather_new (&rules, 4, 1000);
}

static void
s_expect (covey_gather_t **self_p, covey_gather_end_t end, const size_t want[4])
{
    covey_gather_result_t result;
    covey_gather_result (*self_p, &result);
    assert_int_equal (result.end, end);
    assert_int_equal (result.asked, 4);
    assert_int_equal (result.heard, want[0]);
    assert_int_equal (result.answered, want[1]);
    assert_int_equal (result.failed, want[2]);
    assert_int_equal (result.unreachable, want[3]);
    covey_gather_destroy (self_p);
}

static void
test_it_is_over_when_all_have_answered_or_are_gone (void **state)
{
    (void)state;
    covey_gather_t *self = s_new (500, 0, 0, false);
    covey_gather_heard (self, 0, 1010);
    covey_gather_answered (self, 0, true, 1020);
    covey_gather_answered (self, 1, false, 1030);
    covey_gather_unreachable (self, 2, 1040);
    assert_int_equal (covey_gather_end (self, 1040), COVEY_GATHER_RUNS);
    covey_gather_heard (self, 3, 1050);
    covey_gather_unreachable (self, 3, 1060); /* gone before it answered      */
    assert_int_equal (covey_gather_end (self, 1060), COVEY_GATHER_ALL);
    s_expect (&self, COVEY_GATHER_ALL, (size_t[]){3, 1, 1, 2});
}

static void
test_each_counts_once (void **state)
{
    (void)state;
    covey_gather_t *self = s_new (500, 0, 0, false);
    for (int i = 0; i < 3; i++) {
        covey_gather_heard (self, 0, 1010);
        covey_gather_answered (self, 1, true, 1010);
        covey_gather_heard (self, 1, 1020);
        covey_gather_unreachable (self, 1, 1020);
    }
    assert_int_equal (covey_gather_end (self, 1500), COVEY_GATHER_TIMEOUT);
    s_expect (&self, COVEY_GATHER_TIMEOUT, (size_t[]){2, 1, 0, 0});
}

static void
test_enough_answers_end_it_and_errors_are_none (void **state)
{
    (void)state;
    covey_gather_t *self = s_new (500, 0, 2, false);
    covey_gather_answered (self, 0, false, 1010);
    covey_gather_answered (self, 1, true, 1010);
    assert_int_equal (covey_gather_end (self, 1010), COVEY_GATHER_RUNS);
    covey_gather_answered (self, 2, true, 1010);
    assert_int_equal (covey_gather_end (self, 1010), COVEY_GATHER_MAXIMUM);
    /* What it was ended by does not change. */
    assert_int_equal (covey_gather_end (self, 9999), COVEY_GATHER_MAXIMUM);
    s_expect (&self, COVEY_GATHER_MAXIMUM, (size_t[]){3, 2, 1, 0});
}

static void
test_the_first_error_ends_it_when_it_shall (void **state)
{
    (void)state;
    covey_gather_t *self = s_new (500, 0, 0, true);
    covey_gather_answered (self, 0, true, 1010);
    assert_int_equal (covey_gather_end (self, 1010), COVEY_GATHER_RUNS);
    covey_gather_unreachable (self, 1, 1010);
    assert_int_equal (covey_gather_end (self, 1010), COVEY_GATHER_ERROR);
    s_expect (&self, COVEY_GATHER_ERROR, (size_t[]){1, 1, 0, 1});
}

static void
test_silence_ends_it_and_news_put_that_off (void **state)
{
    (void)state;
    covey_gather_t *self = s_new (500, 100, 0, false);
    assert_int_equal (covey_gather_next_ms (self), 1100);
    covey_gather_heard (self, 0, 1090);
    assert_int_equal (covey_gather_end (self, 1189), COVEY_GATHER_RUNS);
    assert_int_equal (covey_gather_next_ms (self), 1190);
    covey_gather_heard (self, 0, 1150); /* no news                            */
    assert_int_equal (covey_gather_end (self, 1190), COVEY_GATHER_STALLED);
    s_expect (&self, COVEY_GATHER_STALLED, (size_t[]){1, 0, 0, 0});
    self = s_new (500, 100, 0, false);
    for (int64_t now_ms = 1050, i = 0; i < 3; i++, now_ms += 90)
        covey_gather_answered (self, (size_t)i, true, now_ms);
    covey_gather_heard (self, 3, 1430);
    assert_int_equal (covey_gather_next_ms (self), 1500);
    assert_int_equal (covey_gather_end (self, 1500), COVEY_GATHER_TIMEOUT);
    s_expect (&self, COVEY_GATHER_TIMEOUT, (size_t[]){4, 3, 0, 0});
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_it_is_over_when_all_have_answered_or_are_gone),
        cmocka_unit_test (test_each_counts_once),
        cmocka_unit_test (test_enough_answers_end_it_and_errors_are_none),
        cmocka_unit_test (test_the_first_error_ends_it_when_it_shall),
        cmocka_unit_test (test_silence_ends_it_and_news_put_that_off),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

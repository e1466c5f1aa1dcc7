/*  task: every cell of the life cycle, and the retry schedule                */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/task.h"

/*  The rules in words of their own, written without a look at the table.    */
static covey_task_move_t
s_rule (covey_task_state_t state, covey_task_verb_t verb,
        covey_task_state_t *next)
{
    bool held = state == COVEY_TASK_STATE_ASSIGNED ||
                state == COVEY_TASK_STATE_ACCEPTED ||
                state == COVEY_TASK_STATE_STARTED;
    bool paused = state == COVEY_TASK_STATE_PAUSED;
    bool lives = held || paused || state == COVEY_TASK_STATE_QUEUED;
    switch (verb) {
        case COVEY_TASK_ON_ASSIGN:
            *next = COVEY_TASK_STATE_ASSIGNED;
            return state == COVEY_TASK_STATE_QUEUED ? COVEY_TASK_GO
                                                    : COVEY_TASK_REFUSE;
        case COVEY_TASK_ON_ACCEPT:
            *next = COVEY_TASK_STATE_ACCEPTED;
            if (state == COVEY_TASK_STATE_ACCEPTED)
                return COVEY_TASK_KEEP;
            return state == COVEY_TASK_STATE_ASSIGNED ? COVEY_TASK_GO
                                                      : COVEY_TASK_REFUSE;
        case COVEY_TASK_ON_REJECT: /* whoever has begun must fail it */
            *next = COVEY_TASK_STATE_QUEUED;
            return held && state != COVEY_TASK_STATE_STARTED
                       ? COVEY_TASK_GO
                       : COVEY_TASK_REFUSE;
        case COVEY_TASK_ON_START:
        case COVEY_TASK_ON_PROGRESS:
            *next = COVEY_TASK_STATE_STARTED;
            if (state == COVEY_TASK_STATE_STARTED)
                return COVEY_TASK_KEEP;
            return held ? COVEY_TASK_GO : COVEY_TASK_REFUSE;
        case COVEY_TASK_ON_COMPLETE:
            *next = COVEY_TASK_STATE_COMPLETED;
            return held ? COVEY_TASK_GO : COVEY_TASK_REFUSE;
        case COVEY_TASK_ON_FAIL:
        case COVEY_TASK_ON_LOSE:
            return held ? COVEY_TASK_POLICY : COVEY_TASK_REFUSE;
        case COVEY_TASK_ON_EXPIRE:
            *next = COVEY_TASK_STATE_FAILED;
            return lives ? COVEY_TASK_GO : COVEY_TASK_REFUSE;
        case COVEY_TASK_ON_CANCEL:
            *next = COVEY_TASK_STATE_CANCELLED;
            return lives || state == COVEY_TASK_STATE_PARKED
                       ? COVEY_TASK_GO
                       : COVEY_TASK_REFUSE;
        case COVEY_TASK_ON_YIELD:
            *next = COVEY_TASK_STATE_QUEUED;
            return held ? COVEY_TASK_GO : COVEY_TASK_REFUSE;
        case COVEY_TASK_ON_PAUSE: /* a holder is only asked */
            *next = COVEY_TASK_STATE_PAUSED;
            if (held)
                return COVEY_TASK_KEEP;
            return lives && !paused ? COVEY_TASK_GO : COVEY_TASK_REFUSE;
        case COVEY_TASK_ON_RESUME:
            *next = COVEY_TASK_STATE_QUEUED;
            if (held)
                return COVEY_TASK_KEEP;
            return paused ? COVEY_TASK_GO : COVEY_TASK_REFUSE;
        case COVEY_TASK_ON_RETRY:
            *next = COVEY_TASK_STATE_QUEUED;
            return state == COVEY_TASK_STATE_FAILED ||
                           state == COVEY_TASK_STATE_PARKED
                       ? COVEY_TASK_GO
                       : COVEY_TASK_REFUSE;
    }
    fail ();
    return COVEY_TASK_REFUSE;
}

static void
test_every_cell_of_the_life_cycle_follows_the_rules (void **state)
{
    (void)state;
    for (int s = 0; s < COVEY_TASK_STATES; s++)
        for (int v = 0; v < COVEY_TASK_VERBS; v++) {
            covey_task_state_t wanted = COVEY_TASK_STATE_QUEUED, got = wanted;
            covey_task_move_t move =
                s_rule ((covey_task_state_t)s, (covey_task_verb_t)v, &wanted);
            covey_task_move_t has = covey_task_move (
                (covey_task_state_t)s, (covey_task_verb_t)v, &got);
            if (move != has || (move == COVEY_TASK_GO && wanted != got))
                fail_msg ("state %s, verb %d: move %d to %d, wanted %d to %d",
                          covey_task_state_name ((covey_task_state_t)s), v, has,
                          got, move, wanted);
        }
}

static void
test_state_names_go_both_ways (void **state)
{
    (void)state;
    for (int s = 0; s < COVEY_TASK_STATES; s++)
        assert_int_equal (covey_task_state_number (
                              covey_task_state_name ((covey_task_state_t)s)),
                          s);
    assert_int_equal (covey_task_state_number ("asleep"), -1);
}

static covey_task_t *
s_task (const char *id, uint32_t attempts, int64_t first_ms,
        uint32_t multiplier, int64_t max_ms)
{
    covey_task_t *task = covey_task_new (id, 1);
    task->retry.attempts = attempts;
    task->retry.first_delay_ms = first_ms;
    task->retry.multiplier = multiplier;
    task->retry.max_delay_ms = max_ms;
    return task;
}

static void
test_delays_grow_to_their_limit_and_lose_at_most_a_fifth (void **state)
{
    (void)state;
    covey_task_t *task = s_task ("t1", 0, 1000, 2000, 60000);
    int64_t full = 1000;
    for (task->attempt = 1; task->attempt <= 40; task->attempt++) {
        int64_t delay = covey_task_delay_ms (task);
        assert_in_range (delay, full - full / 5, full);
        full = full * 2 < 60000 ? full * 2 : 60000;
    }
    covey_task_destroy (&task);
}

static void
test_delays_of_different_tasks_differ_and_of_one_task_repeat (void **state)
{
    (void)state;
    int64_t first = 0;
    int different = 0;
    for (int i = 0; i < 50; i++) {
        char id[4] = {'t', (char)('0' + i / 10), (char)('0' + i % 10), 0};
        covey_task_t *task = s_task (id, 0, 10000, 2000, 60000);
        task->attempt = 1;
        int64_t delay = covey_task_delay_ms (task);
        assert_int_equal (delay, covey_task_delay_ms (task));
        first = i ? first : delay;
        different += delay != first;
        covey_task_destroy (&task);
    }
    assert_true (different > 40);
}

static void
test_the_largest_delays_do_not_overflow (void **state)
{
    (void)state;
    covey_task_t *task = s_task ("t1", 0, COVEY_TASK_DELAY_MAX_MS, 100000,
                                 COVEY_TASK_DELAY_MAX_MS);
    task->attempt = 1000;
    assert_in_range (covey_task_delay_ms (task), 1, COVEY_TASK_DELAY_MAX_MS);
    task->retry.first_delay_ms = 0;
    assert_int_equal (covey_task_delay_ms (task), 0);
    task->retry.first_delay_ms = 7;
    task->retry.multiplier = 1000;
    assert_in_range (covey_task_delay_ms (task), 5, 7);
    covey_task_destroy (&task);
}

static void
test_attempts_are_counted_from_the_last_retry_command (void **state)
{
    (void)state;
    covey_task_t *task = s_task ("t1", 3, 0, 1000, 0);
    task->attempt = 2;
    assert_true (covey_task_may_retry (task, NULL));
    task->attempt = 3;
    assert_false (covey_task_may_retry (task, NULL));
    task->attempts_before = 3;
    assert_true (covey_task_may_retry (task, NULL));
    task->retry.attempts = 0;
    task->attempt = 100000;
    assert_true (covey_task_may_retry (task, NULL));
    char *codes[] = {"EBAD"};
    covey_texts_copy (&task->retry.fatal_codes, codes, 1);
    assert_false (covey_task_may_retry (task, "EBAD"));
    assert_true (covey_task_may_retry (task, "EGOOD"));
    covey_task_destroy (&task);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_every_cell_of_the_life_cycle_follows_the_rules),
        cmocka_unit_test (test_state_names_go_both_ways),
        cmocka_unit_test (
            test_delays_grow_to_their_limit_and_lose_at_most_a_fifth),
        cmocka_unit_test (
            test_delays_of_different_tasks_differ_and_of_one_task_repeat),
        cmocka_unit_test (test_the_largest_delays_do_not_overflow),
        cmocka_unit_test (
            test_attempts_are_counted_from_the_last_retry_command),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

/*  An agent that owes something and does nothing is stalled.                */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "node/agent_state.h"

#define STALL 1000

static covey_agent_state_t s_state;

static int
s_setup (void **state)
{
    (void)state;
    covey_agent_state_init (&s_state, 0);
    return 0;
}

/*  Look at it: what it did so far, whether it owes and is reachable; is it
    stalled, and did that change?                                             */
static void
s_look (uint64_t work, bool owing, bool reachable, int64_t now_ms, bool stalled,
        bool changed)
{
    covey_agent_signs_t signs = {
        .work = work, .is_owing = owing, .is_reachable = reachable};
    assert_int_equal (covey_agent_state_look (&s_state, &signs, STALL, now_ms),
                      changed);
    assert_int_equal (s_state.is_stalled, stalled);
}

static void
test_agent_without_work_may_rest (void **state)
{
    (void)state;
    s_look (0, false, true, 0, false, false);
    s_look (0, false, true, 100 * STALL, false, false);
    assert_int_equal (s_state.active_ms, 0);
    /* Only now it owes something: it has its time. */
    s_look (0, true, true, 100 * STALL + 1, false, false);
    s_look (0, true, true, 101 * STALL, false, false);
    s_look (0, true, true, 101 * STALL + 1, true, true);
}

static void
test_owing_without_any_sign_stalls_and_a_sign_ends_it (void **state)
{
    (void)state;
    s_look (0, true, true, 10, false, false);
    s_look (0, true, true, STALL + 9, false, false);
    s_look (0, true, true, STALL + 10, true, true);
    s_look (0, true, true, STALL + 20, true, false);
    s_look (1, true, true, STALL + 30, false, true);
    assert_int_equal (s_state.active_ms, STALL + 30);
    s_look (1, true, true, 2 * STALL + 30, true, true);
    s_look (1, false, true, 2 * STALL + 40, false, true); /* debt is gone     */
}

static void
test_steady_work_is_never_stalled (void **state)
{
    (void)state;
    for (int i = 1; i < 100; i++)
        s_look ((uint64_t)i, true, true, i * (STALL - 1), false, false);
}

static void
test_who_is_away_or_paused_is_not_judged (void **state)
{
    (void)state;
    s_look (0, true, true, 0, false, false);
    s_look (0, true, false, 5 * STALL, false, false);
    s_look (0, true, true, 5 * STALL + 1, false, false);
    s_look (0, true, true, 6 * STALL, true, true);
    s_look (0, true, false, 7 * STALL, true, false);
    /* Back, and as stuck as before: it gets its time again. */
    s_look (0, true, true, 7 * STALL + 1, false, true);
}

int
main (void)
{
#define CASE(name) cmocka_unit_test_setup (name, s_setup)
    const struct CMUnitTest tests[] = {
        CASE (test_agent_without_work_may_rest),
        CASE (test_owing_without_any_sign_stalls_and_a_sign_ends_it),
        CASE (test_steady_work_is_never_stalled),
        CASE (test_who_is_away_or_paused_is_not_judged),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

/*  share: turns, weights, who is remembered; and shares through the state    */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/support_control.h"
#include "coordinator/save.h"
#include "coordinator/share.h"

static void
test_who_comes_late_is_at_the_time_of_the_others (void **state)
{
    (void)state;
    covey_shares_t shares;
    covey_shares_init (&shares);
    covey_share_t *a = covey_shares_enter (&shares, 1, "a");
    for (int i = 0; i < 9; i++)
        (void)covey_shares_enter (&shares, 1, "a");
    for (int i = 0; i < 5; i++)
        covey_shares_charge (&shares, a, 1);
    assert_true (a->time == 5 * COVEY_SHARE_COST);
    covey_share_t *b = covey_shares_enter (&shares, 1, "b");
    assert_true (b->time == 4 * COVEY_SHARE_COST); /* next, and only once */
    covey_shares_charge (&shares, b, 4);
    assert_true (b->time == 4 * COVEY_SHARE_COST + COVEY_SHARE_COST / 4);
    /* another priority has a clock of its own */
    assert_true (covey_shares_enter (&shares, 2, "a")->time == 0);
    covey_shares_deinit (&shares);
}

static void
test_an_idle_one_is_remembered_while_it_is_ahead (void **state)
{
    (void)state;
    covey_shares_t shares;
    covey_shares_init (&shares);
    covey_share_t *a = covey_shares_enter (&shares, 1, "a");
    covey_share_t *b = covey_shares_enter (&shares, 1, "b");
    covey_shares_charge (&shares, b, 1);
    covey_shares_leave (&shares, b);
    assert_int_equal (shares.all.count, 2);
    b = covey_shares_enter (&shares, 1, "b"); /* not before a again */
    assert_true (b->time > a->time);
    covey_shares_leave (&shares, b);
    covey_shares_charge (&shares, a, 1);
    covey_shares_charge (&shares, a, 1);
    assert_int_equal (shares.all.count, 1); /* a has caught up with it */
    covey_shares_leave (&shares, a);
    assert_int_equal (shares.all.count, 0);
    assert_true (shares.now[1] == 0);
    covey_shares_deinit (&shares);
}

static void
test_what_is_remembered_is_bounded (void **state)
{
    (void)state;
    covey_shares_t shares;
    covey_shares_init (&shares);
    (void)covey_shares_enter (&shares, 1, "stuck"); /* never served */
    for (int i = 0; i < COVEY_SHARES_IDLE_MAX + 1000; i++) {
        char key[16];
        snprintf (key, sizeof key, "s%d", i);
        covey_share_t *share = covey_shares_enter (&shares, 1, key);
        covey_shares_charge (&shares, share, (uint32_t)(1 + i % 7));
        covey_shares_leave (&shares, share);
    }
    assert_true (shares.idle.count <= COVEY_SHARES_IDLE_MAX);
    covey_shares_deinit (&shares);
}

/* ---- through the state machine ----------------------------------------------
 */

/*  Complete what w1 has; whose task was it? The id's first letter.          */
static char
s_serve (support_control_t *c)
{
    assert_int_equal (
        support_call (c, "boss", "mesh.registry", "{\"limit\":1}"), COVEY_OK);
    const char *at = strstr ((char *)c->reply.data, "\"tasks\":[\"");
    assert_non_null (at);
    char id[64];
    snprintf (id, sizeof id, "%.*s", (int)strcspn (at + 10, "\""), at + 10);
    assert_int_equal (
        support_call (c, "boss", "task.show", "{\"taskId\":\"%s\"}", id), 0);
    long long token = support_reply_int (c, "fencingToken");
    assert_int_equal (support_call (c, "w1", "task.complete",
                                    "{\"taskId\":\"%s\",\"fencingToken\":%lld}",
                                    id, token),
                      COVEY_OK);
    return id[0];
}

static void
test_a_flood_keeps_nobody_from_their_turn (void **state)
{
    (void)state;
    support_control_t c;
    support_control_init (&c, NULL);
    support_agent_up (&c, "w1", "worker", "gpu", 1);
    for (int i = 0; i < 200; i++) /* of two kinds: lanes do not matter */
        assert_int_equal (
            support_call (&c, "flood", "task.submit",
                          "{\"taskId\":\"f%d\",\"taskType\":\"x\"%s}", i,
                          i % 2 ? "" : ",\"requiredCapabilities\":[\"gpu\"]"),
            COVEY_OK);
    for (int i = 0; i < 20; i++)
        (void)s_serve (&c);
    for (int i = 0; i < 30; i++) {
        support_call (&c, "alice", "task.submit",
                      "{\"taskId\":\"a%d\",\"taskType\":\"x\"}", i);
        support_call (&c, "cli-7", "task.submit",
                      "{\"taskId\":\"b%d\",\"taskType\":\"x\",\"share\":"
                      "\"bob\",\"weight\":3,\"requiredCapabilities\":"
                      "[\"gpu\"]}",
                      i);
    }
    assert_int_equal (
        support_call (&c, "boss", "task.show", "{\"taskId\":\"b0\"}"),
        COVEY_OK);
    assert_string_equal (support_reply (&c, "share"), "bob");
    (void)s_serve (&c); /* what it had already */
    int served[128] = {0};
    for (int i = 0; i < 25; i++)
        served[(int)s_serve (&c)]++;
    assert_in_range (served['f'], 4, 6);
    assert_in_range (served['a'], 4, 6);
    assert_in_range (served['b'], 14, 16);
    /* priority goes before turns */
    support_call (&c, "flood", "task.submit",
                  "{\"taskId\":\"urgent\",\"taskType\":\"x\","
                  "\"priority\":\"critical\"}");
    (void)s_serve (&c);
    assert_int_equal (s_serve (&c), 'u');
    assert_true (covey_state_digest (c.state) == support_replay (&c));
    support_control_deinit (&c);
}

static void
test_shares_go_on_from_a_snapshot (void **state)
{
    (void)state;
    support_control_t c;
    support_control_init (&c, NULL);
    support_agent_up (&c, "w1", "worker", "", 1);
    for (int i = 0; i < 60; i++)
        support_call (&c, i % 3 ? "flood" : "alice", "task.submit",
                      "{\"taskId\":\"%c%d\",\"taskType\":\"x\"}",
                      i % 3 ? 'f' : 'a', i);
    for (int i = 0; i < 7; i++)
        (void)s_serve (&c);
    support_control_t other = c;
    covey_buf_t bytes;
    covey_buf_init (&bytes, 1 << 24);
    assert_int_equal (covey_state_save (c.state, &bytes), COVEY_OK);
    other.state = NULL;
    assert_int_equal (covey_state_load (bytes.data, bytes.size, &c.limits,
                                        &other.state, &c.err),
                      COVEY_OK);
    char first[40] = {0}, second[40] = {0};
    covey_state_t *mine = c.state;
    for (int i = 0; i < 30; i++)
        first[i] = s_serve (&c);
    c.state = other.state;
    c.index -= 30;
    for (int i = 0; i < 30; i++)
        second[i] = s_serve (&c);
    assert_string_equal (first, second);
    covey_state_destroy (&c.state);
    c.state = mine;
    covey_buf_deinit (&bytes);
    support_control_deinit (&c);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_who_comes_late_is_at_the_time_of_the_others),
        cmocka_unit_test (test_an_idle_one_is_remembered_while_it_is_ahead),
        cmocka_unit_test (test_what_is_remembered_is_bounded),
        cmocka_unit_test (test_a_flood_keeps_nobody_from_their_turn),
        cmocka_unit_test (test_shares_go_on_from_a_snapshot),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

/*  replog: what is acknowledged is on a majority, everywhere the same, and
   stays so through crashes, elections and changes of the members */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/support_replog.h"

static support_replog_t *s_net;

static int
s_tear_down (void **state)
{
    (void)state;
    support_replog_destroy (&s_net);
    return 0;
}

static void
s_start (int count)
{
    s_net = support_replog_new (count);
    for (int i = 0; i < count; i++)
        support_replog_open (s_net, i);
    support_replog_settle (s_net);
}

static void
test_a_sole_voter_leads_at_once_and_commits_at_once (void **state)
{
    (void)state;
    s_start (1);
    covey_replog_t *log = s_net->members[0].log;
    assert_true (covey_replog_is_leader (log));
    assert_int_equal (covey_replog_silence_ms (log, s_net->now_ms), 0);
    covey_errbuf_t err;
    assert_int_equal (covey_replog_submit (log, "a", 1, 7, &err), COVEY_OK);
    assert_int_equal (covey_replog_submit (log, "b", 1, 8, &err), COVEY_OK);
    support_replog_settle (s_net);
    assert_true (s_net->members[0].ends[7].applied);
    assert_true (s_net->members[0].ends[8].applied);
    assert_int_equal (s_net->sent, 0);
    assert_int_equal (s_net->members[0].ends[8].index,
                      s_net->members[0].ends[7].index + 1);
}

static void
test_what_was_committed_is_there_after_a_crash (void **state)
{
    (void)state;
    s_start (1);
    support_replog_command (s_net, "a");
    support_replog_command (s_net, "b");
    covey_id_t cluster = covey_replog_cluster (s_net->members[0].log);
    uint64_t id = covey_replog_member_id (s_net->members[0].log);
    support_replog_close (s_net, 0);
    support_replog_open (s_net, 0);
    support_replog_command (s_net, "c");
    const covey_buf_t *text = &s_net->members[0].state;
    assert_int_equal (text->size, 6);
    assert_memory_equal (text->data, "a\nb\nc\n", 6);
    covey_id_t again = covey_replog_cluster (s_net->members[0].log);
    assert_memory_equal (&cluster, &again, sizeof cluster);
    assert_true (id == covey_replog_member_id (s_net->members[0].log));
}

static void
test_three_members_agree (void **state)
{
    (void)state;
    s_start (3);
    support_replog_command (s_net, "before");
    support_replog_grow (s_net);
    assert_int_equal (covey_replog_member_count (s_net->members[2].log), 3);
    for (int i = 0; i < 50; i++)
        support_replog_command (s_net, "x");
    support_replog_level (s_net);
}

static void
test_another_one_leads_when_the_leader_is_gone (void **state)
{
    (void)state;
    s_start (3);
    support_replog_grow (s_net);
    support_replog_command (s_net, "a");
    for (int round = 0; round < 6; round++) {
        int leader = support_replog_leader (s_net);
        support_replog_close (s_net, leader);
        assert_true (support_replog_leader (s_net) != leader);
        support_replog_command (s_net, "b");
        support_replog_open (s_net, leader);
        support_replog_level (s_net);
    }
}

int
main (void)
{
#define TEST(name) cmocka_unit_test_teardown (name, s_tear_down)
    const struct CMUnitTest tests[] = {
        TEST (test_a_sole_voter_leads_at_once_and_commits_at_once),
        TEST (test_what_was_committed_is_there_after_a_crash),
        TEST (test_three_members_agree),
        TEST (test_another_one_leads_when_the_leader_is_gone),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

/*  replog: what is acknowledged is on a majority, everywhere the same, and
   stays so through crashes, elections and changes of the members */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/*  The first command is committed while the second one waits.               */
static void
test_nobody_waits_for_the_state_of_another (void **state)
{
    (void)state;
    s_start (3);
    support_replog_grow (s_net);
    support_replog_command (s_net, "before");
    support_replog_level (s_net);
    int leading = support_replog_leader (s_net);
    covey_replog_t *log = s_net->members[leading].log;
    covey_errbuf_t err;
    for (int i = 0; i < 3; i++)
        s_net->members[i].order_size = 0;
    assert_int_equal (covey_replog_submit (log, "a", 1, 12000, &err), COVEY_OK);
    assert_int_equal (covey_replog_pump (log, s_net->now_ms, &err), COVEY_OK);
    assert_string_equal (s_net->members[leading].order, "ssw");
    assert_int_equal (covey_replog_submit (log, "b", 1, 12001, &err), COVEY_OK);
    support_replog_settle (s_net);
    support_replog_level (s_net);
    for (int i = 0; i < 3; i++) {
        const char *order = s_net->members[i].order;
        if (i == leading) /* the next batch, the state, the disk */
            assert_memory_equal (order, "sswssawa", 8);
        else /* the acknowledgement of "b", which commits "a", then "a"       */
            assert_memory_equal (order, "ssa", 3);
    }
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

static void
test_snapshots_bound_the_log_and_a_restart_begins_with_one (void **state)
{
    (void)state;
    s_net = support_replog_new (1);
    s_net->members[0].config.snapshot_entries = 10;
    s_net->members[0].config.trailing_entries = 3;
    support_replog_open (s_net, 0);
    for (int i = 0; i < 200; i++)
        support_replog_command (s_net, "0123456789");
    const covey_replog_stats_t *stats =
        covey_replog_stats (s_net->members[0].log);
    /* Each is taken when the log is as large as the one before. */
    assert_in_range (stats->snapshots, 3, 8);
    support_replog_close (s_net, 0);
    support_replog_open (s_net, 0);
    assert_int_equal (s_net->members[0].loads, 1);
    support_replog_command (s_net, "z");
    assert_int_equal (s_net->members[0].state.size, 200 * 11 + 2);
}

/*  Members 0..2; 2 is away while the log moves on behind a snapshot.         */
static void
s_lag (size_t message_max)
{
    s_net = support_replog_new (3);
    for (int i = 0; i < 3; i++) {
        s_net->members[i].config.snapshot_entries = 10;
        s_net->members[i].config.trailing_entries = 2;
        s_net->members[i].config.message_max = message_max;
        support_replog_open (s_net, i);
    }
    support_replog_grow (s_net);
    support_replog_command (s_net, "first");
    support_replog_level (s_net);
    support_replog_close (s_net, 2);
    for (int i = 0; i < 300; i++)
        support_replog_command (s_net, "0123456789");
}

static void
test_who_lags_behind_gets_the_snapshot_in_pieces (void **state)
{
    (void)state;
    s_lag (100);
    support_replog_open (s_net, 2);
    support_replog_level (s_net);
    assert_int_equal (s_net->members[2].loads, 1);
    assert_int_equal (covey_replog_stats (s_net->members[2].log)->installed, 1);
    support_replog_command (s_net, "z");
    support_replog_level (s_net);
}

static void
test_pieces_that_are_lost_come_again (void **state)
{
    (void)state;
    s_lag (100);
    support_replog_open (s_net, 2);
    for (int i = 0; i < 2000 && s_net->members[2].loads == 0; i++) {
        int leader = support_replog_leader (s_net);
        s_net->cut[leader][2] = i % 3 == 0;
        s_net->cut[2][leader] = i % 5 == 0;
        support_replog_run (s_net, 10);
    }
    memset (s_net->cut, 0, sizeof s_net->cut);
    support_replog_level (s_net);
}

static void
test_large_commands_arrive_one_by_one (void **state)
{
    (void)state;
    s_start (3);
    support_replog_grow (s_net);
    covey_errbuf_t err;
    char *large = calloc (1, COVEY_REPLOG_ENTRY_MAX + 1);
    memset (large, 'x', COVEY_REPLOG_ENTRY_MAX + 1);
    int leader = support_replog_leader (s_net);
    covey_replog_t *log = s_net->members[leader].log;
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal (covey_replog_submit (log, large,
                                               COVEY_REPLOG_ENTRY_MAX,
                                               10000 + i, &err),
                          COVEY_OK);
    assert_int_equal (
        covey_replog_submit (log, large, COVEY_REPLOG_ENTRY_MAX + 1, 1, &err),
        COVEY_LIMIT);
    support_replog_run (s_net, 500);
    assert_true (s_net->members[leader].ends[10004].applied);
    support_replog_level (s_net);
    free (large);
}

static void
test_a_full_queue_is_told (void **state)
{
    (void)state;
    s_net = support_replog_new (1);
    s_net->members[0].config.queue_max = 3;
    s_net->members[0].config.queue_bytes_max = 10;
    support_replog_open (s_net, 0);
    support_replog_settle (s_net);
    covey_errbuf_t err = {""};
    covey_replog_t *log = s_net->members[0].log;
    assert_int_equal (covey_replog_submit (log, "12345678901", 11, 1, &err), 0);
    assert_int_equal (covey_replog_submit (log, "1", 1, 2, &err), COVEY_EAGAIN);
    support_replog_settle (s_net);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal (covey_replog_submit (log, "1", 1, 3 + i, &err), 0);
    assert_int_equal (covey_replog_submit (log, "1", 1, 9, &err), COVEY_EAGAIN);
    support_replog_settle (s_net);
    assert_true (s_net->members[0].ends[5].applied);
}

static void
test_a_lost_leadership_ends_what_was_under_way (void **state)
{
    (void)state;
    s_start (3);
    support_replog_grow (s_net);
    covey_errbuf_t err;
    int old = support_replog_leader (s_net);
    support_replog_member_t *leader = &s_net->members[old];
    for (int i = 0; i < 3; i++)
        s_net->cut[old][i] = s_net->cut[i][old] = true;
    assert_int_equal (covey_replog_submit (leader->log, "lost", 4, 11000, &err),
                      COVEY_OK);
    assert_int_equal (covey_replog_read (leader->log, 11001, &err), COVEY_OK);
    support_replog_run (s_net, 2000);
    assert_true (leader->ends[11000].ended && !leader->ends[11000].applied);
    assert_int_equal (leader->ends[11000].code, COVEY_NOCOORDINATOR);
    assert_int_equal (leader->ends[11001].code, COVEY_NOCOORDINATOR);
    assert_false (leader->leads);
    assert_int_equal (covey_replog_submit (leader->log, "x", 1, 1, &err),
                      COVEY_NOCOORDINATOR);
    int next = support_replog_leader (s_net);
    assert_true (next != old);
    memset (s_net->cut, 0, sizeof s_net->cut);
    support_replog_command (s_net, "kept");
    support_replog_level (s_net);
    const covey_buf_t *text = &s_net->members[old].state;
    assert_null (memmem (text->data, text->size, "lost", 4));
}

static void
test_a_read_needs_a_majority (void **state)
{
    (void)state;
    s_start (3);
    support_replog_grow (s_net);
    support_replog_command (s_net, "a");
    covey_errbuf_t err;
    int leader = support_replog_leader (s_net);
    support_replog_member_t *member = &s_net->members[leader];
    assert_int_equal (covey_replog_read (member->log, 12000, &err), COVEY_OK);
    support_replog_settle (s_net);
    assert_true (member->ends[12000].ended);
    assert_int_equal (member->ends[12000].code, COVEY_OK);
    for (int i = 0; i < 3; i++) /* answers come no more */
        s_net->cut[i][leader] = true;
    assert_int_equal (covey_replog_read (member->log, 12001, &err), COVEY_OK);
    support_replog_settle (s_net);
    assert_false (member->ends[12001].ended);
    support_replog_run (s_net, 1000);
    assert_int_equal (member->ends[12001].code, COVEY_NOCOORDINATOR);
    assert_int_equal (
        covey_replog_read (s_net->members[(leader + 1) % 3].log, 12002, &err) ||
            covey_replog_read (s_net->members[(leader + 2) % 3].log, 12003,
                               &err),
        true); /* at most one of them leads */
}

static void
test_members_change_one_at_a_time (void **state)
{
    (void)state;
    s_start (3);
    covey_errbuf_t err;
    covey_replog_t *log = s_net->members[0].log;
    uint64_t id1 = covey_replog_member_id (s_net->members[1].log);
    uint64_t id2 = covey_replog_member_id (s_net->members[2].log);
    assert_int_equal (
        covey_replog_add (log, id1, &s_net->members[1].node_id, 13000, &err),
        COVEY_OK);
    assert_int_equal (
        covey_replog_add (log, id2, &s_net->members[2].node_id, 13001, &err),
        COVEY_BUSY);
    support_replog_run (s_net, 100);
    assert_true (s_net->members[0].ends[13000].ended);
    assert_int_equal (s_net->members[0].ends[13000].code, COVEY_OK);
    assert_int_equal (
        covey_replog_add (log, id1, &s_net->members[1].node_id, 13002, &err),
        COVEY_EXISTS);
    assert_int_equal (
        covey_replog_add (log, id2, &s_net->members[1].node_id, 13002, &err),
        COVEY_EXISTS);
    assert_int_equal (covey_replog_promote (log, id2, 1, &err), COVEY_NOTFOUND);
    assert_int_equal (
        covey_replog_remove (log, covey_replog_member_id (log), 1, &err),
        COVEY_STATE);
    assert_int_equal (covey_replog_remove (s_net->members[1].log, id1, 1, &err),
                      COVEY_NOCOORDINATOR);
    covey_replog_member_t member;
    covey_replog_member (log, 1, &member);
    assert_int_equal (member.role, COVEY_REPLOG_SPARE);
    assert_true (member.heard_ms >= 0);
    assert_int_equal (support_replog_change (s_net, covey_replog_promote, 1),
                      COVEY_OK);
    covey_replog_member (log, 1, &member);
    assert_int_equal (member.role, COVEY_REPLOG_VOTER);
    assert_int_equal (support_replog_change (s_net, covey_replog_remove, 1),
                      COVEY_OK);
    assert_int_equal (covey_replog_member_count (log), 1);
    support_replog_command (s_net, "alone again");
}

static void
test_a_spare_that_does_not_answer_is_not_promoted (void **state)
{
    (void)state;
    s_start (2);
    assert_int_equal (support_replog_add (s_net, 1), COVEY_OK);
    uint64_t id = covey_replog_member_id (s_net->members[1].log);
    support_replog_level (s_net); /* it has everything */
    support_replog_close (s_net, 1);
    support_replog_run (s_net, 200);
    covey_errbuf_t err;
    assert_int_equal (
        covey_replog_promote (s_net->members[0].log, id, 14000, &err),
        COVEY_OK);
    support_replog_run (s_net, 1000);
    assert_int_equal (s_net->members[0].ends[14000].code, COVEY_EAGAIN);
    support_replog_command (s_net, "b");
}

static void
test_who_yields_is_followed_by_another (void **state)
{
    (void)state;
    s_start (3);
    support_replog_grow (s_net);
    support_replog_command (s_net, "a");
    for (int round = 0; round < 5; round++) {
        covey_errbuf_t err;
        int old = support_replog_leader (s_net);
        covey_replog_t *log = s_net->members[old].log;
        assert_int_equal (covey_replog_submit (log, "last", 4,
                                               (uint64_t)(15000 + round), &err),
                          COVEY_OK);
        covey_replog_yield (log, 0);
        assert_int_equal (covey_replog_submit (log, "no", 2, 1, &err),
                          COVEY_NOCOORDINATOR);
        int next = support_replog_leader (s_net);
        assert_true (next != old);
        assert_true (s_net->members[old].ends[15000 + round].applied);
        support_replog_level (s_net);
    }
}

static void
test_a_named_heir_leads_at_once (void **state)
{
    (void)state;
    s_start (3);
    support_replog_grow (s_net);
    support_replog_command (s_net, "a");
    for (int round = 0; round < 6; round++) {
        int old = support_replog_leader (s_net);
        int heir = (old + 1 + round % 2) % 3;
        covey_replog_yield (s_net->members[old].log,
                            covey_replog_member_id (s_net->members[heir].log));
        while (covey_replog_is_leader (s_net->members[old].log))
            support_replog_run (s_net, 1);
        /* it knows how old is what it has */
        assert_in_range (
            covey_replog_silence_ms (s_net->members[old].log, s_net->now_ms), 0,
            COVEY_REPLOG_ELECTION_MS);
        for (int i = 0; i < 3; i++)
            if (i != old)
                covey_replog_succeed (s_net->members[i].log, i == heir);
        support_replog_run (s_net, COVEY_REPLOG_ELECTION_MS / 2);
        assert_true (covey_replog_is_leader (s_net->members[heir].log));
        support_replog_command (s_net, "b");
        support_replog_level (s_net);
    }
}

/*  The heir is dead, or the hint is wrong: somebody leads all the same.     */
static void
test_an_heir_that_is_not_there_costs_time_and_no_more (void **state)
{
    (void)state;
    s_start (3);
    support_replog_grow (s_net);
    support_replog_command (s_net, "a");
    int old = support_replog_leader (s_net);
    covey_replog_yield (s_net->members[old].log, 0);
    for (int i = 0; i < 3; i++) /* nobody is the heir */
        covey_replog_succeed (s_net->members[i].log, false);
    support_replog_run (s_net, 1000);
    (void)support_replog_leader (s_net);
    support_replog_command (s_net, "b");
    old = support_replog_leader (s_net);
    for (int i = 0; i < 3; i++) /* all are, and the leader did not yield */
        covey_replog_succeed (s_net->members[i].log, true);
    support_replog_run (s_net, 1000);
    support_replog_command (s_net, "c");
    support_replog_level (s_net);
}

static void
test_an_only_voter_does_not_yield (void **state)
{
    (void)state;
    s_start (1);
    covey_replog_yield (s_net->members[0].log, 0);
    support_replog_run (s_net, 1000);
    assert_true (covey_replog_is_leader (s_net->members[0].log));
    support_replog_command (s_net, "a");
}

static void
test_a_wiped_member_comes_back_as_somebody_else (void **state)
{
    (void)state;
    s_start (3);
    support_replog_grow (s_net);
    support_replog_command (s_net, "a");
    if (support_replog_leader (s_net) == 2)
        covey_replog_yield (s_net->members[2].log, 0);
    while (support_replog_leader (s_net) == 2)
        support_replog_run (s_net, 100);
    uint64_t id = covey_replog_member_id (s_net->members[2].log);
    support_replog_close (s_net, 2);
    assert_int_equal (unlink (s_net->members[2].path), 0);
    s_net->members[2].config.seed = 999;
    support_replog_open (s_net, 2);
    assert_true (covey_replog_member_id (s_net->members[2].log) != id);
    support_replog_run (s_net, 1000);
    assert_int_equal (s_net->members[2].state.size, 0);
    const support_replog_member_t *leader =
        &s_net->members[support_replog_leader (s_net)];
    covey_errbuf_t err;
    assert_int_equal (covey_replog_remove (leader->log, id, 16000, &err), 0);
    support_replog_run (s_net, 200);
    assert_int_equal (leader->ends[16000].code, COVEY_OK);
    assert_int_equal (support_replog_add (s_net, 2), COVEY_OK);
    assert_int_equal (support_replog_change (s_net, covey_replog_promote, 2),
                      COVEY_OK);
    support_replog_level (s_net);
}

static void
test_who_waited_may_found_a_log_later (void **state)
{
    (void)state;
    s_net = support_replog_new (1);
    s_net->members[0].config.found = false;
    support_replog_open (s_net, 0);
    uint64_t id = covey_replog_member_id (s_net->members[0].log);
    support_replog_run (s_net, 1000);
    assert_false (covey_replog_is_leader (s_net->members[0].log));
    support_replog_close (s_net, 0);
    s_net->members[0].config.found = true;
    support_replog_open (s_net, 0);
    support_replog_command (s_net, "a");
    assert_true (id == covey_replog_member_id (s_net->members[0].log));
}

static covey_err_t
s_on_meta (void *arg, const covey_replog_meta_t *meta, covey_errbuf_t *err)
{
    (void)arg, (void)meta, (void)err;
    return COVEY_OK;
}

static void
s_check_padding (const uint8_t *list, size_t size)
{
    size_t used = 9 + (size_t)list[1] * 42; /* head, then id, address, role */
    assert_true (used <= size && size - used < 8);
    for (; used < size; used++)
        assert_int_equal (list[used], 0);
}

static covey_err_t
s_on_snapshot (void *arg, const covey_replog_snapshot_t *snapshot,
               covey_errbuf_t *err)
{
    (void)arg, (void)err;
    s_check_padding (snapshot->members, snapshot->members_size);
    return COVEY_OK;
}

/*  The first entry lists members; `*arg` is its kind, then.                 */
static covey_err_t
s_on_entry (void *arg, const covey_replog_entry_t *entry, covey_errbuf_t *err)
{
    uint8_t *kind = arg;
    (void)err;
    if (entry->index == 1)
        *kind = entry->kind;
    if (entry->kind == *kind)
        s_check_padding (entry->data, entry->size);
    return COVEY_OK;
}

/*  The library does not initialise the padding of its lists of members.     */
static void
test_no_bytes_of_the_heap_reach_a_disk (void **state)
{
    (void)state;
    uint8_t kind = 0;
    covey_errbuf_t err = {""};
    covey_replog_store_t *store = NULL;
    covey_replog_reader_t reader = {&kind, s_on_meta, s_on_snapshot,
                                    s_on_entry};
    mallopt (M_PERTURB, 0xa5);
    s_start (3);
    support_replog_grow (s_net);
    for (int i = 0; i < 3; i++) {
        support_replog_close (s_net, i);
        if (covey_replog_store_sqlite (s_net->members[i].path, &store, &err) ||
            store->klass->read (store, &reader, &err))
            fail_msg ("%s", err.text);
        assert_true (kind != 0);
        store->klass->close (&store);
    }
    mallopt (M_PERTURB, 0);
}

static void
test_messages_of_others_are_refused_and_counted (void **state)
{
    (void)state;
    s_start (1);
    covey_replog_t *log = s_net->members[0].log;
    covey_replog_message_t message = {
        .kind = COVEY_REPLOG_ASK,
        .cluster = covey_replog_cluster (log),
        .from = 5,
        .to = covey_replog_member_id (log),
        .term = 1,
    };
    covey_buf_t bytes;
    covey_buf_init (&bytes, 4096);
    covey_replog_wire_write (&message, &bytes);
    assert_int_equal (covey_replog_receive (log, 0, bytes.data, bytes.size), 0);
    for (size_t i = 0; i < bytes.size; i++)
        assert_int_equal (covey_replog_receive (log, 0, bytes.data, i),
                          COVEY_INVALID);
    message.to++;
    covey_buf_clear (&bytes);
    covey_replog_wire_write (&message, &bytes);
    assert_int_equal (covey_replog_receive (log, 0, bytes.data, bytes.size),
                      COVEY_INVALID);
    message.to--;
    message.cluster.bytes[3] ^= 1;
    covey_buf_clear (&bytes);
    covey_replog_wire_write (&message, &bytes);
    assert_int_equal (covey_replog_receive (log, 0, bytes.data, bytes.size),
                      COVEY_INVALID);
    assert_int_equal (covey_replog_stats (log)->refused,
                      COVEY_REPLOG_WIRE_HEADER + 8 + 2);
    covey_buf_deinit (&bytes);
}

int
main (void)
{
#define TEST(name) cmocka_unit_test_teardown (name, s_tear_down)
    const struct CMUnitTest tests[] = {
        TEST (test_a_sole_voter_leads_at_once_and_commits_at_once),
        TEST (test_what_was_committed_is_there_after_a_crash),
        TEST (test_three_members_agree),
        TEST (test_nobody_waits_for_the_state_of_another),
        TEST (test_another_one_leads_when_the_leader_is_gone),
        TEST (test_snapshots_bound_the_log_and_a_restart_begins_with_one),
        TEST (test_who_lags_behind_gets_the_snapshot_in_pieces),
        TEST (test_pieces_that_are_lost_come_again),
        TEST (test_large_commands_arrive_one_by_one),
        TEST (test_a_full_queue_is_told),
        TEST (test_a_lost_leadership_ends_what_was_under_way),
        TEST (test_a_read_needs_a_majority),
        TEST (test_members_change_one_at_a_time),
        TEST (test_a_spare_that_does_not_answer_is_not_promoted),
        TEST (test_who_yields_is_followed_by_another),
        TEST (test_a_named_heir_leads_at_once),
        TEST (test_an_heir_that_is_not_there_costs_time_and_no_more),
        TEST (test_an_only_voter_does_not_yield),
        TEST (test_a_wiped_member_comes_back_as_somebody_else),
        TEST (test_who_waited_may_found_a_log_later),
        TEST (test_no_bytes_of_the_heap_reach_a_disk),
        TEST (test_messages_of_others_are_refused_and_counted),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

/*  swim_*: suspicion times, gossip bounds, the table against a model, the codec
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/swim_gossip.h"
#include "node/swim_message.h"

static void
s_id (uint8_t id[16], unsigned number)
{
    memset (id, 0xab, 16);
    id[14] = (uint8_t)(number >> 8);
    id[15] = (uint8_t)number;
}

/* ---- suspicion ---------------------------------------------------------- */

static void
test_suspicion_shrinks_with_confirmations_of_others (void **state)
{
    (void)state;
    assert_int_equal (covey_suspicion_min_ms (4, 3, 1000), 4000);
    assert_int_equal (covey_suspicion_min_ms (4, 100, 1000), 8000);
    assert_int_equal (covey_suspicion_min_ms (4, 1000, 1000), 12000);
    uint8_t a[16], b[16], c[16], d[16];
    s_id (a, 1);
    s_id (b, 2);
    s_id (c, 3);
    s_id (d, 4);
    covey_suspicion_t one;
    covey_suspicion_init (&one, a, 2, 4000, 24000, 100);
    assert_int_equal (covey_suspicion_deadline_ms (&one), 24100);
    assert_false (covey_suspicion_confirm (&one, a)); /* the accuser's own */
    assert_true (covey_suspicion_confirm (&one, b));
    assert_false (covey_suspicion_confirm (&one, b));
    /* max - ln 2 / ln 3 * (max - min) */
    int64_t expected_ms = 100 + 24000 - (int64_t)(log (2) / log (3) * 20000);
    assert_int_equal (covey_suspicion_deadline_ms (&one), expected_ms);
    assert_true (covey_suspicion_confirm (&one, c));
    assert_int_equal (covey_suspicion_deadline_ms (&one), 4100);
    assert_false (covey_suspicion_confirm (&one, d)); /* enough */
    covey_suspicion_init (&one, a, 0, 4000, 24000, 0);
    assert_int_equal (covey_suspicion_deadline_ms (&one), 4000);
}

/* ---- gossip ------------------------------------------------------------- */

static void
test_gossip_tells_the_least_told_first_and_each_a_limited_number_of_times (
    void **state)
{
    (void)state;
    assert_int_equal (covey_swim_gossip_limit (4, 1), 4);
    assert_int_equal (covey_swim_gossip_limit (4, 9), 4);
    assert_int_equal (covey_swim_gossip_limit (4, 10), 8);
    assert_int_equal (covey_swim_gossip_limit (4, 1000), 16);
    assert_int_equal (covey_swim_gossip_limit (40, 1000),
                      COVEY_GOSSIP_SENDS_MAX);
    covey_swim_gossip_t gossip;
    memset (&gossip, 0, sizeof gossip);
    covey_swim_member_t members[3];
    memset (members, 0, sizeof members);
    for (unsigned i = 0; i < 3; i++)
        s_id (members[i].id, i);
    covey_swim_update_t out[8];
    covey_swim_gossip_put (&gossip, &members[0], 0);
    covey_swim_gossip_put (&gossip, &members[1], 0);
    assert_int_equal (covey_swim_gossip_pick (&gossip, 3, 4096, out, 0, 8), 2);
    covey_swim_gossip_put (&gossip, &members[2], 0);
    /* room for one: the one that was not told yet */
    size_t size = covey_swim_update_size (&out[0]);
    assert_int_equal (
        covey_swim_gossip_pick (&gossip, 3, 2 * size - 1, out, 0, 8), 1);
    assert_int_equal (out[0].id[15], 2);
    /* as many as there are places */
    assert_int_equal (covey_swim_gossip_pick (&gossip, 3, 4096, out, 0, 2), 2);
    /* each three times in all, and never more */
    int told[3] = {0, 0, 0};
    for (int i = 0; i < 10; i++) {
        size_t count = covey_swim_gossip_pick (&gossip, 3, 4096, out, 0, 8);
        for (size_t at = 0; at < count; at++)
            told[out[at].id[15]]++;
    }
    assert_int_equal (told[0] + told[1] + told[2], 9 - 5);
    assert_int_equal (gossip.count, 0);
    /* told twice of four, then the group shrinks: it is old news */
    covey_swim_gossip_put (&gossip, &members[0], 2);
    assert_int_equal (covey_swim_gossip_pick (&gossip, 2, 4096, out, 0, 8), 0);
    assert_int_equal (gossip.count, 0);
    /* newer news of the same member replaces the older */
    covey_swim_gossip_put (&gossip, &members[0], 0);
    covey_swim_gossip_put (&gossip, &members[0], 0);
    assert_int_equal (gossip.count, 1);
}

/* ---- the table against a model ------------------------------------------ */

static void
s_check_table (const covey_swim_table_t *table, const int *model, unsigned size)
{
    size_t live = 0, failed = 0, all = 0;
    uint64_t digest = 0;
    for (unsigned i = 0; i < size; i++) {
        uint8_t id[16];
        s_id (id, i);
        const covey_swim_member_t *member = covey_swim_table_find (table, id);
        assert_int_equal (member != NULL, model[i] >= 0);
        if (!member)
            continue;
        all++;
        assert_int_equal (member->state, model[i]);
        assert_ptr_equal (table->all.items[member->place], member);
        if (model[i] <= COVEY_SWIM_SUSPECTED) {
            live++;
            assert_ptr_equal (table->live.items[member->seat], member);
            digest += covey_swim_table_mix (member->hash, member->epoch,
                                            member->incarnation);
        } else if (model[i] == COVEY_SWIM_FAILED) {
            failed++;
            assert_ptr_equal (table->failed.items[member->seat], member);
        }
    }
    assert_int_equal (table->all.count, all);
    assert_int_equal (table->live.count, live);
    assert_int_equal (table->failed.count, failed);
    assert_true (table->cursor <= live);
    assert_true (table->digest == digest);
}

static void
test_the_table_agrees_with_a_model (void **state)
{
    (void)state;
    enum { SIZE = 60 };
    for (uint64_t seed = 0; seed < 20; seed++) {
        covey_prng_t prng;
        covey_prng_init (&prng, seed);
        covey_swim_table_t table;
        covey_swim_table_init (&table);
        int model[SIZE];
        memset (model, 0xff, sizeof model); /* -1: unknown */
        for (int step = 0; step < 1000; step++) {
            unsigned number = (unsigned)covey_prng_below (&prng, SIZE);
            uint8_t id[16];
            s_id (id, number);
            covey_swim_member_t *member = covey_swim_table_find (&table, id);
            int next = (int)covey_prng_below (&prng, 7);
            if (next > COVEY_SWIM_LEFT) {
                if (next == 4 && member)
                    covey_swim_table_remove (&table, member);
                else if (next == 5)
                    covey_swim_table_next (&table, &prng);
                else if (member && member->state <= COVEY_SWIM_SUSPECTED)
                    covey_swim_table_prefer (&table, member);
                if (next == 4)
                    model[number] = -1;
            } else {
                if (!member)
                    member = covey_swim_table_add (&table, id);
                covey_swim_table_set (&table, member, 1, (uint32_t)step,
                                      (covey_swim_state_t)next, &prng);
                model[number] = next;
            }
            s_check_table (&table, model, SIZE);
        }
        covey_swim_table_deinit (&table);
    }
}

static void
test_a_round_probes_each_once_and_samples_are_different (void **state)
{
    (void)state;
    enum { SIZE = 50 };
    covey_prng_t prng;
    covey_prng_init (&prng, 1);
    covey_swim_table_t table;
    covey_swim_table_init (&table);
    assert_null (covey_swim_table_next (&table, &prng));
    for (unsigned i = 0; i < SIZE; i++) {
        uint8_t id[16];
        s_id (id, i);
        covey_swim_table_set (&table, covey_swim_table_add (&table, id), 1, 1,
                              COVEY_SWIM_ALIVE, &prng);
        covey_swim_member_t *picked[3];
        size_t count = covey_swim_table_sample (&table, &prng,
                                                table.live.items[0], 3, picked);
        assert_int_equal (count, i < 3 ? i : 3);
        for (size_t a = 0; a < count; a++) {
            assert_ptr_not_equal (picked[a], table.live.items[0]);
            for (size_t b = 0; b < a; b++)
                assert_ptr_not_equal (picked[a], picked[b]);
        }
    }
    table.cursor = SIZE; /* end of a round */
    uint64_t seen = 0;
    for (int i = 0; i < SIZE; i++)
        seen |= (uint64_t)1 << covey_swim_table_next (&table, &prng)->id[15];
    assert_true (seen == ((uint64_t)1 << SIZE) - 1);
    covey_swim_member_t *wanted = table.live.items[SIZE - 1];
    covey_swim_table_prefer (&table, wanted);
    assert_ptr_equal (covey_swim_table_next (&table, &prng), wanted);
    covey_swim_table_deinit (&table);
}

/* ---- the codec ---------------------------------------------------------- */

static void
test_messages_survive_their_bytes_and_bad_bytes_are_refused (void **state)
{
    (void)state;
    covey_swim_update_t updates[2];
    memset (updates, 0, sizeof updates);
    for (unsigned i = 0; i < 2; i++) {
        s_id (updates[i].id, i);
        updates[i].epoch = UINT64_MAX;
        updates[i].incarnation = UINT32_MAX;
        updates[i].state = COVEY_SWIM_LEFT;
    }
    s_id (updates[1].accuser, 9);
    updates[1].health = 7;
    updates[1].address = "host:1";
    updates[1].meta = (const uint8_t *)"abc";
    updates[1].meta_size = 3;
    covey_swim_message_t message = {.kind = COVEY_SWIM_STATE,
                                    .seq = 5,
                                    .mesh = 6,
                                    .digest = 7,
                                    .want = true,
                                    .address = "me:2",
                                    .text = "why",
                                    .updates = updates,
                                    .update_count = 2};
    s_id (message.from, 3);
    covey_buf_t bytes;
    covey_buf_init (&bytes, 4096);
    assert_int_equal (covey_swim_message_write (&message, &bytes), COVEY_OK);
    assert_true (bytes.size <= 64 + covey_swim_update_size (&updates[0]) +
                                   covey_swim_update_size (&updates[1]));
    covey_swim_message_t back;
    assert_int_equal (covey_swim_message_read (&back, bytes.data, bytes.size),
                      COVEY_OK);
    assert_int_equal (back.kind, COVEY_SWIM_STATE);
    assert_true (back.seq == 5 && back.mesh == 6 && back.digest == 7);
    assert_true (back.want && !back.nack);
    assert_string_equal (back.address, "me:2");
    assert_string_equal (back.text, "why");
    assert_int_equal (back.update_count, 2);
    assert_null (back.updates[0].address);
    assert_memory_equal (back.updates[1].accuser, updates[1].accuser, 16);
    assert_int_equal (back.updates[1].health, 7);
    assert_string_equal (back.updates[1].address, "host:1");
    assert_memory_equal (back.updates[1].meta, "abc", 3);
    covey_swim_message_deinit (&back);
    for (size_t size = 0; size < bytes.size; size++)
        if (covey_swim_message_read (&back, bytes.data, size) == COVEY_OK)
            covey_swim_message_deinit (&back); /* a shorter list is valid */
    covey_prng_t prng;
    covey_prng_init (&prng, 1);
    for (int i = 0; i < 20000; i++) {
        size_t at = (size_t)covey_prng_below (&prng, bytes.size);
        uint8_t kept = bytes.data[at];
        bytes.data[at] = (uint8_t)covey_prng_next (&prng);
        if (covey_swim_message_read (&back, bytes.data, bytes.size) == COVEY_OK)
            covey_swim_message_deinit (&back);
        bytes.data[at] = kept;
    }
    covey_buf_clear (&bytes);
    updates[0].epoch = 0;
    assert_int_equal (covey_swim_message_write (&message, &bytes), COVEY_OK);
    assert_int_equal (covey_swim_message_read (&back, bytes.data, bytes.size),
                      COVEY_MALFORMED);
    covey_buf_deinit (&bytes);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_suspicion_shrinks_with_confirmations_of_others),
        cmocka_unit_test (
            test_gossip_tells_the_least_told_first_and_each_a_limited_number_of_times),
        cmocka_unit_test (test_the_table_agrees_with_a_model),
        cmocka_unit_test (
            test_a_round_probes_each_once_and_samples_are_different),
        cmocka_unit_test (
            test_messages_survive_their_bytes_and_bad_bytes_are_refused),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

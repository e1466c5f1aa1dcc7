#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "node/beacon.h"

static covey_beacon_word_t
s_word (int number, const char *mesh)
{
    covey_beacon_word_t word = {.epoch = 77, .port = 7400};
    memcpy (word.node_id, &number, sizeof number);
    snprintf (word.mesh, sizeof word.mesh, "%s", mesh);
    return word;
}

static covey_beacon_t *
s_beacon (int number)
{
    covey_beacon_word_t own = s_word (number, "m");
    return covey_beacon_new (&own, 5);
}

/*  What that node sends reaches `self`.                                     */
static covey_err_t
s_hear (covey_beacon_t *self, const covey_beacon_word_t *from,
        covey_beacon_word_t *word)
{
    uint8_t data[COVEY_BEACON_SIZE_MAX];
    size_t size = covey_beacon_encode (from, data);
    return covey_beacon_receive (self, data, size, word);
}

static void
datagram_has_the_documented_bytes (void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        'C',  'V',  'Y',  'B',  1,    0xe8, 0x1c, 8,    7,    6,    5,    4,
        3,    2,    1,    0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8,
        0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 2,    0,    'm',  '1'};
    covey_beacon_word_t word = {
        .epoch = 0x0102030405060708, .port = 7400, .mesh = "m1"};
    for (size_t i = 0; i < 16; i++)
        word.node_id[i] = (uint8_t)(0xa0 + i);
    uint8_t data[COVEY_BEACON_SIZE_MAX];
    assert_int_equal (covey_beacon_encode (&word, data), sizeof expected);
    assert_memory_equal (data, expected, sizeof expected);
    covey_beacon_word_t back;
    assert_int_equal (covey_beacon_decode (data, sizeof expected, &back),
                      COVEY_OK);
    assert_int_equal (back.port, 7400);
    assert_true (back.epoch == word.epoch);
    assert_memory_equal (back.node_id, word.node_id, 16);
    assert_string_equal (back.mesh, "m1");
}

static void
every_cut_and_every_wrong_length_is_malformed (void **state)
{
    (void)state;
    covey_beacon_word_t word = s_word (1, "mesh"), out;
    uint8_t data[COVEY_BEACON_SIZE_MAX + 1] = {0};
    size_t size = covey_beacon_encode (&word, data);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal (covey_beacon_decode (data, cut, &out),
                          COVEY_MALFORMED);
    assert_int_equal (covey_beacon_decode (data, COVEY_BEACON_SIZE_MAX, &out),
                      COVEY_OK); /* later fields                              */
    assert_int_equal (covey_beacon_decode (data, sizeof data, &out),
                      COVEY_MALFORMED);
    data[4] = 2;
    assert_int_equal (covey_beacon_decode (data, size, &out), COVEY_VERSION);
    data[4] = 0;
    assert_int_equal (covey_beacon_decode (data, size, &out), COVEY_MALFORMED);
    data[4] = 1;
    data[COVEY_BEACON_HEAD] = 0xff; /* not UTF-8                              */
    assert_int_equal (covey_beacon_decode (data, size, &out), COVEY_MALFORMED);
}

static void
longest_mesh_name_fits (void **state)
{
    (void)state;
    covey_beacon_word_t word = s_word (1, ""), out;
    memset (word.mesh, 'm', COVEY_NAME_MAX);
    uint8_t data[COVEY_BEACON_SIZE_MAX];
    size_t size = covey_beacon_encode (&word, data);
    assert_int_equal (covey_beacon_decode (data, size, &out), COVEY_OK);
    assert_int_equal (strlen (out.mesh), COVEY_NAME_MAX);
}

static void
pauses_grow_to_a_steady_pace (void **state)
{
    (void)state;
    covey_beacon_t *self = s_beacon (1);
    int64_t last = 0, at = 1, gap = 0;
    int sent = 0;
    assert_true (covey_beacon_is_due (self, at));
    last = at;
    for (; at < 600000; at += 10) {
        if (!covey_beacon_is_due (self, at))
            continue;
        gap = at - last;
        last = at;
        if (sent++ == 0)
            assert_in_range (gap, 700, 1300);
    }
    assert_in_range (gap, COVEY_BEACON_STEADY_MS * 3 / 4 - 10,
                     COVEY_BEACON_STEADY_MS * 5 / 4 + 10);
    assert_in_range (sent, 55, 85); /* 600 s                                  */
    covey_beacon_destroy (&self);
}

static void
own_foreign_and_broken_ones_are_told_apart (void **state)
{
    (void)state;
    covey_beacon_t *self = s_beacon (1);
    covey_beacon_word_t own = s_word (1, "m"), friend = s_word (2, "m"),
                        foreign = s_word (3, "n"), out;
    assert_int_equal (s_hear (self, &own, &out), COVEY_STATE);
    assert_int_equal (s_hear (self, &friend, &out), COVEY_OK);
    assert_memory_equal (out.node_id, friend.node_id, 16);
    assert_int_equal (s_hear (self, &foreign, &out), COVEY_DENIED);
    assert_int_equal (
        covey_beacon_receive (self, (const uint8_t *)"CVYB", 4, &out),
        COVEY_MALFORMED);
    covey_beacon_sent (self, true);
    covey_beacon_sent (self, false);
    const covey_beacon_stats_t *stats = covey_beacon_stats (self);
    assert_int_equal (stats->received, 1);
    assert_int_equal (stats->foreign, 1);
    assert_int_equal (stats->malformed, 1);
    assert_int_equal (stats->sent, 1);
    assert_int_equal (stats->unsent, 1);
    covey_beacon_destroy (&self);
}

static void
flood_of_made_up_nodes_is_throttled (void **state)
{
    (void)state;
    covey_beacon_t *self = s_beacon (1);
    int admitted = 0;
    for (int i = 1; i <= 100000; i++) { /* ten per millisecond                */
        covey_beacon_word_t word = s_word (i + 2, "m");
        admitted += covey_beacon_admit (self, &word, 1000000 + i / 10);
    }
    assert_int_equal (admitted, COVEY_BEACON_BURST + 10 * COVEY_BEACON_PER_S);
    assert_int_equal (covey_beacon_stats (self)->throttled, 100000 - admitted);
    covey_beacon_word_t late = s_word (1, "m");
    late.epoch++;
    assert_true (covey_beacon_admit (self, &late, 2000000));
    covey_beacon_destroy (&self);
}

static void
node_is_introduced_again_only_after_a_while (void **state)
{
    (void)state;
    covey_beacon_t *self = s_beacon (1);
    covey_beacon_word_t word = s_word (2, "m");
    assert_true (covey_beacon_admit (self, &word, 1000));
    assert_false (covey_beacon_admit (self, &word, 1001));
    word.epoch++; /* started anew                                             */
    assert_true (covey_beacon_admit (self, &word, 1002));
    assert_false (
        covey_beacon_admit (self, &word, 1001 + COVEY_BEACON_AGAIN_MS));
    assert_true (
        covey_beacon_admit (self, &word, 1002 + COVEY_BEACON_AGAIN_MS));
    covey_beacon_destroy (&self);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (datagram_has_the_documented_bytes),
        cmocka_unit_test (every_cut_and_every_wrong_length_is_malformed),
        cmocka_unit_test (longest_mesh_name_fits),
        cmocka_unit_test (pauses_grow_to_a_steady_pace),
        cmocka_unit_test (own_foreign_and_broken_ones_are_told_apart),
        cmocka_unit_test (flood_of_made_up_nodes_is_throttled),
        cmocka_unit_test (node_is_introduced_again_only_after_a_while),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

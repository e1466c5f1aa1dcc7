/*  base/: ids, clocks, random numbers, text, buffers, errors.               */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/hlc.h"
#include "base/id.h"
#include "base/str.h"

/* -- id ------------------------------------------------------------------- */

static void
test_ids_increase_whatever_the_clock_does (void **state)
{
    (void)state;
    static const int64_t steps_us[] = {0,  1,        999, 1000,
                                       -1, -5000000, 7,   1000000};
    covey_idgen_t gen;
    covey_idgen_init (&gen, 42);
    int64_t now_us = 1795000000000000;
    covey_id_t last = covey_idgen_next (&gen, now_us);
    for (int i = 0; i < 100000; i++) {
        now_us += steps_us[i % 8];
        covey_id_t id = covey_idgen_next (&gen, now_us);
        assert_true (memcmp (last.bytes, id.bytes, 16) < 0);
        last = id;
    }
}

static void
test_ids_are_uuid_version_7_with_their_time (void **state)
{
    (void)state;
    covey_idgen_t gen;
    covey_idgen_init (&gen, 1);
    for (int i = 0; i < 1000; i++) {
        covey_id_t id = covey_idgen_next (&gen, 1795000000123456 + i * 1000);
        assert_int_equal (id.bytes[6] >> 4, 7);
        assert_int_equal (id.bytes[8] >> 6, 2);
        assert_true (covey_id_ms (id.bytes) == 1795000000123u + (uint64_t)i);
    }
}

/*  The random part of the first id that a forked child makes.               */
static void
s_read_child_id (uint8_t random[8])
{
    int ends[2];
    assert_int_equal (pipe (ends), 0);
    pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid == 0) {
        covey_id_t id = covey_id_new ();
        _exit (write (ends[1], id.bytes + 8, 8) != 8);
    }
    assert_int_equal (read (ends[0], random, 8), 8);
    assert_int_equal (waitpid (pid, NULL, 0), pid);
    close (ends[0]);
    close (ends[1]);
}

static void
test_forked_children_make_ids_of_their_own (void **state)
{
    (void)state;
    uint8_t a[8], b[8];
    covey_id_new ();
    s_read_child_id (a);
    s_read_child_id (b);
    assert_memory_not_equal (a, b, 8);
}

static void
test_full_counter_borrows_from_the_next_millisecond (void **state)
{
    (void)state;
    covey_idgen_t gen;
    covey_idgen_init (&gen, 1);
    covey_id_t a = covey_idgen_next (&gen, 5000000);
    gen.counter = (1u << 26) - 1;
    covey_id_t b = covey_idgen_next (&gen, 5000000);
    assert_true (memcmp (a.bytes, b.bytes, 16) < 0);
    assert_int_equal (covey_id_ms (b.bytes), 5001);
}

static void
test_id_before_the_epoch_and_generators_with_other_seeds (void **state)
{
    (void)state;
    covey_idgen_t one, two;
    covey_idgen_init (&one, 1);
    covey_idgen_init (&two, 2);
    covey_id_t a = covey_idgen_next (&one, -1);
    covey_id_t b = covey_idgen_next (&two, -1);
    assert_int_equal (covey_id_ms (a.bytes), 0);
    assert_false (covey_id_equal (a.bytes, b.bytes));
    assert_false (covey_id_is_zero (a.bytes));
    memset (&a, 0, sizeof a);
    assert_true (covey_id_is_zero (a.bytes));
}

static void
test_uuid_text_round_trip (void **state)
{
    (void)state;
    static const char text[] = "0190aaf0-1234-7bcd-8eff-0123456789ab";
    uint8_t id[16];
    char again[37];
    assert_int_equal (covey_id_parse (text, id), COVEY_OK);
    covey_id_text (id, again);
    assert_string_equal (again, text);
    assert_int_equal (
        covey_id_parse ("0190AAF0-1234-7BCD-8EFF-0123456789AB", id), COVEY_OK);
    covey_id_text (id, again);
    assert_string_equal (again, text);
}

static void
test_what_is_no_uuid_is_refused_and_leaves_the_id (void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "0190aaf0",
        "0190aaf0-1234-7bcd-8eff-0123456789a",
        "0190aaf0-1234-7bcd-8eff-0123456789abc",
        "0190aaf0-1234-7bcd-8eff-0123456789ag",
        "0190aaf01234-7bcd-8eff-0123456789ab-",
        "0190aaf0+1234-7bcd-8eff-0123456789ab",
        " 190aaf0-1234-7bcd-8eff-0123456789ab",
    };
    uint8_t id[16] = {9};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal (covey_id_parse (wrong[i], id), COVEY_INVALID);
        assert_int_equal (id[0], 9);
    }
    assert_int_equal (covey_id_parse (NULL, id), COVEY_INVALID);
}

/* -- hlc ------------------------------------------------------------------ */

static void
test_hlc_orders_a_cause_before_its_effect (void **state)
{
    (void)state;
    covey_hlc_t fast, slow;
    covey_hlc_init (&fast, COVEY_HLC_MAX_SKEW_MS);
    covey_hlc_init (&slow, COVEY_HLC_MAX_SKEW_MS);
    int64_t now_us = 1795000000000000;
    uint64_t cause = covey_hlc_now (&fast, now_us + 30000000);
    assert_true (covey_hlc_now (&slow, now_us) < cause);
    assert_true (covey_hlc_receive (&slow, cause, now_us));
    uint64_t effect = covey_hlc_now (&slow, now_us + 1);
    assert_true (effect > cause);
    assert_true (covey_hlc_receive (&fast, effect, now_us + 30000000));
    assert_true (covey_hlc_now (&fast, now_us) > effect); /* clock steps back */
}

static void
test_hlc_increases_while_the_clock_stands_still (void **state)
{
    (void)state;
    covey_hlc_t hlc;
    covey_hlc_init (&hlc, COVEY_HLC_MAX_SKEW_MS);
    uint64_t last = covey_hlc_now (&hlc, 1000000);
    for (int i = 0; i < 100000; i++) { /* past the 16 bits of the counter */
        uint64_t stamp = covey_hlc_now (&hlc, 1000000);
        assert_true (stamp > last);
        last = stamp;
    }
    assert_int_equal (covey_hlc_ms (last), 1001);
}

static void
test_hlc_does_not_follow_past_the_skew_bound (void **state)
{
    (void)state;
    covey_hlc_t hlc;
    covey_hlc_init (&hlc, 100);
    uint64_t limit = (uint64_t)(1000 + 100) << 16 | 0xffff;
    assert_false (covey_hlc_receive (&hlc, limit + 1, 1000000));
    assert_int_equal (hlc.refused, 1);
    assert_int_equal (hlc.last, 0);
    assert_true (covey_hlc_receive (&hlc, limit, 1000000));
    assert_true (hlc.last > limit);
    assert_int_equal (hlc.refused, 1);
}

/* -- prng ----------------------------------------------------------------- */

static void
test_prng_repeats_with_its_seed (void **state)
{
    (void)state;
    covey_prng_t a, b, c;
    covey_prng_init (&a, 7);
    covey_prng_init (&b, 7);
    covey_prng_init (&c, 8);
    bool differs = false;
    for (int i = 0; i < 100; i++) {
        uint64_t value = covey_prng_next (&a);
        assert_true (value == covey_prng_next (&b));
        differs |= value != covey_prng_next (&c);
    }
    assert_true (differs);
}

static void
test_prng_stays_below_its_bound_and_reaches_all_of_it (void **state)
{
    (void)state;
    covey_prng_t prng;
    covey_prng_init (&prng, 0);
    unsigned seen[7] = {0};
    for (int i = 0; i < 7000; i++)
        seen[covey_prng_below (&prng, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_true (seen[i] > 800 && seen[i] < 1200);
    assert_int_equal (covey_prng_below (&prng, 1), 0);
    for (int i = 0; i < 100; i++)
        assert_true (covey_prng_below (&prng, UINT64_MAX) < UINT64_MAX);
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        double unit = covey_prng_unit (&prng);
        assert_true (unit >= 0 && unit < 1);
        sum += unit;
    }
    assert_true (sum > 4800 && sum < 5200);
}

/* -- str ------------------------------------------------------------------ */

static void
test_utf8_by_the_table_of_rfc_3629 (void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        bool good;
    } table[] = {
        {"", 0, true},
        {"plain", 5, true},
        {"\x00", 1, false},
        {"a\x00z", 3, false},
        {"\x7f", 1, true},
        {"\x80", 1, false},
        {"\xbf", 1, false},
        {"\xc0\x80", 2, false}, /* overlong */
        {"\xc1\xbf", 2, false},
        {"\xc2\x80", 2, true},
        {"\xc2", 1, false},
        {"\xc2\x41", 2, false},
        {"\xdf\xbf", 2, true},
        {"\xe0\x9f\xbf", 3, false}, /* overlong */
        {"\xe0\xa0\x80", 3, true},
        {"\xe2\x82", 2, false},
        {"\xe2\x82\xac", 3, true},
        {"\xe2\x82\x2c", 3, false},
        {"\xed\x9f\xbf", 3, true},
        {"\xed\xa0\x80", 3, false}, /* surrogate */
        {"\xed\xbf\xbf", 3, false},
        {"\xee\x80\x80", 3, true},
        {"\xef\xbf\xbf", 3, true},
        {"\xf0\x8f\xbf\xbf", 4, false}, /* overlong */
        {"\xf0\x90\x80\x80", 4, true},
        {"\xf0\x9f\x90\x9d", 4, true},
        {"\xf0\x9f\x90", 3, false},
        {"\xf4\x8f\xbf\xbf", 4, true},
        {"\xf4\x90\x80\x80", 4, false}, /* past U+10FFFF */
        {"\xf5\x80\x80\x80", 4, false},
        {"\xff", 1, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (covey_str_is_utf8 (table[i].text, table[i].size) != table[i].good)
            fail_msg ("row %zu", i);
}

static void
test_agent_ids (void **state)
{
    (void)state;
    char longest[COVEY_AGENT_ID_MAX + 1];
    memset (longest, 'a', sizeof longest);
    assert_true (covey_str_is_agent_id (longest, COVEY_AGENT_ID_MAX));
    assert_false (covey_str_is_agent_id (longest, COVEY_AGENT_ID_MAX + 1));
    assert_false (covey_str_is_agent_id ("", 0));
    static const char good[] = "azAZ09._:@/-";
    assert_true (covey_str_is_agent_id (good, strlen (good)));
    unsigned allowed = 0;
    for (int c = 0; c < 256; c++) {
        char one = (char)c;
        if (covey_str_is_agent_id (&one, 1))
            allowed++;
    }
    assert_int_equal (allowed, 26 + 26 + 10 + 6);
}

static void
test_copy_is_terminated_and_tells_of_a_cut (void **state)
{
    (void)state;
    char to[4];
    assert_true (covey_str_copy (to, sizeof to, "abc"));
    assert_string_equal (to, "abc");
    assert_false (covey_str_copy (to, sizeof to, "abcd"));
    assert_string_equal (to, "abc");
    assert_null (covey_str_dup (NULL));
}

static void
s_round_trip (int64_t wall_us, const char *expected)
{
    char text[40];
    int64_t again;
    covey_str_time (wall_us, text);
    assert_string_equal (text, expected);
    assert_true (covey_str_parse_time (text, &again));
    assert_true (again == wall_us);
}

static void
test_times_round_trip (void **state)
{
    (void)state;
    s_round_trip (0, "1970-01-01T00:00:00.000Z");
    s_round_trip (-1, "1969-12-31T23:59:59.999999Z");
    s_round_trip (-86400000000, "1969-12-31T00:00:00.000Z");
    s_round_trip (951782400000000, "2000-02-29T00:00:00.000Z");
    s_round_trip (1709251199999000, "2024-02-29T23:59:59.999Z");
    s_round_trip (1709251200000000, "2024-03-01T00:00:00.000Z");
    s_round_trip (4107542399000001, "2100-02-28T23:59:59.000001Z");
    s_round_trip (4107542400000000, "2100-03-01T00:00:00.000Z"); /* no leap */
    s_round_trip (-62167219200000000, "0000-01-01T00:00:00.000Z");
    s_round_trip (253402300799999999, "9999-12-31T23:59:59.999999Z");
    char text[40];
    covey_str_time (INT64_MIN, text);
    assert_string_equal (text, "0000-01-01T00:00:00.000Z");
    covey_str_time (INT64_MAX, text);
    assert_string_equal (text, "9999-12-31T23:59:59.999999Z");
    covey_prng_t prng;
    covey_prng_init (&prng, 5);
    for (int i = 0; i < 10000; i++) {
        int64_t wall_us =
            (int64_t)covey_prng_below (&prng, 315569519999999999) -
            62167219200000000;
        int64_t again;
        covey_str_time (wall_us, text);
        assert_true (covey_str_parse_time (text, &again));
        assert_true (again == wall_us);
    }
}

static void
test_times_with_offsets_and_fractions (void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t wall_us;
    } good[] = {
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T19:00:00-05:00", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00Z", 0},
        {"1970-01-01T00:00:00.1Z", 100000},
        {"1970-01-01T00:00:00.1234567Z", 123456},
        {"1970-01-01T00:00:60Z", 60000000},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t wall_us = -1;
        if (!covey_str_parse_time (good[i].text, &wall_us))
            fail_msg ("%s", good[i].text);
        assert_true (wall_us == good[i].wall_us);
    }
    static const char *const bad[] = {
        "",
        "1970",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-04-31T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+1:00",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00Zx",
        "-970-01-01T00:00:00Z",
        "1970-1-01T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2023-02-29T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t wall_us = -1;
        if (covey_str_parse_time (bad[i], &wall_us))
            fail_msg ("%s", bad[i]);
        assert_true (wall_us == -1);
    }
}

static void
test_distance_counts_edits_as_far_as_asked (void **state)
{
    (void)state;
    assert_int_equal (covey_str_distance ("", "", 3), 0);
    assert_int_equal (covey_str_distance ("agents", "agents", 3), 0);
    assert_int_equal (covey_str_distance ("agent", "agents", 3), 1);
    assert_int_equal (covey_str_distance ("agents", "gents", 3), 1);
    assert_int_equal (covey_str_distance ("agents", "agants", 3), 1);
    assert_int_equal (covey_str_distance ("agents", "agnets", 3), 1); /* swap */
    assert_int_equal (covey_str_distance ("kitten", "sitting", 3), 3);
    assert_int_equal (covey_str_distance ("kitten", "sitting", 2), 3);
    assert_int_equal (covey_str_distance ("kitten", "sitting", 1), 2);
    assert_int_equal (covey_str_distance ("a", "abcdefgh", 2), 3);
}

static const char *
s_next (const void *arg, size_t i)
{
    return ((const char *const *)arg)[i];
}

static void
test_nearest_word_is_found_or_none (void **state)
{
    (void)state;
    static const char *const words[] = {"status", "nodes", "agents", "top",
                                        NULL};
    assert_string_equal (covey_str_nearest ("stauts", s_next, words), "status");
    assert_string_equal (covey_str_nearest ("agent", s_next, words), "agents");
    assert_string_equal (covey_str_nearest ("notes", s_next, words), "nodes");
    assert_string_equal (covey_str_nearest ("tap", s_next, words), "top");
    assert_null (covey_str_nearest ("tip2", s_next, words + 3 + 1));
    assert_null (covey_str_nearest ("xyz", s_next, words));
    assert_null (covey_str_nearest ("completely", s_next, words));
}

static void
test_whole_numbers_within_their_range (void **state)
{
    (void)state;
    int64_t value = 99;
    assert_true (covey_str_to_int ("-5", -5, 5, &value));
    assert_int_equal (value, -5);
    assert_true (
        covey_str_to_int ("9223372036854775807", 0, INT64_MAX, &value));
    assert_true (value == INT64_MAX);
    value = 99;
    static const char *const bad[] = {
        "",   " 1", "1 ",  "+1", "6",
        "-6", "1x", "0x1", "-",  "9223372036854775808"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (covey_str_to_int (bad[i], -5, 5, &value))
            fail_msg ("%s", bad[i]);
    assert_false (covey_str_to_int (NULL, 0, 1, &value));
    assert_int_equal (value, 99);
}

/* -- buf ------------------------------------------------------------------ */

static void
test_buffer_takes_up_to_its_limit_and_no_more (void **state)
{
    (void)state;
    covey_buf_t buf;
    covey_buf_init (&buf, 5);
    assert_int_equal (covey_buf_append (&buf, "abcd", 4), COVEY_OK);
    assert_int_equal (covey_buf_append (&buf, "ef", 2), COVEY_LIMIT);
    assert_true (buf.failed);
    assert_int_equal (buf.size, 4);
    assert_memory_equal (buf.data, "abcd", 4);
    assert_int_equal (covey_buf_append (&buf, "e", 1), COVEY_OK);
    assert_null (covey_buf_extend (&buf, SIZE_MAX));
    assert_null (covey_buf_steal (&buf)); /* an append failed */
    covey_buf_clear (&buf);
    assert_false (buf.failed);
    assert_int_equal (buf.size, 0);
    covey_buf_deinit (&buf);
}

static void
test_buffer_grows_and_prints (void **state)
{
    (void)state;
    covey_buf_t buf;
    covey_buf_init (&buf, 100000);
    for (int i = 0; i < 1000; i++)
        covey_buf_printf (&buf, "%05d", i);
    covey_buf_putc (&buf, '!');
    covey_buf_puts (&buf, "");
    char *text = covey_buf_steal (&buf);
    assert_non_null (text);
    assert_int_equal (strlen (text), 5001);
    assert_memory_equal (text, "000000000100002", 15);
    assert_string_equal (text + 4990, "0099800999!");
    free (text);
    assert_int_equal (buf.size, 0);
    covey_buf_printf (&buf, "%*s", 3000, "x"); /* longer than its stack room */
    assert_int_equal (buf.size, 3000);
    covey_buf_deinit (&buf);
}

static void
test_stealing_nothing_gives_an_empty_string (void **state)
{
    (void)state;
    covey_buf_t buf;
    covey_buf_init (&buf, 1);
    char *text = covey_buf_steal (&buf);
    assert_string_equal (text, "");
    free (text);
}

/* -- err ------------------------------------------------------------------ */

static void
test_error_line_is_one_line_and_may_quote_itself (void **state)
{
    (void)state;
    covey_errbuf_t err;
    assert_int_equal (covey_fail (&err, COVEY_LIMIT, "a\nb\tc %d", 1),
                      COVEY_LIMIT);
    assert_string_equal (err.text, "a b c 1");
    covey_fail (&err, COVEY_LIMIT, "more: %s", err.text);
    assert_string_equal (err.text, "more: a b c 1");
    covey_fail (&err, COVEY_LIMIT, "%*s", 2000, "x");
    assert_int_equal (strlen (err.text), sizeof err.text - 1);
    assert_int_equal (covey_fail (NULL, COVEY_IO, "nobody listens"), COVEY_IO);
}

static void
test_error_names (void **state)
{
    (void)state;
    assert_string_equal (covey_err_name (COVEY_OK), "OK");
    assert_string_equal (covey_err_name (COVEY_NOAGENT), "NOAGENT");
    assert_string_equal (covey_err_name (1), "UNKNOWN");
    assert_string_equal (covey_err_name (-4711), "UNKNOWN");
    assert_string_equal (covey_err_text (COVEY_TIMEOUT), "the deadline passed");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_ids_increase_whatever_the_clock_does),
        cmocka_unit_test (test_ids_are_uuid_version_7_with_their_time),
        cmocka_unit_test (test_forked_children_make_ids_of_their_own),
        cmocka_unit_test (test_full_counter_borrows_from_the_next_millisecond),
        cmocka_unit_test (
            test_id_before_the_epoch_and_generators_with_other_seeds),
        cmocka_unit_test (test_uuid_text_round_trip),
        cmocka_unit_test (test_what_is_no_uuid_is_refused_and_leaves_the_id),
        cmocka_unit_test (test_hlc_orders_a_cause_before_its_effect),
        cmocka_unit_test (test_hlc_increases_while_the_clock_stands_still),
        cmocka_unit_test (test_hlc_does_not_follow_past_the_skew_bound),
        cmocka_unit_test (test_prng_repeats_with_its_seed),
        cmocka_unit_test (
            test_prng_stays_below_its_bound_and_reaches_all_of_it),
        cmocka_unit_test (test_utf8_by_the_table_of_rfc_3629),
        cmocka_unit_test (test_agent_ids),
        cmocka_unit_test (test_copy_is_terminated_and_tells_of_a_cut),
        cmocka_unit_test (test_times_round_trip),
        cmocka_unit_test (test_times_with_offsets_and_fractions),
        cmocka_unit_test (test_distance_counts_edits_as_far_as_asked),
        cmocka_unit_test (test_nearest_word_is_found_or_none),
        cmocka_unit_test (test_whole_numbers_within_their_range),
        cmocka_unit_test (test_buffer_takes_up_to_its_limit_and_no_more),
        cmocka_unit_test (test_buffer_grows_and_prints),
        cmocka_unit_test (test_stealing_nothing_gives_an_empty_string),
        cmocka_unit_test (test_error_line_is_one_line_and_may_quote_itself),
        cmocka_unit_test (test_error_names),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

/*  rule, fraction: what a rule is made of, and what does not fit             */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "swarm/rule.h"

/* ---- fractions --------------------------------------------------------------
 */

static void
test_fractions_are_compared_exactly_whatever_the_size (void **state)
{
    (void)state;
    covey_fraction_t third = {1, 3}, most = {999999, 1000000};
    assert_int_equal (covey_fraction_compare (1, 3, third), 0);
    assert_int_equal (covey_fraction_compare (333333333, 1000000000, third),
                      -1);
    assert_int_equal (covey_fraction_compare (333333334, 1000000000, third), 1);
    assert_int_equal (covey_fraction_compare (0, 0, third), 0);
    uint64_t whole = 1024u * 1000000000000000u; /* of the largest electorate */
    uint64_t part = whole / 1000000 * 999999;
    assert_int_equal (covey_fraction_compare (part, whole, most), 0);
    assert_int_equal (covey_fraction_compare (part - 1, whole, most), -1);
    assert_int_equal (covey_fraction_compare (part + 1, whole, most), 1);
    assert_int_equal (covey_fraction_compare (UINT64_MAX - 1, UINT64_MAX, most),
                      1);
    assert_int_equal (covey_fraction_compare (UINT64_MAX, UINT64_MAX,
                                              (covey_fraction_t){1, 1}),
                      0);
}

static void
test_thresholds_are_read_written_and_said (void **state)
{
    (void)state;
    static const struct {
        const char *text, *written, *reached, *missed;
    } cases[] = {
        {"2/3", "2/3", "at least 2/3", "less than 2/3"},
        {">2/3", ">2/3", "more than 2/3", "not more than 2/3"},
        {"60%", "60/100", "at least 60/100", "less than 60/100"},
        {">50%", ">50/100", "more than half", "not more than half"},
        {"1/2", "1/2", "at least half", "less than half"},
        {"100%", "100/100", "all", "not all"},
        {"999999/1000000", "999999/1000000", "at least 999999/1000000",
         "less than 999999/1000000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        covey_threshold_t threshold;
        char text[COVEY_FRACTION_WORDS];
        assert_int_equal (
            covey_threshold_parse ("x", cases[i].text, &threshold, NULL), 0);
        covey_threshold_text (threshold, text);
        assert_string_equal (text, cases[i].written);
        covey_threshold_words (threshold, true, text);
        assert_string_equal (text, cases[i].reached);
        covey_threshold_words (threshold, false, text);
        assert_string_equal (text, cases[i].missed);
    }
}

static void
test_what_is_no_share_is_refused_with_the_reason (void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",     ">",    "0/1",       "0%",          "2",       "3/2",
        "101%", "1/0",  "/2",        "1/",          "1/2/3",   "-1/2",
        "0.5",  " 1/2", "1/1000001", "1/999999999", ">>1/2",   "%",
        "1/2 ", "½",    "1e1/20",    "+1/2",        "0x1/0x2", "half"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        covey_errbuf_t err;
        covey_threshold_t threshold = {{7, 9}, true};
        if (covey_threshold_parse ("threshold", bad[i], &threshold, &err) !=
            COVEY_INVALID)
            fail_msg ("\"%s\" was taken", bad[i]);
        assert_non_null (strstr (err.text, "threshold"));
        assert_int_equal (threshold.share.num, 7);
    }
    covey_errbuf_t err;
    covey_threshold_t threshold;
    assert_int_equal (covey_threshold_parse ("t", ">3/3", &threshold, &err),
                      COVEY_INVALID);
    assert_non_null (strstr (err.text, "never be reached"));
}

/* ---- rules ------------------------------------------------------------------
 */

static covey_voter_t s_voters[4];

static void
test_a_strategy_stands_for_its_defaults (void **state)
{
    (void)state;
    covey_rule_t rule = {.strategy = COVEY_STRATEGY_MAJORITY};
    assert_int_equal (covey_rule_complete (&rule, s_voters, 4, NULL), 0);
    assert_true (rule.threshold.above && rule.threshold.share.den == 2);
    assert_int_equal (rule.silence, COVEY_PART_COUNTED);
    assert_int_equal (rule.quorum_size, 0);
    rule = (covey_rule_t){.strategy = COVEY_STRATEGY_QUORUM};
    assert_int_equal (covey_rule_complete (&rule, s_voters, 4, NULL), 0);
    assert_int_equal (rule.quorum_size, 3);
    assert_int_equal (rule.silence, COVEY_PART_ASIDE);
    assert_int_equal (rule.abstentions, COVEY_PART_ASIDE);
    rule = (covey_rule_t){.strategy = COVEY_STRATEGY_UNANIMOUS};
    assert_int_equal (covey_rule_complete (&rule, s_voters, 4, NULL), 0);
    assert_int_equal (rule.threshold.share.num, rule.threshold.share.den);
    /* and a complete rule stays as it is */
    covey_rule_t again = rule;
    assert_int_equal (covey_rule_complete (&again, s_voters, 4, NULL), 0);
    assert_memory_equal (&again, &rule, sizeof rule);
}

static void
s_refused (covey_rule_t rule, covey_err_t code, const char *why)
{
    covey_errbuf_t err;
    covey_rule_t before = rule;
    assert_int_equal (covey_rule_complete (&rule, s_voters, 4, &err), code);
    assert_memory_equal (&rule, &before, sizeof rule);
    if (!strstr (err.text, why))
        fail_msg ("\"%s\" does not say \"%s\"", err.text, why);
}

static void
test_what_does_not_fit_is_refused_with_one_line_for_each_fault (void **state)
{
    (void)state;
    static const char *const two[] = {"red", "blue"};
    static const char *const twice[] = {"red", "red"};
    static const char *const empty[] = {"red", ""};
    static const char *const many[COVEY_OPTIONS_MAX + 1];
    char text[COVEY_OPTION_NAME_MAX + 2];
    memset (text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const char *const wide[] = {"red", text};
    s_refused ((covey_rule_t){.quorum_size = 5}, COVEY_INVALID, "never be met");
    s_refused ((covey_rule_t){.quorum_size = 2, .quorum_share = {1, 2}},
               COVEY_INVALID, "not both");
    s_refused ((covey_rule_t){.quorum_share = {3, 2}}, COVEY_INVALID,
               "no share");
    s_refused ((covey_rule_t){.threshold = {{3, 2}, false}}, COVEY_INVALID,
               "no share");
    s_refused ((covey_rule_t){.threshold = {{1, 1}, true}}, COVEY_INVALID,
               "no share");
    s_refused ((covey_rule_t){.strategy = COVEY_STRATEGY_UNANIMOUS,
                              .threshold = {{1, 2}, false}},
               COVEY_INVALID, "asks for all");
    s_refused ((covey_rule_t){.tie = COVEY_TIE_LEADER}, COVEY_INVALID,
               "leader");
    s_refused ((covey_rule_t){.ranked = true}, COVEY_INVALID, "needs options");
    s_refused ((covey_rule_t){.options = two, .option_count = 1}, COVEY_INVALID,
               "no choice");
    s_refused ((covey_rule_t){.options = twice, .option_count = 2},
               COVEY_INVALID, "twice");
    s_refused ((covey_rule_t){.options = empty, .option_count = 2},
               COVEY_INVALID, "1 to 64 bytes");
    s_refused ((covey_rule_t){.options = wide, .option_count = 2},
               COVEY_INVALID, "1 to 64 bytes");
    s_refused (
        (covey_rule_t){.options = many, .option_count = COVEY_OPTIONS_MAX + 1},
        COVEY_LIMIT, "at most 16");
    s_refused ((covey_rule_t){.options = two,
                              .option_count = 2,
                              .ranked = true,
                              .threshold = {{1, 2}, false}},
               COVEY_INVALID, "its own threshold");
    s_refused ((covey_rule_t){.strategy = COVEY_STRATEGY_UNANIMOUS,
                              .options = two,
                              .option_count = 2,
                              .ranked = true},
               COVEY_INVALID, "its own threshold");
    covey_rule_t rule = {.quorum_size = 0};
    assert_int_equal (covey_rule_complete (&rule, NULL, 0, NULL), COVEY_STATE);
}

static void
test_names_are_read_as_they_are_written (void **state)
{
    (void)state;
    covey_part_t part = COVEY_PART_DEFAULT;
    covey_tie_t tie = COVEY_TIE_REJECT;
    assert_true (covey_part_parse (covey_part_name (COVEY_PART_ASIDE), &part));
    assert_int_equal (part, COVEY_PART_ASIDE);
    assert_false (covey_part_parse ("default", &part));
    assert_false (covey_part_parse ("Aside", &part));
    assert_true (covey_tie_parse (covey_tie_name (COVEY_TIE_LEADER), &tie));
    assert_int_equal (tie, COVEY_TIE_LEADER);
    assert_false (covey_tie_parse ("", &tie));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (
            test_fractions_are_compared_exactly_whatever_the_size),
        cmocka_unit_test (test_thresholds_are_read_written_and_said),
        cmocka_unit_test (test_what_is_no_share_is_refused_with_the_reason),
        cmocka_unit_test (test_a_strategy_stands_for_its_defaults),
        cmocka_unit_test (
            test_what_does_not_fit_is_refused_with_one_line_for_each_fault),
        cmocka_unit_test (test_names_are_read_as_they_are_written),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

/*  tally: the worked examples of docs/voting.md, and what it says of weights
    and ballots. support/vote_oracle.py holds it against an oracle.           */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/support_vote.h"

/* ---- weights ----------------------------------------------------------------
 */

static void
test_weights_are_bounded_and_exact_to_the_millionth (void **state)
{
    (void)state;
    uint64_t micro = 7;
    covey_errbuf_t err;
    assert_int_equal (covey_weight_from (1, &micro, &err), COVEY_OK);
    assert_int_equal (micro, COVEY_WEIGHT_ONE);
    assert_int_equal (covey_weight_from (0.000001, &micro, &err), COVEY_OK);
    assert_int_equal (micro, 1);
    assert_int_equal (covey_weight_from (1e9, &micro, &err), COVEY_OK);
    assert_true (micro == 1000000000000000u);
    static const double bad[] = {0, -1, 1e9 + 1, 1e300, 1e-7, 0.0 / 0.0 * 0.0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        micro = 7;
        assert_int_equal (covey_weight_from (bad[i], &micro, &err),
                          COVEY_INVALID);
        assert_int_equal (micro, 7);
        assert_non_null (strstr (err.text, "weight"));
    }
}

static void
test_weights_are_written_with_the_digits_they_have (void **state)
{
    (void)state;
    static const struct {
        uint64_t micro;
        const char *text;
    } cases[] = {{1, "0.000001"},
                 {1000000, "1"},
                 {2500000, "2.5"},
                 {1000000000000000, "1000000000"},
                 {0, "0"},
                 {10000000, "10"},
                 {300001, "0.300001"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        covey_weight_text (cases[i].micro, text);
        assert_string_equal (text, cases[i].text);
    }
}

static void
test_the_largest_electorate_with_the_largest_weights_does_not_overflow (
    void **state)
{
    (void)state;
    static covey_voter_t voters[COVEY_VOTERS_MAX];
    static covey_cast_t ballots[COVEY_VOTERS_MAX];
    for (uint32_t i = 0; i < COVEY_VOTERS_MAX; i++) {
        assert_int_equal (
            covey_weight_from (COVEY_WEIGHT_MAX, &voters[i].weight, NULL), 0);
        ballots[i] = (covey_cast_t){i, {.vote = COVEY_VOTE_APPROVE}};
    }
    covey_rule_t rule = {.strategy = COVEY_STRATEGY_WEIGHTED,
                         .threshold = {{999999, 1000000}, false}};
    covey_decision_t decision;
    assert_int_equal (
        covey_rule_complete (&rule, voters, COVEY_VOTERS_MAX, NULL), 0);
    size_t read = covey_tally (&rule, voters, COVEY_VOTERS_MAX, ballots,
                               COVEY_VOTERS_MAX, false, &decision);
    assert_int_equal (read, COVEY_VOTERS_MAX);
    assert_int_equal (decision.outcome, COVEY_OUTCOME_ACCEPTED);
    /* a millionth of the weight of one is missing */
    voters[7].weight += 1;
    ballots[7].stance.vote = COVEY_VOTE_REJECT;
    covey_tally (&rule, voters, COVEY_VOTERS_MAX, ballots, COVEY_VOTERS_MAX,
                 true, &decision);
    assert_int_equal (decision.outcome, COVEY_OUTCOME_REJECTED);
}

/* ---- ballots ----------------------------------------------------------------
 */

static void
s_refused (const covey_rule_t *rule, bool veto, covey_stance_t stance,
           const char *why)
{
    covey_errbuf_t err;
    covey_voter_t voter = {.agent_id = "ann", .weight = 1, .veto = veto};
    assert_int_equal (covey_stance_check (rule, &voter, &stance, &err),
                      COVEY_INVALID);
    if (!strstr (err.text, why))
        fail_msg ("\"%s\" does not say \"%s\"", err.text, why);
}

static void
test_a_ballot_that_does_not_answer_the_question_is_refused (void **state)
{
    (void)state;
    static const char *const options[] = {"red", "green", "blue"};
    covey_rule_t plain = {.strategy = COVEY_STRATEGY_MAJORITY};
    covey_rule_t pick = {.options = options, .option_count = 3};
    covey_rule_t rank = {.options = options, .option_count = 3, .ranked = true};
    s_refused (&plain, false, (covey_stance_t){.vote = 3}, "approve, reject");
    s_refused (&plain, false, (covey_stance_t){0, 1, {0}}, "has none");
    s_refused (&pick, false, (covey_stance_t){0, 0, {0}}, "names no option");
    s_refused (&pick, false, (covey_stance_t){0, 2, {0, 1}}, "one is asked");
    s_refused (&pick, false, (covey_stance_t){0, 1, {3}}, "option 4 of 3");
    s_refused (&pick, false, (covey_stance_t){1, 0, {0}}, "without a veto");
    s_refused (&pick, false, (covey_stance_t){2, 1, {0}}, "does not reject");
    s_refused (&rank, true, (covey_stance_t){0, 3, {2, 0, 2}}, "twice");
    covey_voter_t voter = {.veto = true};
    covey_stance_t good[] = {{0, 3, {2, 0, 1}}, {1, 0, {0}}, {2, 0, {0}}};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal (covey_stance_check (&rank, &voter, &good[i], NULL),
                          COVEY_OK);
}

/* ---- the worked examples of docs/voting.md ----------------------------------
 */

static void
s_run_example (support_vote_t *vote)
{
    char word[40], said[200];
    support_vote_end (vote);
    assert_string_equal (vote->fault, "");
    covey_decision_t decision;
    size_t read = support_vote_run (vote, &decision);
    size_t after = vote->ballot_count;
    assert_true (sscanf (vote->outcome, "%39s after %zu", word, &after) >= 1);
    snprintf (said, sizeof said, "%s after %zu", word, after);
    snprintf (vote->outcome, sizeof vote->outcome, "%s after %zu",
              covey_outcome_name (decision.outcome), read);
    assert_string_equal (vote->outcome, said);
    assert_string_equal (decision.reason, vote->reason);
}

static void
test_the_examples_of_the_document_come_out_as_it_says (void **state)
{
    (void)state;
    const char *source = getenv ("COVEY_SOURCE");
    char path[4096], line[512];
    snprintf (path, sizeof path, "%s/docs/voting.md", source ? source : ".");
    FILE *file = fopen (path, "r");
    assert_non_null (file);
    bool inside = false;
    int examples = 0;
    static support_vote_t vote;
    while (fgets (line, sizeof line, file)) {
        if (!inside) {
            inside = strcmp (line, "```vote\n") == 0;
            support_vote_begin (&vote);
        } else if (strcmp (line, "```\n") == 0) {
            inside = false;
            examples++;
            s_run_example (&vote);
        } else
            support_vote_line (&vote, line);
    }
    fclose (file);
    assert_true (examples >= 45);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_weights_are_bounded_and_exact_to_the_millionth),
        cmocka_unit_test (test_weights_are_written_with_the_digits_they_have),
        cmocka_unit_test (
            test_the_largest_electorate_with_the_largest_weights_does_not_overflow),
        cmocka_unit_test (
            test_a_ballot_that_does_not_answer_the_question_is_refused),
        cmocka_unit_test (
            test_the_examples_of_the_document_come_out_as_it_says),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

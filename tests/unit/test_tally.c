/*  tally: every rule against an oracle that is written differently, over all
    ballots of small electorates; and the worked examples of docs/voting.md */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "swarm/tally.h"

#define VOTERS_MAX 5
#define SILENT 3

/* ---- the oracle: the rules of docs/voting.md, from the end backwards ------
 */

/*  The outcome when time is up, by counting heads. `stand[i]` is the voter's
    last vote or SILENT.                                                      */
static covey_outcome_t
s_at_deadline (const int *stand, const double *weights, size_t n,
               const covey_rule_t *rule)
{
    double yes = 0, all = 0, no = 0, votes = 0, silent = 0;
    bool heavy = rule->strategy == COVEY_STRATEGY_WEIGHTED;
    for (size_t i = 0; i < n; i++) {
        double share = heavy ? weights[i] : 1;
        all += share;
        yes += stand[i] == COVEY_VOTE_APPROVE ? share : 0;
        no += stand[i] == COVEY_VOTE_REJECT ? share : 0;
        silent += stand[i] == SILENT ? share : 0;
        votes += stand[i] != SILENT;
    }
    if (rule->strategy == COVEY_STRATEGY_QUORUM) {
        if (votes < rule->quorum_size)
            return COVEY_OUTCOME_NO_QUORUM;
        return yes > no ? COVEY_OUTCOME_ACCEPTED : COVEY_OUTCOME_REJECTED;
    }
    bool unanimous = rule->strategy == COVEY_STRATEGY_UNANIMOUS;
    bool won = unanimous ? yes == all : yes > all / 2;
    bool could = unanimous ? yes + silent == all : yes + silent > all / 2;
    if (won)
        return COVEY_OUTCOME_ACCEPTED;
    return could ? COVEY_OUTCOME_EXPIRED : COVEY_OUTCOME_REJECTED;
}

/*  Is the outcome the same however the silent vote, or stay silent? Tries all
    of it.                                                                    */
static bool
s_same_for_all (int *stand, size_t from, const double *weights, size_t n,
                const covey_rule_t *rule, covey_outcome_t outcome)
{
    for (; from < n && stand[from] != SILENT; from++)
        ;
    if (from == n)
        return s_at_deadline (stand, weights, n, rule) == outcome;
    bool same = true;
    for (int vote = 0; vote <= SILENT && same; vote++) {
        stand[from] = vote;
        same = s_same_for_all (stand, from + 1, weights, n, rule, outcome);
    }
    stand[from] = SILENT;
    return same;
}

static covey_outcome_t
s_oracle (const int *stand, const double *weights, size_t n,
          const covey_rule_t *rule, bool late)
{
    covey_outcome_t outcome = s_at_deadline (stand, weights, n, rule);
    int copy[VOTERS_MAX];
    memcpy (copy, stand, n * sizeof *copy);
    if (late || s_same_for_all (copy, 0, weights, n, rule, outcome))
        return outcome;
    return COVEY_OUTCOME_OPEN;
}

/* ---- all counts of small electorates --------------------------------------
 */

static const double s_weights[][VOTERS_MAX] = {
    {1, 1, 1, 1, 1},     {3, 1, 1, 1, 1},
    {2, 1, 1, 0.5, 0.5}, {0.000001, 1e9, 0.5, 0.25, 0.25},
    {5, 4, 3, 2, 1},
};

static void
s_check_counts (const double *weights, size_t n, const covey_rule_t *rule)
{
    uint64_t micro[VOTERS_MAX];
    for (size_t i = 0; i < n; i++)
        assert_int_equal (covey_weight_from (weights[i], &micro[i], NULL), 0);
    size_t states = 1;
    for (size_t i = 0; i < n; i++)
        states *= 4;
    for (size_t state = 0; state < states; state++) {
        int stand[VOTERS_MAX];
        covey_count_t count;
        covey_count_init (&count, micro, n);
        for (size_t i = 0, rest = state; i < n; i++, rest /= 4) {
            stand[i] = (int)(rest % 4);
            if (stand[i] != SILENT)
                covey_count_ballot (&count, NULL, (covey_vote_t)stand[i],
                                    micro[i]);
        }
        for (int late = 0; late <= 1; late++) {
            covey_decision_t decision;
            covey_count_decide (&count, rule, late, &decision);
            assert_int_equal (decision.outcome,
                              s_oracle (stand, weights, n, rule, late));
            assert_int_equal (decision.outcome == COVEY_OUTCOME_OPEN,
                              decision.reason[0] == '\0');
        }
    }
}

static void
test_every_count_of_up_to_five_voters_agrees_with_the_oracle (void **state)
{
    (void)state;
    for (size_t n = 1; n <= VOTERS_MAX; n++)
        for (size_t w = 0; w < sizeof s_weights / sizeof *s_weights; w++) {
            for (int strategy = 0; strategy <= 2; strategy++) {
                covey_rule_t rule = {(covey_strategy_t)strategy, 0};
                s_check_counts (s_weights[w], n, &rule);
            }
            for (uint32_t quorum = 1; quorum <= n; quorum++) {
                covey_rule_t rule = {COVEY_STRATEGY_QUORUM, quorum};
                s_check_counts (s_weights[w], n, &rule);
            }
        }
}

/* ---- histories of ballots --------------------------------------------------
 */

/*  What the rules say of a history: the first prefix whose outcome is
 * certain.*/
static size_t
s_oracle_history (const covey_cast_t *ballots, size_t count,
                  const double *weights, size_t n, const covey_rule_t *rule,
                  bool late, covey_outcome_t *outcome)
{
    int stand[VOTERS_MAX];
    for (size_t i = 0; i < n; i++)
        stand[i] = SILENT;
    for (size_t i = 0; i < count; i++) {
        stand[ballots[i].voter] = (int)ballots[i].vote;
        *outcome = s_oracle (stand, weights, n, rule, false);
        if (*outcome != COVEY_OUTCOME_OPEN)
            return i + 1;
    }
    *outcome = s_oracle (stand, weights, n, rule, late);
    return count;
}

static void
test_random_histories_with_changed_ballots_agree_with_the_oracle (void **state)
{
    (void)state;
    covey_prng_t prng;
    covey_prng_init (&prng, 20261123);
    for (int round = 0; round < 30000; round++) {
        size_t n = 1 + covey_prng_below (&prng, VOTERS_MAX);
        const double *weights = s_weights[covey_prng_below (
            &prng, sizeof s_weights / sizeof *s_weights)];
        covey_rule_t rule = {(covey_strategy_t)covey_prng_below (&prng, 4), 0};
        if (rule.strategy == COVEY_STRATEGY_QUORUM)
            rule.quorum_size = 1 + (uint32_t)covey_prng_below (&prng, n);
        uint64_t micro[VOTERS_MAX];
        for (size_t i = 0; i < n; i++)
            assert_int_equal (covey_weight_from (weights[i], &micro[i], NULL),
                              0);
        covey_cast_t ballots[8];
        size_t count = covey_prng_below (&prng, 9);
        for (size_t i = 0; i < count; i++) {
            ballots[i].voter = (uint32_t)covey_prng_below (&prng, n);
            ballots[i].vote = (covey_vote_t)covey_prng_below (&prng, 3);
        }
        bool late = covey_prng_below (&prng, 2);
        covey_decision_t decision;
        size_t read =
            covey_tally (micro, n, ballots, count, &rule, late, &decision);
        covey_outcome_t outcome;
        assert_int_equal (read, s_oracle_history (ballots, count, weights, n,
                                                  &rule, late, &outcome));
        assert_int_equal (decision.outcome, outcome);
    }
}

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
test_the_largest_electorate_with_the_largest_weights_does_not_overflow (
    void **state)
{
    (void)state;
    static uint64_t weights[COVEY_VOTERS_MAX];
    static covey_cast_t ballots[COVEY_VOTERS_MAX];
    for (uint32_t i = 0; i < COVEY_VOTERS_MAX; i++) {
        assert_int_equal (
            covey_weight_from (COVEY_WEIGHT_MAX, &weights[i], NULL), COVEY_OK);
        ballots[i] = (covey_cast_t){i, COVEY_VOTE_APPROVE};
    }
    covey_rule_t rule = {COVEY_STRATEGY_WEIGHTED, 0};
    covey_decision_t decision;
    size_t read = covey_tally (weights, COVEY_VOTERS_MAX, ballots,
                               COVEY_VOTERS_MAX, &rule, false, &decision);
    assert_int_equal (read, COVEY_VOTERS_MAX / 2 + 1);
    assert_int_equal (decision.outcome, COVEY_OUTCOME_ACCEPTED);
}

/* ---- the worked examples of docs/voting.md ----------------------------------
 */

typedef struct {
    char strategy[400], members[400], ballots[400], deadline[400];
    char outcome[400], reason[400];
} s_example_t;

static uint32_t
s_voter (char (*names)[40], size_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp (names[i], name) == 0)
            return i;
    fail_msg ("an example's ballot is of \"%s\", who is no member", name);
    return 0;
}

static covey_vote_t
s_vote (const char *name)
{
    for (int vote = 0; vote < 3; vote++)
        if (strcmp (covey_vote_name ((covey_vote_t)vote), name) == 0)
            return (covey_vote_t)vote;
    fail_msg ("an example has the vote \"%s\"", name);
    return COVEY_VOTE_APPROVE;
}

static void
s_run_example (s_example_t *e)
{
    uint64_t weights[20];
    char names[20][40];
    size_t n = 0, count = 0;
    char *rest = NULL, name[40], word[40];
    for (char *part = strtok_r (e->members, ",", &rest); part;
         part = strtok_r (NULL, ",", &rest)) {
        double weight = 1;
        assert_true (sscanf (part, " %39s %lf", names[n], &weight) >= 1);
        assert_int_equal (covey_weight_from (weight, &weights[n++], NULL), 0);
    }
    covey_cast_t ballots[40];
    for (char *part = strtok_r (e->ballots, ",", &rest); part;
         part = strtok_r (NULL, ",", &rest)) {
        assert_int_equal (sscanf (part, " %39s %39s", name, word), 2);
        ballots[count].voter = s_voter (names, n, name);
        ballots[count++].vote = s_vote (word);
    }
    covey_rule_t rule = {COVEY_STRATEGY_MAJORITY, 0};
    assert_true (sscanf (e->strategy, "%39s %u", word, &rule.quorum_size) >= 1);
    while (strcmp (covey_strategy_name (rule.strategy), word) != 0) {
        assert_true (rule.strategy < COVEY_STRATEGY_QUORUM);
        rule.strategy++;
    }
    covey_decision_t decision;
    size_t read = covey_tally (weights, n, ballots, count, &rule,
                               strcmp (e->deadline, "passed") == 0, &decision);
    size_t after = count;
    assert_true (sscanf (e->outcome, "%39s after %zu", word, &after) >= 1);
    assert_string_equal (covey_outcome_name (decision.outcome), word);
    assert_int_equal (read, after);
    assert_string_equal (decision.reason, e->reason);
}

static bool
s_take (const char *line, const char *key, char *to, size_t size)
{
    size_t length = strlen (key);
    if (strncmp (line, key, length) != 0)
        return false;
    snprintf (to, size, "%s", line + length + strspn (line + length, " "));
    to[strcspn (to, "\n")] = '\0';
    return true;
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
    s_example_t e;
    while (fgets (line, sizeof line, file)) {
        if (!inside) {
            inside = strcmp (line, "```vote\n") == 0;
            memset (&e, 0, sizeof e);
        } else if (strcmp (line, "```\n") == 0) {
            inside = false;
            examples++;
            s_run_example (&e);
        } else
            assert_true (s_take (line, "strategy:", e.strategy, 400) ||
                         s_take (line, "members:", e.members, 400) ||
                         s_take (line, "ballots:", e.ballots, 400) ||
                         s_take (line, "deadline:", e.deadline, 400) ||
                         s_take (line, "outcome:", e.outcome, 400) ||
                         s_take (line, "reason:", e.reason, 400));
    }
    fclose (file);
    assert_true (examples >= 18);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (
            test_every_count_of_up_to_five_voters_agrees_with_the_oracle),
        cmocka_unit_test (
            test_random_histories_with_changed_ballots_agree_with_the_oracle),
        cmocka_unit_test (test_weights_are_bounded_and_exact_to_the_millionth),
        cmocka_unit_test (
            test_the_largest_electorate_with_the_largest_weights_does_not_overflow),
        cmocka_unit_test (
            test_the_examples_of_the_document_come_out_as_it_says),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

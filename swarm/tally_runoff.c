/*  Rankings: instant run-off. As long as no option has more than half of what
    still counts, the one with the fewest votes goes, and its ballots pass on to
    the next option they name.                                                */
#include "swarm/tally_impl.h"

#include <string.h>

typedef struct {
    bool in[COVEY_OPTIONS_MAX]; /* not eliminated                             */
    uint64_t votes[COVEY_OPTIONS_MAX];
    uint64_t total; /* of ballots that name an option that is still in        */
    uint32_t round;
} s_runoff_t;

/*  Each ballot counts for the best of its options that is still in.         */
static void
s_count_round (const covey_rule_t *rule, const covey_voter_t *voters,
               const covey_stance_t *stances, size_t voter_count,
               s_runoff_t *runoff)
{
    memset (runoff->votes, 0, sizeof runoff->votes);
    runoff->total = 0;
    runoff->round++;
    for (size_t i = 0; i < voter_count; i++) {
        uint64_t units = covey_rule_is_weighted (rule) ? voters[i].weight : 1;
        uint8_t at = 0;
        while (at < stances[i].ranked && !runoff->in[stances[i].options[at]])
            at++;
        if (at == stances[i].ranked)
            continue;
        runoff->votes[stances[i].options[at]] += units;
        runoff->total += units;
    }
}

static uint64_t
s_most (const s_runoff_t *runoff, uint32_t options)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < options; i++)
        if (runoff->in[i] && runoff->votes[i] > most)
            most = runoff->votes[i];
    return most;
}

/*  Out goes the option with the fewest votes; among several, the one that is
    listed last. False: all that are in have the same.                        */
static bool
s_eliminate (const covey_rule_t *rule, s_runoff_t *runoff)
{
    uint64_t most = s_most (runoff, rule->option_count);
    uint64_t fewest = most;
    uint32_t out = rule->option_count;
    for (uint32_t i = 0; i < rule->option_count; i++)
        if (runoff->in[i] && runoff->votes[i] < most &&
            runoff->votes[i] <= fewest) {
            fewest = runoff->votes[i];
            out = i;
        }
    if (out == rule->option_count)
        return false;
    runoff->in[out] = false;
    return true;
}

/*  The option with more than half of what still counts; -1: none.           */
static int
s_winner (const covey_rule_t *rule, const s_runoff_t *runoff)
{
    for (uint32_t i = 0; i < rule->option_count; i++)
        if (runoff->votes[i] > runoff->total - runoff->votes[i])
            return (int)i;
    return -1;
}

static void
s_won (const covey_rule_t *rule, const s_runoff_t *runoff, int winner,
       covey_decision_t *decision)
{
    char votes[32], total[32], quorum[64];
    covey_tally_units (rule, runoff->votes[winner], votes);
    covey_tally_units (rule, runoff->total, total);
    covey_tally_quorum_words (rule, quorum);
    decision->outcome = COVEY_OUTCOME_ACCEPTED;
    decision->winner = winner;
    COVEY_REASON (decision, "\"%s\" has %s of %s in round %u: more than half%s",
                  rule->options[winner], votes, total, runoff->round, quorum);
}

static void
s_runoff (const covey_rule_t *rule, const covey_voter_t *voters,
          const covey_stance_t *stances, size_t voter_count,
          const covey_count_t *count, covey_decision_t *decision)
{
    s_runoff_t runoff = {.round = 0};
    memset (runoff.in, true, sizeof runoff.in);
    int winner;
    bool goes_on = true;
    do {
        s_count_round (rule, voters, stances, voter_count, &runoff);
        winner = s_winner (rule, &runoff);
        goes_on = winner < 0 && s_eliminate (rule, &runoff);
    } while (goes_on);
    if (winner >= 0)
        s_won (rule, &runoff, winner, decision);
    else if (runoff.total == 0) {
        decision->outcome = COVEY_OUTCOME_REJECTED;
        COVEY_REASON (decision, "nobody named an option");
    } else
        covey_tally_tie (rule, count, runoff.in,
                         s_most (&runoff, rule->option_count), decision);
}

/*  Certain before the end: one option is the first choice of more than all the
    others and the silent together, so that it wins the first round.          */
void
covey_tally_ranked (const covey_rule_t *rule, const covey_voter_t *voters,
                    const covey_stance_t *stances, size_t voter_count,
                    const covey_count_t *count, bool is_final,
                    covey_decision_t *decision)
{
    if (is_final) {
        s_runoff (rule, voters, stances, voter_count, count, decision);
        return;
    }
    s_runoff_t first = {.round = 0};
    memset (first.in, true, sizeof first.in);
    s_count_round (rule, voters, stances, voter_count, &first);
    int winner = s_winner (rule, &first);
    if (winner >= 0 &&
        first.votes[winner] >
            first.total - first.votes[winner] + count->units[COVEY_VOTE_SILENT])
        s_won (rule, &first, winner, decision);
}

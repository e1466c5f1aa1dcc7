#include "swarm/tally_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- stances ----------------------------------------------------------------
 */

static covey_err_t
s_check_options (const covey_rule_t *rule, const covey_stance_t *stance,
                 covey_errbuf_t *err)
{
    bool seen[COVEY_OPTIONS_MAX] = {false};
    if (stance->ranked == 0)
        return covey_fail (err, COVEY_INVALID,
                           "the ballot names no option: the question has %u",
                           rule->option_count);
    if (stance->ranked > 1 && !rule->ranked)
        return covey_fail (err, COVEY_INVALID,
                           "the ballot names %u options: one is asked for",
                           stance->ranked);
    for (uint8_t i = 0; i < stance->ranked; i++) {
        uint8_t option = stance->options[i];
        if (option >= rule->option_count)
            return covey_fail (err, COVEY_INVALID,
                               "the ballot names option %u of %u", option + 1,
                               rule->option_count);
        if (seen[option])
            return covey_fail (err, COVEY_INVALID,
                               "the ballot names option \"%s\" twice",
                               rule->options[option]);
        seen[option] = true;
    }
    return COVEY_OK;
}

covey_err_t
covey_stance_check (const covey_rule_t *rule, const covey_voter_t *voter,
                    const covey_stance_t *stance, covey_errbuf_t *err)
{
    assert (stance->ranked <= COVEY_OPTIONS_MAX);
    if (stance->vote > COVEY_VOTE_ABSTAIN)
        return covey_fail (err, COVEY_INVALID,
                           "a ballot says approve, reject or abstain");
    if (rule->option_count && stance->vote == COVEY_VOTE_APPROVE)
        return s_check_options (rule, stance, err);
    if (stance->ranked)
        return covey_fail (err, COVEY_INVALID,
                           rule->option_count
                               ? "a ballot that names options does not reject "
                                 "or abstain"
                               : "the ballot names options, but the question "
                                 "has none: approve, reject or abstain");
    if (rule->option_count && stance->vote == COVEY_VOTE_REJECT && !voter->veto)
        return covey_fail (err, COVEY_INVALID,
                           "a question with options cannot be rejected without "
                           "a veto: name an option, or abstain");
    return COVEY_OK;
}

/* ---- counting ---------------------------------------------------------------
 */

void
covey_count (const covey_rule_t *rule, const covey_voter_t *voters,
             const covey_stance_t *stances, size_t voter_count,
             covey_count_t *count)
{
    assert (voter_count <= COVEY_VOTERS_MAX);
    memset (count, 0, sizeof *count);
    count->leader.vote = COVEY_VOTE_SILENT;
    for (size_t i = 0; i < voter_count; i++) {
        const covey_voter_t *voter = &voters[i];
        const covey_stance_t *stance = &stances[i];
        uint64_t units = covey_rule_is_weighted (rule) ? voter->weight : 1;
        count->members[stance->vote]++;
        count->weights[stance->vote] += voter->weight;
        count->units[stance->vote] += units;
        if (stance->ranked)
            count->firsts[stance->options[0]] += units;
        if (voter->veto && stance->vote == COVEY_VOTE_SILENT)
            count->veto_open = true;
        if (voter->veto && stance->vote == COVEY_VOTE_REJECT && !count->veto_by)
            count->veto_by = voter->agent_id;
        if (voter->leads)
            count->leader = *stance;
    }
}

uint32_t
covey_count_cast (const covey_count_t *self)
{
    return self->members[COVEY_VOTE_APPROVE] +
           self->members[COVEY_VOTE_REJECT] + self->members[COVEY_VOTE_ABSTAIN];
}

uint32_t
covey_count_voters (const covey_count_t *self)
{
    return covey_count_cast (self) + self->members[COVEY_VOTE_SILENT];
}

uint64_t
covey_count_weight (const covey_count_t *self)
{
    uint64_t weight = 0;
    for (int vote = COVEY_VOTE_APPROVE; vote <= COVEY_VOTE_SILENT; vote++)
        weight += self->weights[vote];
    return weight;
}

uint64_t
covey_tally_whole (const covey_rule_t *rule, const covey_count_t *count,
                   bool all_spoke)
{
    uint64_t whole =
        count->units[COVEY_VOTE_APPROVE] + count->units[COVEY_VOTE_REJECT];
    if (rule->abstentions == COVEY_PART_COUNTED)
        whole += count->units[COVEY_VOTE_ABSTAIN];
    if (all_spoke || rule->silence == COVEY_PART_COUNTED)
        whole += count->units[COVEY_VOTE_SILENT];
    return whole;
}

void
covey_tally_units (const covey_rule_t *rule, uint64_t units, char text[32])
{
    if (covey_rule_is_weighted (rule))
        covey_weight_text (units, text);
    else
        snprintf (text, 32, "%llu", (unsigned long long)units);
}

/* ---- quorum -----------------------------------------------------------------
 */

static bool
s_is_quorate (const covey_rule_t *rule, const covey_count_t *count)
{
    if (covey_count_cast (count) < rule->quorum_size)
        return false;
    uint64_t silent = count->units[COVEY_VOTE_SILENT];
    uint64_t cast = count->units[COVEY_VOTE_APPROVE] +
                    count->units[COVEY_VOTE_REJECT] +
                    count->units[COVEY_VOTE_ABSTAIN];
    return !rule->quorum_share.den ||
           covey_fraction_compare (cast, cast + silent, rule->quorum_share) >=
               0;
}

static void
s_quorum_text (const covey_rule_t *rule, char text[40])
{
    char share[COVEY_FRACTION_TEXT];
    covey_fraction_text (rule->quorum_share, share);
    if (rule->quorum_size)
        snprintf (text, 40, "quorum of %u", rule->quorum_size);
    else
        snprintf (text, 40, "quorum of %s", share);
}

void
covey_tally_quorum_words (const covey_rule_t *rule, char text[64])
{
    char quorum[40];
    s_quorum_text (rule, quorum);
    text[0] = '\0';
    if (covey_rule_has_quorum (rule))
        snprintf (text, 64, ", and the %s is met", quorum);
}

static void
s_no_quorum (const covey_rule_t *rule, const covey_count_t *count,
             covey_decision_t *decision)
{
    char quorum[40];
    s_quorum_text (rule, quorum);
    decision->outcome = COVEY_OUTCOME_NO_QUORUM;
    COVEY_REASON (decision, "%u of %u members voted: the %s is not met",
                  covey_count_cast (count), covey_count_voters (count), quorum);
}

/* ---- deciding ---------------------------------------------------------------
 */

/*  What every question has in common: a veto ends it, a missing quorum leaves
    it open until the end. While a veto holder is silent nothing is certain.  */
static bool
s_is_settled (const covey_rule_t *rule, const covey_count_t *count,
              bool is_final, covey_decision_t *decision)
{
    memset (decision, 0, sizeof *decision);
    decision->winner = -1;
    if (count->veto_by) {
        decision->outcome = COVEY_OUTCOME_VETOED;
        COVEY_REASON (decision, "%s holds a veto and rejects", count->veto_by);
        return true;
    }
    bool quorate = s_is_quorate (rule, count);
    if (is_final && !quorate)
        s_no_quorum (rule, count, decision);
    return !quorate || (count->veto_open && !is_final);
}

void
covey_count_decide (const covey_rule_t *rule, const covey_count_t *count,
                    bool deadline_passed, covey_decision_t *decision)
{
    bool is_final = covey_tally_is_final (count, deadline_passed);
    if (s_is_settled (rule, count, is_final, decision))
        return;
    if (rule->option_count)
        covey_tally_plurality (rule, count, is_final, decision);
    else
        covey_tally_approval (rule, count, is_final, decision);
}

void
covey_tally_decide (const covey_rule_t *rule, const covey_voter_t *voters,
                    const covey_stance_t *stances, size_t voter_count,
                    const covey_count_t *count, bool deadline_passed,
                    covey_decision_t *decision)
{
    bool is_final = covey_tally_is_final (count, deadline_passed);
    if (!rule->ranked)
        covey_count_decide (rule, count, deadline_passed, decision);
    else if (!s_is_settled (rule, count, is_final, decision))
        covey_tally_ranked (rule, voters, stances, voter_count, count, is_final,
                            decision);
}

size_t
covey_tally (const covey_rule_t *rule, const covey_voter_t *voters,
             size_t voter_count, const covey_cast_t *ballots,
             size_t ballot_count, bool deadline_passed,
             covey_decision_t *decision)
{
    covey_count_t count;
    covey_stance_t *stances = covey_mem_new (voter_count * sizeof *stances);
    size_t read = 0;
    for (size_t i = 0; i < voter_count; i++)
        stances[i].vote = COVEY_VOTE_SILENT;
    for (decision->outcome = COVEY_OUTCOME_OPEN;
         read < ballot_count && decision->outcome == COVEY_OUTCOME_OPEN;
         read++) {
        covey_stance_t *stance = &stances[ballots[read].voter];
        assert (ballots[read].voter < voter_count);
        if (rule->final && stance->vote != COVEY_VOTE_SILENT)
            continue;
        *stance = ballots[read].stance;
        covey_count (rule, voters, stances, voter_count, &count);
        covey_tally_decide (rule, voters, stances, voter_count, &count, false,
                            decision);
    }
    if (decision->outcome == COVEY_OUTCOME_OPEN) {
        covey_count (rule, voters, stances, voter_count, &count);
        covey_tally_decide (rule, voters, stances, voter_count, &count,
                            deadline_passed, decision);
    }
    free (stances);
    return read;
}

/* ---- names ------------------------------------------------------------------
 */

const char *
covey_vote_name (covey_vote_t vote)
{
    static const char *const names[] = {"approve", "reject", "abstain",
                                        "silent"};
    assert (vote <= COVEY_VOTE_SILENT);
    return names[vote];
}

const char *
covey_outcome_name (covey_outcome_t outcome)
{
    static const char *const names[] = {"open",     "accepted", "rejected",
                                        "noQuorum", "expired",  "withdrawn",
                                        "vetoed"};
    assert (outcome <= COVEY_OUTCOME_VETOED);
    return names[outcome];
}

#include "swarm/tally.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/*  Every strategy answers three questions of a count: is acceptance certain,
    is it impossible, and what is the outcome when time is up. "Certain" and
    "impossible" let only the voters without a ballot be unknown: a voter that
    has spoken is taken at its last word.                                     */

covey_err_t
covey_weight_from (double weight, uint64_t *micro_p, covey_errbuf_t *err)
{
    if (!(weight > 0) || weight > COVEY_WEIGHT_MAX)
        return covey_fail (
            err, COVEY_INVALID,
            "weight %g is not allowed: it must be above 0 and at most %g",
            weight, COVEY_WEIGHT_MAX);
    uint64_t micro = (uint64_t)(weight * COVEY_WEIGHT_ONE + 0.5);
    if (micro == 0)
        return covey_fail (err, COVEY_INVALID,
                           "weight %g is not allowed: weights have six digits "
                           "after the point, the smallest is 0.000001",
                           weight);
    *micro_p = micro;
    return COVEY_OK;
}

double
covey_weight_to (uint64_t micro)
{
    return (double)micro / COVEY_WEIGHT_ONE;
}

void
covey_count_init (covey_count_t *self, const uint64_t *weights, size_t count)
{
    assert (count <= COVEY_VOTERS_MAX);
    memset (self, 0, sizeof *self);
    self->voters = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        self->weight += weights[i];
}

void
covey_count_ballot (covey_count_t *self, const covey_vote_t *before,
                    covey_vote_t vote, uint64_t weight)
{
    if (before) {
        assert (self->standing[*before] > 0);
        self->standing[*before]--;
        self->standing_weight[*before] -= weight;
    }
    self->standing[vote]++;
    self->standing_weight[vote] += weight;
}

uint32_t
covey_count_cast (const covey_count_t *self)
{
    return self->standing[0] + self->standing[1] + self->standing[2];
}

#define REASON(decision, ...) \
    snprintf ((decision)->reason, sizeof (decision)->reason, __VA_ARGS__)

/*  Approvals of more than half of all members.                              */
static void
s_majority (const covey_count_t *c, bool late, covey_decision_t *decision)
{
    uint32_t approve = c->standing[COVEY_VOTE_APPROVE];
    uint32_t open = c->voters - covey_count_cast (c);
    if (2 * approve > c->voters) {
        decision->outcome = COVEY_OUTCOME_ACCEPTED;
        REASON (decision, "%u of %u members approve: more than half", approve,
                c->voters);
    } else if (2 * (approve + open) <= c->voters) {
        decision->outcome = COVEY_OUTCOME_REJECTED;
        REASON (decision,
                "at most %u of %u members can still approve: not more than "
                "half",
                approve + open, c->voters);
    } else if (late) {
        decision->outcome = COVEY_OUTCOME_EXPIRED;
        REASON (decision,
                "the deadline passed with %u of %u members approving and %u "
                "silent",
                approve, c->voters, open);
    }
}

/*  Every member approves; a rejection or an abstention ends it.             */
static void
s_unanimous (const covey_count_t *c, bool late, covey_decision_t *decision)
{
    uint32_t approve = c->standing[COVEY_VOTE_APPROVE];
    uint32_t against = covey_count_cast (c) - approve;
    if (approve == c->voters) {
        decision->outcome = COVEY_OUTCOME_ACCEPTED;
        REASON (decision, "all %u members approve", c->voters);
    } else if (against > 0) {
        decision->outcome = COVEY_OUTCOME_REJECTED;
        REASON (decision, "%u of %u members did not approve", against,
                c->voters);
    } else if (late) {
        decision->outcome = COVEY_OUTCOME_EXPIRED;
        REASON (decision,
                "the deadline passed with %u of %u members approving and %u "
                "silent",
                approve, c->voters, c->voters - approve);
    }
}

/*  Approving weight of more than half of all members' weight.               */
static void
s_weighted (const covey_count_t *c, bool late, covey_decision_t *decision)
{
    uint64_t approve = c->standing_weight[COVEY_VOTE_APPROVE];
    uint64_t open = c->weight - approve -
                    c->standing_weight[COVEY_VOTE_REJECT] -
                    c->standing_weight[COVEY_VOTE_ABSTAIN];
    if (2 * approve > c->weight) {
        decision->outcome = COVEY_OUTCOME_ACCEPTED;
        REASON (decision, "weight %.15g of %.15g approves: more than half",
                covey_weight_to (approve), covey_weight_to (c->weight));
    } else if (2 * (approve + open) <= c->weight) {
        decision->outcome = COVEY_OUTCOME_REJECTED;
        REASON (decision,
                "at most weight %.15g of %.15g can still approve: not more "
                "than half",
                covey_weight_to (approve + open), covey_weight_to (c->weight));
    } else if (late) {
        decision->outcome = COVEY_OUTCOME_EXPIRED;
        REASON (decision,
                "the deadline passed with weight %.15g of %.15g approving and "
                "%.15g silent",
                covey_weight_to (approve), covey_weight_to (c->weight),
                covey_weight_to (open));
    }
}

/*  Enough ballots, abstentions included, and more approvals than rejections.
    Before the deadline it is certain only when the quorum is there and the
    silent could not turn approvals against rejections.                       */
static void
s_quorum (const covey_count_t *c, uint32_t quorum, bool late,
          covey_decision_t *decision)
{
    uint32_t approve = c->standing[COVEY_VOTE_APPROVE];
    uint32_t reject = c->standing[COVEY_VOTE_REJECT];
    uint32_t cast = covey_count_cast (c);
    uint32_t open = c->voters - cast;
    bool final = late || approve > reject + open || approve + open <= reject;
    if (cast < quorum) {
        if (late) {
            decision->outcome = COVEY_OUTCOME_NO_QUORUM;
            REASON (decision,
                    "%u of %u members voted: the quorum of %u is not met", cast,
                    c->voters, quorum);
        }
        return;
    }
    if (!final)
        return;
    decision->outcome =
        approve > reject ? COVEY_OUTCOME_ACCEPTED : COVEY_OUTCOME_REJECTED;
    REASON (decision,
            "%u approve, %u reject, %u abstain: %s, and the quorum of %u is "
            "met",
            approve, reject, c->standing[COVEY_VOTE_ABSTAIN],
            approve > reject ? "more approvals than rejections"
                             : "not more approvals than rejections",
            quorum);
}

void
covey_count_decide (const covey_count_t *self, const covey_rule_t *rule,
                    bool deadline_passed, covey_decision_t *decision)
{
    memset (decision, 0, sizeof *decision);
    switch (rule->strategy) {
        case COVEY_STRATEGY_MAJORITY:
            s_majority (self, deadline_passed, decision);
            break;
        case COVEY_STRATEGY_UNANIMOUS:
            s_unanimous (self, deadline_passed, decision);
            break;
        case COVEY_STRATEGY_WEIGHTED:
            s_weighted (self, deadline_passed, decision);
            break;
        case COVEY_STRATEGY_QUORUM:
            s_quorum (self, rule->quorum_size, deadline_passed, decision);
            break;
    }
}

size_t
covey_tally (const uint64_t *weights, size_t voter_count,
             const covey_cast_t *ballots, size_t ballot_count,
             const covey_rule_t *rule, bool deadline_passed,
             covey_decision_t *decision)
{
    covey_count_t count;
    bool has[COVEY_VOTERS_MAX] = {false};
    covey_vote_t last[COVEY_VOTERS_MAX];
    covey_count_init (&count, weights, voter_count);
    for (size_t i = 0; i < ballot_count; i++) {
        uint32_t voter = ballots[i].voter;
        assert (voter < voter_count);
        covey_count_ballot (&count, has[voter] ? &last[voter] : NULL,
                            ballots[i].vote, weights[voter]);
        has[voter] = true;
        last[voter] = ballots[i].vote;
        covey_count_decide (&count, rule, false, decision);
        if (decision->outcome != COVEY_OUTCOME_OPEN)
            return i + 1;
    }
    covey_count_decide (&count, rule, deadline_passed, decision);
    return ballot_count;
}

const char *
covey_vote_name (covey_vote_t vote)
{
    switch (vote) {
        case COVEY_VOTE_APPROVE:
            return "approve";
        case COVEY_VOTE_REJECT:
            return "reject";
        case COVEY_VOTE_ABSTAIN:
            return "abstain";
    }
    return "unknown";
}

const char *
covey_strategy_name (covey_strategy_t strategy)
{
    switch (strategy) {
        case COVEY_STRATEGY_MAJORITY:
            return "majority";
        case COVEY_STRATEGY_UNANIMOUS:
            return "unanimous";
        case COVEY_STRATEGY_WEIGHTED:
            return "weighted";
        case COVEY_STRATEGY_QUORUM:
            return "quorum";
    }
    return "unknown";
}

const char *
covey_outcome_name (covey_outcome_t outcome)
{
    switch (outcome) {
        case COVEY_OUTCOME_OPEN:
            return "open";
        case COVEY_OUTCOME_ACCEPTED:
            return "accepted";
        case COVEY_OUTCOME_REJECTED:
            return "rejected";
        case COVEY_OUTCOME_NO_QUORUM:
            return "noQuorum";
        case COVEY_OUTCOME_EXPIRED:
            return "expired";
        case COVEY_OUTCOME_WITHDRAWN:
            return "withdrawn";
    }
    return "unknown";
}

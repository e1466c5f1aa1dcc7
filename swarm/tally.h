/*  tally - decides one vote from the electorate, the ballots in the order of
    the log, the rule, and whether the deadline has passed

    Role      pure core: a function of its arguments, no state of its own
    Numbers   weights are whole micro-units (1.0 = 1,000,000); nothing is
              decided in floating point
    Limits    COVEY_VOTERS_MAX voters; weights above 0, up to COVEY_WEIGHT_MAX
    Spec      docs/voting.md states every rule; its examples are run by
              tests/unit/test_tally.c
*/
#ifndef COVEY_TALLY_H_INCLUDED
#define COVEY_TALLY_H_INCLUDED

#include "base/err.h"

#define COVEY_VOTERS_MAX COVEY_LIST_MAX
#define COVEY_WEIGHT_ONE 1000000u
#define COVEY_WEIGHT_MAX 1e9

typedef enum {
    COVEY_VOTE_APPROVE = 0,
    COVEY_VOTE_REJECT = 1,
    COVEY_VOTE_ABSTAIN = 2
} covey_vote_t;

typedef enum {
    COVEY_STRATEGY_MAJORITY = 0,
    COVEY_STRATEGY_UNANIMOUS = 1,
    COVEY_STRATEGY_WEIGHTED = 2,
    COVEY_STRATEGY_QUORUM = 3
} covey_strategy_t;

typedef enum {
    COVEY_OUTCOME_OPEN = 0,
    COVEY_OUTCOME_ACCEPTED = 1,
    COVEY_OUTCOME_REJECTED = 2,
    COVEY_OUTCOME_NO_QUORUM = 3,
    COVEY_OUTCOME_EXPIRED = 4,
    COVEY_OUTCOME_WITHDRAWN = 5
} covey_outcome_t;

typedef struct {
    covey_strategy_t strategy;
    uint32_t quorum_size; /* QUORUM: ballots needed, 1..voters                */
} covey_rule_t;

typedef struct {
    uint32_t voter; /* index into the electorate                              */
    covey_vote_t vote;
} covey_cast_t;

/*  How many voters, and how much weight, stand where. Each voter counts at
    most once: by its last ballot.                                            */
typedef struct {
    uint32_t voters;
    uint32_t standing[3]; /* by covey_vote_t                                  */
    uint64_t weight;      /* of all voters, micro-units                       */
    uint64_t standing_weight[3];
} covey_count_t;

typedef struct {
    covey_outcome_t outcome;
    char reason[160]; /* in words: "2 of 3 members approve: more than half"   */
} covey_decision_t;

/*  INVALID: not a number, not above 0, above COVEY_WEIGHT_MAX, or so small
    that it rounds to nothing.                                                */
covey_err_t covey_weight_from (double weight, uint64_t *micro_p,
                               covey_errbuf_t *err);
double covey_weight_to (uint64_t micro);

/*  Counting: begin with the voters, then a ballot at a time. `before` is the
    voter's earlier vote, NULL for its first.                                 */
void covey_count_init (covey_count_t *self, const uint64_t *weights,
                       size_t count);
void covey_count_ballot (covey_count_t *self, const covey_vote_t *before,
                         covey_vote_t vote, uint64_t weight);
/*  Voters that have a ballot.                                               */
uint32_t covey_count_cast (const covey_count_t *self);

/*  The outcome of a count, OPEN while voters without a ballot could still turn
    it and the deadline has not passed.                                       */
void covey_count_decide (const covey_count_t *self, const covey_rule_t *rule,
                         bool deadline_passed, covey_decision_t *decision);

/*  The whole vote: ballots one by one until the outcome cannot change any
    more. Returns the number of ballots that were read; later ones are late.
    Ballots name voters below `voter_count`.                                  */
size_t covey_tally (const uint64_t *weights, size_t voter_count,
                    const covey_cast_t *ballots, size_t ballot_count,
                    const covey_rule_t *rule, bool deadline_passed,
                    covey_decision_t *decision);

/*  Names as in JSON: "approve", "majority", "noQuorum".                     */
const char *covey_vote_name (covey_vote_t vote);
const char *covey_strategy_name (covey_strategy_t strategy);
const char *covey_outcome_name (covey_outcome_t outcome);

#endif

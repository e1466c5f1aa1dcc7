/*  tally - decides one vote from its rule, the electorate, the stance that each
    member stands by, and whether the deadline has passed

    Role      pure core: functions of their arguments, no state of their own
    Numbers   weights are whole micro-units (1.0 = 1,000,000); nothing is
              decided in floating point, and no sum or product overflows
    Limits    COVEY_VOTERS_MAX voters, COVEY_OPTIONS_MAX options
    Spec      docs/voting.md states every rule; its examples are run by
              tests/unit/test_tally.c, and tests/support/vote_oracle.py, which
              was written from it, agrees
*/
#ifndef COVEY_TALLY_H_INCLUDED
#define COVEY_TALLY_H_INCLUDED

#include "swarm/rule.h"

typedef enum {
    COVEY_VOTE_APPROVE = 0, /* of the proposal, or of the options that follow */
    COVEY_VOTE_REJECT = 1,
    COVEY_VOTE_ABSTAIN = 2,
    COVEY_VOTE_SILENT = 3 /* has not cast; never a ballot                     */
} covey_vote_t;

/*  What a ballot says, and its voter stands by.                             */
typedef struct {
    uint8_t vote;   /* covey_vote_t                        */
    uint8_t ranked; /* how many options it names           */
    uint8_t options[COVEY_OPTIONS_MAX]; /* their indices, the best first      */
} covey_stance_t;

typedef enum {
    COVEY_OUTCOME_OPEN = 0,
    COVEY_OUTCOME_ACCEPTED = 1,
    COVEY_OUTCOME_REJECTED = 2,
    COVEY_OUTCOME_NO_QUORUM = 3,
    COVEY_OUTCOME_EXPIRED = 4,
    COVEY_OUTCOME_WITHDRAWN = 5,
    COVEY_OUTCOME_VETOED = 6
} covey_outcome_t;

/*  Who stands where. "Units" are members, or weight where the rule is
    weighted.                                                                 */
typedef struct {
    uint32_t members[4]; /* by covey_vote_t, the silent included             */
    uint64_t weights[4]; /* the same by weight                               */
    uint64_t units[4];   /* whichever of them the rule counts                */
    uint64_t firsts[COVEY_OPTIONS_MAX]; /* units by first choice              */
    const char *veto_by; /* the first veto holder that rejects, or NULL      */
    bool veto_open;      /* a veto holder is silent                          */
    covey_stance_t leader; /* silent where the swarm has no leader            */
} covey_count_t;

typedef struct {
    covey_outcome_t outcome;
    int winner;       /* ACCEPTED, with options: which; else -1               */
    char reason[400]; /* in words: "2 of 3 members approve: more than half"   */
} covey_decision_t;

/*  A ballot in a history: of whom, and what it says.                        */
typedef struct {
    uint32_t voter;
    covey_stance_t stance;
} covey_cast_t;

/*  Does it answer this question? INVALID: options where none are asked
    for, none where they are, one twice, more than one in a plurality vote; or
    a rejection of options by a voter without a veto.                         */
covey_err_t covey_stance_check (const covey_rule_t *rule,
                                const covey_voter_t *voter,
                                const covey_stance_t *stance,
                                covey_errbuf_t *err);

/*  `stances[i]` is what `voters[i]` stands by. The rule is complete.        */
void covey_count (const covey_rule_t *rule, const covey_voter_t *voters,
                  const covey_stance_t *stances, size_t voter_count,
                  covey_count_t *count);
/*  Members of the electorate; those that have a ballot; all their weight.   */
uint32_t covey_count_voters (const covey_count_t *self);
uint32_t covey_count_cast (const covey_count_t *self);
uint64_t covey_count_weight (const covey_count_t *self);

/*  The outcome of a count of approvals and rejections; OPEN while the silent
    could still turn it and the deadline has not passed.                      */
void covey_count_decide (const covey_rule_t *rule, const covey_count_t *count,
                         bool deadline_passed, covey_decision_t *decision);
/*  The same for any question; `count` is that of the stances.               */
void covey_tally_decide (const covey_rule_t *rule, const covey_voter_t *voters,
                         const covey_stance_t *stances, size_t voter_count,
                         const covey_count_t *count, bool deadline_passed,
                         covey_decision_t *decision);

/*  The whole vote: ballots one by one until the outcome cannot change any
    more; a second ballot where ballots are final does not count. Returns the
    number of ballots that were read; later ones are late. Ballots name voters
    below `voter_count`, and their stances pass covey_stance_check.           */
size_t covey_tally (const covey_rule_t *rule, const covey_voter_t *voters,
                    size_t voter_count, const covey_cast_t *ballots,
                    size_t ballot_count, bool deadline_passed,
                    covey_decision_t *decision);

/*  Names as in JSON: "approve", "noQuorum".                                 */
const char *covey_vote_name (covey_vote_t vote);
const char *covey_outcome_name (covey_outcome_t outcome);

#endif

/*  tally_impl - the parts of a decision; for tally*.c only                  */
#ifndef COVEY_TALLY_IMPL_H_INCLUDED
#define COVEY_TALLY_IMPL_H_INCLUDED

#include <stdio.h>

#include "swarm/tally.h"

#define COVEY_REASON(decision, ...) \
    snprintf ((decision)->reason, sizeof (decision)->reason, __VA_ARGS__)

/*  May the silent still speak? Those who have spoken are taken at their word,
    so with nobody silent a vote is as final as at its deadline.              */
static inline bool
covey_tally_is_final (const covey_count_t *count, bool deadline_passed)
{
    return deadline_passed || count->members[COVEY_VOTE_SILENT] == 0;
}

/*  The whole that a threshold is a share of: as the count stands, or once all
    the silent have taken a side.                                             */
uint64_t covey_tally_whole (const covey_rule_t *rule,
                            const covey_count_t *count, bool all_spoke);
/*  ", and the quorum of 3 is met", or nothing where there is none.          */
void covey_tally_quorum_words (const covey_rule_t *rule, char text[64]);

/*  Each takes a count without a veto whose quorum is met, or which is final,
    and leaves OPEN what is not certain.                                      */
void covey_tally_approval (const covey_rule_t *rule, const covey_count_t *count,
                           bool is_final, covey_decision_t *decision);
void covey_tally_plurality (const covey_rule_t *rule,
                            const covey_count_t *count, bool is_final,
                            covey_decision_t *decision);
void covey_tally_ranked (const covey_rule_t *rule, const covey_voter_t *voters,
                         const covey_stance_t *stances, size_t voter_count,
                         const covey_count_t *count, bool is_final,
                         covey_decision_t *decision);

/*  Options with the same, highest number tie: the leader's best of them where
    the rule says so. ACCEPTED, or REJECTED when nobody decides it.           */
void covey_tally_tie (const covey_rule_t *rule, const covey_count_t *count,
                      const bool *tied, uint64_t votes,
                      covey_decision_t *decision);

/*  Units in words: "3", "2.5".                                              */
void covey_tally_units (const covey_rule_t *rule, uint64_t units,
                        char text[32]);

#endif

/*  asked_rule - a vote's rule as it is asked for and shown, and as it is
   counted

    Role      pure; between the texts of the wire and swarm/rule.h
    Memory    texts and lists are borrowed, from the message or from the vote
*/
#ifndef COVEY_ASKED_RULE_H_INCLUDED
#define COVEY_ASKED_RULE_H_INCLUDED

#include "proto/control.pb-c.h"
#include "swarm/proposal.h"

/*  What was asked for; not complete, and without who holds a veto.          */
typedef struct {
    covey_rule_t rule;
    const char *options[COVEY_OPTIONS_MAX];
} covey_asked_rule_t;

/*  INVALID, LIMIT: a part that is no such part. The strategy is that of the
    request, majority where it has none.                                      */
covey_err_t covey_asked_rule (const Covey__Control__Propose *propose,
                              covey_asked_rule_t *asked, covey_errbuf_t *err);

/*  A complete rule as a message, with room for its texts and lists.         */
typedef struct {
    Covey__V1__VoteRule message;
    char threshold[COVEY_FRACTION_TEXT], quorum[COVEY_FRACTION_TEXT];
    char *options[COVEY_OPTIONS_MAX];
    char *veto_holders[COVEY_VOTERS_MAX];
} covey_shown_rule_t;

void covey_shown_rule (const covey_proposal_t *vote, covey_shown_rule_t *shown);
/*  The leader that the electorate had, or NULL.                             */
const char *covey_shown_leader (const covey_proposal_t *vote);

#endif

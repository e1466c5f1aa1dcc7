/*  support_vote - votes as docs/voting.md writes its examples, one line each:

        strategy: quorum 3
        members:  ann 2.5, bob, cid
        ballots:  ann approve, bob red>blue
        deadline: passed                                                      */
#ifndef COVEY_SUPPORT_VOTE_H_INCLUDED
#define COVEY_SUPPORT_VOTE_H_INCLUDED

#include "swarm/tally.h"

#define SUPPORT_VOTERS_MAX 64
#define SUPPORT_BALLOTS_MAX 512
#define SUPPORT_LINE_MAX 16384

typedef struct {
    covey_rule_t rule;
    covey_voter_t voters[SUPPORT_VOTERS_MAX];
    size_t voter_count;
    covey_cast_t ballots[SUPPORT_BALLOTS_MAX];
    size_t ballot_count;
    bool deadline_passed;
    char names[COVEY_OPTIONS_MAX][COVEY_OPTION_NAME_MAX + 1];
    const char *options[COVEY_OPTIONS_MAX];
    char outcome[160], reason[400], table[400]; /* as they were written       */
    char fault[600];                            /* a line that is none        */
} support_vote_t;

void support_vote_begin (support_vote_t *self);
/*  Members and options come before what names them. What is wrong with a line
    is in `fault`.                                                            */
void support_vote_line (support_vote_t *self, const char *line);
/*  The rule is complete then, or there is a fault.                          */
void support_vote_end (support_vote_t *self);
/*  "approve", "red>blue", "-" for silence.                                  */
void support_vote_stance (support_vote_t *self, const char *word,
                          covey_stance_t *stance);
size_t support_vote_run (const support_vote_t *self,
                         covey_decision_t *decision);

#endif

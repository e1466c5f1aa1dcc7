/*  hearings - whom the questions of votes came to, on the way into the log

    Role      pure: knows which event asked which question, takes what the node
              reports of these events, and hands it out in the order in which
              it came
    Copies    of a question for several agents that was told to each alone have
              ids that differ in their last two octets (postbox.h)
    Limits    COVEY_HEARINGS_QUESTIONS questions: what is reported of older ones
              means nothing. COVEY_HEARINGS_MAX reports wait, those beyond are
              counted: who heard it and does not vote then counts as not reached
*/
#ifndef COVEY_HEARINGS_H_INCLUDED
#define COVEY_HEARINGS_H_INCLUDED

#include <stdint.h>

#include "coordinator/tree.h"

#define COVEY_HEARINGS_QUESTIONS 1024
#define COVEY_HEARINGS_MAX 16384
#define COVEY_HEARINGS_BATCH 512 /* in one command */

typedef struct covey_question covey_question_t;

typedef struct {
    char *consensus_id;
    char *agent_id;
} covey_hearing_t;

typedef struct {
    covey_question_t *questions; /* a ring                                    */
    size_t next_question;
    covey_tree_t by_id;
    covey_hearing_t *waiting;
    size_t count, capacity;
    uint64_t dropped;
} covey_hearings_t;

void covey_hearings_init (covey_hearings_t *self);
void covey_hearings_deinit (covey_hearings_t *self);

/*  This event asks the question of that vote.                               */
void covey_hearings_ask (covey_hearings_t *self, const uint8_t event_id[16],
                         const char *consensus_id);
/*  The vote that an event asks about, or NULL.                              */
const char *covey_hearings_vote (const covey_hearings_t *self,
                                 const uint8_t event_id[16]);
void covey_hearings_add (covey_hearings_t *self, const char *consensus_id,
                         const char *agent_id);
/*  The first `count` are on their way.                                      */
void covey_hearings_drop (covey_hearings_t *self, size_t count);

#endif

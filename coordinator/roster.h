/*  roster - the agents as the local node sees them

    Role      pure core. Every coordinator keeps it; the one that leads turns
              the differences to the replicated state into commands, and a
              follower that becomes leader has it at hand
    Steps     an agent is due when something was said of it: first that it is
              up (or gone), then its load. While a command about it is under
              way it is not looked at, so that it is never compared with a
              state that is about to change
    Gone      who is gone stays until the state knows
    Memory    owns copies of what was said
*/
#ifndef COVEY_ROSTER_H_INCLUDED
#define COVEY_ROSTER_H_INCLUDED

#include "coordinator/tree.h"
#include "proto/wire.pb-c.h"

typedef enum {
    COVEY_ROSTER_IS_UP,   /* to be compared: is it there?                     */
    COVEY_ROSTER_HAS_LOAD /* and how busy is it?                              */
} covey_roster_step_t;

typedef struct {
    covey_link_t by_id;
    covey_link_t in_due;
    uint64_t order; /* among those that are due                               */
    Covey__Wire__AgentInfo *info;
    bool gone;
    bool seen;   /* in the full view that arrives                             */
    bool flying; /* a command about it is under way                           */
    bool again;  /* something was said meanwhile                              */
    covey_roster_step_t step;
} covey_roster_entry_t;

typedef struct {
    covey_tree_t entries; /* by id                                            */
    covey_tree_t due;
    uint64_t made;
    bool complete; /* a full view has come                                    */
    bool filling;  /* one is coming                                           */
} covey_roster_t;

void covey_roster_init (covey_roster_t *self);
void covey_roster_deinit (covey_roster_t *self);

/*  Something was said of an agent; `gone` as covey_roster_is_gone has it.   */
void covey_roster_put (covey_roster_t *self,
                       const Covey__Wire__AgentInfo *info);
bool covey_roster_is_gone (const Covey__Wire__AgentInfo *info);
/*  Is it one that takes tasks, and properly named?                          */
bool covey_roster_is_worker (const Covey__Wire__AgentInfo *info);
/*  A full view begins, and ends: who was not in it is gone.                 */
void covey_roster_begin (covey_roster_t *self);
void covey_roster_end (covey_roster_t *self);

covey_roster_entry_t *covey_roster_find (const covey_roster_t *self,
                                         const char *agent_id);
/*  The one that has been due longest; NULL: none.                           */
covey_roster_entry_t *covey_roster_due (const covey_roster_t *self);
/*  All are due again, from the first step: another leader begins.           */
void covey_roster_review (covey_roster_t *self);
/*  A command about it is under way; it was applied (or will not be); there was
    nothing to do at this step.                                               */
void covey_roster_sent (covey_roster_t *self, covey_roster_entry_t *entry);
void covey_roster_settle (covey_roster_t *self, covey_roster_entry_t *entry);
void covey_roster_pass (covey_roster_t *self, covey_roster_entry_t *entry);
/*  The state knows that it is gone.                                         */
void covey_roster_drop (covey_roster_t *self, covey_roster_entry_t *entry);

#endif

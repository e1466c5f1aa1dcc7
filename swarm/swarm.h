/*  swarm - a named group of agents: members with weights, and a leader

    Role      pure core: no I/O, no clock; time comes in as log time
    Leader    named when the swarm is formed, else the longest-lived member. A
              leader that leaves or is lost is replaced by the longest-lived
              member that is there; when none is there it is kept until one is
    Lost      a member whose agent is not there stays one as long as its lease;
              the caller asks who is overdue, and removes it
    Version   grows with every change of the members; proposals freeze it
    Memory    covey_swarm_new gives it to the caller
    Limits    COVEY_VOTERS_MAX members
*/
#ifndef COVEY_SWARM_H_INCLUDED
#define COVEY_SWARM_H_INCLUDED

#include "swarm/tally.h"

typedef struct {
    char agent_id[COVEY_AGENT_ID_MAX + 1];
    uint64_t weight; /* micro-units                                           */
    int64_t joined_us;
    int64_t lost_us; /* since when its agent is not there; 0: it is           */
} covey_swarm_member_t;

/*  What a swarm is formed of; everything is copied.                         */
typedef struct {
    const char *id;
    const char *objective;
    const char *strategy;
    const char *creator;
    const char *leader; /* or NULL                                            */
    const covey_swarm_member_t *members;
    size_t member_count;
    const char *const *tags;
    size_t tag_count;
    int64_t formed_us;
    int64_t member_lease_us; /* 0: lost members stay                          */
} covey_swarm_args_t;

#define COVEY_SWARM_LEASE_MS 60000 /* when nothing is asked for */

typedef struct covey_swarm covey_swarm_t;

/*  INVALID: a member named twice, a leader that is no member.               */
covey_err_t covey_swarm_new (const covey_swarm_args_t *args,
                             covey_swarm_t **swarm_p, covey_errbuf_t *err);
void covey_swarm_destroy (covey_swarm_t **self_p);

/*  What became of a swarm since it was formed.                              */
typedef struct {
    const int64_t *joined_us; /* of each member                               */
    const int64_t *lost_us;
    const char *leader; /* or NULL                                      */
    bool leader_lost;
    bool disbanded;
    int64_t disbanded_us;
    uint64_t version;
} covey_swarm_past_t;

/*  A new one, made of the members that are there now, takes up its past.    */
void covey_swarm_restore (covey_swarm_t *self, const covey_swarm_past_t *past);

typedef enum {
    COVEY_SWARM_SAME,    /* was a member already, with this weight            */
    COVEY_SWARM_JOINED,  /* is one now                                        */
    COVEY_SWARM_WEIGHED, /* was one, has another weight now                   */
} covey_swarm_join_t;

/*  `weight` 0: 1.0 for a new member, as it was for another. STATE: disbanded;
    LIMIT: COVEY_VOTERS_MAX members.                                          */
covey_err_t covey_swarm_add (covey_swarm_t *self, const char *agent_id,
                             uint64_t weight, int64_t now_us,
                             covey_swarm_join_t *what_p, covey_errbuf_t *err);
/*  NOTFOUND: no member. STATE: disbanded.                                   */
covey_err_t covey_swarm_remove (covey_swarm_t *self, const char *agent_id,
                                covey_errbuf_t *err);
covey_err_t covey_swarm_end (covey_swarm_t *self, int64_t now_us,
                             covey_errbuf_t *err);

/*  Its agent is not there since `now_us`, or (0) is back; false: no member.  */
bool covey_swarm_note_lost (covey_swarm_t *self, const char *agent_id,
                            int64_t now_us);
/*  All leases of lost members begin anew.                                   */
void covey_swarm_renew (covey_swarm_t *self, int64_t now_us);
/*  When the next lease of a lost member ends; INT64_MAX: none does.         */
int64_t covey_swarm_due_us (const covey_swarm_t *self);
/*  A member whose lease is over, or NULL.                                   */
const covey_swarm_member_t *covey_swarm_overdue (const covey_swarm_t *self,
                                                 int64_t now_us);

/*  Is this agent there? Asked when a leader is looked for.                  */
typedef bool (covey_swarm_is_up_fn) (const void *arg, const char *agent_id);

/*  The leader is lost, or is back. Then `elect` finds who leads now; true
    when that is another than before.                                         */
void covey_swarm_set_leader_lost (covey_swarm_t *self, bool lost);
bool covey_swarm_is_leader_lost (const covey_swarm_t *self);
bool covey_swarm_elect (covey_swarm_t *self, covey_swarm_is_up_fn *is_up,
                        const void *arg);

const char *covey_swarm_id (const covey_swarm_t *self);
const char *covey_swarm_objective (const covey_swarm_t *self);
const char *covey_swarm_strategy (const covey_swarm_t *self);
/*  How it votes when nothing else is asked for: its strategy, when that names a
    voting strategy, else majority.                                           */
covey_strategy_t covey_swarm_voting (const covey_swarm_t *self);
const char *covey_swarm_creator (const covey_swarm_t *self);
const char *covey_swarm_leader (const covey_swarm_t *self); /* or NULL */
int64_t covey_swarm_formed_us (const covey_swarm_t *self);
int64_t covey_swarm_disbanded_us (const covey_swarm_t *self);
int64_t covey_swarm_member_lease_us (const covey_swarm_t *self);
bool covey_swarm_is_disbanded (const covey_swarm_t *self);
uint64_t covey_swarm_version (const covey_swarm_t *self);
size_t covey_swarm_tag_count (const covey_swarm_t *self);
const char *covey_swarm_tag (const covey_swarm_t *self, size_t index);
/*  Members, the longest-lived first.                                        */
size_t covey_swarm_member_count (const covey_swarm_t *self);
const covey_swarm_member_t *covey_swarm_member (const covey_swarm_t *self,
                                                size_t index);
const covey_swarm_member_t *covey_swarm_find (const covey_swarm_t *self,
                                              const char *agent_id);

#endif

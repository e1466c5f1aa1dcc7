/*  timers - what is due when, in log time

    Role      pure; ordered by due time, then by the order of arming
    Memory    embedded timers; nothing is owned
*/
#ifndef COVEY_TIMERS_H_INCLUDED
#define COVEY_TIMERS_H_INCLUDED

#include "coordinator/tree.h"

/*  The numbers are in snapshots: they stay, new ones go to the end.         */
/*  The numbers are in snapshots.                                            */
typedef enum {
    COVEY_TIMER_LEASE,    /* a held task: no report in time                   */
    COVEY_TIMER_DELAY,    /* a queued task: its next attempt may begin        */
    COVEY_TIMER_DEADLINE, /* a task that has not ended                        */
    COVEY_TIMER_VOTE,     /* an open proposal                                 */
    COVEY_TIMER_QUEUE,    /* a ready task: nobody took it in time             */
    COVEY_TIMER_RUN,      /* a held task: this attempt takes too long         */
    COVEY_TIMER_GRACE,    /* a held task that was asked to stop               */
    COVEY_TIMER_FORGET,   /* an ended task: it is kept no longer              */
    COVEY_TIMER_MEMORY,   /* a value of the shared memory that ends           */
    COVEY_TIMER_SCHEDULE, /* the next time of a schedule                      */
    COVEY_TIMER_MEMBER = 10, /* the lease of a swarm's lost member           */
    COVEY_TIMER_CLAIM = 16,  /* the lease of a claim, or its waiting          */
    COVEY_TIMER_ROLE = 17,   /* the lease of a role                           */
    COVEY_TIMER_GATHER = 24, /* a coordination session that looks for agents */
    COVEY_TIMER_COORDINATION = 25 /* one that has not ended */
} covey_timer_kind_t;

typedef struct {
    covey_link_t link;
    int64_t due_us;
    uint64_t order;
    covey_timer_kind_t kind;
    void *owner;
} covey_timer_t;

typedef struct {
    covey_tree_t tree;
    uint64_t armed;
} covey_timers_t;

void covey_timers_init (covey_timers_t *self);
/*  (Re-)arm; `kind` and `owner` are the caller's to set.                    */
void covey_timers_arm (covey_timers_t *self, covey_timer_t *timer,
                       int64_t due_us);
void covey_timers_disarm (covey_timers_t *self, covey_timer_t *timer);
/*  The next one that is due, disarmed; NULL when none is.                   */
covey_timer_t *covey_timers_take (covey_timers_t *self, int64_t now_us);
/*  INT64_MAX when nothing is armed.                                         */
int64_t covey_timers_next_us (const covey_timers_t *self);

#endif

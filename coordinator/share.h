/*  share - who of several submitters is next

    Role      pure core; at each priority every submitter has a virtual time
              that grows with each of its tasks that is assigned: by 1 / weight.
              The one with the least is next, so that who queues ten thousand
              tasks does not keep others from their first (start-time fair
              queueing, Goyal, Vin and Cheng 1996)
    Idle      who has nothing ready saves nothing up: it comes back at the time
              of those that were served meanwhile. It is remembered only while
              it is ahead of them, so nobody gets more by queueing one at a time
    Limits    COVEY_SHARES_IDLE_MAX remembered idle ones; beyond that who is
              least ahead is forgotten, and everybody else's clock with it
    Cost      O(log n)
*/
#ifndef COVEY_SHARE_H_INCLUDED
#define COVEY_SHARE_H_INCLUDED

#include "coordinator/tree.h"

#define COVEY_SHARE_PRIORITIES 4
#define COVEY_SHARES_IDLE_MAX 10000
#define COVEY_SHARE_WEIGHT_MAX 1000
/*  Virtual time that one task of weight 1 costs.                            */
#define COVEY_SHARE_COST (UINT64_C (1) << 20)

struct covey_flow;

typedef struct {
    covey_link_t by_key;
    covey_link_t in_idle;
    uint32_t priority;
    char *key;
    uint64_t time; /* virtual                                                */
    size_t ready;  /* tasks                                                  */
    bool kept;     /* from a snapshot: it is not idle, its tasks come yet    */
    struct covey_flow *flows; /* of the scheduler: one for each lane          */
} covey_share_t;

typedef struct {
    covey_tree_t all;  /* by priority and key                                 */
    covey_tree_t idle; /* without ready tasks; the least ahead first          */
    uint64_t now[COVEY_SHARE_PRIORITIES];
    size_t ready[COVEY_SHARE_PRIORITIES];
} covey_shares_t;

void covey_shares_init (covey_shares_t *self);
void covey_shares_deinit (covey_shares_t *self);

/*  One more of its tasks is ready; one is not any more: then the share may be
    gone.                                                                     */
covey_share_t *covey_shares_enter (covey_shares_t *self, uint32_t priority,
                                   const char *key);
void covey_shares_leave (covey_shares_t *self, covey_share_t *share);
/*  One of its tasks is assigned. Who orders by `time` takes it out before.  */
void covey_shares_charge (covey_shares_t *self, covey_share_t *share,
                          uint32_t weight);
/*  As it was saved; NULL: there is one of that name.                        */
covey_share_t *covey_shares_restore (covey_shares_t *self, uint32_t priority,
                                     const char *key, uint64_t time,
                                     bool has_tasks);

#endif

/*  claims - who may use which resources: held, waited for, in order

    Role      pure core: the table of claims and who stands in whose way. Time,
              leases and facts are state_claim.c's
    Resource  a path (a pattern, glob.h) or a name; paths meet when their
              patterns overlap, names when they are equal
    In the way of a claim is another holder's that meets it, unless both are
              shared: one that is held, or that waits and was asked for earlier.
              So a waiting one gets its turn, whatever is asked for later
    Holder    does not stand in its own way; what it holds already it may claim
              once more, past those that wait for it
    Cycles    a claim that would wait, in the end, for its own holder is
              refused. That is enough: after that a claim waits for ever fewer
    Index     resources by the stem of their pattern, so that what meets a path
              is found under the folders that it is in
    Memory    owns its entries
    Limits    COVEY_CLAIM_..._MAX; how many there may be is the caller's to say
*/
#ifndef COVEY_CLAIMS_H_INCLUDED
#define COVEY_CLAIMS_H_INCLUDED

#include "base/err.h"
#include "coordinator/timers.h"

#define COVEY_CLAIM_RESOURCES_MAX 64
#define COVEY_CLAIM_PER_HOLDER_MAX 256
#define COVEY_CLAIM_QUEUE_MAX 1000 /* claims that one waits behind */
#define COVEY_CLAIM_TTL_MS 30000
#define COVEY_CLAIM_TTL_MIN_MS 1000
#define COVEY_CLAIM_TTL_MAX_MS 86400000
#define COVEY_CLAIM_WAIT_MAX_MS 86400000

typedef enum {
    COVEY_CLAIM_WAITING,
    COVEY_CLAIM_HELD,
    COVEY_CLAIM_RELEASED,
    COVEY_CLAIM_EXPIRED
} covey_claim_state_t;

typedef struct covey_claim_entry covey_claim_entry_t;

typedef struct {
    covey_link_t by_stem; /* while the claim lives                            */
    covey_claim_entry_t *claim;
    bool is_path;
    char *text;
    size_t stem; /* bytes of it                                               */
} covey_claim_resource_t;

struct covey_claim_entry {
    covey_link_t by_id;
    covey_link_t by_seq;
    covey_link_t by_holder; /* while it lives                                 */
    covey_timer_t timer;    /* the end of the lease, or of the waiting        */
    char *id;
    char *holder;
    char *purpose; /* or NULL; these and resources go when it ends            */
    char *task_id;
    char *reason; /* why it ended                                             */
    bool shared;
    covey_claim_state_t state;
    uint64_t seq;   /* order of asking, then of ending                        */
    uint64_t token; /* 0: it was never held                                   */
    int64_t ttl_ms;
    int64_t asked_us;
    int64_t held_us;
    int64_t wait_end_us; /* it waits no longer                                */
    int64_t ended_us;
    covey_claim_resource_t *resources;
    size_t count;
    size_t bytes; /* of all texts                                             */
    /* of a search for cycles; means nothing after it */
    uint64_t seen;
    covey_claim_entry_t *before;
    const covey_claim_resource_t *on;
};

typedef struct {
    covey_tree_t by_id;
    covey_tree_t live;  /* held and waiting, by asking                        */
    covey_tree_t ended; /* by ending                                          */
    covey_tree_t holders;
    covey_tree_t stems;
    uint64_t seq;
    size_t held_count;
    size_t bytes; /* of those that live                                       */
    uint64_t searches;
} covey_claims_t;

/*  What stands in the way: whose, and which of its resources.               */
typedef struct {
    covey_claim_entry_t *claim;
    const covey_claim_resource_t *resource;
} covey_claim_obstacle_t;

void covey_claims_init (covey_claims_t *self);
void covey_claims_deinit (covey_claims_t *self);

/*  A claim of its own, in no table; texts are copied, paths must have passed
    covey_glob_read. `paths` and `names` together: 1 to
    COVEY_CLAIM_RESOURCES_MAX. To be added, or destroyed.                     */
covey_claim_entry_t *covey_claim_entry_new (const char *id, const char *holder,
                                            bool shared, char *const *paths,
                                            size_t path_count,
                                            char *const *names,
                                            size_t name_count);
void covey_claim_entry_destroy (covey_claim_entry_t **self_p);
const char *covey_claim_state_name (covey_claim_state_t state);
bool covey_claim_is_live (const covey_claim_entry_t *self);

covey_claim_entry_t *covey_claims_find (const covey_claims_t *self,
                                        const char *id);
/*  The first live one of a holder; the next is the next in `holders` as long as
    the holder is the same (covey_claims_of_next).                            */
covey_claim_entry_t *covey_claims_of (const covey_claims_t *self,
                                      const char *holder);
covey_claim_entry_t *covey_claims_of_next (const covey_claims_t *self,
                                           const covey_claim_entry_t *entry);

/*  It waits, behind all others. The table owns it from now on.              */
void covey_claims_add (covey_claims_t *self, covey_claim_entry_t *entry);
/*  As it was saved: with its state and its place. False: there is one with that
    id or place.                                                              */
bool covey_claims_restore (covey_claims_t *self, covey_claim_entry_t *entry);
void covey_claims_hold (covey_claims_t *self, covey_claim_entry_t *entry,
                        uint64_t token, int64_t now_us);
/*  It ends; the `keep` last ended ones are kept. Its timer must be disarmed. */
void covey_claims_end (covey_claims_t *self, covey_claim_entry_t *entry,
                       covey_claim_state_t state, const char *reason,
                       int64_t now_us, size_t keep);

/*  Have they a resource in common?                                          */
bool covey_claims_meet (const covey_claim_entry_t *a,
                        const covey_claim_entry_t *b);
/*  All that stands in the way of an entry, which may be in no table, by age;
    how many. `again`: past those that wait for what its holder has already.
    The caller frees `*list_p`, which may be NULL if only the number counts.  */
size_t covey_claims_obstacles (const covey_claims_t *self,
                               const covey_claim_entry_t *entry, bool again,
                               covey_claim_obstacle_t **list_p);
/*  The waiting ones that meet an entry, by age. The caller frees the list.  */
size_t covey_claims_waiting (const covey_claims_t *self,
                             const covey_claim_entry_t *entry,
                             covey_claim_entry_t ***list_p);
/*  May it wait? STATE: it would wait for itself, `err` names all who would.
    EAGAIN: too many are before it.                                           */
covey_err_t covey_claims_may_wait (covey_claims_t *self,
                                   const covey_claim_entry_t *entry,
                                   covey_errbuf_t *err);

#endif

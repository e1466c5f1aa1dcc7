/*  workgroup - one member of a group for each event, another when it fails

    Role      pure core: chooses among the members of a group (agents of a type,
              with capabilities, with tags, of a swarm), remembers each event
              until the member is done with it, and says which ones go to
              another because their member failed
    Choice    those who can take it now; those who are not busy first; then the
              least loaded (what this node has outstanding to it and the tasks
              it told of), members of this node ahead by COVEY_WORKGROUP_LEAD;
              then the larger free capacity; then by lot
    Promise   an event that was sent is done, or due again, or forgotten by the
              shell: nothing in between
    Memory    events hold their parcel and their group
    Limits    COVEY_WORKGROUP_EVENTS_MAX and _BYTES_MAX of events that are not
              done; COVEY_WORKGROUP_TRIES members per event
    Time      now_ms: monotonic milliseconds, supplied by the caller
*/
#ifndef COVEY_WORKGROUP_H_INCLUDED
#define COVEY_WORKGROUP_H_INCLUDED

#include "node/parcel.h"
#include "node/scope.h"

#define COVEY_WORKGROUP_EVENTS_MAX 65536
#define COVEY_WORKGROUP_BYTES_MAX (64u << 20)
#define COVEY_WORKGROUP_GROUPS_MAX 1024
#define COVEY_WORKGROUP_TRIES 8
#define COVEY_WORKGROUP_LEAD 16       /* events that stay here before others */
#define COVEY_WORKGROUP_WAIT_MS 30000 /* for a member that can take it */
#define COVEY_WORKGROUP_PAUSE_MS 50   /* after a full queue; doubles         */

typedef struct covey_workgroups covey_workgroups_t;

/*  Who is meant, as the publisher said it. The agents that match are kept as
    long as the directory stays as it is.                                     */
typedef struct covey_group covey_group_t;

covey_workgroups_t *covey_workgroups_new (uint64_t seed);
void covey_workgroups_destroy (covey_workgroups_t **self_p);

/*  The same selector gives the same group; the caller drops it. INVALID: a text
    or a list beyond the bounds of the contract. EAGAIN: too many groups are in
    use.                                                                      */
covey_err_t covey_workgroups_group (covey_workgroups_t *self,
                                    const Covey__Wire__Group *selector,
                                    covey_group_t **group_p,
                                    covey_errbuf_t *err);
covey_group_t *covey_group_hold (covey_group_t *self);
void covey_group_drop (covey_group_t **self_p);

/*  Can this agent take an event now?                                        */
typedef enum {
    COVEY_TAKER_READY,
    COVEY_TAKER_LATER, /* paused, stalled, lost for the moment, a full queue  */
    COVEY_TAKER_NOT    /* draining, ended                                     */
} covey_taker_t;
typedef covey_taker_t (covey_taker_fn) (void *arg,
                                        const covey_directory_entry_t *agent);

/*  What a choice is made from.                                              */
typedef struct {
    const covey_directory_t *directory;
    const covey_scopes_t *scopes;
    const uint8_t *node_id; /* of this node                                   */
    covey_slice_t source;   /* never chosen itself                            */
    const uint8_t *except;  /* session id that just failed; NULL: none        */
    covey_taker_fn *taker;
    void *arg;
} covey_workgroup_choice_t;

/*  An event on its way.                                                     */
typedef struct {
    covey_parcel_t *parcel; /* as it left for its member                      */
    size_t size;            /* what the publisher sent of it                  */
    covey_group_t *group;
    uint8_t track;    /* covey_track_t of the parcel                          */
    uint8_t tries;    /* members that had it                                  */
    int64_t until_ms; /* forgotten then: its ttl, a request's timeout         */
    /* why the last one failed                                                */
    uint8_t except[16]; /* its session                                        */
    covey_err_t code;
    char *text;
} covey_group_event_t;

/*  NOAGENT: there is no member, or none that would ever take it. EAGAIN: none
    that takes it now.                                                        */
covey_err_t covey_workgroup_pick (covey_workgroups_t *self,
                                  covey_group_t *group,
                                  const covey_workgroup_choice_t *choice,
                                  const covey_directory_entry_t **member_p,
                                  covey_errbuf_t *err);

/*  All members but the sender, whether they can take an event or not; `taker`
    is not asked. How many.                                                   */
size_t covey_workgroup_each (covey_group_t *group,
                             const covey_workgroup_choice_t *choice,
                             covey_directory_fn *fn, void *arg);

bool covey_workgroup_has_room (const covey_workgroups_t *self, size_t size);
/*  The event goes to `member`: the first time (parcel and group are held), or
    again, with another parcel of the same event.                             */
void covey_workgroup_sent (covey_workgroups_t *self,
                           const covey_group_event_t *event,
                           const covey_directory_entry_t *member);
/*  The member is done with it. A request counts as load until its answer.   */
void covey_workgroup_done (covey_workgroups_t *self, const uint8_t id[16],
                           covey_slice_t agent_id);
void covey_workgroup_answered (covey_workgroups_t *self, const uint8_t id[16]);
/*  It did not reach `target`. True: another one gets it, or its sender is told
    later; false: it is not an event of a group, or its member had it.        */
bool covey_workgroup_failed (covey_workgroups_t *self, const uint8_t id[16],
                             covey_slice_t target, covey_err_t code,
                             const char *text, int64_t now_ms);
/*  Is it still on its way, so that its sender is not to be told?            */
bool covey_workgroup_is_open (const covey_workgroups_t *self,
                              const uint8_t id[16]);
/*  Events of members whose session the directory does not know any more are
    due. `lost` (may be NULL) is told the node of each member that had some.  */
typedef void (covey_workgroup_lost_fn) (void *arg, const uint8_t node_id[16]);
void covey_workgroup_sweep (covey_workgroups_t *self,
                            const covey_directory_t *directory, int64_t now_ms,
                            covey_workgroup_lost_fn *lost, void *arg);
/*  Is it due, so that no one else may have it meanwhile?                    */
bool covey_workgroup_is_due (const covey_workgroups_t *self,
                             const uint8_t id[16]);
/*  The first event that is to be routed now; NULL: none. `given_up`: nobody
    took it in time, its sender is to be told. The caller says next: sent,
    later or forget.                                                          */
const covey_group_event_t *covey_workgroup_due (covey_workgroups_t *self,
                                                int64_t now_ms, bool *given_up);
/*  Nobody takes this and other events of its group before the next tick.    */
void covey_workgroup_later (covey_workgroups_t *self, const uint8_t id[16],
                            int64_t now_ms);
void covey_workgroup_forget (covey_workgroups_t *self, const uint8_t id[16]);
/*  Forget what is past its time; how many were on their way to nobody.      */
size_t covey_workgroup_expire (covey_workgroups_t *self, int64_t now_ms);

/*  Not done: on their way, due, and requests without answer.                */
size_t covey_workgroup_count (const covey_workgroups_t *self);
size_t covey_workgroup_outstanding (const covey_workgroups_t *self,
                                    const char *agent_id);

#endif

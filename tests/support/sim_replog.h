/*  sim_replog - coordinators in virtual time: the replicated log over libraft
    and the state machine as they are, on a network and on disks of a test's
    choice

    Role      places for members, of which some run; clients that ask again
              until they have an answer; sim_replog_ledger judges every event.
              All randomness comes from one seed
    Life      a member lives from its start to its crash; its disk outlives it
              unless it is wiped, and then another member comes up in its place
    Threads   one owner
*/
#ifndef SIM_REPLOG_H_INCLUDED
#define SIM_REPLOG_H_INCLUDED

#include "coordinator/replog.h"
#include "coordinator/state.h"
#include "tests/support/sim_net.h"
#include "tests/support/sim_replog_judge.h"
#include "tests/support/sim_replog_ledger.h"

#define SIM_REPLOG_PLACES 7
#define SIM_REPLOG_CLIENTS 4
#define SIM_REPLOG_NOBODY SIZE_MAX

typedef struct {
    size_t places;
    int64_t election_ms;
    int64_t heartbeat_ms;
    uint32_t snapshot_entries;
    uint32_t trailing_entries;
    size_t message_max;
    size_t queue_max;
    sim_link_t link;
    bool lazy;         /* several events, then a pump                         */
    int64_t drift_ppm; /* how much clocks differ at most                      */
    int64_t jump_us;   /* how far walls are apart at most                     */
} sim_replog_config_t;

/*  How a member ends in one of its next commits or broadcasts.              */
typedef enum {
    SIM_PLAN_NONE,
    SIM_PLAN_BEFORE, /* crash, nothing of the commit is on the disk           */
    SIM_PLAN_AFTER,  /* crash, all of it is, and nothing has left             */
    SIM_PLAN_SENDS,  /* crash after so many messages                          */
    SIM_PLAN_ERROR   /* the disk fails; the process lives                     */
} sim_plan_t;

typedef struct {
    uint64_t ids[COVEY_REPLOG_MEMBERS_MAX];
    bool votes[COVEY_REPLOG_MEMBERS_MAX];
    size_t count;
} sim_view_t;

/*  Planted faults of what is around the log; COVEY_REPLOG_FAULTS are others.
    From SIM_SLIP_SWAP on all members make them alike: then only the judge can
    tell.                                                                     */
typedef enum {
    SIM_SLIP_NONE,
    SIM_SLIP_TWICE, /* a request is executed as often as it comes             */
    SIM_SLIP_CLOCK, /* a command happens at the member's own time             */
    SIM_SLIP_LOAD,  /* a snapshot is not taken over                           */
    SIM_SLIP_SKIP,  /* some commands are left out                             */
    SIM_SLIP_SWAP,  /* compare-and-set does not compare                       */
    SIM_SLIP_TTL,   /* a value outlives its time                              */
    SIM_SLIP_COUNT, /* a counter counts some increments wrong                 */
    SIM_SLIP_SHARE, /* an exclusive claim is taken for a shared one           */
    SIM_SLIP_LEASE, /* a renewed claim is held too long                       */
    SIM_SLIP_FENCE, /* an agent's report is taken whoever has the task        */
    SIM_SLIP_BATCH, /* a task of a batch is lost                              */
    SIM_SLIP_RESUME, /* leases do not begin anew under a new leader           */
    SIM_SLIP_LATE,   /* a ballot counts after the decision                    */
    SIM_SLIP_AGAIN,  /* under a new leader decided votes are open again       */
    SIM_SLIP_THAW,   /* who joins a swarm later may vote                      */
    SIM_SLIP_NEVER,  /* a deadline is noticed too late  */
    SIM_SLIP_LOCAL,  /* a ballot is late by the member's own clock            */
    SIM_SLIP_FORGE,  /* signatures are not looked at                          */
    SIM_SLIP_ABSTAIN, /* who abstains approves                                */
    SIM_SLIP_VOUCH /* a leader vouches for signatures without a look          */
} sim_slip_t;

typedef struct {
    sim_slip_t slip;
    sim_disk_lie_t lie; /* of all disks                                       */
} sim_slips_t;

typedef struct sim_replog sim_replog_t;

typedef struct {
    sim_replog_t *sim;
    size_t place;
    sim_disk_t *disk;
    covey_replog_store_t *store;
    covey_replog_t *log; /* NULL: down                                        */
    covey_state_t *state;
    covey_effects_t effects;
    uint64_t life;
    bool doomed;  /* it has crashed, but the call has not come back yet       */
    bool failing; /* its disk has                                             */
    bool blind; /* its last event ended in a crash: `view` may not be its own */
    bool leads;
    uint64_t led_term; /* the last one in which it was elected                */
    sim_plan_t plan;
    unsigned plan_in;
    int64_t offset_us; /* of its monotonic clock                              */
    int64_t ppm;
    int64_t wall_us; /* its wall is off by this                               */
    int64_t due_us;  /* of the next pump                                      */
    int64_t back_us; /* when it starts again                                  */
    uint64_t command; /* index of the last one it applied                     */
    uint64_t checked; /* its entries so far were looked at                    */
    uint64_t tick;    /* ticket of a tick that is under way                   */
    bool resumes;     /* it leads, and leases have to begin anew              */
    sim_view_t view;
} sim_member_t;

typedef enum {
    SIM_TICKET_SUBMIT,
    SIM_TICKET_READ,
    SIM_TICKET_CHANGE
} sim_use_t;

typedef struct {
    sim_use_t use;
    size_t place;
    uint64_t life;
    bool ended;
    covey_err_t code;
    size_t request; /* SIZE_MAX: nobody's                                     */
    uint64_t hash;  /* of the command                                         */
    uint64_t floor; /* of a read: acknowledged before it was asked            */
} sim_ticket_t;

typedef enum {
    SIM_ASK_SUBMIT,
    SIM_ASK_BATCH,
    SIM_ASK_REPORT,
    SIM_ASK_SCHEDULE,
    SIM_ASK_AGENT,
    SIM_ASK_FORM,
    SIM_ASK_SESSION,
    SIM_ASK_MEMORY,
    SIM_ASK_COUNT,
    SIM_ASK_ACQUIRE,
    SIM_ASK_PROPOSE,
    SIM_ASK_BALLOT,
    SIM_ASK_ORDER /* about something that the client was given                */
} sim_ask_t;

typedef struct {
    size_t client;
    uint64_t number;
    sim_ask_t ask;
    char caller[16];
    char id[24];
    Covey__Control__Command *command; /* without its time                     */
    char object[64]; /* the id that it was given                              */
    int64_t amount;  /* that it adds to the sum of all                        */
    covey_err_t code; /* of the answer                                        */
    int64_t made_us;
    int64_t try_us;
    uint64_t index; /* acknowledged there; 0: not yet                         */
    bool known;     /* and the client heard so                                */
} sim_request_t;

typedef struct {
    uint64_t seeds, crashes, restarts, wipes, pauses, cuts, disk_errors;
    uint64_t leads, snapshots, installs, changes, commands, acknowledged;
    uint64_t repeated, reads, facts, messages, events, stops;
    uint64_t proofs; /* decisions in time though the leader died              */
    sim_judge_sums_t judged;
} sim_replog_sums_t;

struct sim_replog {
    sim_replog_config_t config;
    uint64_t seed;
    covey_prng_t prng;
    sim_net_t *net;
    sim_ledger_book_t book;
    sim_judge_t *judge;
    sim_member_t members[SIM_REPLOG_PLACES];
    covey_state_limits_t limits;
    sim_map_t member_ids; /* id -> where it was made                          */
    sim_map_t graves;     /* id of a wiped one -> the last it had stored      */
    sim_ticket_t *tickets; /* by number - 1                                   */
    size_t ticket_count, ticket_room;
    sim_request_t *requests;
    size_t request_count, request_room;
    size_t first_open; /* all before it are known                             */
    size_t believed[SIM_REPLOG_CLIENTS]; /* who leads                         */
    uint64_t acknowledged;               /* the highest index                 */
    double assassin;                     /* chance that a new leader dies     */
    bool votes;     /* clients do little but vote                        */
    int64_t led_us; /* when somebody was elected last                    */
    double deaf; /* chance that a client does not hear an answer              */
    sim_replog_sums_t sums;
    char trace[64][120]; /* the last that happened                            */
    size_t traced;
    bool talks; /* and everything at once, on stdout          */
    sim_slips_t slips;
    bool (*hold) (void *arg, size_t from, size_t to, const void *data,
                  size_t size); /* true: it is taken and does not arrive      */
    void *hold_arg;
    bool still; /* what is asked waits for the next pump                      */
};

sim_replog_t *sim_replog_new (const sim_replog_config_t *config, uint64_t seed);
void sim_replog_destroy (sim_replog_t **self_p);

/*  `found`: with an empty disk it begins a log.                             */
void sim_replog_start (sim_replog_t *self, size_t place, bool found);
void sim_replog_crash (sim_replog_t *self, size_t place);
void sim_replog_wipe (sim_replog_t *self, size_t place);
void sim_replog_pause (sim_replog_t *self, size_t place, int64_t for_us);
void sim_replog_plan (sim_replog_t *self, size_t place, sim_plan_t plan,
                      unsigned in);
/*  What has to be carried out there is, now or soon.                        */
void sim_replog_pump (sim_replog_t *self, size_t place);
void sim_replog_run (sim_replog_t *self, int64_t for_us);
int64_t sim_replog_now_us (const sim_replog_t *self);
/*  A message for a place, from nowhere.                                     */
void sim_replog_deliver (sim_replog_t *self, size_t from, size_t to,
                         const void *data, size_t size);

bool sim_replog_is_up (const sim_replog_t *self, size_t place);
/*  Of those that lead, the one with the highest term, or SIM_REPLOG_NOBODY. */
size_t sim_replog_leader (const sim_replog_t *self);
uint64_t sim_replog_id (const sim_replog_t *self, size_t place);
/*  Who has this id: SIM_REPLOG_NOBODY when it was wiped.                    */
size_t sim_replog_place (const sim_replog_t *self, uint64_t member_id);
/*  Could this one be wiped, and everybody who knows members still find a
    majority of disks? `among`: what others than these know is of no importance;
    NULL: there are no others.                                                */
bool sim_replog_may_wipe (const sim_replog_t *self, size_t place,
                          const sim_view_t *among);
bool sim_view_has (const sim_view_t *view, uint64_t id);
/*  One leader, all its members up and equal, nothing under way: NULL; else what
    is missing.                                                               */
const char *sim_replog_unrest (sim_replog_t *self);
/*  The members that everybody counts with are those of the last such entry of
    its log.                                                                  */
void sim_replog_check_views (sim_replog_t *self);
/*  The state after all commands, from the first one on, is that of `place`. */
void sim_replog_check_replay (sim_replog_t *self, size_t place);
bool sim_replog_is_broken (const sim_replog_t *self);
void sim_replog_note (sim_replog_t *self, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
void sim_replog_print_trace (const sim_replog_t *self);
covey_err_t sim_replog_read (sim_replog_t *self, size_t place);
sim_ticket_t *sim_replog_ticket (sim_replog_t *self, sim_use_t use,
                                 size_t place, uint64_t *ticket_p);

/* ---- sim_replog_clients.c ---------------------------------------------------
 */

void sim_replog_ask (sim_replog_t *self, size_t client);
/*  Try what is due; `place` NOBODY: where the client thinks that a leader is.
 */
void sim_replog_try (sim_replog_t *self, size_t request, size_t place);
void sim_replog_try_all (sim_replog_t *self);
/*  The first counter is the sum of what was acknowledged.                   */
void sim_replog_check_sum (sim_replog_t *self);
/*  Every ballot that was acknowledged was counted.                          */
void sim_replog_check_ballots (sim_replog_t *self);
void sim_replog_answered (sim_replog_t *self, sim_member_t *member,
                          const sim_ticket_t *ticket, uint64_t index);
size_t sim_replog_open_requests (const sim_replog_t *self, size_t client);
/*  Time is over for something: the leader says so to its log.               */
void sim_replog_tick (sim_replog_t *self, sim_member_t *member);
int64_t sim_replog_wall_us (const sim_member_t *member);

/* ---- sim_replog_play.c ------------------------------------------------------
 */

typedef enum {
    SIM_LOAD_ALL,  /* clients ask for everything                              */
    SIM_LOAD_VOTES /* they vote, and the leader dies before a deadline        */
} sim_load_t;

/*  A whole random run; `slips` and `sums` may be NULL. False: something broke,
    and it was printed when there are sums.                                   */
bool sim_replog_play (uint64_t seed, sim_load_t load, const sim_slips_t *slips,
                      sim_replog_sums_t *sums, char *why, size_t why_size);
/*  Found a log at place 0 and let it grow to so many voters, without faults. */
void sim_replog_form (sim_replog_t *self, size_t voters);
/*  No faults any more: everybody is up, they come to rest and agree. `voters`
    0: the members stay as they are.                                          */
void sim_replog_finish (sim_replog_t *self, size_t voters);

#endif

/*  sim_replog_judge - what the state machine promised, from outside: memory,
    claims, roles, tasks, schedules and sessions as those who use them see them

    Role      judge; it knows the commands in their order, what was answered and
              what was told, and keeps its own simple books of what there must
              be. It never looks into a state. All members may agree and be
              wrong: the ledger does not notice that, this one does
    Memory    an exact model: every verdict, revision, sum and end is foreseen;
              reads show what was there at their index
    Claims    two holders of one thing at one time, both not sharing; a lease
              that outlives its end; who waits though nobody is before it
    Votes     who may vote as the swarm was when it was asked; every ballot's
              verdict is foreseen, and after each it is tried out whether the
              silent could still change the outcome: then it must be open, else
              decided just now, at the deadline at last, and as the rule says
    Tasks     one accepted result, of the last holder, under the last token; no
              token twice; nothing to who is paused, waits, or has ended
    Time      the log's
*/
#ifndef SIM_REPLOG_JUDGE_H_INCLUDED
#define SIM_REPLOG_JUDGE_H_INCLUDED

#include "coordinator/effects.h"
#include "coordinator/limits.h"
#include "proto/control.pb-c.h"
#include "tests/support/sim_replog_ledger.h"

/*  The keys that clients use: registers, then counters. The first counter has
    no bounds: it is the sum of what was acknowledged.                        */
#define SIM_REGISTERS 3
#define SIM_KEYS 5
#define SIM_JOBS 16
#define SIM_ID 64
#define SIM_VOTERS 8 /* v0 to v5, and the agents a0 and a1 */

typedef struct sim_judge sim_judge_t;

/*  Something that an agent was told to do: an assignment, or an invitation
    (then there is no token).                                                 */
typedef struct {
    char id[SIM_ID];
    char agent[16];
    uint64_t token;
} sim_job_t;

sim_judge_t *sim_judge_new (sim_ledger_book_t *book,
                            const covey_state_limits_t *limits);
void sim_judge_destroy (sim_judge_t **self_p);

/*  Somebody applied the command at an index as the first of all. `is_new`: its
    request was not executed before. `now_us`: the log's time after it.       */
void sim_judge_apply (sim_judge_t *self, uint64_t index,
                      const Covey__Control__Command *command,
                      const covey_effects_t *effects, int64_t now_us,
                      bool is_new);
/*  Somebody whose state is that of `index` and `now_us` shows this of a key.
 */
void sim_judge_read (sim_judge_t *self, size_t key, uint64_t index,
                     int64_t now_us, covey_err_t code, const char *json);

/*  What a client could know.                                                */
const char *sim_key_name (size_t key);
uint64_t sim_judge_revision (const sim_judge_t *self, size_t key);
int64_t sim_judge_value (const sim_judge_t *self, size_t key);
/*  0: it is not held.                                                       */
uint64_t sim_judge_claim_token (const sim_judge_t *self, const char *claim_id);
/*  The last so many that were told; NULL: fewer were.                        */
const sim_job_t *sim_judge_job (const sim_judge_t *self, size_t back);

/*  Swarms and votes, the last first; NULL: there were fewer.                 */
typedef struct sim_swarm sim_swarm_t;
typedef struct sim_vote sim_vote_t;
const char *sim_voter_name (int voter);
const sim_swarm_t *sim_judge_swarm (const sim_judge_t *self, size_t back);
const sim_vote_t *sim_judge_vote (const sim_judge_t *self, size_t back);
/*  Was the ballot of this request counted?                                  */
bool sim_judge_has_ballot (const sim_judge_t *self, const char *caller,
                           const char *request_id);

/* ---- between its files ------------------------------------------------------
 */

typedef struct {
    uint64_t index;
    uint64_t revision;
    int64_t value;
    int64_t expires_us; /* 0: never                                           */
    bool is_there;
    bool is_over; /* its end was told                                         */
} sim_version_t;

typedef struct {
    sim_version_t *versions;
    size_t count, room;
} sim_key_t;

typedef struct {
    char id[SIM_ID];
    char holder[16];
    unsigned atoms; /* what it is on, in indivisible parts                    */
    bool shared, held;
    uint64_t token;
    int64_t ttl_us, due_us, wait_end_us;
} sim_claim_t;

typedef struct {
    char node[16];
    int64_t ttl_us, ends_us;
} sim_seat_t;
#define SIM_SEATS 4

typedef struct {
    char id[SIM_ID];
    char agent[16];
    char after[2][SIM_ID]; /* that must be completed before                   */
    uint64_t token;
    uint64_t assigned; /* index of the last time                              */
    int64_t lease_us, ends_us; /* of who holds it                             */
    bool held, paused, ended, completed;
    bool asked;  /* who has it, to pause or to stop                           */
    bool parked; /* ended, but a person may cancel it or try it again         */
} sim_task_t;

typedef struct {
    char id[SIM_ID];
    uint64_t times, runs;
    bool paused, gone;
} sim_schedule_t;

/*  What everybody was told of a swarm. Weights are micro-units; 0: no member.
 */
struct sim_swarm {
    char id[SIM_ID];
    uint64_t weights[SIM_VOTERS];
    int leader; /* -1: none                                                   */
    bool gone;
};

/*  What is to be voted on, by which rule and whom, and how they stand.      */
struct sim_vote {
    char id[SIM_ID], swarm[SIM_ID], proposer[16];
    char hash[72];
    uint64_t version;
    uint64_t weights[SIM_VOTERS];
    bool vetoes[SIM_VOTERS];
    int leader;
    uint64_t num, den, quorum;
    bool more, weighted, final, leader_ties, aside;
    int64_t deadline_us;
    Covey__V1__Vote stands[SIM_VOTERS];
    uint32_t serials[SIM_VOTERS]; /* ballots of each so far; 0: silent        */
    size_t numbers[SIM_VOTERS];   /* of the one that it stands by             */
    size_t cast;
    bool fresh; /* since it was last asked whether it is certain              */
    uint64_t decided; /* index                                                */
    uint64_t resumes; /* leaders that there had been when it was asked        */
};

/*  What became of votes: `spanning` ones were asked under one leader and
   decided under another. */
typedef struct {
    uint64_t asked, ballots, refused, certain, due, withdrawn, spanning;
} sim_vote_sums_t;

/*  What happened at all: or the judge has seen nothing.                     */
typedef struct {
    uint64_t revisions, ends, conflicts, looks, claims, turns, roles;
    uint64_t assigned, completed, batches, scheduled, sessions;
    sim_vote_sums_t votes;
} sim_judge_sums_t;

struct sim_judge {
    sim_ledger_book_t *book;
    covey_state_limits_t limits;
    /* the command at hand */
    uint64_t index;
    const Covey__Control__Command *command;
    const covey_effects_t *effects;
    int64_t now_us;
    bool is_new;

    sim_key_t keys[SIM_KEYS];
    uint64_t revision;
    sim_claim_t *claims; /* by asking                                         */
    size_t claim_count, claim_room;
    sim_seat_t seats[SIM_SEATS];
    char role_holder[16];
    uint64_t role_epoch;
    uint64_t token; /* the last one of tasks and claims                       */
    sim_task_t *tasks;
    size_t task_count, task_room, live_count;
    sim_schedule_t *schedules;
    size_t schedule_count, schedule_room;
    sim_map_t sessions; /* that are over                                      */
    sim_swarm_t *swarms;
    size_t swarm_count, swarm_room;
    sim_vote_t *votes;
    size_t vote_count, vote_room;
    sim_map_t counted; /* (caller, request) of ballots that were taken        */
    int keys_of[SIM_VOTERS]; /* whose key each signs with, from 1; 0: unknown */
    uint64_t resumes; /* leaders so far                                       */
    bool told; /* of the ballot at hand                                       */
    sim_job_t jobs[SIM_JOBS];
    size_t job_count;
    sim_judge_sums_t sums;
};

/*  Of the command at hand: the first broken promise stays.                   */
void sim_judge_break (sim_judge_t *self, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
/*  The request of this command was carried out by it, just now.             */
bool sim_judge_is_done (const sim_judge_t *self,
                        Covey__Control__Command__OpCase op);
void sim_judge_token (sim_judge_t *self, uint64_t token);

void sim_judge_memory (sim_judge_t *self);
void sim_judge_claims (sim_judge_t *self);
void sim_judge_roles (sim_judge_t *self);
void sim_judge_tasks (sim_judge_t *self);
void sim_judge_votes (sim_judge_t *self);
void sim_judge_deinit_memory (sim_judge_t *self);

#endif

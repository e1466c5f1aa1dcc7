/*  team - the agents that reach one objective together: who is asked, who takes
    part, who does which step, and what comes out

    Role      pure core of a coordination session. What agents answer and what
              becomes of steps comes in; whom to ask, which step may begin, and
              the outcome are asked for. Steps are carried out elsewhere, as
              tasks of one agent
    Seats     there are as many as agents accepted, at most max_agents; who
              accepted beyond that is in reserve. A seat whose agent fails goes
              to the first in reserve. When there is none, on_failure decides:
              the session fails, or goes on with those that are left as long as
              they are min_agents
    Strategies
        sequential    one after another, in the order of acceptance; each gets
                      the result before it, the last one's is the outcome
        parallel      all at once; the outcome lists all results
        hierarchical  the leader splits, the others work on the parts, the
                      leader merges
        consensus     all at once; when the results differ, each votes for one
        any, split    only of a swarm, see below
    Swarm     a team can be the members of a swarm: nobody is asked, all have
              seats from the beginning, and there is no reserve. Parallel is
              then "all", consensus "vote"; split: the input is cut into parts,
              each seat works on one at a time; any: one step without a seat,
              the scheduler finds a member. Who fails a step keeps its seat, and
              the step has failed; who is lost is out, and its part goes to
              another one. In a vote every member counts, with its weight
    Once      it ends once, and never changes after that
    Memory    covey_team_new gives it to the caller, who fills in what was asked
    Limits    below; all results together fit into one payload
    Spec      docs/coordination.md
*/
#ifndef COVEY_TEAM_H_INCLUDED
#define COVEY_TEAM_H_INCLUDED

#include "base/buf.h"
#include "coordinator/task.h"
#include "swarm/tally.h"

#define COVEY_TEAM_AGENTS_MAX 64
#define COVEY_TEAM_RESERVE 2 /* asked beyond max_agents                  */
#define COVEY_TEAM_INVITED_MAX 256
#define COVEY_TEAM_PARTS_MAX 256
/*  What they count for beside their texts: the same on every machine, because
    replicas decide by it.                                                    */
#define COVEY_TEAM_OVERHEAD 512
#define COVEY_TEAM_INVITED_OVERHEAD 64
#define COVEY_TEAM_STEP_OVERHEAD 256

typedef enum {
    COVEY_TEAM_SEQUENTIAL = 0,
    COVEY_TEAM_PARALLEL = 1,
    COVEY_TEAM_HIERARCHICAL = 2,
    COVEY_TEAM_CONSENSUS = 3,
    COVEY_TEAM_ANY = 4,
    COVEY_TEAM_SPLIT = 5
} covey_team_strategy_t;

typedef enum {
    COVEY_TEAM_FORMING = 0,
    COVEY_TEAM_ACTIVE = 1,
    COVEY_TEAM_PAUSED = 2,
    COVEY_TEAM_COMPLETING = 3, /* the last stage: a merge, a vote             */
    COVEY_TEAM_COMPLETED = 4
} covey_team_status_t;

/*  How it ended, when it did not succeed.                                   */
#define COVEY_TEAM_TOO_FEW "TOO_FEW_AGENTS"
#define COVEY_TEAM_FAILED "PARTICIPANT_FAILED"
#define COVEY_TEAM_NO_RESULT "NO_RESULT"
#define COVEY_TEAM_NO_CONSENSUS "NO_CONSENSUS"
#define COVEY_TEAM_TOO_LARGE "TOO_LARGE"
#define COVEY_TEAM_TIMEOUT "TIMEOUT"
#define COVEY_TEAM_CANCELLED "CANCELLED"

typedef enum {
    COVEY_INVITED_ASKED,
    COVEY_INVITED_ACCEPTED, /* no seat yet: before the start, or in reserve   */
    COVEY_INVITED_SEATED,
    COVEY_INVITED_REJECTED,
    COVEY_INVITED_GONE,  /* when it had no seat, or nothing left to do in it  */
    COVEY_INVITED_FAILED /* in its seat                                       */
} covey_invited_state_t;
#define COVEY_INVITED_STATES 6

typedef struct {
    char *agent_id;
    covey_invited_state_t state;
    uint32_t order; /* of acceptance                                          */
    char *reason;   /* of who rejected or failed, or NULL                     */
    uint64_t weight; /* of its vote: micro-units                              */
} covey_invited_t;

typedef enum {
    COVEY_STEP_WORK,
    COVEY_STEP_SPLIT,
    COVEY_STEP_PART,
    COVEY_STEP_MERGE,
    COVEY_STEP_VOTE
} covey_step_kind_t;

typedef enum {
    COVEY_STEP_WAITING,
    COVEY_STEP_RUNNING,
    COVEY_STEP_DONE,
    COVEY_STEP_FAILED /* and nobody will do it any more                       */
} covey_step_state_t;

typedef struct {
    covey_step_kind_t kind;
    covey_step_state_t state;
    int seat;        /* -1: nobody's yet                                      */
    uint32_t number; /* place in the sequence, or of the part; from 1         */
    char *agent_id;  /* who has or had it last, or NULL                       */
    char task_id[37];
    covey_blob_t part;
    covey_blob_t result;
    char *error;
} covey_step_t;

typedef struct {
    /* as it was asked for */
    char *id;
    char *objective;
    char *requester;
    char *swarm;      /* whose members it is, or NULL                         */
    char *agent_type; /* or NULL                                              */
    char *leader;     /* named, or NULL: the first that accepts               */
    char *task_type;  /* of the steps                                         */
    covey_texts_t required; /* capabilities, sorted                           */
    covey_blob_t input;
    covey_team_strategy_t strategy;
    uint32_t min_agents;
    uint32_t max_agents;
    bool fail_fast; /* on_failure                                             */
    covey_rule_t rule;
    uint32_t priority;
    uint32_t attempts; /* of a step, by one agent                             */
    int64_t gather_ms, step_ms, total_ms, lease_ms;

    /* as it stands */
    covey_team_status_t stage; /* all but PAUSED, see covey_team_status       */
    bool paused;
    bool changed; /* since the caller last reset it                           */
    covey_invited_t *invited; /* in the order of asking                       */
    size_t invited_count, invited_capacity;
    uint32_t accepted; /* so far                                              */
    int *seats;        /* index into invited; -1: empty for good              */
    size_t seat_count;
    int leader_seat;
    covey_step_t *steps;
    size_t step_count, step_capacity;
    size_t result_bytes;
    uint32_t replaced; /* seats that went to the reserve                      */
    int64_t opened_us, started_us, ended_us;

    bool success;
    const char *code; /* one of the above, or NULL                            */
    char *reason;     /* in words, or NULL                                    */
    covey_blob_t result;
} covey_team_t;

covey_team_t *covey_team_new (const char *id);
void covey_team_destroy (covey_team_t **self_p);

/* ---- gathering --------------------------------------------------------------
 */

/*  How many more should be asked now.                                       */
size_t covey_team_wanted (const covey_team_t *self);
/*  May this agent be asked: not yet asked, or gone since?                   */
bool covey_team_may_invite (const covey_team_t *self, const char *agent_id);
void covey_team_invite (covey_team_t *self, const char *agent_id);
/*  DENIED: it was not asked. STATE: too late, or it failed here already. Once
    more the same is no error.                                                */
covey_err_t covey_team_accept (covey_team_t *self, const char *agent_id,
                               covey_errbuf_t *err);
/*  Also of who accepted before: it leaves.                                  */
covey_err_t covey_team_reject (covey_team_t *self, const char *agent_id,
                               const char *reason, covey_errbuf_t *err);
/*  A member of the swarm; before it begins.                                 */
void covey_team_enlist (covey_team_t *self, const char *agent_id,
                        uint64_t weight);
/*  An agent vanished; nothing happens when it is not in the team.           */
void covey_team_lose (covey_team_t *self, const char *agent_id,
                      const char *reason);
/*  Can it begin? `is_last`: there is nobody else to ask; `is_due`: the time for
    gathering is over.                                                        */
bool covey_team_is_gathered (const covey_team_t *self, bool is_last,
                             bool is_due);
void covey_team_begin (covey_team_t *self, int64_t now_us);
/*  The time for gathering is over and there are too few.                    */
void covey_team_give_up (covey_team_t *self);

/* ---- steps ------------------------------------------------------------------
 */

/*  A step that may begin now, or -1; its seat and agent are chosen.         */
int covey_team_next (covey_team_t *self);
void covey_team_run (covey_team_t *self, size_t step, const char *task_id);
void covey_team_done (covey_team_t *self, size_t step,
                      const covey_blob_t *result);
/*  Its agent could not do it: it loses its seat.                            */
void covey_team_failed (covey_team_t *self, size_t step, const char *error);
/*  Of a swarm: it was tried, and failed, by an agent that is there. It is not
    tried again.                                                              */
void covey_team_botched (covey_team_t *self, size_t step, const char *error);
/*  What the agent gets to work on, as JSON; LIMIT: no payload holds it.     */
covey_err_t covey_team_input (const covey_team_t *self, size_t step,
                              covey_buf_t *to);

/* ---- the whole --------------------------------------------------------------
 */

void covey_team_pause (covey_team_t *self, bool paused);
/*  End it without success.                                                  */
void covey_team_end (covey_team_t *self, const char *code, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));
/*  The one of the codes above that reads like this, or NULL.                */
const char *covey_team_code (const char *text);
covey_team_status_t covey_team_status (const covey_team_t *self);
/*  0 to 100.                                                                */
uint32_t covey_team_progress (const covey_team_t *self);
size_t covey_team_count (const covey_team_t *self, covey_invited_state_t state);
size_t covey_team_count_steps (const covey_team_t *self,
                               covey_step_state_t state);
/*  Agent in a seat, or NULL: it is empty.                                   */
const char *covey_team_seat (const covey_team_t *self, size_t seat);
/*  Keep a payload: a JSON string as the text that it is, so that who works on
    it need not look which of the two it got.                                 */
void covey_team_keep (covey_blob_t *to, int content, const void *data,
                      size_t size);
size_t covey_team_measure (const covey_team_t *self);

const char *covey_team_strategy_name (covey_team_strategy_t strategy);
/*  all, any, split, vote; NULL: it is no swarm's.                           */
const char *covey_team_mode_name (const covey_team_t *self);
const char *covey_team_status_name (covey_team_status_t status);
const char *covey_invited_state_name (covey_invited_state_t state);
const char *covey_step_kind_name (covey_step_kind_t kind);
const char *covey_step_state_name (covey_step_state_t state);

#endif

/*  task - one piece of work: its life cycle, its attempts, its retry schedule

    Role      pure core. The table in task.c says what may happen in which
              state; the store, the scheduler and the state machine keep the
              links that are embedded here
    Attempts  each assignment is an attempt, but for those that the agent
              rejects. A failed or lost attempt is followed by another one
              until the policy says stop; then the task is parked
    Fencing   every assignment gets a larger token; who reports with another is
              refused
*/
#ifndef COVEY_TASK_H_INCLUDED
#define COVEY_TASK_H_INCLUDED

#include "base/err.h"
#include "coordinator/texts.h"
#include "coordinator/timers.h"
#include "coordinator/tree.h"

#define COVEY_TASK_LEASE_MS 30000
#define COVEY_TASK_LEASE_MIN_MS 100
#define COVEY_TASK_LEASE_MAX_MS 86400000 /* a day */
#define COVEY_TASK_ATTEMPTS 3
#define COVEY_TASK_FIRST_DELAY_MS 1000
#define COVEY_TASK_MAX_DELAY_MS 60000
#define COVEY_TASK_DELAY_MAX_MS 86400000
#define COVEY_TASK_REJECTIONS_MAX 64
#define COVEY_TASK_BATCH_MAX 1000
#define COVEY_TASK_LIMIT_MAX_MS INT64_C (31536000000) /* a year */
/*  What a task and a dependency count for beside their texts: numbers that do
    not change with the machine, because replicas decide by them.             */
#define COVEY_TASK_OVERHEAD 1024
#define COVEY_TASK_EDGE_OVERHEAD 64

/*  Error codes that the coordinator itself gives.                           */
#define COVEY_TASK_AGENT_LOST "AGENT_LOST"
#define COVEY_TASK_LEASE_ENDED "LEASE_ENDED"
#define COVEY_TASK_DEADLINE "DEADLINE_EXCEEDED"
#define COVEY_TASK_DEPENDENCY "DEPENDENCY_FAILED"
#define COVEY_TASK_REJECTED "REJECTED"
#define COVEY_TASK_QUEUE_TIMEOUT "QUEUE_TIMEOUT"
#define COVEY_TASK_RUN_TIMEOUT "RUN_TIMEOUT"
#define COVEY_TASK_TOTAL_TIMEOUT "TOTAL_TIMEOUT"

typedef enum {
    COVEY_TASK_STATE_QUEUED = 0, /* waits for tasks, for time, or for an agent*/
    COVEY_TASK_STATE_ASSIGNED = 1,
    COVEY_TASK_STATE_ACCEPTED = 2,
    COVEY_TASK_STATE_STARTED = 3,
    COVEY_TASK_STATE_PAUSED = 4, /* held back until somebody resumes it       */
    COVEY_TASK_STATE_COMPLETED = 5,
    COVEY_TASK_STATE_FAILED = 6,
    COVEY_TASK_STATE_CANCELLED = 7,
    COVEY_TASK_STATE_PARKED = 8
} covey_task_state_t;
#define COVEY_TASK_STATES 9

/*  What a task does when one that it depends on fails, is cancelled or parked;
    `wait`: a failed or parked one may be tried again, a cancelled one not.   */
typedef enum {
    COVEY_TASK_DEPENDENCY_FAIL,
    COVEY_TASK_DEPENDENCY_IGNORE,
    COVEY_TASK_DEPENDENCY_WAIT
} covey_task_dependency_policy_t;

/*  What becomes of a task when its parent is completed, failed or cancelled;
    `request`: who works on it is asked to stop and may take its time.        */
typedef enum {
    COVEY_TASK_PARENT_CANCEL,
    COVEY_TASK_PARENT_REQUEST,
    COVEY_TASK_PARENT_ABANDON
} covey_task_parent_policy_t;

/*  Names of policies; -1 for a name that is none, the default for NULL.     */
int covey_task_dependency_policy (const char *name);
const char *covey_task_dependency_policy_name (int policy);
int covey_task_parent_policy (const char *name);
const char *covey_task_parent_policy_name (int policy);

typedef enum {
    COVEY_TASK_ON_ASSIGN,
    COVEY_TASK_ON_ACCEPT,
    COVEY_TASK_ON_REJECT,
    COVEY_TASK_ON_START,
    COVEY_TASK_ON_PROGRESS,
    COVEY_TASK_ON_COMPLETE,
    COVEY_TASK_ON_FAIL, /* reported by the agent                              */
    COVEY_TASK_ON_LOSE, /* agent lost or lease ended                          */
    COVEY_TASK_ON_EXPIRE,
    COVEY_TASK_ON_CANCEL,
    COVEY_TASK_ON_RETRY,
    COVEY_TASK_ON_YIELD, /* the agent gives it back, unfinished               */
    COVEY_TASK_ON_PAUSE,
    COVEY_TASK_ON_RESUME
} covey_task_verb_t;
#define COVEY_TASK_VERBS 14

typedef enum {
    COVEY_TASK_REFUSE, /* not possible in this state                          */
    COVEY_TASK_KEEP,   /* the state stays                                     */
    COVEY_TASK_GO,     /* to `next`                                           */
    COVEY_TASK_POLICY  /* the retry policy decides: queued, failed or parked  */
} covey_task_move_t;

/*  The table. `*next_p` is set for GO.                                      */
covey_task_move_t covey_task_move (covey_task_state_t state,
                                   covey_task_verb_t verb,
                                   covey_task_state_t *next_p);
bool covey_task_state_is_ended (covey_task_state_t state);
const char *covey_task_state_name (covey_task_state_t state);
/*  -1 for a name that is no state.                                          */
int covey_task_state_number (const char *name);

typedef struct {
    bool set;
    int content; /* covey_content_t                                           */
    void *data;
    size_t size;
} covey_blob_t;

void covey_blob_set (covey_blob_t *self, int content, const void *data,
                     size_t size);
void covey_blob_deinit (covey_blob_t *self);

typedef struct {
    uint32_t attempts; /* 0: no limit                                         */
    int64_t first_delay_ms;
    uint32_t multiplier; /* thousandths                                       */
    int64_t max_delay_ms;
    covey_texts_t fatal_codes;
} covey_retry_t;

typedef struct covey_task covey_task_t;

/*  "This task waits for that one."                                          */
typedef struct {
    covey_link_t link; /* among the edges to `on`, by the waiting task's seq  */
    covey_task_t *waiter;
    covey_task_t *on; /* NULL when it waits no more                           */
    char *id;
    bool done; /* completed                                                   */
} covey_dependency_t;

struct covey_task {
    covey_link_t by_id;
    covey_link_t by_seq;
    covey_link_t by_key;   /* when it has an idempotency key                  */
    covey_link_t in_lane;  /* ready for an agent                              */
    covey_link_t in_fresh; /* became ready in the command at hand             */
    covey_link_t in_held;  /* of its agent                                    */
    covey_link_t in_ended;
    covey_timer_t wake;  /* held: lease; queued: delay, or wait for an agent*/
    covey_timer_t limit; /* held: the end of the attempt, or of a grace    */
    covey_timer_t deadline; /* ended: when it is forgotten                    */
    covey_link_t in_parent;
    covey_link_t in_schedule;
    struct covey_schedule *schedule; /* while it lives; and its id            */
    char *schedule_id;
    covey_task_t *parent;     /* while both live                              */
    covey_tree_t children;    /* that live, by age                            */
    uint32_t batch;           /* tasks that came with it, it is their first   */
    covey_task_t *next_ended; /* in a cascade of ends                         */

    /* as submitted */
    char *id;
    char *type;
    char *description; /* or NULL                                             */
    char *key;         /* or NULL                                             */
    char *submitter;
    char *correlation_id;
    char *agent_type; /* wanted, or NULL                                      */
    char *assignee;   /* the one agent that may get it, or NULL: any          */
    char *coordination; /* the session that it is a step of, or NULL          */
    char *step;         /* which kind of step                                 */
    char *swarm; /* whose members alone may get it, or NULL                   */
    char *host;  /* preferred node: name or id, or NULL                  */
    char *share; /* whose share it counts against; NULL: nobody's        */
    uint32_t weight; /* of that share                                        */
    covey_task_dependency_policy_t dependency_policy;
    char *parent_id; /* or NULL                                               */
    covey_task_parent_policy_t parent_policy;
    covey_texts_t required; /* capabilities, sorted                           */
    uint32_t priority;
    covey_retry_t retry;
    covey_blob_t input;
    int64_t lease_ms;
    int64_t queue_ms; /* limits; 0: none                                      */
    int64_t run_ms;
    int64_t total_ms;
    int64_t keep_ms;     /* after its end; -1: as long as the others          */
    int64_t deadline_us; /* 0: none                                           */
    covey_dependency_t *dependencies;
    size_t dependency_count;
    size_t waits_for;        /* dependencies that are not completed           */
    covey_tree_t dependants; /* edges to this task                            */

    /* as it stands */
    uint64_t seq; /* order of submission                                      */
    covey_task_state_t state;
    struct covey_worker *worker; /* who holds it                              */
    struct covey_lane *lane;     /* while it is ready                         */
    struct covey_flow *flow;     /* in it                                     */
    char *agent;                 /* last holder, or NULL                      */
    uint64_t token;              /* of the last assignment                    */
    uint32_t attempt;            /* assignments that were not rejected        */
    uint32_t attempts_before;    /* those before the last retry command       */
    uint64_t *rejections; /* agents' generations, or NULL                     */
    uint32_t rejection_count;
    int64_t not_before_us; /* not ready before; 0: nothing stops it           */
    int64_t ready_us; /* when it could first be assigned; 0: not yet          */
    bool pause_requested; /* while it is held                                 */
    bool cancel_requested;
    char *wish; /* why: reason of a requested cancel                          */
    double progress;
    char *status;
    covey_blob_t details; /* of the last report that had some                 */
    char *error;
    char *error_code;
    covey_blob_t result;
    int64_t submitted_us, assigned_us, started_us, ended_us;
    int64_t forget_us; /* ended: when it is kept no longer                    */
    uint64_t ended_seq;
    size_t bytes; /* of texts and payloads                                    */
};

covey_task_t *covey_task_new (const char *id, uint64_t seq);
/*  It must be in no index and hold no timer.                                */
void covey_task_destroy (covey_task_t **self_p);

/*  There is room for COVEY_TASK_REJECTIONS_MAX.                             */
void covey_task_note_rejection (covey_task_t *self, uint64_t generation);
bool covey_task_was_rejected_by (const covey_task_t *self, uint64_t generation);
/*  Is there another attempt after this one failed with `code` (or NULL)?    */
bool covey_task_may_retry (const covey_task_t *self, const char *code);
bool covey_task_is_fatal (const covey_task_t *self, const char *code);
/*  Does it fail for good with this code (or NULL)? A step does with its last
    attempt: it is not parked for a person, its session decides.              */
bool covey_task_is_final (const covey_task_t *self, const char *code);
/*  How long to wait before the next attempt: first_delay x multiplier per
    failed attempt, at most max_delay, minus up to a fifth by a hash of id and
    attempt, so that tasks that failed together do not come back together.    */
int64_t covey_task_delay_ms (const covey_task_t *self);
/*  Replace a text that is ours.                                             */
void covey_task_set (char **text_p, const char *text);
size_t covey_task_measure (const covey_task_t *self);

#endif

/*  sim_tasks - between tests/sim/test_tasks_sim.c, which plays agents and
   judges, and sim_tasks.c: a network of messages in virtual time, and what
   people ask of tasks and when */
#ifndef SIM_TASKS_H_INCLUDED
#define SIM_TASKS_H_INCLUDED

#include "base/prng.h"
#include "tests/support/support_control.h"

#define SIM_TASKS_AGENTS 5
#define SIM_TASKS 30
#define SIM_TASKS_SCHEDULES 2
#define SIM_TASKS_TIMES 4 /* of a schedule */
#define SIM_TASKS_EVERY_MS 3000
#define SIM_TASKS_ALL (SIM_TASKS + SIM_TASKS_SCHEDULES * SIM_TASKS_TIMES)
#define SIM_TASKS_QUEUE 14 /* tasks that it takes */
#define SIM_TASKS_CLIENTS 3
#define SIM_TASKS_VERDICTS 8192
#define SIM_TASKS_FAULTS_END_US 40000000
#define SIM_TASKS_LATE_US 60000000
#define SIM_TASKS_GIVE_UP_US 200000000 /* people cancel what waits in vain */
#define SIM_TASKS_CALM_END_US 400000000

typedef enum {
    MSG_REQUEST,
    MSG_ASSIGNED,
    MSG_SUBMIT,
    MSG_SCHEDULE,
    MSG_FLIP
} sim_tasks_kind_t;

typedef struct {
    int64_t at_us;
    uint64_t order;
    sim_tasks_kind_t kind;
    int agent;
    int task;
    uint64_t token;
    int life; /* of the agent when it was sent                                */
    char client[12];
    char request_id[24];
    char method[24];
    char json[700];
} sim_tasks_msg_t;

typedef struct {
    bool up;
    bool paused; /* the registry took it for dead, but it goes on later       */
    int life;
} sim_tasks_agent_t;

typedef struct {
    char id[48];
    bool submitted;
    bool refused; /* its dependency was not there yet                         */
    bool never;   /* it will not be taken any more                            */
    bool ended;
    bool once_ended;
    bool retried;
    bool completed;
    bool parked; /* may still be cancelled by a person                        */
    bool failed; /* or tried again, like a parked one                         */
    bool paused;
    bool asked; /* who works on it, to pause or to stop                       */
    uint64_t token; /* of the last assignment                                 */
    int agent;
    int64_t deadline_us; /* 0: none                                           */
    int64_t run_us, assigned_us;
    int on;            /* what it waits for; -1: nothing                    */
    int on_policy;     /* covey_task_dependency_policy_t                    */
    int parent;        /* -1: none                                          */
    int parent_policy; /* covey_task_parent_policy_t                        */
} sim_tasks_one_t;

typedef struct {
    uint64_t request; /* hash of client and request id                        */
    covey_err_t code;
} sim_tasks_verdict_t;

typedef struct {
    support_control_t c;
    covey_prng_t prng;
    int64_t start_us;
    sim_tasks_msg_t *queue;
    size_t count, capacity;
    uint64_t order;
    uint64_t requests;
    uint64_t last_token;
    sim_tasks_agent_t agents[SIM_TASKS_AGENTS];
    sim_tasks_one_t tasks[SIM_TASKS_ALL];
    int task_count; /* with those of schedules, as they come                  */
    int live;
    sim_tasks_verdict_t verdicts[SIM_TASKS_VERDICTS];
    size_t crashes, completed, fenced, lost, pauses, retries, refusals;
    uint64_t seed;
} sim_tasks_t;
#define SIM_TASKS_TOTALS 7

static inline uint64_t
sim_tasks_below (sim_tasks_t *sim, uint64_t bound)
{
    return covey_prng_below (&sim->prng, bound);
}

static inline bool
sim_tasks_chance (sim_tasks_t *sim, unsigned percent)
{
    return sim_tasks_below (sim, 100) < percent;
}

static inline int64_t
sim_tasks_time (const sim_tasks_t *sim)
{
    return sim->c.now_us - sim->start_us;
}

static inline bool
sim_tasks_is_calm (const sim_tasks_t *sim)
{
    return sim_tasks_time (sim) >= SIM_TASKS_FAULTS_END_US;
}

/*  To arrive after so long; and the next one that does.                     */
void sim_tasks_push (sim_tasks_t *sim, const sim_tasks_msg_t *msg,
                     int64_t delay_us);
bool sim_tasks_pop (sim_tasks_t *sim, sim_tasks_msg_t *msg);
/*  Mostly quick; sometimes very late, twice, or never.                      */
void sim_tasks_send (sim_tasks_t *sim, const sim_tasks_msg_t *msg,
                     int64_t after_us);
/*  All tasks and schedules, with all that people will do with them.         */
void sim_tasks_plan (sim_tasks_t *sim);

#endif

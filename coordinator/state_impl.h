/*  state_impl - inside the state machine; for state*.c, fact.c and view.c only
 */
#ifndef COVEY_STATE_IMPL_H_INCLUDED
#define COVEY_STATE_IMPL_H_INCLUDED

#include "base/hlc.h"
#include "base/id.h"
#include "coordinator/claims.h"
#include "coordinator/clients.h"
#include "coordinator/registry.h"
#include "coordinator/roles.h"
#include "coordinator/schedule.h"
#include "coordinator/scheduler.h"
#include "coordinator/state.h"
#include "coordinator/team.h"
#include "swarm/proposal.h"
#include "swarm/swarm.h"

typedef struct {
    covey_link_t by_id;
    covey_link_t in_ended; /* once disbanded                                  */
    covey_timer_t timer;   /* the lease of a lost member ends                 */
    uint64_t seq;          /* order of forming, then of ending                */
    covey_swarm_t *swarm;
} covey_swarm_entry_t;

typedef struct {
    covey_link_t by_id;
    covey_link_t in_open;
    covey_link_t in_decided;
    covey_timer_t timer;
    uint64_t seq; /* order of opening, then of deciding                       */
    covey_proposal_t *proposal;
} covey_vote_entry_t;

typedef struct {
    covey_link_t by_id;
    covey_link_t in_order; /* of asking; once ended: of ending                */
    covey_link_t in_touched;
    covey_timer_t wake; /* gathering is over; a full queue is tried again     */
    covey_timer_t deadline;
    int64_t wake_left_us; /* while it is paused; -1: none                     */
    int64_t deadline_left_us;
    uint64_t seq;
    size_t bytes;
    bool all_asked; /* who can take part and was there                        */
    covey_team_t *team;
} covey_coordination_entry_t;

/*  The key by which an agent signs its ballots: that of its first one.      */
typedef struct {
    covey_link_t by_agent;
    char agent_id[COVEY_AGENT_ID_MAX + 1];
    uint8_t public_key[COVEY_PUBLIC_KEY_SIZE];
} covey_key_entry_t;

struct covey_state {
    covey_state_limits_t limits;
    uint64_t index;
    int64_t now_us;
    covey_hlc_t hlc;
    covey_registry_t registry;
    covey_scheduler_t scheduler;
    covey_clients_t clients;
    covey_timers_t timers;

    covey_tree_t tasks;  /* by id                                             */
    covey_tree_t by_seq; /* by age                                            */
    covey_tree_t by_key; /* by idempotency key                                */
    covey_tree_t ended;  /* by when they are forgotten, without parked ones   */
    covey_tree_t parked;
    covey_tree_t fresh; /* became ready in this command                       */
    covey_tree_t freed; /* agents that can take more since this command       */
    uint64_t task_seq;
    uint64_t ended_seq;
    uint64_t token;
    size_t live_count;
    size_t live_bytes;
    size_t ended_bytes;
    size_t held_count;
    uint64_t ended_total;
    covey_tree_t schedules; /* by id                                          */
    covey_tree_t woken;     /* those that may run what they buffered          */
    size_t schedule_bytes;
    covey_task_t *last_ended; /* of the cascade of ends that is under way     */

    covey_tree_t swarms; /* by id                                             */
    covey_tree_t swarms_ended;
    uint64_t swarm_seq;
    covey_tree_t votes; /* by id                                              */
    covey_tree_t votes_open;
    covey_tree_t votes_decided;
    uint64_t vote_seq;
    covey_tree_t ballot_keys; /* by agent id                                  */
    covey_claims_t claims;
    covey_roles_t roles;

    covey_memory_t memory;
    covey_tree_t coordinations; /* by id                                      */
    covey_tree_t coordinations_open;
    covey_tree_t coordinations_ended;
    covey_tree_t coordinations_touched; /* by the command at hand             */
    uint64_t coordination_seq;
    size_t coordination_bytes;
    size_t coordination_ended_bytes;

    /* the command at hand */
    const Covey__Control__Command *command; /* NULL: time does it            */
    covey_effects_t *effects; /* NULL: nobody wants to know                   */
    covey_errbuf_t *err;
    uint32_t ordinal; /* of ids made by this command                          */
    covey_show_t show;
    const char *show_id;
    char made_id[64]; /* where that is made up                                */
    char shown[COVEY_SHOW_ID_MAX + 1]; /* a show_id that is made up          */
};

/*  Who asks: the caller of the command; "coordinator" when nobody does.     */
const char *covey_state_caller (const covey_state_t *self);
/*  An id that every replica makes alike.                                    */
covey_id_t covey_state_make_id (covey_state_t *self);
/*  May the caller speak for this agent? DENIED when it is another agent.    */
covey_err_t covey_state_may_speak_for (covey_state_t *self,
                                       const char *agent_id);

/* ---- state_submit.c, state_task.c: commands about tasks ---------------------
 */

/*  The answer of the command at hand shows this task.                       */
void covey_state_show_task (covey_state_t *self, const covey_task_t *task);
covey_err_t covey_state_on_submit (covey_state_t *self,
                                   const Covey__Control__TaskSubmit *submit);
covey_err_t covey_state_on_report (covey_state_t *self, covey_task_verb_t verb,
                                   const Covey__Control__TaskReport *report);
covey_err_t covey_state_on_cancel (covey_state_t *self,
                                   const Covey__Control__TaskCancel *cancel);
covey_err_t covey_state_on_retry (covey_state_t *self,
                                  const Covey__Control__TaskRef *ref);

covey_err_t covey_state_on_pause (covey_state_t *self,
                                  const Covey__Control__TaskRef *ref);
covey_err_t covey_state_on_resume (covey_state_t *self,
                                   const Covey__Control__TaskRef *ref);

covey_err_t covey_state_on_batch (covey_state_t *self,
                                  const Covey__Control__TaskBatch *batch);
/*  May this one be taken, with `count` at once? Its dependencies apart.     */
covey_err_t covey_state_may_submit (covey_state_t *self,
                                    const Covey__Control__TaskSubmit *submit,
                                    size_t count);
/*  Take it: it was checked. `submitter` NULL: the caller.                   */
covey_task_t *covey_state_submit (covey_state_t *self,
                                  const Covey__Control__TaskSubmit *submit,
                                  const char *submitter);

/*  Who works on it shall stop; it is taken away when `grace_ms` are over,
    never when that is negative.                                              */
void covey_state_ask_cancel (covey_state_t *self, covey_task_t *task,
                             const char *reason, int64_t grace_ms);

/* ---- task_store.c -----------------------------------------------------------
 */

covey_task_t *covey_state_find_task (const covey_state_t *self,
                                     const char *task_id);
covey_task_t *covey_state_find_key (const covey_state_t *self, const char *key);
void covey_state_add_task (covey_state_t *self, covey_task_t *task);
/*  What it has changed: a living task weighs something else.                */
void covey_state_remeasure (covey_state_t *self, covey_task_t *task);
/*  Its state changes to an ended one: out before, in after it.              */
void covey_state_count_out (covey_state_t *self, covey_task_t *task);
void covey_state_count_ended (covey_state_t *self, covey_task_t *task);
/*  It is an ended one that lives again.                                     */
void covey_state_revive (covey_state_t *self, covey_task_t *task);
void covey_state_drop_task (covey_state_t *self, covey_task_t *task);
/*  Forget ended tasks beyond the limits.                                    */
void covey_state_trim_tasks (covey_state_t *self);

/* ---- task_rules.c: what follows ---------------------------------------------
 */

/*  Queued: wait for tasks, for a time, or from now on for an agent.         */
void covey_state_settle (covey_state_t *self, covey_task_t *task);
/*  Not waiting for an agent or a time any more.                             */
void covey_state_unready (covey_state_t *self, covey_task_t *task);
/*  Nobody holds it and it shall go on: queued, unless somebody asked for a
    pause or a cancel meanwhile.                                              */
void covey_state_requeue (covey_state_t *self, covey_task_t *task);
void covey_state_pause (covey_state_t *self, covey_task_t *task);
/*  The end, at once; who works on it is told.                               */
void covey_state_cancel (covey_state_t *self, covey_task_t *task,
                         const char *reason);
/*  Take it from its agent.                                                  */
void covey_state_release (covey_state_t *self, covey_task_t *task);
/*  The end, with all that follows for tasks that wait for it.               */
void covey_state_end_task (covey_state_t *self, covey_task_t *task,
                           covey_task_state_t state);
/*  Wait for another task, unless that one is completed.                     */
void covey_state_wait_for (covey_dependency_t *edge, covey_task_t *on);
void covey_state_wait_no_more (covey_task_t *task);
/*  It fails because of what it waits for.                                   */
void covey_state_fail_for (covey_state_t *self, covey_task_t *waiter,
                           const covey_task_t *on);
/*  Not completed: can it still be, if only because a person tries again?    */
bool covey_state_may_come (const covey_task_t *task);
/*  It has no parent any more.                                               */
void covey_state_orphan (covey_task_t *task);
/*  A try failed: again in so many ms, failed, or parked.                    */
void covey_state_after_failure (covey_state_t *self, covey_task_t *task,
                                bool retryable, int64_t delay_ms);
/*  It is lost with its agent, or taken away; `delay`: the policy's before the
    next attempt.                                                             */
void covey_state_lose (covey_state_t *self, covey_task_t *task,
                       const char *code, const char *text, bool delay);
void covey_state_freed (covey_state_t *self, covey_worker_t *worker);
void covey_state_fail (covey_state_t *self, covey_task_t *task,
                       const char *code, const char *text);
/*  Give ready tasks to free agents until there is no pair left.             */
void covey_state_dispatch (covey_state_t *self);

/* ---- task_time.c: limits ----------------------------------------------------
 */

void covey_state_renew (covey_state_t *self, covey_task_t *task);
void covey_state_renew_all (covey_state_t *self);
/*  When it must have ended, by deadline or total limit; INT64_MAX: never.   */
int64_t covey_task_end_us (const covey_task_t *task);
void covey_state_arm_end (covey_state_t *self, covey_task_t *task);
void covey_state_arm_run (covey_state_t *self, covey_task_t *task);
void covey_state_task_due (covey_state_t *self, covey_timer_t *timer);

/* ---- state_mesh.c ----------------------------------------------------------
 */

covey_err_t covey_state_on_limits (covey_state_t *self,
                                   const Covey__Control__MeshLimits *wanted);

/* ---- state_schedule.c -------------------------------------------------------
 */

covey_err_t
covey_state_on_schedule_add (covey_state_t *self,
                             const Covey__Control__ScheduleAdd *add);
covey_err_t
covey_state_on_schedule_pause (covey_state_t *self,
                               const Covey__Control__ScheduleRef *ref);
covey_err_t
covey_state_on_schedule_resume (covey_state_t *self,
                                const Covey__Control__ScheduleRef *ref);
covey_err_t
covey_state_on_schedule_delete (covey_state_t *self,
                                const Covey__Control__ScheduleRef *ref);
covey_schedule_t *covey_state_find_schedule (const covey_state_t *self,
                                             const char *schedule_id);
/*  The first behind that id; NULL: the first.                               */
covey_schedule_t *covey_state_schedule_after (const covey_state_t *self,
                                              const char *schedule_id);
void covey_state_drop_schedule (covey_state_t *self,
                                covey_schedule_t *schedule);
/*  A task of it lives; it has ended.                                        */
void covey_state_link_schedule (covey_task_t *task, covey_schedule_t *schedule);
void covey_state_schedule_ended (covey_state_t *self, covey_task_t *task);
void covey_state_schedule_due (covey_state_t *self, covey_timer_t *timer);
/*  What was buffered and may run now.                                       */
void covey_state_run_schedules (covey_state_t *self);
void covey_state_init_schedules (covey_state_t *self);
void covey_state_deinit_schedules (covey_state_t *self);

/* ---- state_agent.c ----------------------------------------------------------
 */

covey_err_t covey_state_on_agent_up (covey_state_t *self,
                                     const Covey__Control__AgentUp *up);
covey_err_t covey_state_on_agent_down (covey_state_t *self,
                                       const Covey__Control__AgentDown *down);
covey_err_t covey_state_on_agent_load (covey_state_t *self,
                                       const Covey__Control__AgentLoad *load);

/* ---- state_role.c -----------------------------------------------------------
 */

covey_err_t covey_state_on_role_claim (covey_state_t *self,
                                       const Covey__Control__RoleClaim *claim);
covey_err_t
covey_state_on_role_release (covey_state_t *self,
                             const Covey__Control__RoleRelease *release);
void covey_state_role_due (covey_state_t *self, covey_timer_t *timer);
void covey_state_renew_roles (covey_state_t *self);

/* ---- state_claim.c ----------------------------------------------------------
 */

covey_err_t
covey_state_on_acquire (covey_state_t *self,
                        const Covey__Control__ClaimAcquire *acquire);
covey_err_t covey_state_on_renew (covey_state_t *self,
                                  const Covey__Control__ClaimRenew *renew);
covey_err_t
covey_state_on_release (covey_state_t *self,
                        const Covey__Control__ClaimRelease *release);
void covey_state_claim_due (covey_state_t *self, covey_timer_t *timer);
void covey_state_renew_claims (covey_state_t *self);
/*  The session of an agent ended: what it waits for, and, when it said goodbye,
    what it holds. Of a lost one the leases run out.                          */
void covey_state_drop_claims (covey_state_t *self, const char *agent_id,
                              bool graceful);
/*  A claim on these, of nobody and in no table, to look what it would meet.  */
covey_claim_entry_t *covey_state_make_claim (const char *id, const char *holder,
                                             bool shared, char *const *paths,
                                             size_t path_count,
                                             char *const *names,
                                             size_t name_count);

/* ---- state_swarm.c, state_vote.c --------------------------------------------
 */

covey_err_t covey_state_on_form (covey_state_t *self,
                                 const Covey__Control__SwarmForm *form);
covey_err_t covey_state_on_join (covey_state_t *self,
                                 const Covey__Control__SwarmMember *member);
covey_err_t covey_state_on_leave (covey_state_t *self,
                                  const Covey__Control__SwarmMember *member);
covey_err_t covey_state_on_disband (covey_state_t *self,
                                    const Covey__Control__SwarmRef *ref);
covey_err_t covey_state_on_propose (covey_state_t *self,
                                    const Covey__Control__Propose *propose);
covey_err_t covey_state_on_ballot (covey_state_t *self,
                                   const Covey__Control__Ballot *ballot);
covey_err_t covey_state_on_vote_heard (covey_state_t *self,
                                       const Covey__Control__VoteHeard *heard);
covey_err_t covey_state_on_withdraw (covey_state_t *self,
                                     const Covey__Control__ProposalRef *ref);

covey_swarm_entry_t *covey_state_find_swarm (const covey_state_t *self,
                                             const char *swarm_id);
covey_vote_entry_t *covey_state_find_vote (const covey_state_t *self,
                                           const char *consensus_id);
/*  Into the indexes, with its timer unarmed; the swarm is taken.            */
covey_swarm_entry_t *covey_state_add_swarm (covey_state_t *self,
                                            covey_swarm_t *swarm, uint64_t seq);
/*  An agent is gone, or back: its leases as a member, and who leads now.    */
void covey_state_note_member (covey_state_t *self, const char *agent_id,
                              bool up);
void covey_state_member_due (covey_state_t *self, covey_timer_t *timer);
void covey_state_renew_members (covey_state_t *self);
/*  For the scheduler: is this agent a member?                               */
bool covey_state_is_member (const void *self, const char *swarm_id,
                            const char *agent_id);

/* ---- state_swarm_task.c -----------------------------------------------------
 */

covey_err_t covey_state_on_swarm_task (covey_state_t *self,
                                       const Covey__Control__SwarmTask *ask);
/*  It is no member any more: its parts of the swarm's tasks go to others, or
    count as failed.                                                          */
void covey_state_leave_swarm_tasks (covey_state_t *self, const char *swarm_id,
                                    const char *agent_id, const char *reason);
void covey_state_end_swarm_tasks (covey_state_t *self, const char *swarm_id,
                                  const char *reason);

void covey_state_withdraw_all (covey_state_t *self, const char *swarm_id,
                               const char *reason);
/*  Ask a member that came up while votes of its swarms are open.            */
void covey_state_ask_again (covey_state_t *self, const char *agent_id);
void covey_state_vote_due (covey_state_t *self, covey_timer_t *timer);
/* ---- state_memory.c ---------------------------------------------------------
 */

/*  Any of the commands about the shared memory.                             */
covey_err_t covey_state_on_memory (covey_state_t *self,
                                   const Covey__Control__Command *command);
void covey_state_memory_due (covey_state_t *self, covey_timer_t *timer);

void covey_state_init_ballot_keys (covey_state_t *self);
void covey_state_deinit_ballot_keys (covey_state_t *self);
const covey_key_entry_t *covey_state_find_ballot_key (const covey_state_t *self,
                                                      const char *agent_id);
void covey_state_add_ballot_key (covey_state_t *self, const char *agent_id,
                                 const uint8_t *public_key);
/*  What the mesh asks of a ballot's signature, `args` being otherwise what may
    be cast. DENIED, LIMIT.                                                   */
covey_err_t covey_state_check_seal (covey_state_t *self,
                                    const covey_proposal_t *vote,
                                    const covey_ballot_args_t *args);

void covey_state_init_swarms (covey_state_t *self);
void covey_state_deinit_swarms (covey_state_t *self);
void covey_state_init_tasks (covey_state_t *self);
void covey_state_deinit_tasks (covey_state_t *self);

/* ---- state_coordination.c: commands; coordination_rules.c -------------------
 */

covey_err_t covey_state_on_coordination (covey_state_t *self,
                                         const Covey__Control__Command *c);

covey_coordination_entry_t *
covey_state_find_coordination (const covey_state_t *self, const char *id);
/*  May one more begin? `id` NULL: one is made up. EXISTS, EAGAIN.           */
covey_err_t covey_state_may_coordinate (covey_state_t *self, const char *id);
/*  Into the indexes, with its timers unarmed; the team is taken.            */
covey_coordination_entry_t *covey_state_add_coordination (covey_state_t *self,
                                                          covey_team_t *team,
                                                          uint64_t seq);
bool covey_coordination_is_open (const covey_coordination_entry_t *entry);
/*  Something happened to it that covey_state_coordinate shall look at.      */
void covey_state_touch_coordination (covey_state_t *self,
                                     covey_coordination_entry_t *entry);
/*  Tasks of steps that are not wanted any more; `agent_id` NULL: of all.    */
void covey_state_stop_steps (covey_state_t *self, const covey_team_t *team,
                             const char *agent_id, const char *reason);
/*  An agent is up: does a session look for one like it?                     */
void covey_state_join_coordinations (covey_state_t *self,
                                     const covey_worker_t *worker);
/*  An agent is gone; `swarm_id` not NULL: for the tasks of that swarm.      */
void covey_state_leave_coordinations (covey_state_t *self, const char *agent_id,
                                      const char *swarm_id, const char *reason);
/*  A task ended; nothing happens when it is no step.                        */
void covey_state_step_ended (covey_state_t *self, const covey_task_t *task);
void covey_state_coordination_due (covey_state_t *self, covey_timer_t *timer);
/*  What follows for the sessions that the command touched.                  */
void covey_state_coordinate (covey_state_t *self);
void covey_state_init_coordinations (covey_state_t *self);
void covey_state_deinit_coordinations (covey_state_t *self);

#endif

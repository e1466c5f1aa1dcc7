/*  fact - the events that a command gives rise to

    Role      pure; each function adds one event to the effects of the command
              at hand. While replaying it only counts, so that ids and stamps
              come out alike
*/
#ifndef COVEY_FACT_H_INCLUDED
#define COVEY_FACT_H_INCLUDED

#include "coordinator/state_impl.h"

/*  An agent whose node failed, so that nobody over there can say so.        */
void covey_fact_lost (covey_state_t *state, const covey_worker_t *worker,
                      int64_t last_seen_us, const char *reason);

void covey_fact_submitted (covey_state_t *state, const covey_task_t *task);
void covey_fact_assigned (covey_state_t *state, const covey_task_t *task);
/*  accepted, rejected, started, progress, completed; source is the holder.  */
void covey_fact_report (covey_state_t *state, covey_task_verb_t verb,
                        const covey_task_t *task,
                        const Covey__Control__TaskReport *report);
/*  `source` NULL: the coordinator.                                          */
void covey_fact_failed (covey_state_t *state, const covey_task_t *task,
                        const char *source, bool retryable);
void covey_fact_parked (covey_state_t *state, const covey_task_t *task);
/*  `target` NULL: for everybody; else a word to the agent that works on it. */
void covey_fact_cancelled (covey_state_t *state, const covey_task_t *task,
                           const char *reason, const char *target);
/*  A pause or a cancel is asked for, or a task is paused or resumed: progress
    with this status. `target` as above.                                      */
void covey_fact_noted (covey_state_t *state, const covey_task_t *task,
                       const char *status, const char *target);
/*  added, paused, resumed, deleted.                                         */
void covey_fact_schedule (covey_state_t *state,
                          const covey_schedule_t *schedule, const char *what);
void covey_fact_retried (covey_state_t *state, const covey_task_t *task);
/*  A result of who does not hold the task any more; the error at hand says why
    it is refused.                                                            */
void covey_fact_fenced (covey_state_t *state, const covey_task_t *task,
                        const Covey__Control__TaskReport *report);

void covey_fact_formed (covey_state_t *state, const covey_swarm_t *swarm);
/*  One of its members works on a task of the swarm.                         */
void covey_fact_swarm_assigned (covey_state_t *state, const covey_task_t *task);
void covey_fact_joined (covey_state_t *state, const covey_swarm_t *swarm,
                        const covey_swarm_member_t *member);
void covey_fact_left (covey_state_t *state, const covey_swarm_t *swarm,
                      const char *agent_id, const char *reason);
void covey_fact_disbanded (covey_state_t *state, const covey_swarm_t *swarm,
                           const char *reason);
void covey_fact_leads (covey_state_t *state, const covey_swarm_t *swarm,
                       const char *before);

/*  A role has another holder, or its first one (`before` NULL).              */
void covey_fact_role (covey_state_t *state, const covey_role_entry_t *role,
                      const char *before);
/*  To everybody; `target` also to its holder (to the other holders, when it
    waits), as far as they are agents.                                        */
void covey_fact_claim_granted (covey_state_t *state,
                               const covey_claim_entry_t *claim, bool target);
void covey_fact_claim_released (covey_state_t *state,
                                const covey_claim_entry_t *claim,
                                const char *by, const char *reason);
void covey_fact_claim_expired (covey_state_t *state,
                               const covey_claim_entry_t *claim,
                               const char *reason);
void covey_fact_claim_waiting (covey_state_t *state,
                               const covey_claim_entry_t *claim,
                               const covey_claim_obstacle_t *obstacles,
                               size_t count);

/*  To the members of the electorate that are up, or to one of them.         */
void covey_fact_proposed (covey_state_t *state, const covey_proposal_t *vote,
                          const char *only);
/*  `refusal` NULL: it counts.                                               */
void covey_fact_cast (covey_state_t *state, const covey_proposal_t *vote,
                      const Covey__Control__Ballot *ballot, const char *voter,
                      const char *refusal);
void covey_fact_decided (covey_state_t *state, const covey_proposal_t *vote);

/*  Of the shared memory: fact_memory.c. `targets` empty: for everybody.     */
void covey_fact_stored (covey_state_t *state,
                        const covey_memory_version_t *version);
void covey_fact_deleted (covey_state_t *state, const char *key,
                         const covey_memory_version_t *version);
void covey_fact_shared (covey_state_t *state,
                        const covey_memory_version_t *version,
                        const char *sharer, char *const *targets,
                        size_t target_count);
void covey_fact_retrieved (covey_state_t *state,
                           const covey_memory_version_t *version,
                           const char *reader);
/*  To agents that are asked to take part.                                   */
void covey_fact_invited (covey_state_t *state, const covey_team_t *team,
                         const covey_worker_t *const *workers, size_t count);
/*  `reason` NULL: it accepts.                                               */
void covey_fact_coordination_answer (covey_state_t *state,
                                     const covey_team_t *team,
                                     const char *agent_id, const char *reason);
void covey_fact_coordination_update (covey_state_t *state,
                                     const covey_team_t *team);
void covey_fact_coordinated (covey_state_t *state, const covey_team_t *team);

/*  Limits were set.                                                         */
void covey_fact_limits (covey_state_t *state);

#endif

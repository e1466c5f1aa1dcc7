/*  scheduler - which agent gets which task

    Role      pure core; keeps two indexes and never scans agents or tasks
    Lanes     ready tasks that ask for the same (agent type, capabilities)
              share a lane, ordered by priority, then by whose turn it is
              (share.h), then by age. Lanes are ordered by their first task
    Flows     within a lane, the tasks of one submitter at one priority; a task
              that is assigned moves the flows of its submitter, one for each
              lane that has such tasks
    Assignee  a task that is for one agent alone is in that agent's own lane,
              which stands outside that order
    Swarm     a task that is for the members of a swarm alone is in a lane that
              only they look into
    Kinds     agents that offer the same (type, capabilities) share a kind; the
              ones that can take a task are ordered by load, and again by node
              and load. Kinds are ordered by their first agent
    Host      a task goes to a free agent of the node that it prefers, however
              loaded that is; when none is free there, it is as if it preferred
              nothing. It does not wait, and does not go before others
    Cost      O(log n) plus one subset test per lane or kind that comes before
              the first match; there are as many of those as there are
              different demands and offers, not as there are tasks and agents
    Load      tasks per slot, then the capacity the agent says it has left,
              then who has waited longest for a task
*/
#ifndef COVEY_SCHEDULER_H_INCLUDED
#define COVEY_SCHEDULER_H_INCLUDED

#include "coordinator/registry.h"
#include "coordinator/share.h"

typedef struct covey_lane covey_lane_t;
typedef struct covey_kind covey_kind_t;

typedef bool (covey_scheduler_member_fn) (const void *arg, const char *swarm_id,
                                          const char *agent_id);

typedef struct {
    covey_tree_t lanes;         /* by assignee, by demand                     */
    covey_tree_t lanes_by_head; /* the most urgent first; without assignee    */
    covey_tree_t kinds;         /* by offer                                   */
    covey_tree_t kinds_by_best; /* those with a free agent, least loaded first*/
    covey_tree_t spots; /* nodes with agents, by name                         */
    covey_shares_t shares;
    size_t ready_count;
    covey_scheduler_member_fn *is_member; /* of a swarm; for its tasks        */
    const void *members;                  /* its argument                     */
} covey_scheduler_t;

void covey_scheduler_init (covey_scheduler_t *self);
/*  All tasks and workers must have been taken out.                          */
void covey_scheduler_deinit (covey_scheduler_t *self);

/*  A task is ready for an agent, or is not any more.                        */
void covey_scheduler_queue (covey_scheduler_t *self, covey_task_t *task);
void covey_scheduler_unqueue (covey_scheduler_t *self, covey_task_t *task);

/*  A ready task is being assigned: its submitter has had a turn.            */
void covey_scheduler_charge (covey_scheduler_t *self, const covey_task_t *task);

/*  An agent is up, or goes. What load is made of (held, slots, capacity,
    state, last_assigned) changes only between hide and show; hide is allowed
    when it is hidden.                                                        */
void covey_scheduler_enter (covey_scheduler_t *self, covey_worker_t *worker);
void covey_scheduler_leave (covey_scheduler_t *self, covey_worker_t *worker);
void covey_scheduler_hide (covey_scheduler_t *self, covey_worker_t *worker);
void covey_scheduler_show (covey_scheduler_t *self, covey_worker_t *worker);

/*  May this agent get a task at all?                                        */
bool covey_scheduler_is_free (const covey_worker_t *worker);

/*  The least loaded agent for a task, which has no assignee; the most urgent
    task for an agent. NULL: none.                                            */
covey_worker_t *covey_scheduler_worker_for (const covey_scheduler_t *self,
                                            const covey_task_t *task);
covey_task_t *covey_scheduler_task_for (const covey_scheduler_t *self,
                                        const covey_worker_t *worker);
/*  The most urgent of the tasks that are for this agent alone, or NULL.     */
covey_task_t *covey_scheduler_own_task (const covey_scheduler_t *self,
                                        const char *agent_id);
/*  Agents that are up and offer what the task asks for, busy ones too.      */
size_t covey_scheduler_count_matching (const covey_scheduler_t *self,
                                       const covey_task_t *task);

/*  Priority and age; among ready tasks: priority, turn and age. Negative when
    `a` comes first.                                                          */
int covey_scheduler_compare_tasks (const void *a, const void *b);
int covey_scheduler_compare_turns (const covey_task_t *a,
                                   const covey_task_t *b);
int covey_scheduler_compare_workers (const void *a, const void *b);

#endif

/*  What follows: from state to state, attempts, dependencies, assignment.
    Limits in time are in task_time.c, the store is in task_store.c.          */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

/* ---- from state to state
 * ------------------------------------------------------ */

void
covey_state_unready (covey_state_t *self, covey_task_t *task)
{
    if (task->lane)
        covey_scheduler_unqueue (&self->scheduler, task);
    if (covey_link_is_in (&task->in_fresh))
        covey_tree_remove (&self->fresh, task);
    covey_timers_disarm (&self->timers, &task->wake);
}

void
covey_state_settle (covey_state_t *self, covey_task_t *task)
{
    assert (task->state == COVEY_TASK_STATE_QUEUED && !task->lane);
    if (task->waits_for)
        return; /* who ends last settles it */
    if (task->not_before_us > self->now_us) {
        task->wake.kind = COVEY_TIMER_DELAY;
        covey_timers_arm (&self->timers, &task->wake, task->not_before_us);
        return;
    }
    if (!task->ready_us) {
        task->ready_us = self->now_us;
        covey_state_arm_end (self, task);
    }
    if (task->assignee &&
        !covey_registry_find_up (&self->registry, task->assignee)) {
        covey_state_fail (self, task, COVEY_TASK_AGENT_LOST,
                          "the agent that it is for is gone");
        return;
    }
    if (task->queue_ms) {
        task->wake.kind = COVEY_TIMER_QUEUE;
        covey_timers_arm (&self->timers, &task->wake,
                          self->now_us + task->queue_ms * 1000);
    }
    covey_scheduler_queue (&self->scheduler, task);
    covey_tree_insert (&self->fresh, task);
}

void
covey_state_requeue (covey_state_t *self, covey_task_t *task)
{
    assert (!task->worker);
    if (task->cancel_requested) {
        covey_state_cancel (self, task, task->wish);
        return;
    }
    task->state = COVEY_TASK_STATE_QUEUED;
    if (task->pause_requested)
        covey_state_pause (self, task);
    else
        covey_state_settle (self, task);
}

void
covey_state_pause (covey_state_t *self, covey_task_t *task)
{
    covey_state_unready (self, task);
    task->pause_requested = false;
    task->state = COVEY_TASK_STATE_PAUSED;
    covey_fact_noted (self, task, "paused", NULL);
}

static void
s_assign (covey_state_t *self, covey_task_t *task, covey_worker_t *worker)
{
    covey_scheduler_charge (&self->scheduler, task);
    covey_state_unready (self, task);
    covey_scheduler_hide (&self->scheduler, worker);
    task->token = ++self->token;
    task->attempt++;
    task->worker = worker;
    covey_task_set (&task->agent, worker->id);
    task->state = COVEY_TASK_STATE_ASSIGNED;
    task->assigned_us = self->now_us;
    task->started_us = 0;
    task->progress = 0;
    covey_task_set (&task->status, NULL);
    covey_tree_insert (&worker->held, task);
    worker->last_assigned = task->token;
    covey_scheduler_show (&self->scheduler, worker);
    self->held_count++;
    covey_state_renew (self, task);
    covey_state_arm_run (self, task);
    covey_fact_assigned (self, task);
    if (task->swarm)
        covey_fact_swarm_assigned (self, task);
}

void
covey_state_release (covey_state_t *self, covey_task_t *task)
{
    covey_worker_t *worker = task->worker;
    assert (worker);
    covey_scheduler_hide (&self->scheduler, worker);
    covey_tree_remove (&worker->held, task);
    if (worker->kind) {
        covey_scheduler_show (&self->scheduler, worker);
        covey_state_freed (self, worker);
    }
    task->worker = NULL;
    covey_timers_disarm (&self->timers, &task->wake);
    covey_timers_disarm (&self->timers, &task->limit);
    self->held_count--;
}

void
covey_state_freed (covey_state_t *self, covey_worker_t *worker)
{
    if (!covey_link_is_in (&worker->in_freed))
        covey_tree_insert (&self->freed, worker);
}

void
covey_state_wait_for (covey_dependency_t *edge, covey_task_t *on)
{
    if (on->state == COVEY_TASK_STATE_COMPLETED) {
        edge->done = true;
        return;
    }
    edge->on = on;
    covey_tree_insert (&on->dependants, edge);
    edge->waiter->waits_for++;
}

void
covey_state_wait_no_more (covey_task_t *task)
{
    for (size_t i = 0; i < task->dependency_count; i++) {
        covey_dependency_t *edge = &task->dependencies[i];
        if (!edge->on)
            continue;
        covey_tree_remove (&edge->on->dependants, edge);
        edge->on = NULL;
    }
    task->waits_for = 0;
}

/*  Into the state, out of every index of living tasks.                      */
static void
s_bury (covey_state_t *self, covey_task_t *task, covey_task_state_t state)
{
    covey_state_count_out (self, task);
    covey_state_unready (self, task);
    covey_state_wait_no_more (task);
    covey_state_orphan (task);
    covey_state_schedule_ended (self, task);
    covey_timers_disarm (&self->timers, &task->deadline);
    task->pause_requested = task->cancel_requested = false;
    covey_task_set (&task->wish, NULL);
    if (state == COVEY_TASK_STATE_COMPLETED ||
        state == COVEY_TASK_STATE_CANCELLED)
        covey_blob_deinit (&task->details); /* nobody goes on from there */
    task->state = state;
    task->ended_us = self->now_us;
    task->ended_seq = ++self->ended_seq;
    covey_state_count_ended (self, task);
    covey_state_step_ended (self, task);
}

/*  What this edge waited for does not matter any more.                      */
static void
s_done (covey_state_t *self, covey_dependency_t *edge)
{
    covey_task_t *waiter = edge->waiter;
    covey_tree_remove (&edge->on->dependants, edge);
    edge->on = NULL;
    edge->done = true;
    if (--waiter->waits_for == 0 && waiter->state == COVEY_TASK_STATE_QUEUED)
        covey_state_settle (self, waiter);
}

static void
s_completed (covey_state_t *self, covey_task_t *task)
{
    covey_dependency_t *edge;
    while ((edge = covey_tree_first (&task->dependants)))
        s_done (self, edge);
}

void
covey_state_fail_for (covey_state_t *self, covey_task_t *waiter,
                      const covey_task_t *on)
{
    covey_errbuf_t text;
    (void)covey_fail (&text, COVEY_STATE, "dependency %s is %s", on->id,
                      covey_task_state_name (on->state));
    covey_state_fail (self, waiter, COVEY_TASK_DEPENDENCY, text.text);
}

bool
covey_state_may_come (const covey_task_t *task)
{
    return !covey_task_state_is_ended (task->state) ||
           task->state == COVEY_TASK_STATE_FAILED ||
           task->state == COVEY_TASK_STATE_PARKED;
}

void
covey_state_orphan (covey_task_t *task)
{
    if (task->parent)
        covey_tree_remove (&task->parent->children, task);
    task->parent = NULL;
}

static bool
s_goes_on_waiting (const covey_task_t *task, const covey_task_t *on)
{
    return task->dependency_policy == COVEY_TASK_DEPENDENCY_WAIT &&
           covey_state_may_come (on);
}

/*  A task has ended otherwise: what waits for it decides by its policy.     */
static void
s_failed (covey_state_t *self, covey_task_t *task)
{
    covey_dependency_t *next, *edge = covey_tree_first (&task->dependants);
    for (; edge; edge = next) {
        covey_task_t *waiter = edge->waiter;
        next = covey_tree_next (&task->dependants, edge);
        if (waiter->dependency_policy == COVEY_TASK_DEPENDENCY_IGNORE)
            s_done (self, edge);
        else if (!s_goes_on_waiting (waiter, task))
            covey_state_fail_for (self, waiter, task);
    }
}

static void
s_end_children (covey_state_t *self, covey_task_t *task)
{
    covey_task_t *child;
    covey_errbuf_t text;
    (void)covey_fail (&text, COVEY_CANCELED, "its parent %s is %s", task->id,
                      covey_task_state_name (task->state));
    while ((child = covey_tree_first (&task->children))) {
        covey_state_orphan (child);
        if (child->parent_policy == COVEY_TASK_PARENT_ABANDON)
            continue;
        if (child->parent_policy == COVEY_TASK_PARENT_REQUEST && child->worker)
            covey_state_ask_cancel (self, child, text.text, -1);
        else
            covey_state_cancel (self, child, text.text);
    }
}

/*  A chain of tasks may be as long as the queue: what ends because of an end is
    kept in a list, not on the stack.                                         */
void
covey_state_end_task (covey_state_t *self, covey_task_t *task,
                      covey_task_state_t state)
{
    assert (!task->worker);
    s_bury (self, task, state);
    if (self->last_ended) {
        self->last_ended = self->last_ended->next_ended = task;
        return;
    }
    self->last_ended = task;
    while (task) {
        if (task->state == COVEY_TASK_STATE_COMPLETED)
            s_completed (self, task);
        else
            s_failed (self, task);
        if (task->state != COVEY_TASK_STATE_PARKED)
            s_end_children (self, task);
        covey_task_t *next = task->next_ended;
        task->next_ended = NULL;
        task = next;
    }
    self->last_ended = NULL;
}

void
covey_state_cancel (covey_state_t *self, covey_task_t *task, const char *reason)
{
    covey_task_set (&task->error, reason);
    covey_task_set (&task->error_code, NULL);
    covey_fact_cancelled (self, task, task->error, NULL);
    if (task->worker) {
        covey_fact_cancelled (self, task, task->error, task->agent);
        covey_state_release (self, task);
    }
    covey_state_end_task (self, task, COVEY_TASK_STATE_CANCELLED);
}

void
covey_state_fail (covey_state_t *self, covey_task_t *task, const char *code,
                  const char *text)
{
    covey_task_set (&task->error, text);
    covey_task_set (&task->error_code, code);
    covey_fact_failed (self, task, NULL, false);
    covey_state_end_task (self, task, COVEY_TASK_STATE_FAILED);
}

void
covey_state_after_failure (covey_state_t *self, covey_task_t *task,
                           bool retryable, int64_t delay_ms)
{
    if (!retryable) {
        covey_state_end_task (self, task, COVEY_TASK_STATE_FAILED);
        return;
    }
    if (!covey_task_may_retry (task, task->error_code) &&
        !task->cancel_requested) {
        covey_fact_parked (self, task);
        covey_state_end_task (self, task, COVEY_TASK_STATE_PARKED);
        return;
    }
    task->not_before_us = self->now_us + delay_ms * 1000;
    covey_state_requeue (self, task);
}

void
covey_state_lose (covey_state_t *self, covey_task_t *task, const char *code,
                  const char *text, bool delay)
{
    bool retryable = !covey_task_is_final (task, code);
    covey_task_set (&task->error, text);
    covey_task_set (&task->error_code, code);
    covey_fact_failed (self, task, NULL, retryable);
    covey_state_release (self, task);
    covey_state_after_failure (self, task, retryable,
                               delay ? covey_task_delay_ms (task) : 0);
}

/* ---- assignment
 * ----------------------------------------------------------------- */

static covey_worker_t *
s_worker_for (const covey_state_t *self, const covey_task_t *task)
{
    if (!task->assignee)
        return covey_scheduler_worker_for (&self->scheduler, task);
    covey_worker_t *worker =
        covey_registry_find_up (&self->registry, task->assignee);
    return worker && covey_scheduler_is_free (worker) ? worker : NULL;
}

/*  Between commands no ready task and free agent fit each other. So only what
    changed is looked at: agents that can take more, and tasks that are new. */
void
covey_state_dispatch (covey_state_t *self)
{
    covey_scheduler_t *scheduler = &self->scheduler;
    covey_worker_t *worker;
    covey_task_t *task;
    while ((worker = covey_tree_first (&self->freed))) {
        while (covey_scheduler_is_free (worker) &&
               (task = covey_scheduler_task_for (scheduler, worker)))
            s_assign (self, task, s_worker_for (self, task));
        covey_tree_remove (&self->freed, worker);
    }
    while ((task = covey_tree_first (&self->fresh))) {
        worker = s_worker_for (self, task);
        if (worker)
            s_assign (self, task, worker);
        else
            covey_tree_remove (&self->fresh, task);
    }
}

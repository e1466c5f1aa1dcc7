/*  What follows: leases, attempts, dependencies, assignment, forgetting.     */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

/* ---- the store of tasks
 * ------------------------------------------------------ */

static int
s_by_id (const void *a, const void *b)
{
    return strcmp (((const covey_task_t *)a)->id,
                   ((const covey_task_t *)b)->id);
}

static int
s_key_id (const void *key, const void *item)
{
    return strcmp (key, ((const covey_task_t *)item)->id);
}

static int
s_by_key (const void *a, const void *b)
{
    return strcmp (((const covey_task_t *)a)->key,
                   ((const covey_task_t *)b)->key);
}

static int
s_key_key (const void *key, const void *item)
{
    return strcmp (key, ((const covey_task_t *)item)->key);
}

static int
s_by_seq (const void *a, const void *b)
{
    const covey_task_t *x = a, *y = b;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
s_by_end (const void *a, const void *b)
{
    const covey_task_t *x = a, *y = b;
    return x->ended_seq < y->ended_seq ? -1 : x->ended_seq > y->ended_seq;
}

static int
s_by_generation (const void *a, const void *b)
{
    const covey_worker_t *x = a, *y = b;
    return x->generation < y->generation ? -1 : x->generation > y->generation;
}

void
covey_state_init_tasks (covey_state_t *self)
{
    covey_tree_init (&self->tasks, offsetof (covey_task_t, by_id), s_by_id);
    covey_tree_init (&self->by_seq, offsetof (covey_task_t, by_seq), s_by_seq);
    covey_tree_init (&self->by_key, offsetof (covey_task_t, by_key), s_by_key);
    covey_tree_init (&self->ended, offsetof (covey_task_t, in_ended), s_by_end);
    covey_tree_init (&self->parked, offsetof (covey_task_t, in_ended),
                     s_by_end);
    covey_tree_init (&self->fresh, offsetof (covey_task_t, in_fresh),
                     covey_scheduler_compare_tasks);
    covey_tree_init (&self->freed, offsetof (covey_worker_t, in_freed),
                     s_by_generation);
}

covey_task_t *
covey_state_find_task (const covey_state_t *self, const char *task_id)
{
    return covey_tree_find (&self->tasks, task_id, s_key_id);
}

covey_task_t *
covey_state_find_key (const covey_state_t *self, const char *key)
{
    return covey_tree_find (&self->by_key, key, s_key_key);
}

void
covey_state_add_task (covey_state_t *self, covey_task_t *task)
{
    covey_tree_insert (&self->tasks, task);
    covey_tree_insert (&self->by_seq, task);
    if (task->key)
        covey_tree_insert (&self->by_key, task);
    if (task->deadline_us)
        covey_timers_arm (&self->timers, &task->deadline, task->deadline_us);
    task->bytes = covey_task_measure (task);
    self->live_count++;
    self->live_bytes += task->bytes;
}

static covey_tree_t *
s_ended_of (covey_state_t *self, const covey_task_t *task)
{
    return task->state == COVEY_TASK_STATE_PARKED ? &self->parked
                                                  : &self->ended;
}

void
covey_state_drop_task (covey_state_t *self, covey_task_t *task)
{
    assert (covey_task_state_is_ended (task->state));
    covey_tree_remove (s_ended_of (self, task), task);
    self->ended_bytes -= task->bytes;
    covey_tree_remove (&self->tasks, task);
    covey_tree_remove (&self->by_seq, task);
    if (task->key)
        covey_tree_remove (&self->by_key, task);
    covey_task_destroy (&task);
}

void
covey_state_trim_tasks (covey_state_t *self)
{
    const covey_state_limits_t *limits = &self->limits;
    covey_task_t *oldest;
    while ((oldest = covey_tree_first (&self->ended)) &&
           (self->ended.count > limits->ended_max ||
            self->ended_bytes > limits->ended_bytes_max ||
            oldest->ended_us + limits->ended_us <= self->now_us))
        covey_state_drop_task (self, oldest);
    while (self->parked.count > limits->parked_max)
        covey_state_drop_task (self, covey_tree_first (&self->parked));
}

/* ---- from state to state
 * ------------------------------------------------------ */

static void
s_unready (covey_state_t *self, covey_task_t *task)
{
    if (task->lane)
        covey_scheduler_unqueue (&self->scheduler, task);
    if (covey_link_is_in (&task->in_fresh))
        covey_tree_remove (&self->fresh, task);
}

void
covey_state_make_ready (covey_state_t *self, covey_task_t *task)
{
    assert (task->state == COVEY_TASK_STATE_QUEUED && !task->waits_for);
    if (task->assignee &&
        !covey_registry_find_up (&self->registry, task->assignee)) {
        covey_state_fail (self, task, COVEY_TASK_AGENT_LOST,
                          "the agent that it is for is gone");
        return;
    }
    covey_scheduler_queue (&self->scheduler, task);
    covey_tree_insert (&self->fresh, task);
}

void
covey_state_renew (covey_state_t *self, covey_task_t *task)
{
    task->wake.kind = COVEY_TIMER_LEASE;
    covey_timers_arm (&self->timers, &task->wake,
                      self->now_us + task->lease_ms * 1000);
}

void
covey_state_renew_all (covey_state_t *self)
{
    for (covey_worker_t *w = covey_tree_first (&self->registry.workers); w;
         w = covey_tree_next (&self->registry.workers, w))
        for (covey_task_t *task = covey_tree_first (&w->held); task;
             task = covey_tree_next (&w->held, task))
            covey_state_renew (self, task);
}

static void
s_assign (covey_state_t *self, covey_task_t *task, covey_worker_t *worker)
{
    s_unready (self, task);
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
    covey_fact_assigned (self, task);
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
    self->held_count--;
}

void
covey_state_freed (covey_state_t *self, covey_worker_t *worker)
{
    if (!covey_link_is_in (&worker->in_freed))
        covey_tree_insert (&self->freed, worker);
}

bool
covey_state_wait_for (covey_state_t *self, covey_dependency_t *edge,
                      covey_task_t *on)
{
    (void)self;
    if (on->state == COVEY_TASK_STATE_COMPLETED) {
        edge->done = true;
        return false;
    }
    edge->on = on;
    covey_tree_insert (&on->dependants, edge);
    edge->waiter->waits_for++;
    return true;
}

static void
s_wait_no_more (covey_task_t *task)
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
    if (covey_task_state_is_ended (task->state)) {
        covey_tree_remove (s_ended_of (self, task), task);
        self->ended_bytes -= task->bytes;
    } else {
        self->live_count--;
        self->live_bytes -= task->bytes;
        self->ended_total++;
    }
    s_unready (self, task);
    s_wait_no_more (task);
    covey_timers_disarm (&self->timers, &task->wake);
    covey_timers_disarm (&self->timers, &task->deadline);
    task->state = state;
    task->ended_us = self->now_us;
    task->ended_seq = ++self->ended_seq;
    task->bytes = covey_task_measure (task);
    self->ended_bytes += task->bytes;
    covey_tree_insert (s_ended_of (self, task), task);
}

/*  A chain of tasks may be as long as the queue: what fails next is kept in a
    list, not on the stack. The list is the tree of ended tasks itself: those
    that were buried last are still to be looked at.                          */
void
covey_state_end_task (covey_state_t *self, covey_task_t *task,
                      covey_task_state_t state)
{
    assert (!task->worker);
    s_bury (self, task, state);
    if (state == COVEY_TASK_STATE_COMPLETED) {
        covey_dependency_t *edge;
        while ((edge = covey_tree_first (&task->dependants))) {
            covey_tree_remove (&task->dependants, edge);
            edge->on = NULL;
            edge->done = true;
            if (--edge->waiter->waits_for == 0)
                covey_state_make_ready (self, edge->waiter);
        }
        return;
    }
    for (covey_task_t *ended = task; ended;) {
        covey_dependency_t *edge;
        while ((edge = covey_tree_first (&ended->dependants))) {
            covey_task_t *waiter = edge->waiter;
            covey_errbuf_t text;
            (void)covey_fail (&text, COVEY_STATE, "dependency %s is %s",
                              ended->id, covey_task_state_name (ended->state));
            covey_task_set (&waiter->error, text.text);
            covey_task_set (&waiter->error_code, COVEY_TASK_DEPENDENCY);
            covey_fact_failed (self, waiter, NULL, false);
            s_bury (self, waiter, COVEY_TASK_STATE_FAILED);
        }
        /* The first ended one is the oldest of this cascade unless it is
           parked; those behind it follow in the order of their end. */
        ended = ended->state == COVEY_TASK_STATE_PARKED
                    ? covey_tree_after (&self->ended, ended, s_by_end)
                    : covey_tree_next (&self->ended, ended);
    }
}

void
covey_state_revive (covey_state_t *self, covey_task_t *task)
{
    covey_tree_remove (s_ended_of (self, task), task);
    self->ended_bytes -= task->bytes;
    self->live_count++;
    self->live_bytes += task->bytes;
    self->ended_total--;
    task->state = COVEY_TASK_STATE_QUEUED;
    task->ended_us = 0;
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
                           bool retryable, bool delay)
{
    if (!retryable) {
        covey_state_end_task (self, task, COVEY_TASK_STATE_FAILED);
        return;
    }
    if (!covey_task_may_retry (task, task->error_code)) {
        covey_fact_parked (self, task);
        covey_state_end_task (self, task, COVEY_TASK_STATE_PARKED);
        return;
    }
    task->state = COVEY_TASK_STATE_QUEUED;
    int64_t delay_ms = delay ? covey_task_delay_ms (task) : 0;
    if (delay_ms == 0) {
        covey_state_make_ready (self, task);
        return;
    }
    task->wake.kind = COVEY_TIMER_DELAY;
    covey_timers_arm (&self->timers, &task->wake,
                      self->now_us + delay_ms * 1000);
}

void
covey_state_lose (covey_state_t *self, covey_task_t *task, const char *code,
                  const char *text)
{
    bool retryable = !covey_task_is_fatal (task, code);
    covey_task_set (&task->error, text);
    covey_task_set (&task->error_code, code);
    covey_fact_failed (self, task, NULL, retryable);
    covey_state_release (self, task);
    covey_state_after_failure (self, task, retryable, false);
}

/* ---- time
 * --------------------------------------------------------------------- */

static void
s_lease_ended (covey_state_t *self, covey_task_t *task)
{
    covey_errbuf_t text;
    (void)covey_fail (&text, COVEY_TIMEOUT,
                      "agent %s gave no report for %lld ms", task->agent,
                      (long long)task->lease_ms);
    /* It may be alive and only silent: then it shall stop. */
    covey_fact_cancelled (self, task, text.text, task->agent);
    covey_state_lose (self, task, COVEY_TASK_LEASE_ENDED, text.text);
}

void
covey_state_task_due (covey_state_t *self, covey_timer_t *timer)
{
    covey_task_t *task = timer->owner;
    if (timer->kind == COVEY_TIMER_DELAY) {
        covey_state_make_ready (self, task);
        return;
    }
    if (timer->kind == COVEY_TIMER_LEASE) {
        s_lease_ended (self, task);
        return;
    }
    if (task->worker) {
        covey_fact_cancelled (self, task, "the task's deadline passed",
                              task->agent);
        covey_state_release (self, task);
    }
    covey_state_fail (self, task, COVEY_TASK_DEADLINE,
                      "the task's deadline passed");
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

void
covey_state_deinit_tasks (covey_state_t *self)
{
    covey_task_t *task;
    while ((task = covey_tree_first (&self->by_seq))) {
        s_unready (self, task);
        if (task->worker)
            covey_state_release (self, task);
        s_wait_no_more (task);
        covey_dependency_t *edge;
        while ((edge = covey_tree_first (&task->dependants))) {
            covey_tree_remove (&task->dependants, edge);
            edge->on = NULL;
        }
        covey_timers_disarm (&self->timers, &task->wake);
        covey_timers_disarm (&self->timers, &task->deadline);
        covey_tree_remove (&self->by_seq, task);
        covey_task_destroy (&task);
    }
}

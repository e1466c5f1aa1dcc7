/*  Saved: tasks, with what they wait for, who holds them, and their timers.  */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/save.h"
#include "coordinator/state_impl.h"

/* ---- writing ----------------------------------------------------------------
 */

static void
s_describe (const covey_task_t *task, Covey__Snapshot__Task *to)
{
    to->id = task->id;
    to->type = task->type;
    to->description = task->description;
    to->key = task->key;
    to->submitter = task->submitter;
    to->correlation_id = task->correlation_id;
    to->agent_type = task->agent_type;
    to->assignee = task->assignee;
    to->coordination = task->coordination;
    to->swarm = task->swarm;
    to->step = task->step;
    to->host = task->host;
    to->share = task->share;
    to->weight = task->weight;
    to->dependency_policy = task->dependency_policy;
    to->parent = task->parent_id;
    to->parent_policy = task->parent_policy;
    to->under_parent = task->parent != NULL;
    to->batch = task->batch;
    to->schedule = task->schedule_id;
    to->n_required_capabilities = task->required.count;
    to->required_capabilities = task->required.items;
    to->priority = task->priority;
    to->attempts_max = task->retry.attempts;
    to->first_delay = task->retry.first_delay_ms;
    to->multiplier = task->retry.multiplier;
    to->max_delay = task->retry.max_delay_ms;
    to->n_fatal_codes = task->retry.fatal_codes.count;
    to->fatal_codes = task->retry.fatal_codes.items;
    to->lease = task->lease_ms;
    to->queue_timeout = task->queue_ms;
    to->run_timeout = task->run_ms;
    to->total_timeout = task->total_ms;
    to->keep = task->keep_ms;
    to->deadline = task->deadline_us;
    to->submitted = task->submitted_us;
    to->seq = task->seq;
}

static void
s_stand (const covey_task_t *task, Covey__Snapshot__Task *to)
{
    to->state = task->state;
    to->agent = task->agent;
    to->token = task->token;
    to->attempt = task->attempt;
    to->attempts_before = task->attempts_before;
    to->n_rejections = task->rejection_count;
    to->rejections = task->rejections;
    to->not_before = task->not_before_us;
    to->became_ready = task->ready_us;
    to->pause_requested = task->pause_requested;
    to->cancel_requested = task->cancel_requested;
    to->wish = task->wish;
    to->progress = task->progress;
    to->status = task->status;
    to->error = task->error;
    to->error_code = task->error_code;
    to->assigned = task->assigned_us;
    to->started = task->started_us;
    to->ended = task->ended_us;
    to->ended_seq = task->ended_seq;
    to->forget = task->forget_us;
    to->bytes = task->bytes;
    to->ready = task->lane != NULL;
}

static void
s_put (const covey_task_t *task, covey_saver_t *to)
{
    Covey__Snapshot__Task message = COVEY__SNAPSHOT__TASK__INIT;
    Covey__Snapshot__Blob input, details, result;
    Covey__Snapshot__Timer wake, limit, expiry;
    size_t count = task->dependency_count;
    Covey__Snapshot__Dependency *edges = covey_mem_new (count * sizeof *edges);
    Covey__Snapshot__Dependency **list = covey_mem_new (count * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        covey__snapshot__dependency__init (&edges[i]);
        edges[i].id = task->dependencies[i].id;
        edges[i].done = task->dependencies[i].done;
        list[i] = &edges[i];
    }
    message.n_dependencies = count;
    message.dependencies = list;
    s_describe (task, &message);
    s_stand (task, &message);
    message.input = covey_save_blob (&task->input, &input);
    message.details = covey_save_blob (&task->details, &details);
    message.result = covey_save_blob (&task->result, &result);
    message.wake = covey_save_timer (&task->wake, &wake);
    message.limit = covey_save_timer (&task->limit, &limit);
    message.expiry = covey_save_timer (&task->deadline, &expiry);
    Covey__Snapshot__Record record = COVEY__SNAPSHOT__RECORD__INIT;
    record.kind_case = COVEY__SNAPSHOT__RECORD__KIND_TASK;
    record.task = &message;
    covey_saver_put (to, &record);
    free (list);
    free (edges);
}

void
covey_state_save_tasks (const covey_state_t *self, covey_saver_t *to)
{
    for (const covey_task_t *t = covey_tree_first (&self->by_seq); t;
         t = covey_tree_next (&self->by_seq, t))
        s_put (t, to);
}

/* ---- reading ----------------------------------------------------------------
 */

static bool
s_is_delay (int64_t ms)
{
    return ms >= 0 && ms <= COVEY_TASK_DELAY_MAX_MS;
}

static bool
s_is_limit (int64_t ms, int64_t min)
{
    return ms >= min && ms <= COVEY_TASK_LIMIT_MAX_MS;
}

static bool
s_is_good (const covey_state_t *self, const Covey__Snapshot__Task *from)
{
    return from->state < COVEY_TASK_STATES &&
           from->priority < COVEY_SHARE_PRIORITIES &&
           from->weight <= COVEY_SHARE_WEIGHT_MAX &&
           from->dependency_policy <= COVEY_TASK_DEPENDENCY_WAIT &&
           from->parent_policy <= COVEY_TASK_PARENT_ABANDON &&
           from->batch <= COVEY_TASK_BATCH_MAX && from->seq <= self->task_seq &&
           from->token <= self->token && from->ended_seq <= self->ended_seq &&
           from->lease >= COVEY_TASK_LEASE_MIN_MS &&
           from->lease <= COVEY_TASK_LEASE_MAX_MS &&
           s_is_limit (from->queue_timeout, 0) &&
           s_is_limit (from->run_timeout, 0) &&
           s_is_limit (from->total_timeout, 0) && s_is_limit (from->keep, -1) &&
           s_is_delay (from->first_delay) && s_is_delay (from->max_delay) &&
           from->n_rejections <= COVEY_TASK_REJECTIONS_MAX &&
           covey_save_is_time (from->deadline) &&
           covey_save_is_time (from->submitted) &&
           covey_save_is_time (from->assigned) &&
           covey_save_is_time (from->started) &&
           covey_save_is_time (from->ended) &&
           covey_save_is_time (from->not_before) &&
           covey_save_is_time (from->became_ready) &&
           (covey_save_is_time (from->forget) || from->forget == INT64_MAX);
}

static void
s_take_description (covey_task_t *task, const Covey__Snapshot__Task *from)
{
    task->type = covey_str_dup (from->type);
    task->description = covey_str_dup (from->description);
    task->key = covey_str_dup (from->key);
    task->submitter = covey_str_dup (from->submitter);
    task->correlation_id = covey_str_dup (from->correlation_id);
    task->agent_type = covey_str_dup (from->agent_type);
    task->assignee = covey_str_dup (from->assignee);
    task->coordination = covey_str_dup (from->coordination);
    task->swarm = covey_str_dup (from->swarm);
    task->step = covey_str_dup (from->step);
    task->host = covey_str_dup (from->host);
    task->share = covey_str_dup (from->share);
    task->weight = from->weight;
    task->dependency_policy =
        (covey_task_dependency_policy_t)from->dependency_policy;
    task->parent_id = covey_str_dup (from->parent);
    task->parent_policy = (covey_task_parent_policy_t)from->parent_policy;
    task->batch = from->batch;
    task->schedule_id = covey_str_dup (from->schedule);
    covey_texts_sort (&task->required, from->required_capabilities,
                      from->n_required_capabilities);
    task->priority = from->priority;
    task->retry = (covey_retry_t){.attempts = from->attempts_max,
                                  .first_delay_ms = from->first_delay,
                                  .multiplier = from->multiplier,
                                  .max_delay_ms = from->max_delay};
    covey_texts_copy (&task->retry.fatal_codes, from->fatal_codes,
                      from->n_fatal_codes);
    covey_load_blob (&task->input, from->input);
    task->lease_ms = from->lease;
    task->queue_ms = from->queue_timeout;
    task->run_ms = from->run_timeout;
    task->total_ms = from->total_timeout;
    task->keep_ms = from->keep;
    task->deadline_us = from->deadline;
    task->submitted_us = from->submitted;
}

static void
s_take_standing (covey_task_t *task, const Covey__Snapshot__Task *from)
{
    task->state = (covey_task_state_t)from->state;
    task->agent = covey_str_dup (from->agent);
    task->token = from->token;
    task->attempt = from->attempt;
    task->attempts_before = from->attempts_before;
    for (size_t i = 0; i < from->n_rejections; i++)
        covey_task_note_rejection (task, from->rejections[i]);
    task->not_before_us = from->not_before;
    task->ready_us = from->became_ready;
    task->pause_requested = from->pause_requested;
    task->cancel_requested = from->cancel_requested;
    task->wish = covey_str_dup (from->wish);
    covey_load_blob (&task->details, from->details);
    task->progress = from->progress;
    task->status = covey_str_dup (from->status);
    task->error = covey_str_dup (from->error);
    task->error_code = covey_str_dup (from->error_code);
    covey_load_blob (&task->result, from->result);
    task->assigned_us = from->assigned;
    task->started_us = from->started;
    task->ended_us = from->ended;
    task->ended_seq = from->ended_seq;
    task->forget_us = from->forget;
    task->bytes = from->bytes;
}

/*  Its dependencies; what it still waits for was submitted, and so saved,
    before it.                                                                */
static bool
s_take_edges (covey_state_t *self, covey_task_t *task,
              const Covey__Snapshot__Task *from)
{
    bool ended = covey_task_state_is_ended (task->state);
    size_t count = from->n_dependencies;
    task->dependency_count = count;
    task->dependencies = covey_mem_new (count * sizeof *task->dependencies);
    for (size_t i = 0; i < count; i++) {
        covey_dependency_t *edge = &task->dependencies[i];
        edge->waiter = task;
        edge->id = covey_str_dup (from->dependencies[i]->id);
        edge->done = from->dependencies[i]->done;
    }
    for (size_t i = 0; i < count && !ended; i++) {
        covey_dependency_t *edge = &task->dependencies[i];
        if (edge->done)
            continue;
        covey_task_t *on = covey_state_find_task (self, edge->id);
        if (!on || on->state == COVEY_TASK_STATE_COMPLETED ||
            !covey_state_may_come (on) ||
            !covey_tree_insert (&on->dependants, edge))
            return false;
        edge->on = on;
        task->waits_for++;
    }
    return true;
}

static bool
s_take_parent (covey_state_t *self, covey_task_t *task,
               const Covey__Snapshot__Task *from)
{
    if (!from->under_parent)
        return true;
    covey_task_t *parent =
        from->parent ? covey_state_find_task (self, from->parent) : NULL;
    if (!parent || parent == task || covey_task_state_is_ended (task->state) ||
        !covey_tree_insert (&parent->children, task))
        return false;
    task->parent = parent;
    return true;
}

/*  Where a living task stands: with its agent, ready for one, or waiting.   */
static bool
s_take_place (covey_state_t *self, covey_task_t *task,
              const Covey__Snapshot__Task *from)
{
    bool queued = task->state == COVEY_TASK_STATE_QUEUED;
    if (from->ready) {
        if (!queued || task->waits_for)
            return false;
        covey_scheduler_queue (&self->scheduler, task);
        return true;
    }
    if (queued || task->state == COVEY_TASK_STATE_PAUSED)
        return true;
    covey_worker_t *worker =
        from->agent ? covey_registry_find_up (&self->registry, from->agent)
                    : NULL;
    if (!worker || task->waits_for)
        return false;
    covey_scheduler_hide (&self->scheduler, worker);
    if (covey_tree_insert (&worker->held, task)) {
        task->worker = worker;
        self->held_count++;
    }
    covey_scheduler_show (&self->scheduler, worker);
    return task->worker != NULL;
}

/*  A timer that may be there, of one of two kinds.                          */
static bool
s_take_timer (covey_state_t *self, covey_timer_t *timer,
              const Covey__Snapshot__Timer *from, covey_timer_kind_t one,
              covey_timer_kind_t other)
{
    return !from ||
           ((from->kind == (uint32_t)one || from->kind == (uint32_t)other) &&
            covey_load_timer (&self->timers, timer, from));
}

static bool
s_take_timers (covey_state_t *self, covey_task_t *task,
               const Covey__Snapshot__Task *from)
{
    covey_timer_kind_t wake = COVEY_TIMER_DELAY;
    if (task->worker)
        wake = COVEY_TIMER_LEASE;
    else if (task->lane)
        wake = COVEY_TIMER_QUEUE;
    return (task->worker || !from->limit) &&
           s_take_timer (self, &task->wake, from->wake, wake, wake) &&
           s_take_timer (self, &task->limit, from->limit, COVEY_TIMER_RUN,
                         COVEY_TIMER_GRACE) &&
           s_take_timer (self, &task->deadline, from->expiry,
                         COVEY_TIMER_DEADLINE, COVEY_TIMER_DEADLINE);
}

static bool
s_take_end (covey_state_t *self, covey_task_t *task,
            const Covey__Snapshot__Task *from)
{
    if (from->ready || from->wake || from->limit)
        return false;
    self->ended_bytes += task->bytes;
    return s_take_timer (self, &task->deadline, from->expiry,
                         COVEY_TIMER_FORGET, COVEY_TIMER_FORGET) &&
           covey_tree_insert (task->state == COVEY_TASK_STATE_PARKED
                                  ? &self->parked
                                  : &self->ended,
                              task);
}

covey_err_t
covey_state_load_task (covey_state_t *self,
                       const Covey__Snapshot__Record *record,
                       covey_errbuf_t *err)
{
    const Covey__Snapshot__Task *from = record->task;
    covey_task_t *task = covey_task_new (from->id, from->seq);
    s_take_description (task, from);
    bool good =
        s_is_good (self, from) && !covey_state_find_task (self, from->id);
    if (good)
        s_take_standing (task, from);
    good = good && covey_tree_insert (&self->by_seq, task);
    if (!good) {
        covey_task_destroy (&task);
        return covey_fail (err, COVEY_CORRUPT,
                           "the snapshot is damaged: task %.140s", from->id);
    }
    /* From here on the state owns it, and frees it whatever is wrong. */
    covey_tree_insert (&self->tasks, task);
    good = !task->key || covey_tree_insert (&self->by_key, task);
    good = good && s_take_edges (self, task, from) &&
           s_take_parent (self, task, from);
    if (good && covey_task_state_is_ended (task->state))
        good = s_take_end (self, task, from);
    else if (good) {
        self->live_count++;
        self->live_bytes += task->bytes;
        good =
            s_take_place (self, task, from) && s_take_timers (self, task, from);
    }
    return good ? COVEY_OK
                : covey_fail (err, COVEY_CORRUPT,
                              "the snapshot is damaged: task %.140s does not "
                              "fit the others",
                              from->id);
}

/*  What callers see of tasks and agents, as JSON by descriptor. Views borrow
    from the state; only their pointer arrays are allocated.                  */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/view.h"
#include "proto/json.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 1000

/* ---- lists ------------------------------------------------------------------
 */

void
covey_view_list_begin (covey_view_list_t *self, const char *name,
                       uint32_t limit, covey_buf_t *to)
{
    *self =
        (covey_view_list_t){.to = to, .limit = limit ? limit : LIMIT_DEFAULT};
    if (self->limit > LIMIT_MAX)
        self->limit = LIMIT_MAX;
    covey_buf_printf (to, "{\"%s\":[", name);
}

bool
covey_view_list_has_room (covey_view_list_t *self)
{
    self->more =
        self->count >= self->limit || self->to->size > COVEY_VIEW_LIST_BYTES;
    if (!self->more && self->count++)
        covey_buf_putc (self->to, ',');
    return !self->more;
}

covey_err_t
covey_view_list_end (covey_view_list_t *self, const char *last)
{
    covey_buf_putc (self->to, ']');
    if (self->more && last) {
        covey_buf_puts (self->to, ",\"next\":");
        covey_json_quote (self->to, last, strlen (last));
    }
    covey_buf_putc (self->to, '}');
    return self->to->failed ? COVEY_LIMIT : COVEY_OK;
}

/* ---- tasks
 * -------------------------------------------------------------------- */

static void
s_borrow (const covey_blob_t *blob, Covey__V1__Payload *payload)
{
    covey__v1__payload__init (payload);
    payload->has_content_type = true;
    payload->content_type = (Covey__V1__ContentType)blob->content;
    payload->has_data = true;
    payload->data.data = blob->data;
    payload->data.len = blob->size;
}

/*  Why a queued task is not assigned, in words.                             */
static void
s_reason (const covey_state_t *state, const covey_task_t *task, char *text,
          size_t size)
{
    if (task->waits_for) {
        snprintf (text, size, "waits for %zu %s", task->waits_for,
                  task->waits_for == 1 ? "task" : "tasks");
        return;
    }
    if (!task->lane) {
        char when[40];
        covey_str_time (task->wake.due_us, when);
        snprintf (text, size, "waits until %s for its next attempt", when);
        return;
    }
    if (task->assignee) {
        snprintf (text, size, "waits for agent %s, which is busy",
                  task->assignee);
        return;
    }
    size_t fit = covey_scheduler_count_matching (&state->scheduler, task);
    if (fit == 0)
        snprintf (text, size, "no agent is there that offers what it asks for");
    else if (task->rejection_count)
        snprintf (text, size,
                  "%zu agents offer what it asks for; they are busy or have "
                  "rejected it",
                  fit);
    else
        snprintf (text, size, "%zu agents offer what it asks for; all are busy",
                  fit);
}

static void
s_fill_times (const covey_task_t *task, Covey__Control__TaskView *view)
{
    view->has_submitted_at = true;
    view->submitted_at = task->submitted_us;
    view->has_assigned_at = task->assigned_us != 0;
    view->assigned_at = task->assigned_us;
    view->has_started_at = task->started_us != 0;
    view->started_at = task->started_us;
    view->has_ended_at = task->ended_us != 0;
    view->ended_at = task->ended_us;
    view->has_lease_ends_at = task->worker != NULL;
    view->lease_ends_at = task->wake.due_us;
}

static void
s_fill_task (const covey_task_t *task, Covey__Control__TaskView *view)
{
    covey__control__task_view__init (view);
    view->id = task->id;
    view->type = task->type;
    view->state = (char *)covey_task_state_name (task->state);
    view->agent = task->agent;
    view->has_attempt = true;
    view->attempt = task->attempt - task->attempts_before;
    if (task->token) {
        view->has_fencing_token = true;
        view->fencing_token = task->token;
    }
    view->has_progress = true;
    view->progress = task->progress;
    view->error = task->error;
    view->error_code = task->error_code;
    view->description = task->description;
    view->has_priority = true;
    view->priority = (Covey__V1__Priority)task->priority;
    view->status = task->status;
    view->submitter = task->submitter;
    view->correlation_id = task->correlation_id;
    view->agent_type = task->agent_type;
    view->n_required_capabilities = task->required.count;
    view->required_capabilities = task->required.items;
    s_fill_times (task, view);
}

covey_err_t
covey_view_task (const covey_state_t *state, const covey_task_t *task,
                 bool with_result, covey_buf_t *to)
{
    Covey__Control__TaskView view;
    Covey__V1__Payload result;
    char reason[200];
    s_fill_task (task, &view);
    if (with_result && task->result.set &&
        task->result.size <= COVEY_VIEW_RESULT_MAX) {
        s_borrow (&task->result, &result);
        view.result = &result;
    } else if (with_result && task->result.set) {
        view.has_result_omitted = true;
        view.result_omitted = true;
    }
    if (task->state == COVEY_TASK_STATE_QUEUED) {
        s_reason (state, task, reason, sizeof reason);
        view.waits_because = reason;
    }
    size_t count = task->dependency_count;
    char **names = covey_mem_new (2 * count * sizeof *names);
    view.dependencies = names;
    view.waits_for = names + count;
    for (size_t i = 0; i < count; i++) {
        const covey_dependency_t *edge = &task->dependencies[i];
        view.dependencies[view.n_dependencies++] = edge->id;
        if (edge->on)
            view.waits_for[view.n_waits_for++] = edge->id;
    }
    covey_err_t code = covey_json_write (&view.base, to);
    free (names);
    return code;
}

covey_err_t
covey_state_task (const covey_state_t *self, const char *task_id,
                  covey_buf_t *to, covey_errbuf_t *err)
{
    const covey_task_t *task = covey_state_find_task (self, task_id);
    if (!task)
        return covey_fail (err, COVEY_NOTFOUND, "no task %s", task_id);
    return covey_view_task (self, task, true, to);
}

static int
s_key_seq (const void *key, const void *item)
{
    const uint64_t *seq = key;
    const covey_task_t *task = item;
    return *seq < task->seq ? -1 : *seq > task->seq;
}

covey_err_t
covey_state_tasks (const covey_state_t *self,
                   const Covey__Control__TaskQuery *query, covey_buf_t *to,
                   covey_errbuf_t *err)
{
    int state = query->state ? covey_task_state_number (query->state) : -1;
    if (query->state && state < 0)
        return covey_fail (err, COVEY_INVALID,
                           "state \"%s\" is none of queued, assigned, "
                           "accepted, started, completed, failed, cancelled, "
                           "parked",
                           query->state);
    uint64_t after = 0;
    if (query->after) {
        const covey_task_t *task = covey_state_find_task (self, query->after);
        if (!task)
            return covey_fail (err, COVEY_NOTFOUND, "no task %s to go on after",
                               query->after);
        after = task->seq;
    }
    covey_view_list_t list;
    covey_view_list_begin (&list, "tasks", query->has_limit ? query->limit : 0,
                           to);
    const char *last = NULL;
    for (covey_task_t *task =
             covey_tree_after (&self->by_seq, &after, s_key_seq);
         task; task = covey_tree_next (&self->by_seq, task)) {
        if ((query->state && (int)task->state != state) ||
            (query->agent &&
             (!task->agent || strcmp (task->agent, query->agent) != 0)) ||
            (query->task_type && strcmp (task->type, query->task_type) != 0))
            continue;
        if (!covey_view_list_has_room (&list))
            break;
        last = task->id;
        covey_err_t code = covey_view_task (self, task, false, to);
        if (code)
            return code;
    }
    return covey_view_list_end (&list, last);
}

/* ---- agents
 * ------------------------------------------------------------------- */

static covey_err_t
s_agent (const covey_worker_t *worker, covey_buf_t *to)
{
    Covey__Control__AgentView view;
    char node[37];
    covey__control__agent_view__init (&view);
    view.id = worker->id;
    view.type = worker->type;
    view.name = worker->name;
    view.state = (char *)covey_worker_state_name (worker);
    view.has_since = true;
    view.since = worker->since_us;
    covey_id_text (worker->node_id, node);
    view.node = node;
    view.n_capabilities = worker->capabilities.count;
    view.capabilities = worker->capabilities.items;
    view.n_tags = worker->tags.count;
    view.tags = worker->tags.items;
    view.has_generation = true;
    view.generation = worker->generation;
    view.has_task_slots = true;
    view.task_slots = worker->slots;
    view.has_available_capacity = true;
    view.available_capacity = worker->capacity;
    view.tasks = covey_mem_new (worker->held.count * sizeof *view.tasks);
    for (covey_task_t *task = covey_tree_first (&worker->held); task;
         task = covey_tree_next (&worker->held, task))
        view.tasks[view.n_tasks++] = task->id;
    covey_err_t code = covey_json_write (&view.base, to);
    free (view.tasks);
    return code;
}

static int
s_key_worker (const void *key, const void *item)
{
    return strcmp (key, ((const covey_worker_t *)item)->id);
}

covey_err_t
covey_state_agents (const covey_state_t *self,
                    const Covey__Control__ListQuery *query, covey_buf_t *to,
                    covey_errbuf_t *err)
{
    (void)err;
    covey_view_list_t list;
    covey_view_list_begin (&list, "agents",
                           query->has_limit ? query->limit : LIMIT_MAX, to);
    const covey_tree_t *workers = &self->registry.workers;
    covey_worker_t *worker =
        query->after ? covey_tree_after (workers, query->after, s_key_worker)
                     : covey_tree_first (workers);
    const char *last = NULL;
    for (; worker; worker = covey_tree_next (workers, worker)) {
        if (query->state &&
            strcmp (query->state, covey_worker_state_name (worker)) != 0)
            continue;
        if (!covey_view_list_has_room (&list))
            break;
        last = worker->id;
        covey_err_t code = s_agent (worker, to);
        if (code)
            return code;
    }
    return covey_view_list_end (&list, last);
}

void
covey_state_status (const covey_state_t *self,
                    Covey__Control__CoordinatorStatus *status)
{
    status->has_log_index = true;
    status->log_index = self->index;
    status->has_agents = true;
    status->agents = (uint32_t)self->registry.up_count;
    status->has_tasks_queued = true;
    status->tasks_queued = (uint32_t)(self->live_count - self->held_count);
    status->has_tasks_running = true;
    status->tasks_running = (uint32_t)self->held_count;
    status->has_tasks_ended = true;
    status->tasks_ended = self->ended_total;
    status->has_swarms = true;
    status->swarms = (uint32_t)(self->swarms.count - self->swarms_ended.count);
    status->has_votes_open = true;
    status->votes_open = (uint32_t)self->votes_open.count;
}

/* ---- answers
 * ------------------------------------------------------------------ */

covey_err_t
covey_state_show (const covey_state_t *self, covey_show_t show, const char *id,
                  covey_buf_t *to)
{
    if (show == COVEY_SHOW_TASK) {
        const covey_task_t *task = covey_state_find_task (self, id);
        if (task)
            return covey_view_task (self, task, false, to);
    } else if (show == COVEY_SHOW_SWARM) {
        const covey_swarm_entry_t *entry = covey_state_find_swarm (self, id);
        if (entry)
            return covey_view_swarm (entry->swarm, to);
    } else if (show == COVEY_SHOW_VOTE) {
        const covey_vote_entry_t *entry = covey_state_find_vote (self, id);
        if (entry)
            return covey_view_vote (entry->proposal, true, to);
    }
    covey_buf_putc (to, '{');
    if (id && *id) {
        covey_buf_puts (to, "\"id\":");
        covey_json_quote (to, id, strlen (id));
    }
    covey_buf_putc (to, '}');
    return to->failed ? COVEY_LIMIT : COVEY_OK;
}

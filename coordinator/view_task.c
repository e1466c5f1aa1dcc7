/*  What callers see of tasks, as JSON by descriptor. Views borrow from the
    state; only their pointer arrays are allocated.                           */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/view.h"
#include "proto/json.h"

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
        snprintf (text, size, "waits until %s%s", when,
                  task->attempt ? " for its next attempt" : "");
        return;
    }
    if (task->assignee) {
        snprintf (text, size, "waits for agent %s, which is busy",
                  task->assignee);
        return;
    }
    if (task->swarm) {
        snprintf (text, size, "waits for a member of swarm %.100s that is free",
                  task->swarm);
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
    int64_t end_us = covey_task_end_us (task);
    view->has_deadline = end_us != INT64_MAX;
    view->deadline = end_us;
    view->has_not_before = task->not_before_us != 0;
    view->not_before = task->not_before_us;
}

/*  A payload that is shown unless it is too large; `room` is what is left.  */
static Covey__V1__Payload *
s_payload (const covey_blob_t *blob, Covey__V1__Payload *payload, size_t *room,
           protobuf_c_boolean *omitted)
{
    if (!blob->set)
        return NULL;
    *omitted = blob->size > *room;
    if (*omitted)
        return NULL;
    *room -= blob->size;
    s_borrow (blob, payload);
    return payload;
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
    view->has_cancel_requested = view->cancel_requested =
        task->cancel_requested;
    view->has_pause_requested = view->pause_requested = task->pause_requested;
    view->submitter = task->submitter;
    view->correlation_id = task->correlation_id;
    view->agent_type = task->agent_type;
    view->preferred_host = task->host;
    view->share = task->share;
    if (task->dependency_count)
        view->dependency_policy = (char *)covey_task_dependency_policy_name (
            (int)task->dependency_policy);
    view->parent = task->parent_id;
    view->schedule = task->schedule_id;
    view->swarm = task->swarm;
    if (task->parent_id)
        view->parent_policy =
            (char *)covey_task_parent_policy_name ((int)task->parent_policy);
    view->has_weight = task->weight != 0;
    view->weight = task->weight;
    view->n_required_capabilities = task->required.count;
    view->required_capabilities = task->required.items;
    s_fill_times (task, view);
}

covey_err_t
covey_view_task (const covey_state_t *state, const covey_task_t *task,
                 bool with_result, covey_buf_t *to)
{
    Covey__Control__TaskView view;
    Covey__V1__Payload result, details;
    char reason[200];
    s_fill_task (task, &view);
    if (with_result) {
        size_t room = COVEY_VIEW_RESULT_MAX;
        view.result =
            s_payload (&task->result, &result, &room, &view.result_omitted);
        view.has_result_omitted = view.result_omitted;
        view.details =
            s_payload (&task->details, &details, &room, &view.details_omitted);
        view.has_details_omitted = view.details_omitted;
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
                           "accepted, started, paused, completed, failed, "
                           "cancelled, parked",
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

covey_err_t
covey_view_batch (const covey_state_t *state, const char *id, covey_buf_t *to)
{
    unsigned long long first = 0, count = 0;
    (void)sscanf (id, "%llu %llu", &first, &count);
    covey_view_list_t list;
    covey_view_list_begin (&list, "tasks", COVEY_TASK_BATCH_MAX, to);
    const char *last = NULL;
    uint64_t after = first - 1;
    for (covey_task_t *task =
             covey_tree_after (&state->by_seq, &after, s_key_seq);
         task && task->seq < first + count;
         task = covey_tree_next (&state->by_seq, task)) {
        if (!covey_view_list_has_room (&list))
            break;
        last = task->id;
        covey_err_t code = covey_view_task (state, task, false, to);
        if (code)
            return code;
    }
    return covey_view_list_end (&list, last);
}

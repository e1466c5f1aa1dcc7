/*  Commands about tasks that are there: reports of their holders, and what
    callers may ask. Submitting is in state_submit.c; what follows from all of
    them in task_rules.c.                                                     */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

void
covey_state_show_task (covey_state_t *self, const covey_task_t *task)
{
    self->show = COVEY_SHOW_TASK;
    self->show_id = task->id;
}

/* ---- reports ----------------------------------------------------------------
 */

static covey_err_t
s_check_holder (covey_state_t *self, const covey_task_t *task, uint64_t token)
{
    const char *caller = covey_state_caller (self);
    bool is_last = task->agent && strcmp (task->agent, caller) == 0 &&
                   task->token == token;
    if (is_last && (task->worker || covey_task_state_is_ended (task->state)))
        return COVEY_OK;
    if (task->worker)
        return covey_fail (self->err, COVEY_FENCED,
                           "task %s is held by %s with fencing token %llu, not "
                           "by %s with %llu",
                           task->id, task->agent,
                           (unsigned long long)task->token, caller,
                           (unsigned long long)token);
    return covey_fail (self->err, COVEY_FENCED,
                       "task %s is %s and held by nobody (the last fencing "
                       "token was %llu), not by %s with %llu",
                       task->id, covey_task_state_name (task->state),
                       (unsigned long long)task->token, caller,
                       (unsigned long long)token);
}

static covey_err_t
s_on_reject (covey_state_t *self, covey_task_t *task,
             const Covey__Control__TaskReport *report)
{
    covey_fact_report (self, COVEY_TASK_ON_REJECT, task, report);
    uint64_t generation = task->worker->generation;
    covey_state_release (self, task);
    if (task->assignee) { /* there is nobody else to offer it to */
        covey_state_fail (self, task, COVEY_TASK_REJECTED,
                          report->reason ? report->reason : "no reason given");
        return COVEY_OK;
    }
    task->attempt--;
    if (task->rejection_count == COVEY_TASK_REJECTIONS_MAX) {
        covey_state_fail (self, task, COVEY_TASK_REJECTED,
                          "too many agents rejected it");
        return COVEY_OK;
    }
    covey_task_note_rejection (task, generation);
    covey_state_requeue (self, task);
    return COVEY_OK;
}

static covey_err_t
s_keep_details (covey_state_t *self, covey_task_t *task,
                const Covey__V1__Payload *details)
{
    if (!details)
        return COVEY_OK;
    if (details->data.len > task->details.size &&
        self->live_bytes - task->details.size + details->data.len >
            self->limits.task_bytes_max)
        return covey_fail (
            self->err, COVEY_EAGAIN,
            "details of %zu bytes are not kept: the tasks that "
            "wait or run have %zu bytes; report without them" COVEY_LIMIT_HINT (
                "taskBytes"),
            details->data.len, self->live_bytes,
            (unsigned long long)self->limits.task_bytes_max);
    covey_blob_set (&task->details,
                    details->has_content_type ? (int)details->content_type : 0,
                    details->data.data, details->data.len);
    covey_state_remeasure (self, task);
    return COVEY_OK;
}

/*  Given back unfinished: not an attempt, and no reason to keep it from this
    agent.                                                                    */
static covey_err_t
s_on_yield (covey_state_t *self, covey_task_t *task,
            const Covey__Control__TaskReport *report)
{
    covey_err_t code = s_keep_details (self, task, report->details);
    if (code)
        return code;
    if (!task->pause_requested && !task->cancel_requested)
        covey_fact_report (self, COVEY_TASK_ON_REJECT, task, report);
    covey_state_release (self, task);
    task->attempt--;
    covey_state_requeue (self, task);
    return COVEY_OK;
}

static covey_err_t
s_on_progress (covey_state_t *self, covey_task_t *task,
               const Covey__Control__TaskReport *report)
{
    covey_err_t code = s_keep_details (self, task, report->details);
    if (code)
        return code;
    covey_state_renew (self, task);
    task->state = COVEY_TASK_STATE_STARTED;
    if (!task->started_us)
        task->started_us = self->now_us;
    if (!report->has_progress && !report->status && !report->details)
        return COVEY_OK; /* it only says that it is alive */
    if (report->has_progress)
        task->progress = report->progress;
    if (report->status)
        covey_task_set (&task->status, report->status);
    covey_fact_report (self, COVEY_TASK_ON_PROGRESS, task, report);
    return COVEY_OK;
}

static covey_err_t
s_on_complete (covey_state_t *self, covey_task_t *task,
               const Covey__Control__TaskReport *report)
{
    const Covey__V1__Payload *result = report->result;
    if (result)
        covey_blob_set (&task->result,
                        result->has_content_type ? (int)result->content_type
                                                 : 0,
                        result->data.data, result->data.len);
    task->progress = 100;
    covey_task_set (&task->error, NULL);
    covey_task_set (&task->error_code, NULL);
    covey_fact_report (self, COVEY_TASK_ON_COMPLETE, task, report);
    covey_state_release (self, task);
    covey_state_end_task (self, task, COVEY_TASK_STATE_COMPLETED);
    return COVEY_OK;
}

static covey_err_t
s_on_fail (covey_state_t *self, covey_task_t *task,
           const Covey__Control__TaskReport *report)
{
    bool retryable = !(report->has_retryable && !report->retryable) &&
                     !covey_task_is_final (task, report->error_code);
    covey_task_set (&task->error,
                    report->error ? report->error : "no reason given");
    covey_task_set (&task->error_code, report->error_code);
    covey_fact_failed (self, task, task->agent, retryable);
    covey_state_release (self, task);
    covey_state_after_failure (self, task, retryable,
                               report->has_retry_delay
                                   ? report->retry_delay
                                   : covey_task_delay_ms (task));
    return COVEY_OK;
}

covey_err_t
covey_state_on_report (covey_state_t *self, covey_task_verb_t verb,
                       const Covey__Control__TaskReport *report)
{
    covey_task_t *task = covey_state_find_task (self, report->task_id);
    if (!task)
        return covey_fail (self->err, COVEY_NOTFOUND, "no task %s",
                           report->task_id);
    covey_err_t code = s_check_holder (self, task, report->fencing_token);
    if (code && (verb == COVEY_TASK_ON_COMPLETE || verb == COVEY_TASK_ON_FAIL))
        covey_fact_fenced (self, task, report);
    if (code)
        return code;
    covey_task_state_t next = task->state;
    covey_task_move_t move = covey_task_move (task->state, verb, &next);
    if (move == COVEY_TASK_REFUSE)
        return covey_fail (self->err, COVEY_STATE,
                           "task %s is %s: this report comes too late",
                           task->id, covey_task_state_name (task->state));
    covey_state_show_task (self, task);
    switch ((int)verb) {
        case COVEY_TASK_ON_REJECT:
            return s_on_reject (self, task, report);
        case COVEY_TASK_ON_YIELD:
            return s_on_yield (self, task, report);
        case COVEY_TASK_ON_PROGRESS:
            return s_on_progress (self, task, report);
        case COVEY_TASK_ON_COMPLETE:
            return s_on_complete (self, task, report);
        case COVEY_TASK_ON_FAIL:
            return s_on_fail (self, task, report);
        default:
            break;
    }
    covey_state_renew (self, task);
    if (move == COVEY_TASK_KEEP)
        return COVEY_OK;
    task->state = next;
    if (verb == COVEY_TASK_ON_START)
        task->started_us = self->now_us;
    covey_fact_report (self, verb, task, report);
    return COVEY_OK;
}

/* ---- what others ask for ----------------------------------------------------
 */

/*  NULL: `*code_p` says why not.                                            */
static covey_task_t *
s_find_for (covey_state_t *self, const char *task_id, covey_task_verb_t verb,
            covey_err_t *code_p)
{
    covey_task_t *task = covey_state_find_task (self, task_id);
    if (!task) {
        *code_p = covey_fail (self->err, COVEY_NOTFOUND, "no task %s", task_id);
        return NULL;
    }
    covey_task_state_t next;
    if (covey_task_move (task->state, verb, &next) != COVEY_TASK_REFUSE)
        return task;
    const char *cannot = "cancelled";
    if (verb == COVEY_TASK_ON_RETRY)
        cannot = "tried again, only failed and parked tasks can";
    else if (verb == COVEY_TASK_ON_PAUSE)
        cannot = "paused";
    else if (verb == COVEY_TASK_ON_RESUME)
        cannot = "resumed, only paused tasks can";
    *code_p =
        covey_fail (self->err, COVEY_STATE, "task %s is %s: it cannot be %s",
                    task->id, covey_task_state_name (task->state), cannot);
    return NULL;
}

void
covey_state_ask_cancel (covey_state_t *self, covey_task_t *task,
                        const char *reason, int64_t grace_ms)
{
    task->cancel_requested = true;
    covey_task_set (&task->wish, reason);
    /* An attempt that would end before the grace is not made longer by it. */
    int64_t end_us = self->now_us + grace_ms * 1000;
    if (grace_ms >= 0 && !(covey_link_is_in (&task->limit.link) &&
                           task->limit.due_us <= end_us)) {
        task->limit.kind = COVEY_TIMER_GRACE;
        covey_timers_arm (&self->timers, &task->limit, end_us);
    }
    covey_fact_noted (self, task, "cancelRequested", NULL);
    covey_fact_noted (self, task, "cancelRequested", task->agent);
}

covey_err_t
covey_state_on_cancel (covey_state_t *self,
                       const Covey__Control__TaskCancel *cancel)
{
    covey_err_t code = COVEY_OK;
    covey_task_t *task =
        s_find_for (self, cancel->task_id, COVEY_TASK_ON_CANCEL, &code);
    if (!task)
        return code;
    covey_errbuf_t made;
    (void)covey_fail (&made, COVEY_CANCELED, "cancelled by %s",
                      covey_state_caller (self));
    const char *reason =
        cancel->reason && *cancel->reason ? cancel->reason : made.text;
    covey_state_show_task (self, task);
    if (task->worker && cancel->has_grace && cancel->grace > 0)
        covey_state_ask_cancel (self, task, reason, cancel->grace);
    else
        covey_state_cancel (self, task, reason);
    return COVEY_OK;
}

covey_err_t
covey_state_on_pause (covey_state_t *self, const Covey__Control__TaskRef *ref)
{
    covey_err_t code = COVEY_OK;
    covey_task_t *task =
        s_find_for (self, ref->task_id, COVEY_TASK_ON_PAUSE, &code);
    if (!task)
        return code;
    covey_state_show_task (self, task);
    if (!task->worker) {
        covey_state_pause (self, task);
        return COVEY_OK;
    }
    if (!task->pause_requested) {
        task->pause_requested = true;
        covey_fact_noted (self, task, "pauseRequested", NULL);
        covey_fact_noted (self, task, "pauseRequested", task->agent);
    }
    return COVEY_OK;
}

covey_err_t
covey_state_on_resume (covey_state_t *self, const Covey__Control__TaskRef *ref)
{
    covey_err_t code = COVEY_OK;
    covey_task_t *task =
        s_find_for (self, ref->task_id, COVEY_TASK_ON_RESUME, &code);
    if (!task)
        return code;
    covey_state_show_task (self, task);
    if (task->worker && !task->pause_requested)
        return covey_fail (self->err, COVEY_STATE,
                           "task %s is %s: nobody asked for a pause", task->id,
                           covey_task_state_name (task->state));
    covey_fact_noted (self, task, "resumed", NULL);
    if (task->worker) {
        covey_fact_noted (self, task, "resumed", task->agent);
        task->pause_requested = false;
        return COVEY_OK;
    }
    task->state = COVEY_TASK_STATE_QUEUED;
    covey_state_settle (self, task);
    return COVEY_OK;
}

/*  Everything it waited for must still come, or have come.                  */
static covey_err_t
s_check_again (covey_state_t *self, const covey_task_t *task)
{
    if (self->live_count >= self->limits.tasks_max)
        return covey_fail (
            self->err, COVEY_EAGAIN,
            "the queue is full: %zu tasks wait or run" COVEY_LIMIT_HINT (
                "tasks"),
            self->live_count, (unsigned long long)self->limits.tasks_max);
    for (size_t i = 0; i < task->dependency_count; i++) {
        const covey_dependency_t *edge = &task->dependencies[i];
        if (edge->done)
            continue;
        const covey_task_t *on = covey_state_find_task (self, edge->id);
        if (!on && task->dependency_policy == COVEY_TASK_DEPENDENCY_IGNORE)
            continue;
        if (!on)
            return covey_fail (self->err, COVEY_STATE,
                               "task %s waits for %s, which is not kept any "
                               "more",
                               task->id, edge->id);
        if (covey_task_state_is_ended (on->state) &&
            on->state != COVEY_TASK_STATE_COMPLETED &&
            task->dependency_policy != COVEY_TASK_DEPENDENCY_IGNORE &&
            !(task->dependency_policy == COVEY_TASK_DEPENDENCY_WAIT &&
              covey_state_may_come (on)))
            return covey_fail (self->err, COVEY_STATE,
                               "task %s waits for %s, which is %s: try that "
                               "one again first",
                               task->id, edge->id,
                               covey_task_state_name (on->state));
    }
    return COVEY_OK;
}

covey_err_t
covey_state_on_retry (covey_state_t *self, const Covey__Control__TaskRef *ref)
{
    covey_err_t code = COVEY_OK;
    covey_task_t *task =
        s_find_for (self, ref->task_id, COVEY_TASK_ON_RETRY, &code);
    if (!task)
        return code;
    if (task->coordination)
        return covey_fail (self->err, COVEY_STATE,
                           "task %s is a step of coordination %s, which has "
                           "its own way of trying again",
                           task->id, task->coordination);
    code = s_check_again (self, task);
    if (code)
        return code;
    covey_state_revive (self, task);
    task->attempts_before = task->attempt;
    task->rejection_count = 0;
    task->ready_us = task->not_before_us = 0;
    covey_schedule_t *schedule =
        task->schedule_id ? covey_state_find_schedule (self, task->schedule_id)
                          : NULL;
    if (schedule)
        covey_state_link_schedule (task, schedule);
    covey_task_t *parent =
        task->parent_id ? covey_state_find_task (self, task->parent_id) : NULL;
    if (parent && !covey_task_state_is_ended (parent->state)) {
        task->parent = parent;
        covey_tree_insert (&parent->children, task);
    }
    /* A deadline that has passed would end it at once: a person decided that
       it runs all the same. */
    if (task->deadline_us && task->deadline_us <= self->now_us)
        task->deadline_us = 0;
    covey_state_arm_end (self, task);
    for (size_t i = 0; i < task->dependency_count; i++) {
        covey_dependency_t *edge = &task->dependencies[i];
        if (edge->done)
            continue;
        covey_task_t *on = covey_state_find_task (self, edge->id);
        if (task->dependency_policy == COVEY_TASK_DEPENDENCY_IGNORE &&
            (!on || covey_task_state_is_ended (on->state)))
            edge->done = true;
        else
            covey_state_wait_for (edge, on);
    }
    covey_fact_retried (self, task);
    covey_state_show_task (self, task);
    covey_state_settle (self, task);
    return COVEY_OK;
}

/*  Commands about tasks: what callers may ask, checked against the state.
    What follows from them is in task_rules.c.                                */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

static void
s_show (covey_state_t *self, const covey_task_t *task)
{
    self->show = COVEY_SHOW_TASK;
    self->show_id = task->id;
}

/* ---- submit -----------------------------------------------------------------
 */

static covey_err_t
s_check_submit (covey_state_t *self, const Covey__Control__TaskSubmit *submit,
                const covey_texts_t *dependencies)
{
    const covey_state_limits_t *limits = &self->limits;
    if (self->live_count >= limits->tasks_max)
        return covey_fail (self->err, COVEY_EAGAIN,
                           "the queue is full: %zu tasks wait or run, more are "
                           "not taken; try again later",
                           self->live_count);
    if (self->live_bytes >= limits->task_bytes_max)
        return covey_fail (self->err, COVEY_EAGAIN,
                           "the queue is full: its tasks have %zu bytes, more "
                           "are not taken; try again later",
                           self->live_bytes);
    if (submit->task_id && covey_state_find_task (self, submit->task_id))
        return covey_fail (self->err, COVEY_EXISTS,
                           "task %s exists already; give an idempotencyKey if "
                           "a repeated submission shall find it",
                           submit->task_id);
    if (submit->has_deadline && submit->deadline <= self->now_us)
        return covey_fail (self->err, COVEY_INVALID,
                           "the deadline has passed already");
    for (size_t i = 0; i < dependencies->count; i++) {
        const char *id = dependencies->items[i];
        if (submit->task_id && strcmp (id, submit->task_id) == 0)
            return covey_fail (self->err, COVEY_INVALID,
                               "task %s cannot depend on itself: a cycle", id);
        if (!covey_state_find_task (self, id))
            return covey_fail (self->err, COVEY_NOTFOUND,
                               "dependency %s is not known: a task can only "
                               "wait for tasks that were submitted before it",
                               id);
    }
    return COVEY_OK;
}

static void
s_set_retry (covey_retry_t *retry, const Covey__V1__RetryPolicy *policy)
{
    *retry = (covey_retry_t){.attempts = COVEY_TASK_ATTEMPTS,
                             .first_delay_ms = COVEY_TASK_FIRST_DELAY_MS,
                             .multiplier = 2000,
                             .max_delay_ms = COVEY_TASK_MAX_DELAY_MS};
    if (!policy)
        return;
    if (policy->has_attempts)
        retry->attempts = policy->attempts;
    if (policy->has_first_delay)
        retry->first_delay_ms = policy->first_delay;
    if (policy->has_multiplier)
        retry->multiplier = (uint32_t)(policy->multiplier * 1000 + 0.5);
    if (policy->has_max_delay)
        retry->max_delay_ms = policy->max_delay;
    else if (retry->max_delay_ms < retry->first_delay_ms)
        retry->max_delay_ms = retry->first_delay_ms;
    covey_texts_copy (&retry->fatal_codes, policy->fatal_codes,
                      policy->n_fatal_codes);
}

static void
s_describe (covey_state_t *self, covey_task_t *task,
            const Covey__Control__TaskSubmit *submit)
{
    const Covey__Control__Command *command = self->command;
    task->type = covey_str_dup (submit->task_type);
    task->description = covey_str_dup (submit->description);
    task->key = covey_str_dup (submit->idempotency_key);
    task->submitter = covey_str_dup (covey_state_caller (self));
    const char *correlation = command->correlation_id;
    task->correlation_id =
        covey_str_dup (correlation && *correlation ? correlation : task->id);
    task->agent_type = covey_str_dup (submit->agent_type);
    covey_texts_sort (&task->required, submit->required_capabilities,
                      submit->n_required_capabilities);
    task->priority = submit->has_priority ? (uint32_t)submit->priority
                                          : COVEY_PRIORITY_NORMAL;
    s_set_retry (&task->retry, submit->retry);
    const Covey__V1__Payload *input = submit->input;
    if (input)
        covey_blob_set (&task->input,
                        input->has_content_type ? (int)input->content_type : 0,
                        input->data.data, input->data.len);
    task->lease_ms = submit->has_lease ? submit->lease : COVEY_TASK_LEASE_MS;
    task->deadline_us = submit->has_deadline ? submit->deadline : 0;
    task->submitted_us = self->now_us;
}

/*  Wait for the dependencies; the id of one that has failed, or NULL.       */
static const covey_task_t *
s_depend (covey_state_t *self, covey_task_t *task,
          const covey_texts_t *dependencies)
{
    const covey_task_t *failed = NULL;
    task->dependency_count = dependencies->count;
    task->dependencies =
        covey_mem_new (dependencies->count * sizeof *task->dependencies);
    for (size_t i = 0; i < dependencies->count; i++) {
        covey_dependency_t *edge = &task->dependencies[i];
        edge->waiter = task;
        edge->id = covey_str_dup (dependencies->items[i]);
        covey_task_t *on = covey_state_find_task (self, edge->id);
        if (covey_task_state_is_ended (on->state) &&
            on->state != COVEY_TASK_STATE_COMPLETED)
            failed = failed ? failed : on;
        else
            covey_state_wait_for (self, edge, on);
    }
    return failed;
}

static void
s_fail_for (covey_state_t *self, covey_task_t *task, const covey_task_t *on)
{
    covey_errbuf_t text;
    (void)covey_fail (&text, COVEY_STATE, "dependency %s is %s", on->id,
                      covey_task_state_name (on->state));
    covey_state_fail (self, task, COVEY_TASK_DEPENDENCY, text.text);
}

covey_err_t
covey_state_on_submit (covey_state_t *self,
                       const Covey__Control__TaskSubmit *submit)
{
    if (submit->idempotency_key) {
        covey_task_t *known =
            covey_state_find_key (self, submit->idempotency_key);
        if (known) {
            s_show (self, known);
            return COVEY_OK;
        }
    }
    covey_texts_t dependencies;
    covey_texts_sort (&dependencies, submit->dependencies,
                      submit->n_dependencies);
    covey_err_t code = s_check_submit (self, submit, &dependencies);
    if (code) {
        covey_texts_deinit (&dependencies);
        return code;
    }
    char made[37];
    covey_id_text (covey_state_make_id (self).bytes, made);
    covey_task_t *task = covey_task_new (
        submit->task_id ? submit->task_id : made, ++self->task_seq);
    s_describe (self, task, submit);
    const covey_task_t *failed = s_depend (self, task, &dependencies);
    covey_texts_deinit (&dependencies);
    covey_state_add_task (self, task);
    covey_fact_submitted (self, task);
    s_show (self, task);
    if (failed)
        s_fail_for (self, task, failed);
    else if (task->waits_for == 0)
        covey_state_make_ready (self, task);
    return COVEY_OK;
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

static void
s_on_reject (covey_state_t *self, covey_task_t *task,
             const Covey__Control__TaskReport *report)
{
    covey_fact_report (self, COVEY_TASK_ON_REJECT, task, report);
    uint64_t generation = task->worker->generation;
    covey_state_release (self, task);
    if (task->assignee) { /* there is nobody else to offer it to */
        covey_state_fail (self, task, COVEY_TASK_REJECTED,
                          report->reason ? report->reason : "no reason given");
        return;
    }
    task->attempt--;
    if (task->rejection_count == COVEY_TASK_REJECTIONS_MAX) {
        covey_state_fail (self, task, COVEY_TASK_REJECTED,
                          "too many agents rejected it");
        return;
    }
    task->rejections[task->rejection_count++] = generation;
    task->state = COVEY_TASK_STATE_QUEUED;
    covey_state_make_ready (self, task);
}

static void
s_on_progress (covey_state_t *self, covey_task_t *task,
               const Covey__Control__TaskReport *report)
{
    covey_state_renew (self, task);
    task->state = COVEY_TASK_STATE_STARTED;
    if (!task->started_us)
        task->started_us = self->now_us;
    if (!report->has_progress && !report->status && !report->details)
        return; /* it only says that it is alive */
    if (report->has_progress)
        task->progress = report->progress;
    if (report->status)
        covey_task_set (&task->status, report->status);
    covey_fact_report (self, COVEY_TASK_ON_PROGRESS, task, report);
}

static void
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
}

static void
s_on_fail (covey_state_t *self, covey_task_t *task,
           const Covey__Control__TaskReport *report)
{
    bool retryable = !(report->has_retryable && !report->retryable) &&
                     !covey_task_is_fatal (task, report->error_code);
    covey_task_set (&task->error,
                    report->error ? report->error : "no reason given");
    covey_task_set (&task->error_code, report->error_code);
    covey_fact_failed (self, task, task->agent, retryable);
    covey_state_release (self, task);
    covey_state_after_failure (self, task, retryable, true);
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
    if (code)
        return code;
    covey_task_state_t next = task->state;
    covey_task_move_t move = covey_task_move (task->state, verb, &next);
    if (move == COVEY_TASK_REFUSE)
        return covey_fail (self->err, COVEY_STATE,
                           "task %s is %s: this report comes too late",
                           task->id, covey_task_state_name (task->state));
    s_show (self, task);
    if (verb == COVEY_TASK_ON_REJECT)
        s_on_reject (self, task, report);
    else if (verb == COVEY_TASK_ON_PROGRESS)
        s_on_progress (self, task, report);
    else if (verb == COVEY_TASK_ON_COMPLETE)
        s_on_complete (self, task, report);
    else if (verb == COVEY_TASK_ON_FAIL)
        s_on_fail (self, task, report);
    else {
        covey_state_renew (self, task);
        if (move == COVEY_TASK_KEEP)
            return COVEY_OK;
        task->state = next;
        if (verb == COVEY_TASK_ON_START)
            task->started_us = self->now_us;
        covey_fact_report (self, verb, task, report);
    }
    return COVEY_OK;
}

/* ---- cancel and retry
 * --------------------------------------------------------- */

/*  NULL: `*code_p` says why not.                                            */
static covey_task_t *
s_find_for (covey_state_t *self, const Covey__Control__TaskRef *ref,
            covey_task_verb_t verb, covey_err_t *code_p)
{
    covey_task_t *task = covey_state_find_task (self, ref->task_id);
    if (!task) {
        *code_p =
            covey_fail (self->err, COVEY_NOTFOUND, "no task %s", ref->task_id);
        return NULL;
    }
    covey_task_state_t next;
    if (covey_task_move (task->state, verb, &next) != COVEY_TASK_REFUSE)
        return task;
    *code_p =
        covey_fail (self->err, COVEY_STATE, "task %s is %s: it cannot be %s",
                    task->id, covey_task_state_name (task->state),
                    verb == COVEY_TASK_ON_RETRY
                        ? "tried again, only failed and parked tasks can"
                        : "cancelled");
    return NULL;
}

covey_err_t
covey_state_on_cancel (covey_state_t *self, const Covey__Control__TaskRef *ref)
{
    covey_err_t code = COVEY_OK;
    covey_task_t *task = s_find_for (self, ref, COVEY_TASK_ON_CANCEL, &code);
    if (!task)
        return code;
    covey_errbuf_t reason;
    (void)covey_fail (&reason, COVEY_CANCELED, "cancelled by %s",
                      covey_state_caller (self));
    const char *text = ref->reason && *ref->reason ? ref->reason : reason.text;
    covey_task_set (&task->error, text);
    covey_task_set (&task->error_code, NULL);
    s_show (self, task);
    covey_fact_cancelled (self, task, text, NULL);
    if (task->worker) {
        covey_fact_cancelled (self, task, text, task->agent);
        covey_state_release (self, task);
    }
    covey_state_end_task (self, task, COVEY_TASK_STATE_CANCELLED);
    return COVEY_OK;
}

/*  Everything it waited for must still come, or have come.                  */
static covey_err_t
s_check_again (covey_state_t *self, const covey_task_t *task)
{
    if (self->live_count >= self->limits.tasks_max)
        return covey_fail (self->err, COVEY_EAGAIN,
                           "the queue is full: %zu tasks wait or run; try "
                           "again later",
                           self->live_count);
    for (size_t i = 0; i < task->dependency_count; i++) {
        const covey_dependency_t *edge = &task->dependencies[i];
        if (edge->done)
            continue;
        const covey_task_t *on = covey_state_find_task (self, edge->id);
        if (!on)
            return covey_fail (self->err, COVEY_STATE,
                               "task %s waits for %s, which is not kept any "
                               "more",
                               task->id, edge->id);
        if (covey_task_state_is_ended (on->state) &&
            on->state != COVEY_TASK_STATE_COMPLETED)
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
    covey_task_t *task = s_find_for (self, ref, COVEY_TASK_ON_RETRY, &code);
    if (!task)
        return code;
    code = s_check_again (self, task);
    if (code)
        return code;
    covey_state_revive (self, task);
    task->attempts_before = task->attempt;
    task->rejection_count = 0;
    /* A deadline that has passed would end it at once: a person decided that
       it runs all the same. */
    if (task->deadline_us && task->deadline_us <= self->now_us)
        task->deadline_us = 0;
    else if (task->deadline_us)
        covey_timers_arm (&self->timers, &task->deadline, task->deadline_us);
    for (size_t i = 0; i < task->dependency_count; i++) {
        covey_dependency_t *edge = &task->dependencies[i];
        if (!edge->done)
            covey_state_wait_for (self, edge,
                                  covey_state_find_task (self, edge->id));
    }
    covey_fact_retried (self, task);
    s_show (self, task);
    if (task->waits_for == 0)
        covey_state_make_ready (self, task);
    return COVEY_OK;
}

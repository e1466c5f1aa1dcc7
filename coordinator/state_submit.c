/*  Submitting tasks: what is asked, checked against the state.               */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

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
s_set_limits (const covey_state_t *self, covey_task_t *task,
              const Covey__Control__TaskSubmit *submit)
{
    task->lease_ms = submit->has_lease ? submit->lease : COVEY_TASK_LEASE_MS;
    task->queue_ms = submit->has_queue_timeout ? submit->queue_timeout : 0;
    task->run_ms = submit->has_run_timeout ? submit->run_timeout : 0;
    task->total_ms = submit->has_total_timeout ? submit->total_timeout : 0;
    task->keep_ms = submit->has_keep_result ? submit->keep_result : -1;
    task->deadline_us = submit->has_deadline ? submit->deadline : 0;
    if (submit->has_delay)
        task->not_before_us = self->now_us + submit->delay * 1000;
    else if (submit->has_not_before)
        task->not_before_us = submit->not_before;
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
    task->host = covey_str_dup (submit->preferred_host);
    task->share =
        covey_str_dup (submit->share ? submit->share : task->submitter);
    task->weight = submit->has_weight ? submit->weight : 1;
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
    s_set_limits (self, task, submit);
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
            covey_state_show_task (self, known);
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
    covey_state_show_task (self, task);
    if (failed)
        s_fail_for (self, task, failed);
    else
        covey_state_settle (self, task);
    return COVEY_OK;
}

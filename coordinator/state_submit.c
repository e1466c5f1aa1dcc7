/*  Submitting tasks: what is asked, checked against the state.               */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

static covey_err_t
s_check_parent (covey_state_t *self, const char *parent_id)
{
    const covey_task_t *parent = covey_state_find_task (self, parent_id);
    if (!parent)
        return covey_fail (self->err, COVEY_NOTFOUND, "parent %s is not known",
                           parent_id);
    if (covey_task_state_is_ended (parent->state))
        return covey_fail (self->err, COVEY_STATE,
                           "parent %s is %s: it gets no tasks any more",
                           parent->id, covey_task_state_name (parent->state));
    return COVEY_OK;
}

covey_err_t
covey_state_may_submit (covey_state_t *self,
                        const Covey__Control__TaskSubmit *submit, size_t count)
{
    const covey_state_limits_t *limits = &self->limits;
    if (self->live_count + count > limits->tasks_max)
        return covey_fail (
            self->err, COVEY_EAGAIN,
            "the queue is full: %zu tasks wait or run" COVEY_LIMIT_HINT (
                "tasks"),
            self->live_count, (unsigned long long)limits->tasks_max);
    if (self->live_bytes >= limits->task_bytes_max)
        return covey_fail (
            self->err, COVEY_EAGAIN,
            "the queue is full: its tasks have %zu bytes" COVEY_LIMIT_HINT (
                "taskBytes"),
            self->live_bytes, (unsigned long long)limits->task_bytes_max);
    if (submit->task_id && covey_state_find_task (self, submit->task_id))
        return covey_fail (self->err, COVEY_EXISTS,
                           "task %s exists already; give an idempotencyKey if "
                           "a repeated submission shall find it",
                           submit->task_id);
    if (submit->has_deadline && submit->deadline <= self->now_us)
        return covey_fail (self->err, COVEY_INVALID,
                           "the deadline has passed already");
    return submit->parent ? s_check_parent (self, submit->parent) : COVEY_OK;
}

static covey_err_t
s_check_dependencies (covey_state_t *self,
                      const Covey__Control__TaskSubmit *submit)
{
    for (size_t i = 0; i < submit->n_dependencies; i++) {
        const char *id = submit->dependencies[i];
        if (submit->task_id && strcmp (id, submit->task_id) == 0)
            return covey_fail (self->err, COVEY_INVALID,
                               "task %s cannot depend on itself: a cycle", id);
        if (!covey_state_find_task (self, id))
            return covey_fail (self->err, COVEY_NOTFOUND,
                               "dependency %s is not known: a task can only "
                               "wait for tasks that were submitted before it, "
                               "or with it in one batch",
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
    if (policy->has_multiplier) {
        /* A statement of its own: no machine may round once instead of twice.
         */
        double thousandths = policy->multiplier * 1000;
        retry->multiplier = (uint32_t)(thousandths + 0.5);
    }
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

/*  What a task has from its parent unless it says otherwise.                */
static void
s_inherit (covey_state_t *self, covey_task_t *task,
           const Covey__Control__TaskSubmit *submit)
{
    const char *correlation =
        self->command ? self->command->correlation_id : NULL;
    covey_task_t *parent =
        submit->parent ? covey_state_find_task (self, submit->parent) : NULL;
    if (!correlation || !*correlation)
        correlation = parent ? parent->correlation_id : task->id;
    task->correlation_id = covey_str_dup (correlation);
    const char *share = parent ? parent->share : task->submitter;
    task->share = covey_str_dup (submit->share ? submit->share : share);
    task->weight = parent && !submit->share ? parent->weight : 1;
    if (submit->has_weight)
        task->weight = submit->weight;
    task->priority = parent ? parent->priority : COVEY_PRIORITY_NORMAL;
    if (submit->has_priority)
        task->priority = (uint32_t)submit->priority;
    if (!parent)
        return;
    task->parent_id = covey_str_dup (parent->id);
    task->parent_policy = (covey_task_parent_policy_t)covey_task_parent_policy (
        submit->parent_policy);
    task->parent = parent;
    covey_tree_insert (&parent->children, task);
}

static void
s_describe (covey_state_t *self, covey_task_t *task,
            const Covey__Control__TaskSubmit *submit, const char *submitter)
{
    task->type = covey_str_dup (submit->task_type);
    task->description = covey_str_dup (submit->description);
    task->key = covey_str_dup (submit->idempotency_key);
    task->submitter =
        covey_str_dup (submitter ? submitter : covey_state_caller (self));
    task->agent_type = covey_str_dup (submit->agent_type);
    task->host = covey_str_dup (submit->preferred_host);
    task->dependency_policy =
        (covey_task_dependency_policy_t)covey_task_dependency_policy (
            submit->dependency_policy);
    covey_texts_sort (&task->required, submit->required_capabilities,
                      submit->n_required_capabilities);
    s_set_retry (&task->retry, submit->retry);
    const Covey__V1__Payload *input = submit->input;
    if (input)
        covey_blob_set (&task->input,
                        input->has_content_type ? (int)input->content_type : 0,
                        input->data.data, input->data.len);
    s_set_limits (self, task, submit);
    s_inherit (self, task, submit);
    task->submitted_us = self->now_us;
}

/*  Wait for the dependencies; the one because of which it fails, or NULL.   */
static const covey_task_t *
s_depend (covey_state_t *self, covey_task_t *task,
          const Covey__Control__TaskSubmit *submit)
{
    const covey_task_t *failed = NULL;
    covey_texts_t ids;
    covey_texts_sort (&ids, submit->dependencies, submit->n_dependencies);
    task->dependency_count = ids.count;
    task->dependencies = covey_mem_new (ids.count * sizeof *task->dependencies);
    for (size_t i = 0; i < ids.count; i++) {
        covey_dependency_t *edge = &task->dependencies[i];
        edge->waiter = task;
        edge->id = covey_str_dup (ids.items[i]);
        covey_task_t *on = covey_state_find_task (self, edge->id);
        covey_task_dependency_policy_t policy = task->dependency_policy;
        bool over = covey_task_state_is_ended (on->state) &&
                    on->state != COVEY_TASK_STATE_COMPLETED;
        if (over && policy == COVEY_TASK_DEPENDENCY_IGNORE)
            edge->done = true;
        else if (over && (policy == COVEY_TASK_DEPENDENCY_FAIL ||
                          !covey_state_may_come (on)))
            failed = failed ? failed : on;
        else
            covey_state_wait_for (edge, on);
    }
    covey_texts_deinit (&ids);
    return failed;
}

covey_task_t *
covey_state_submit (covey_state_t *self,
                    const Covey__Control__TaskSubmit *submit,
                    const char *submitter)
{
    char made[37];
    covey_id_text (covey_state_make_id (self).bytes, made);
    covey_task_t *task = covey_task_new (
        submit->task_id ? submit->task_id : made, ++self->task_seq);
    s_describe (self, task, submit, submitter);
    const covey_task_t *failed = s_depend (self, task, submit);
    covey_state_add_task (self, task);
    covey_fact_submitted (self, task);
    if (failed)
        covey_state_fail_for (self, task, failed);
    else
        covey_state_settle (self, task);
    return task;
}

covey_err_t
covey_state_on_submit (covey_state_t *self,
                       const Covey__Control__TaskSubmit *submit)
{
    const covey_task_t *task =
        submit->idempotency_key
            ? covey_state_find_key (self, submit->idempotency_key)
            : NULL;
    covey_err_t code = COVEY_OK;
    if (!task) {
        code = covey_state_may_submit (self, submit, 1);
        if (!code)
            code = s_check_dependencies (self, submit);
        if (code)
            return code;
        task = covey_state_submit (self, submit, NULL);
    }
    covey_state_show_task (self, task);
    return COVEY_OK;
}

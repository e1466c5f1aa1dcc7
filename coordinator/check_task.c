/*  Bounds of what is asked about tasks.                                      */
#include "coordinator/check_impl.h"
#include "coordinator/share.h"
#include "coordinator/task.h"

#define ATTEMPTS_MAX 1000
#define MULTIPLIER_MAX 100

static void
s_retry (covey_check_t *c, const Covey__V1__RetryPolicy *retry)
{
    if (!retry)
        return;
    if (retry->has_attempts)
        covey_check_range (c, "retry.attempts", retry->attempts, 0,
                           ATTEMPTS_MAX);
    if (retry->has_first_delay)
        covey_check_range (c, "retry.firstDelay", retry->first_delay, 0,
                           COVEY_TASK_DELAY_MAX_MS);
    if (retry->has_multiplier)
        covey_check_real (c, "retry.multiplier", retry->multiplier, 1,
                          MULTIPLIER_MAX);
    if (retry->has_max_delay)
        covey_check_range (c, "retry.maxDelay", retry->max_delay, 0,
                           COVEY_TASK_DELAY_MAX_MS);
    covey_check_names (c, "retry.fatalCodes", retry->fatal_codes,
                       retry->n_fatal_codes);
}

static void
s_limits (covey_check_t *c, const Covey__Control__TaskSubmit *p)
{
    const struct {
        const char *field;
        bool has;
        int64_t value, min, max;
    } limits[] = {
        {"deadline", p->has_deadline, p->deadline, 1,
         COVEY_CHECK_INSTANT_MAX_US},
        {"lease", p->has_lease, p->lease, COVEY_TASK_LEASE_MIN_MS,
         COVEY_TASK_LEASE_MAX_MS},
        {"queueTimeout", p->has_queue_timeout, p->queue_timeout, 1,
         COVEY_TASK_LIMIT_MAX_MS},
        {"runTimeout", p->has_run_timeout, p->run_timeout, 1,
         COVEY_TASK_LIMIT_MAX_MS},
        {"totalTimeout", p->has_total_timeout, p->total_timeout, 1,
         COVEY_TASK_LIMIT_MAX_MS},
        {"keepResult", p->has_keep_result, p->keep_result, 0,
         COVEY_TASK_LIMIT_MAX_MS},
        {"notBefore", p->has_not_before, p->not_before, 1,
         COVEY_CHECK_INSTANT_MAX_US},
        {"delay", p->has_delay, p->delay, 0, COVEY_TASK_LIMIT_MAX_MS},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (limits[i].has)
            covey_check_range (c, limits[i].field, limits[i].value,
                               limits[i].min, limits[i].max);
    if (!c->code && p->has_delay && p->has_not_before)
        c->code = covey_fail (c->err, COVEY_INVALID,
                              "delay and notBefore are given: choose one");
}

covey_err_t
covey_check_task_submit (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__TaskSubmit *p =
        (const Covey__Control__TaskSubmit *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "taskId", p->task_id);
    covey_check_name (&c, "taskType", p->task_type);
    covey_check_text (&c, "description", p->description, COVEY_TEXT_MAX);
    if (p->has_priority)
        covey_check_range (&c, "priority", (int64_t)p->priority,
                           COVEY_PRIORITY_LOW, COVEY_PRIORITY_CRITICAL);
    covey_check_names (&c, "requiredCapabilities", p->required_capabilities,
                       p->n_required_capabilities);
    covey_check_name (&c, "agentType", p->agent_type);
    covey_check_names (&c, "dependencies", p->dependencies, p->n_dependencies);
    s_retry (&c, p->retry);
    covey_check_payload (&c, "input", p->input);
    s_limits (&c, p);
    covey_check_name (&c, "idempotencyKey", p->idempotency_key);
    covey_check_name (&c, "preferredHost", p->preferred_host);
    covey_check_name (&c, "share", p->share);
    covey_check_name (&c, "parent", p->parent);
    if (!c.code && covey_task_dependency_policy (p->dependency_policy) < 0)
        return covey_fail (err, COVEY_INVALID,
                           "dependencyPolicy \"%.40s\" is none of fail, "
                           "ignore, wait",
                           p->dependency_policy);
    if (!c.code && covey_task_parent_policy (p->parent_policy) < 0)
        return covey_fail (err, COVEY_INVALID,
                           "parentPolicy \"%.40s\" is none of cancel, "
                           "request, abandon",
                           p->parent_policy);
    if (!c.code && p->parent_policy && !p->parent)
        return covey_fail (err, COVEY_INVALID,
                           "parentPolicy is given without parent");
    if (p->has_weight)
        covey_check_range (&c, "weight", p->weight, 1, COVEY_SHARE_WEIGHT_MAX);
    return c.code;
}

covey_err_t
covey_check_task_report (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__TaskReport *p =
        (const Covey__Control__TaskReport *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "taskId", p->task_id);
    covey_check_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    if (p->has_progress)
        covey_check_real (&c, "progress", p->progress, 0, 100);
    covey_check_text (&c, "status", p->status, COVEY_TEXT_MAX);
    covey_check_payload (&c, "details", p->details);
    covey_check_payload (&c, "result", p->result);
    covey_check_text (&c, "error", p->error, COVEY_TEXT_MAX);
    covey_check_name (&c, "errorCode", p->error_code);
    if (p->has_retry_delay)
        covey_check_range (&c, "retryDelay", p->retry_delay, 0,
                           COVEY_TASK_DELAY_MAX_MS);
    return c.code;
}

covey_err_t
covey_check_task_ref (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__TaskRef *p = (const Covey__Control__TaskRef *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "taskId", p->task_id);
    covey_check_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    return c.code;
}

covey_err_t
covey_check_task_cancel (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__TaskCancel *p =
        (const Covey__Control__TaskCancel *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "taskId", p->task_id);
    covey_check_text (&c, "reason", p->reason, COVEY_TEXT_MAX);
    if (p->has_grace)
        covey_check_range (&c, "grace", p->grace, 0, COVEY_TASK_LEASE_MAX_MS);
    return c.code;
}

covey_err_t
covey_check_task_batch (const ProtobufCMessage *params, covey_errbuf_t *err)
{
    const Covey__Control__TaskBatch *p =
        (const Covey__Control__TaskBatch *)params;
    covey_check_t c = {COVEY_OK, err};
    covey_check_name (&c, "idempotencyKey", p->idempotency_key);
    if (c.code)
        return c.code;
    if (p->n_tasks == 0 || p->n_tasks > COVEY_TASK_BATCH_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "tasks has %zu entries, allowed are 1 to %d",
                           p->n_tasks, COVEY_TASK_BATCH_MAX);
    for (size_t i = 0; i < p->n_tasks; i++) {
        covey_errbuf_t why;
        covey_err_t code = covey_check_task_submit (&p->tasks[i]->base, &why);
        if (!code && p->tasks[i]->idempotency_key)
            code = covey_fail (&why, COVEY_INVALID,
                               "idempotencyKey is for all tasks together: give "
                               "it beside tasks");
        if (code)
            return covey_fail (err, code, "tasks[%zu]: %.400s", i, why.text);
    }
    return COVEY_OK;
}

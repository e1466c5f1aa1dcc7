/*  agent_task - what an agent reports on its tasks, and what it asks of the
    coordinator about tasks                                                   */

#include "api/agent_i.h"

#include <assert.h>
#include <string.h>

#include "api/control.h"

static const int s_ends[] = {
    COVEY_EVENT_TASK_COMPLETED, COVEY_EVENT_TASK_FAILED,
    COVEY_EVENT_TASK_CANCELLED, COVEY_EVENT_TASK_PARKED};
static const char *const s_end_states[] = {"completed", "failed", "cancelled",
                                           "parked", NULL};

/* ------------------------------------------------------------------------ */
/*  Reports                                                                   */

/*  Start a report on the task that `assigned` gave to this agent.            */
static covey_err_t
s_begin (const covey_event_t *assigned, Covey__Control__TaskReport *report)
{
    covey__control__task_report__init (report);
    if (covey_event_type (assigned) != COVEY_EVENT_TASK_ASSIGNED)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "a report on a task needs its task:assigned event");
    report->task_id = (char *)(uintptr_t)covey_event_str (assigned, "taskId");
    report->fencing_token =
        (uint64_t)covey_event_int (assigned, "fencingToken");
    return COVEY_OK;
}

static covey_err_t
s_report (covey_agent_t *self, const covey_event_t *assigned,
          const char *method, const Covey__Control__TaskReport *report)
{
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR,
                         .method = method,
                         .correlation_id =
                             covey_event_correlation_id (assigned),
                         .causation_id = covey_event_id (assigned)};
    return covey_i_control (self, &call, &report->base, COVEY_AGENT_REPORT_MS,
                            NULL);
}

/*  A report that ends the task for this agent, unless it did not arrive.     */
static covey_err_t
s_report_end (covey_agent_t *self, const covey_event_t *assigned,
              const char *method, const Covey__Control__TaskReport *report)
{
    covey_err_t rc = s_report (self, assigned, method, report);
    if (rc == COVEY_OK || rc == COVEY_FENCED || rc == COVEY_NOTFOUND ||
        rc == COVEY_STATE) {
        covey_errbuf_t kept = *covey_errbuf ();
        covey_i_agent_lock (self);
        covey_i_agent_release_task (self, report->task_id);
        covey_i_agent_flush (self);
        covey_i_agent_unlock (self);
        *covey_errbuf () = kept;
    }
    return rc;
}

covey_err_t
covey_task_accept (covey_agent_t *self, const covey_event_t *assigned)
{
    assert (self && assigned);
    Covey__Control__TaskReport report;
    covey_err_t rc = s_begin (assigned, &report);
    return rc ? rc : s_report (self, assigned, "task.accept", &report);
}

covey_err_t
covey_task_reject (covey_agent_t *self, const covey_event_t *assigned,
                   const char *reason)
{
    assert (self && assigned);
    Covey__Control__TaskReport report;
    covey_err_t rc = s_begin (assigned, &report);
    report.reason =
        (char *)(uintptr_t)(reason && *reason ? reason : "not given");
    return rc ? rc : s_report_end (self, assigned, "task.reject", &report);
}

covey_err_t
covey_task_start (covey_agent_t *self, const covey_event_t *assigned)
{
    assert (self && assigned);
    Covey__Control__TaskReport report;
    covey_err_t rc = s_begin (assigned, &report);
    return rc ? rc : s_report (self, assigned, "task.start", &report);
}

covey_err_t
covey_task_progress (covey_agent_t *self, const covey_event_t *assigned,
                     int percent, const char *status)
{
    assert (self && assigned);
    Covey__Control__TaskReport report;
    covey_err_t rc = s_begin (assigned, &report);
    if (rc)
        return rc;
    if (percent < 0 || percent > 100)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "progress of task %s: %d is not within 0 and 100",
                           report.task_id, percent);
    report.has_progress = true;
    report.progress = percent;
    report.status = (char *)(uintptr_t)(status ? status : "");
    return s_report (self, assigned, "task.progress", &report);
}

covey_err_t
covey_task_complete (covey_agent_t *self, const covey_event_t *assigned,
                     covey_content_t content, const void *result, size_t size)
{
    assert (self && assigned);
    Covey__Control__TaskReport report;
    covey_err_t rc = s_begin (assigned, &report);
    if (rc)
        return rc;
    if (size > COVEY_PAYLOAD_MAX)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "result of task %s has %zu bytes, at most %d are "
                           "allowed",
                           report.task_id, size, COVEY_PAYLOAD_MAX);
    Covey__V1__Payload payload = COVEY__V1__PAYLOAD__INIT;
    payload.has_content_type = payload.has_data = true;
    payload.content_type = (Covey__V1__ContentType)content;
    payload.data.len = size;
    payload.data.data = (uint8_t *)(uintptr_t)result;
    report.result = &payload;
    return s_report_end (self, assigned, "task.complete", &report);
}

covey_err_t
covey_task_fail (covey_agent_t *self, const covey_event_t *assigned,
                 const char *error, const char *error_code, bool retryable)
{
    assert (self && assigned);
    Covey__Control__TaskReport report;
    covey_err_t rc = s_begin (assigned, &report);
    report.error = (char *)(uintptr_t)(error && *error ? error : "failed");
    report.error_code = (char *)(uintptr_t)error_code;
    report.has_retryable = true;
    report.retryable = retryable;
    return rc ? rc : s_report_end (self, assigned, "task.fail", &report);
}

/* ------------------------------------------------------------------------ */
/*  Requests                                                                  */

covey_err_t
covey_task_submit (covey_agent_t *self, const char *task_json, int timeout_ms,
                   char **result_p)
{
    assert (self);
    return covey_i_control_json (self, "task.submit",
                                 &covey__control__task_submit__descriptor,
                                 task_json, timeout_ms, result_p);
}

static covey_err_t
s_ref (covey_agent_t *self, const char *method, const char *task_id,
       const char *reason, int timeout_ms, char **result_p)
{
    Covey__Control__TaskRef ref = COVEY__CONTROL__TASK_REF__INIT;
    ref.task_id = (char *)(uintptr_t)(task_id ? task_id : "");
    ref.reason = (char *)(uintptr_t)reason;
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR, .method = method};
    return covey_i_control (self, &call, &ref.base, timeout_ms, result_p);
}

covey_err_t
covey_task_show (covey_agent_t *self, const char *task_id, int timeout_ms,
                 char **result_p)
{
    assert (self);
    return s_ref (self, "task.show", task_id, NULL, timeout_ms, result_p);
}

covey_err_t
covey_task_cancel (covey_agent_t *self, const char *task_id, const char *reason,
                   int timeout_ms)
{
    assert (self);
    return s_ref (self, "task.cancel", task_id, reason, timeout_ms, NULL);
}

covey_err_t
covey_task_retry (covey_agent_t *self, const char *task_id, int timeout_ms)
{
    assert (self);
    return s_ref (self, "task.retry", task_id, NULL, timeout_ms, NULL);
}

covey_err_t
covey_task_wait (covey_agent_t *self, const char *task_id, int timeout_ms,
                 char **result_p)
{
    assert (self);
    covey_await_t await = {.what = "task",
                           .id = task_id ? task_id : "",
                           .show = covey_task_show,
                           .types = s_ends,
                           .type_count = sizeof s_ends / sizeof *s_ends,
                           .descriptor = &covey__control__task_view__descriptor,
                           .states = s_end_states};
    return covey_i_await_state (self, &await, timeout_ms, result_p);
}

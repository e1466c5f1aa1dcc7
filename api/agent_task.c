/*  agent_task - what an agent reports on its tasks, and what it asks of the
    coordinator about tasks                                                   */

#include "api/agent_i.h"

#include <assert.h>
#include <string.h>

#include "api/control.h"
#include "proto/json.h"

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
s_report_for (covey_agent_t *self, const covey_event_t *assigned,
              const char *method, const Covey__Control__TaskReport *report,
              char **result_p)
{
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR,
                         .method = method,
                         .correlation_id =
                             covey_event_correlation_id (assigned),
                         .causation_id = covey_event_id (assigned)};
    return covey_i_control (self, &call, &report->base, COVEY_AGENT_REPORT_MS,
                            result_p);
}

static covey_err_t
s_report (covey_agent_t *self, const covey_event_t *assigned,
          const char *method, const Covey__Control__TaskReport *report)
{
    return s_report_for (self, assigned, method, report, NULL);
}

/*  What the agent hands over with a report; the bytes are borrowed.          */
static covey_err_t
s_fill_payload (Covey__V1__Payload *payload, const char *what,
                const Covey__Control__TaskReport *report,
                covey_content_t content, const void *data, size_t size)
{
    if (size > COVEY_PAYLOAD_MAX)
        return covey_fail (covey_errbuf (), COVEY_LIMIT,
                           "%s of task %s has %zu bytes, at most %d are "
                           "allowed",
                           what, report->task_id, size, COVEY_PAYLOAD_MAX);
    covey__v1__payload__init (payload);
    payload->has_content_type = payload->has_data = true;
    payload->content_type = (Covey__V1__ContentType)content;
    payload->data.len = size;
    payload->data.data = (uint8_t *)(uintptr_t)data;
    return COVEY_OK;
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

/*  The wish in the task that answers a report. A cancel goes before a pause. */
static covey_task_wish_t
s_wish (const char *json)
{
    ProtobufCMessage *message;
    if (covey_json_read (&covey__control__task_view__descriptor, json,
                         strlen (json), &message, NULL))
        return COVEY_TASK_GO_ON;
    const Covey__Control__TaskView *view =
        (const Covey__Control__TaskView *)message;
    covey_task_wish_t wish = view->cancel_requested  ? COVEY_TASK_CANCEL
                             : view->pause_requested ? COVEY_TASK_PAUSE
                                                     : COVEY_TASK_GO_ON;
    protobuf_c_message_free_unpacked (message, NULL);
    return wish;
}

covey_err_t
covey_task_report (covey_agent_t *self, const covey_event_t *assigned,
                   const covey_progress_t *progress, covey_task_wish_t *wish_p)
{
    assert (self && assigned && progress);
    Covey__Control__TaskReport report;
    Covey__V1__Payload details;
    char *view = NULL;
    if (wish_p)
        *wish_p = COVEY_TASK_GO_ON;
    covey_err_t rc = s_begin (assigned, &report);
    if (rc)
        return rc;
    if (progress->percent < 0 || progress->percent > 100)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "progress of task %s: %d is not within 0 and 100",
                           report.task_id, progress->percent);
    report.has_progress = true;
    report.progress = progress->percent;
    report.status =
        (char *)(uintptr_t)(progress->status ? progress->status : "");
    if (progress->details) {
        rc = s_fill_payload (&details, "details", &report,
                             progress->details_content, progress->details,
                             progress->details_size);
        report.details = &details;
    }
    if (!rc)
        rc = s_report_for (self, assigned, "task.progress", &report,
                           wish_p ? &view : NULL);
    if (!rc && wish_p)
        *wish_p = s_wish (view);
    covey_free (view);
    return rc;
}

covey_err_t
covey_task_progress (covey_agent_t *self, const covey_event_t *assigned,
                     int percent, const char *status)
{
    const covey_progress_t progress = {.percent = percent, .status = status};
    return covey_task_report (self, assigned, &progress, NULL);
}

covey_err_t
covey_task_yield (covey_agent_t *self, const covey_event_t *assigned,
                  const char *reason, covey_content_t content,
                  const void *details, size_t size)
{
    assert (self && assigned);
    Covey__Control__TaskReport report;
    Covey__V1__Payload payload;
    covey_err_t rc = s_begin (assigned, &report);
    if (rc)
        return rc;
    report.reason = (char *)(uintptr_t)reason;
    if (details) {
        rc = s_fill_payload (&payload, "details", &report, content, details,
                             size);
        report.details = &payload;
    }
    return rc ? rc : s_report_end (self, assigned, "task.yield", &report);
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
    Covey__V1__Payload payload;
    rc = s_fill_payload (&payload, "result", &report, content, result, size);
    report.result = &payload;
    return rc ? rc : s_report_end (self, assigned, "task.complete", &report);
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
covey_task_cancel_within (covey_agent_t *self, const char *task_id,
                          const char *reason, int grace_ms, int timeout_ms)
{
    assert (self);
    Covey__Control__TaskCancel cancel = COVEY__CONTROL__TASK_CANCEL__INIT;
    cancel.task_id = (char *)(uintptr_t)(task_id ? task_id : "");
    cancel.reason = (char *)(uintptr_t)reason;
    cancel.has_grace = true;
    cancel.grace = grace_ms;
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR,
                         .method = "task.cancel"};
    return covey_i_control (self, &call, &cancel.base, timeout_ms, NULL);
}

covey_err_t
covey_task_pause (covey_agent_t *self, const char *task_id, int timeout_ms)
{
    assert (self);
    return s_ref (self, "task.pause", task_id, NULL, timeout_ms, NULL);
}

covey_err_t
covey_task_resume (covey_agent_t *self, const char *task_id, int timeout_ms)
{
    assert (self);
    return s_ref (self, "task.resume", task_id, NULL, timeout_ms, NULL);
}

covey_err_t
covey_task_batch (covey_agent_t *self, const char *batch_json, int timeout_ms,
                  char **result_p)
{
    assert (self);
    return covey_i_control_json (self, "task.batch",
                                 &covey__control__task_batch__descriptor,
                                 batch_json, timeout_ms, result_p);
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

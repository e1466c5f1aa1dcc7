/*  agent_coordination - coordination sessions: asking for one, taking part */

#include <assert.h>
#include <string.h>

#include "api/control.h"

static const int s_ends[] = {COVEY_EVENT_COORDINATION_COMPLETE};
static const char *const s_end_states[] = {"completed", NULL};

static covey_err_t
s_ref (covey_agent_t *self, const char *method, const char *coordination_id,
       const char *reason, int timeout_ms, char **result_p)
{
    Covey__Control__CoordinationRef ref =
        COVEY__CONTROL__COORDINATION_REF__INIT;
    ref.coordination_id =
        (char *)(uintptr_t)(coordination_id ? coordination_id : "");
    ref.reason = (char *)(uintptr_t)reason;
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR, .method = method};
    return covey_i_control (self, &call, &ref.base, timeout_ms, result_p);
}

covey_err_t
covey_agent_coordinate (covey_agent_t *self, const char *session_json,
                        int timeout_ms, char **result_p)
{
    assert (self);
    return covey_i_control_json (self, "mesh.coordinate",
                                 &covey__control__coordinate__descriptor,
                                 session_json, timeout_ms, result_p);
}

covey_err_t
covey_coordination_show (covey_agent_t *self, const char *coordination_id,
                         int timeout_ms, char **result_p)
{
    assert (self);
    return s_ref (self, "mesh.coordination.show", coordination_id, NULL,
                  timeout_ms, result_p);
}

covey_err_t
covey_coordination_wait (covey_agent_t *self, const char *coordination_id,
                         int timeout_ms, char **result_p)
{
    assert (self);
    covey_await_t await = {.what = "coordination",
                           .id = coordination_id ? coordination_id : "",
                           .show = covey_coordination_show,
                           .types = s_ends,
                           .type_count = sizeof s_ends / sizeof *s_ends,
                           .descriptor =
                               &covey__control__coordination_view__descriptor,
                           .states = s_end_states};
    return covey_i_await_state (self, &await, timeout_ms, result_p);
}

covey_err_t
covey_coordination_cancel (covey_agent_t *self, const char *coordination_id,
                           const char *reason, int timeout_ms)
{
    assert (self);
    return s_ref (self, "mesh.coordination.cancel", coordination_id, reason,
                  timeout_ms, NULL);
}

covey_err_t
covey_coordination_pause (covey_agent_t *self, const char *coordination_id,
                          int timeout_ms)
{
    assert (self);
    return s_ref (self, "mesh.coordination.pause", coordination_id, NULL,
                  timeout_ms, NULL);
}

covey_err_t
covey_coordination_resume (covey_agent_t *self, const char *coordination_id,
                           int timeout_ms)
{
    assert (self);
    return s_ref (self, "mesh.coordination.resume", coordination_id, NULL,
                  timeout_ms, NULL);
}

/* ------------------------------------------------------------------------ */
/*  Taking part                                                               */

static covey_err_t
s_answer (covey_agent_t *self, const covey_event_t *request, const char *method,
          const char *reason)
{
    if (covey_event_type (request) != COVEY_EVENT_COORDINATION_REQUEST)
        return covey_fail (covey_errbuf (), COVEY_INVALID,
                           "an answer to a coordination needs its "
                           "coordination:request event");
    covey_i_agent_lock (self);
    memcpy (self->answered, covey_event_id (request), sizeof self->answered);
    covey_i_agent_unlock (self);
    return s_ref (self, method, covey_event_str (request, "coordinationId"),
                  reason, COVEY_AGENT_REPORT_MS, NULL);
}

covey_err_t
covey_coordination_accept (covey_agent_t *self, const covey_event_t *request)
{
    assert (self && request);
    return s_answer (self, request, "mesh.coordination.accept", NULL);
}

covey_err_t
covey_coordination_reject (covey_agent_t *self, const covey_event_t *request,
                           const char *reason)
{
    assert (self && request);
    return s_answer (self, request, "mesh.coordination.reject",
                     reason && *reason ? reason : "not given");
}

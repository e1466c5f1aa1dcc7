/*  agent_mesh - what the coordinator knows of requests and of limits: which
    request it was, what became of it, how much the mesh takes                */

#include <assert.h>
#include <string.h>

#include "api/control.h"
#include "base/str.h"
#include "coordinator/coordinator_actor.h"

/*  As with covey_error (): one per thread.                                   */
static _Thread_local char s_last[COVEY_NAME_MAX + 1];

void
covey_i_note_request (const char *request_id)
{
    covey_str_copy (s_last, sizeof s_last, request_id);
}

const char *
covey_request_id (void)
{
    return s_last;
}

void
covey_i_hint_outcome (const char *client, const char *target,
                      const char *method, const char *request_id,
                      char hint[COVEY_HINT_MAX])
{
    hint[0] = '\0';
    if (target && strcmp (target, COVEY_SERVICE_COORDINATOR) == 0 &&
        covey_coordinator_decides (method))
        snprintf (hint, COVEY_HINT_MAX,
                  "; what became of it tells: covey outcome %s --client %s",
                  request_id, client);
}

covey_err_t
covey_agent_outcome (covey_agent_t *self, const char *request_id,
                     const char *client, int timeout_ms, char **outcome_p)
{
    assert (self && outcome_p);
    char last[sizeof s_last];
    memcpy (last, s_last, sizeof last);
    Covey__Control__OutcomeQuery query = COVEY__CONTROL__OUTCOME_QUERY__INIT;
    query.request_id = request_id ? (char *)(uintptr_t)request_id : last;
    query.client = (char *)(uintptr_t)client;
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR,
                         .method = "mesh.outcome"};
    covey_err_t rc =
        covey_i_control (self, &call, &query.base, timeout_ms, outcome_p);
    covey_i_note_request (last);
    return rc;
}

covey_err_t
covey_agent_limits (covey_agent_t *self, const char *limits_json,
                    int timeout_ms, char **result_p)
{
    assert (self);
    return limits_json
               ? covey_i_control_json (self, "mesh.setLimits",
                                       &covey__control__mesh_limits__descriptor,
                                       limits_json, timeout_ms, result_p)
               : covey_i_control_json (
                     self, "mesh.limits",
                     &covey__control__mesh_limits_query__descriptor, NULL,
                     timeout_ms, result_p);
}

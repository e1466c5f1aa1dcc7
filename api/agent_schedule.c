/*  agent_schedule - tasks that are submitted again and again                 */

#include "api/agent_i.h"

#include <assert.h>

#include "api/control.h"

covey_err_t
covey_schedule_add (covey_agent_t *self, const char *schedule_json,
                    int timeout_ms, char **result_p)
{
    assert (self);
    return covey_i_control_json (self, "task.schedule.add",
                                 &covey__control__schedule_add__descriptor,
                                 schedule_json, timeout_ms, result_p);
}

covey_err_t
covey_schedule_list (covey_agent_t *self, const char *query_json,
                     int timeout_ms, char **result_p)
{
    assert (self);
    return covey_i_control_json (self, "task.schedule.list",
                                 &covey__control__list_query__descriptor,
                                 query_json, timeout_ms, result_p);
}

static covey_err_t
s_ref (covey_agent_t *self, const char *method, const char *id, int timeout_ms,
       char **result_p)
{
    assert (self);
    Covey__Control__ScheduleRef ref = COVEY__CONTROL__SCHEDULE_REF__INIT;
    ref.schedule_id = (char *)(uintptr_t)(id ? id : "");
    covey_call_t call = {.target = COVEY_SERVICE_COORDINATOR, .method = method};
    return covey_i_control (self, &call, &ref.base, timeout_ms, result_p);
}

covey_err_t
covey_schedule_show (covey_agent_t *self, const char *schedule_id,
                     int timeout_ms, char **result_p)
{
    return s_ref (self, "task.schedule.show", schedule_id, timeout_ms,
                  result_p);
}

covey_err_t
covey_schedule_pause (covey_agent_t *self, const char *schedule_id,
                      int timeout_ms)
{
    return s_ref (self, "task.schedule.pause", schedule_id, timeout_ms, NULL);
}

covey_err_t
covey_schedule_resume (covey_agent_t *self, const char *schedule_id,
                       int timeout_ms)
{
    return s_ref (self, "task.schedule.resume", schedule_id, timeout_ms, NULL);
}

covey_err_t
covey_schedule_delete (covey_agent_t *self, const char *schedule_id,
                       int timeout_ms)
{
    return s_ref (self, "task.schedule.delete", schedule_id, timeout_ms, NULL);
}

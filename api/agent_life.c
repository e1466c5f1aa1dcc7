/*  agent_life - what an agent says about itself: ready, busy, idle, the end  */

#include "api/agent_i.h"

#include <assert.h>

#include "base/clock.h"

static covey_err_t
s_new (covey_agent_t *self, int type, covey_event_t **event_p)
{
    covey_event_t *event = covey_event_new (type);
    if (!event)
        return covey_fail (covey_errbuf (), COVEY_NOMEM, "out of memory");
    covey_err_t rc = covey_event_set_str (event, "agentId", self->id);
    if (rc)
        covey_event_destroy (&event);
    else
        *event_p = event;
    return rc;
}

covey_err_t
covey_agent_ready (covey_agent_t *self, int available_capacity,
                   int current_tasks)
{
    assert (self);
    if (available_capacity < 0 || available_capacity > 100 || current_tasks < 0)
        return covey_fail (
            covey_errbuf (), COVEY_INVALID,
            "agent %s: capacity %d must be 0 to 100 and %d tasks "
            "not below 0",
            self->id, available_capacity, current_tasks);
    covey_i_agent_lock (self);
    if (self->is_draining)
        available_capacity = 0;
    covey_i_agent_unlock (self);
    covey_event_t *event = NULL;
    covey_err_t rc = s_new (self, COVEY_EVENT_AGENT_READY, &event);
    if (rc == COVEY_OK)
        rc = covey_event_set_int (event, "availableCapacity",
                                  available_capacity);
    if (rc == COVEY_OK)
        rc = covey_event_set_int (event, "currentTasks", current_tasks);
    if (rc == COVEY_OK)
        rc = covey_agent_post (self, &event);
    covey_event_destroy (&event);
    return rc;
}

covey_err_t
covey_agent_busy (covey_agent_t *self, const char *reason)
{
    assert (self);
    covey_event_t *event = NULL;
    covey_err_t rc = s_new (self, COVEY_EVENT_AGENT_BUSY, &event);
    if (rc == COVEY_OK && reason)
        rc = covey_event_set_str (event, "reason", reason);
    if (rc == COVEY_OK)
        rc = covey_agent_post (self, &event);
    covey_event_destroy (&event);
    return rc;
}

covey_err_t
covey_agent_idle (covey_agent_t *self)
{
    assert (self);
    covey_event_t *event = NULL;
    covey_err_t rc = s_new (self, COVEY_EVENT_AGENT_IDLE, &event);
    if (rc == COVEY_OK)
        rc = covey_event_set_int (event, "idleSince", covey_clock_wall_us ());
    if (rc == COVEY_OK)
        rc = covey_agent_post (self, &event);
    covey_event_destroy (&event);
    return rc;
}

static covey_err_t
s_announce_end (covey_agent_t *self, const char *reason)
{
    covey_event_t *event = NULL;
    covey_err_t rc = s_new (self, COVEY_EVENT_AGENT_TERMINATED, &event);
    if (rc == COVEY_OK)
        rc = covey_event_set_str (event, "reason", reason);
    if (rc == COVEY_OK)
        rc = covey_event_set_bool (event, "graceful", true);
    if (rc == COVEY_OK)
        rc = covey_agent_post (self, &event);
    covey_event_destroy (&event);
    return rc;
}

covey_err_t
covey_agent_shutdown (covey_agent_t *self, const char *reason, int timeout_ms)
{
    assert (self);
    if (!reason || !*reason)
        reason = "shutdown";
    covey_i_agent_lock (self);
    bool is_attached = self->endpoint != NULL;
    bool is_open = covey_i_agent_is_open (self);
    covey_i_agent_unlock (self);
    if (!is_attached)
        return COVEY_OK;
    covey_err_t rc = COVEY_OK;
    if (is_open && !self->is_client)
        rc = s_announce_end (self, reason);
    (void)covey_agent_unsubscribe_all (self); /* always succeeds             */
    if (rc == COVEY_OK && is_open)
        rc = covey_agent_flush (self, COVEY_LEVEL_ACCEPTED, timeout_ms);
    covey_i_agent_lock (self);
    covey_i_agent_close (self, reason);
    covey_i_agent_fail_all (self, COVEY_CLOSED, "the agent shut down");
    covey_i_agent_unlock (self);
    return rc;
}

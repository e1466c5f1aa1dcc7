/*  What the node says of agents becomes commands: up, down, load.            */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/coordinator_impl.h"

static bool
s_is_gone (const Covey__Wire__AgentInfo *info)
{
    return (info->has_gone && info->gone) ||
           (info->has_state &&
            (info->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_LOST ||
             info->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_TERMINATED));
}

/*  Clients and services take no tasks; what has no proper identity is not
    followed.                                                                 */
static bool
s_is_worker (const Covey__Wire__AgentInfo *info)
{
    return !(info->has_client && info->client) &&
           !(info->service && *info->service) && info->has_session_id &&
           info->session_id.len == 16 && info->has_node_id &&
           info->node_id.len == 16 &&
           covey_str_is_agent_id (info->agent_id, strlen (info->agent_id));
}

static void
s_stage_down (covey_coordinator_t *self, Covey__Control__AgentDown *down,
              const uint8_t *session_id)
{
    down->session_id.data = (uint8_t *)session_id;
    down->session_id.len = 16;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_DOWN;
    command.agent_down = down;
    covey_coordinator_stage (self, &command);
}

static void
s_on_gone (covey_coordinator_t *self, const Covey__Wire__AgentInfo *info)
{
    /* The end of a session that was replaced changes nothing: when the node
       names the session, the state itself sees to that. */
    const uint8_t *session = info->session_id.data;
    if (!info->has_session_id || info->session_id.len != 16) {
        covey_coordinator_flush (self);
        session = covey_state_agent_session (self->state, info->agent_id);
    }
    if (!session)
        return;
    Covey__Control__AgentDown down = COVEY__CONTROL__AGENT_DOWN__INIT;
    down.agent_id = info->agent_id;
    down.reason = info->reason;
    down.has_graceful = true;
    down.graceful = info->has_graceful && info->graceful;
    down.has_last_seen = info->has_last_seen;
    down.last_seen = info->last_seen;
    s_stage_down (self, &down, session);
}

static void
s_stage_load (covey_coordinator_t *self, const Covey__Wire__AgentInfo *info)
{
    Covey__Control__AgentLoad load = COVEY__CONTROL__AGENT_LOAD__INIT;
    load.agent_id = info->agent_id;
    load.session_id = info->session_id;
    load.state = "ready";
    if (info->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_IDLE)
        load.state = "idle";
    if (info->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_BUSY ||
        info->state == COVEY__WIRE__AGENT_STATE__AGENT_STATE_STALLED)
        load.state = "busy";
    load.has_available_capacity = info->has_available_capacity;
    load.available_capacity = info->available_capacity;
    load.has_current_tasks = info->has_current_tasks;
    load.current_tasks = info->current_tasks;
    if (covey_state_has_load (self->state, &load))
        return;
    Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
    command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_LOAD;
    command.agent_load = &load;
    covey_coordinator_stage (self, &command);
}

static void
s_on_up (covey_coordinator_t *self, const Covey__Wire__AgentInfo *info)
{
    Covey__Control__AgentUp up = COVEY__CONTROL__AGENT_UP__INIT;
    up.agent_id = info->agent_id;
    up.type = info->type;
    up.name = info->name;
    up.n_capabilities = info->n_capabilities;
    up.capabilities = info->capabilities;
    up.n_tags = info->n_tags;
    up.tags = info->tags;
    up.node_id = info->node_id;
    up.session_id = info->session_id;
    up.has_task_slots = info->has_task_slots;
    up.task_slots = info->task_slots;
    if (!covey_state_has_agent (self->state, &up)) {
        Covey__Control__Command command = COVEY__CONTROL__COMMAND__INIT;
        command.op_case = COVEY__CONTROL__COMMAND__OP_AGENT_UP;
        command.agent_up = &up;
        covey_coordinator_stage (self, &command);
    }
    s_stage_load (self, info);
}

/* ---- full views -------------------------------------------------------------
 */

static int
s_compare_texts (const void *a, const void *b)
{
    return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static void
s_forget_seen (covey_coordinator_t *self)
{
    for (size_t i = 0; i < self->seen_count; i++)
        free (self->seen[i]);
    self->seen_count = 0;
    self->view_is_full = false;
}

/*  A full view may come in several frames: who is in it is known at the end. */
static void
s_see (covey_coordinator_t *self, const char *agent_id)
{
    if (!self->view_is_full)
        return;
    self->seen = covey_mem_room (self->seen, self->seen_count,
                                 &self->seen_capacity, sizeof *self->seen);
    self->seen[self->seen_count++] = covey_str_dup (agent_id);
}

/*  Agents that went while nobody listened: up in the state, not in the view. */
static void
s_take_down_missing (covey_coordinator_t *self)
{
    size_t gone_count = 0, capacity = 0;
    char **gone = NULL;
    if (self->seen_count)
        qsort (self->seen, self->seen_count, sizeof *self->seen,
               s_compare_texts);
    for (const char *id = covey_state_agent_after (self->state, NULL); id;
         id = covey_state_agent_after (self->state, id)) {
        if (self->seen_count && bsearch (&id, self->seen, self->seen_count,
                                         sizeof *self->seen, s_compare_texts))
            continue;
        gone = covey_mem_room (gone, gone_count, &capacity, sizeof *gone);
        gone[gone_count++] = covey_str_dup (id);
    }
    for (size_t i = 0; i < gone_count; i++) {
        const uint8_t *session =
            covey_state_agent_session (self->state, gone[i]);
        Covey__Control__AgentDown down = COVEY__CONTROL__AGENT_DOWN__INIT;
        down.agent_id = gone[i];
        down.reason = (char *)"it was gone when the coordinator came back";
        if (session)
            s_stage_down (self, &down, session);
        free (gone[i]);
    }
    free (gone);
}

static void
s_follow (covey_coordinator_t *self, const Covey__Wire__View *view)
{
    /* Compared with the state, so the state must be up to date. */
    covey_coordinator_flush (self);
    if (view->has_full && view->full) {
        s_forget_seen (self);
        self->view_is_full = true;
    }
    for (size_t i = 0; i < view->n_agents; i++) {
        const Covey__Wire__AgentInfo *info = view->agents[i];
        if (s_is_gone (info))
            s_on_gone (self, info);
        else if (s_is_worker (info)) {
            s_see (self, info->agent_id);
            s_on_up (self, info);
        }
    }
    covey_coordinator_flush (self);
    if (self->view_is_full && !(view->has_more && view->more)) {
        s_take_down_missing (self);
        covey_coordinator_flush (self);
        s_forget_seen (self);
    }
}

/*  For when the log can be written again; to follow a view twice does no harm.
    Too many: the session is begun anew then, and everything is told again.   */
static void
s_hold (covey_coordinator_t *self, const covey_frame_t *frame)
{
    if (self->held_count >= COVEY_COORDINATOR_HELD_MAX ||
        self->held_bytes + frame->header_size >
            COVEY_COORDINATOR_HELD_BYTES_MAX) {
        self->held_too_many = true;
        return;
    }
    self->held = covey_mem_room (self->held, self->held_count,
                                 &self->held_capacity, sizeof *self->held);
    covey_frame_t *copy = &self->held[self->held_count++];
    *copy = *frame;
    copy->header = covey_mem_dup (frame->header, frame->header_size);
    self->held_bytes += frame->header_size;
}

void
covey_coordinator_on_view (covey_coordinator_t *self,
                           const covey_frame_t *frame)
{
    if (self->replog) {
        Covey__Wire__View *view = (Covey__Wire__View *)covey_wire_unpack (
            &covey__wire__view__descriptor, frame->header, frame->header_size);
        if (!view)
            return;
        s_follow (self, view);
        protobuf_c_message_free_unpacked (&view->base, NULL);
    }
    if (!self->replog)
        s_hold (self, frame);
}

void
covey_coordinator_follow_held (covey_coordinator_t *self)
{
    covey_frame_t *held = self->held;
    size_t count = self->held_count;
    bool too_many = self->held_too_many;
    self->held = NULL;
    self->held_count = self->held_capacity = self->held_bytes = 0;
    self->held_too_many = false;
    for (size_t i = 0; i < count; i++) {
        if (!too_many)
            covey_coordinator_on_view (self, &held[i]);
        free ((void *)held[i].header);
    }
    free (held);
    if (too_many)
        covey_session_close (self->session, "too much was said meanwhile");
}

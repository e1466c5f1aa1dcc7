/*  Commands about agents: sessions that begin and end, and what load they say
    they have.                                                                */
#include <string.h>

#include "base/str.h"
#include "coordinator/fact.h"
#include "coordinator/state_impl.h"

static void
s_take_down (covey_state_t *self, covey_worker_t *worker, bool graceful,
             const char *reason)
{
    covey_errbuf_t text;
    (void)covey_fail (&text, COVEY_CLOSED, "agent %s is gone: %s", worker->id,
                      reason);
    covey_task_t *task;
    while ((task = covey_tree_first (&worker->held)))
        covey_state_lose (self, task, COVEY_TASK_AGENT_LOST, text.text, false);
    while ((task = covey_scheduler_own_task (&self->scheduler, worker->id)))
        covey_state_fail (self, task, COVEY_TASK_AGENT_LOST, text.text);
    covey_state_leave_coordinations (self, worker->id, NULL, text.text);
    if (covey_link_is_in (&worker->in_freed))
        covey_tree_remove (&self->freed, worker);
    covey_scheduler_leave (&self->scheduler, worker);
    covey_registry_down (&self->registry, worker, graceful, self->now_us);
}

covey_err_t
covey_state_on_agent_up (covey_state_t *self, const Covey__Control__AgentUp *up)
{
    if (up->session_id.len != 16 || up->node_id.len != 16)
        return covey_fail (self->err, COVEY_INVALID,
                           "agent %s has no session and node of 16 bytes",
                           up->agent_id);
    covey_worker_t *worker =
        covey_registry_find_up (&self->registry, up->agent_id);
    if (!worker && self->registry.up_count >= self->limits.agents_max)
        return covey_fail (
            self->err, COVEY_LIMIT,
            "agent %s is not registered: %zu are up" COVEY_LIMIT_HINT (
                "agents"),
            up->agent_id, self->registry.up_count,
            (unsigned long long)self->limits.agents_max);
    bool same = worker && memcmp (worker->session_id, up->session_id.data,
                                  sizeof worker->session_id) == 0;
    if (worker && !same)
        s_take_down (self, worker, false, "a new session took its place");
    if (same)
        covey_scheduler_leave (&self->scheduler, worker);
    worker = covey_registry_up (&self->registry, up, self->index, self->now_us);
    covey_scheduler_enter (&self->scheduler, worker);
    covey_state_freed (self, worker);
    if (same)
        return COVEY_OK;
    covey_state_note_member (self, worker->id, true);
    covey_state_ask_again (self, worker->id);
    covey_state_join_coordinations (self, worker);
    return COVEY_OK;
}

/*  The worker whose session this is, or NULL when it is not up any more.    */
static covey_worker_t *
s_find (covey_state_t *self, const char *agent_id,
        const ProtobufCBinaryData *session_id)
{
    covey_worker_t *worker = covey_registry_find_up (&self->registry, agent_id);
    if (!worker || session_id->len != 16 ||
        memcmp (worker->session_id, session_id->data, 16) != 0)
        return NULL;
    return worker;
}

covey_err_t
covey_state_on_agent_down (covey_state_t *self,
                           const Covey__Control__AgentDown *down)
{
    covey_worker_t *worker = s_find (self, down->agent_id, &down->session_id);
    if (!worker)
        return COVEY_OK; /* the end of a session that was replaced */
    /* The worker may be forgotten with the oldest ones: keep its name. */
    char id[COVEY_AGENT_ID_MAX + 1];
    covey_str_copy (id, sizeof id, down->agent_id);
    if (down->has_last_seen)
        covey_fact_lost (self, worker, down->last_seen,
                         down->reason ? down->reason : "its node failed");
    s_take_down (self, worker, down->has_graceful && down->graceful,
                 down->reason && *down->reason ? down->reason
                                               : "its session ended");
    covey_state_note_member (self, id, false);
    covey_state_drop_claims (self, id, down->has_graceful && down->graceful);
    return COVEY_OK;
}

static covey_worker_state_t
s_state (const char *name, covey_worker_state_t otherwise)
{
    if (name && strcmp (name, "ready") == 0)
        return COVEY_WORKER_READY;
    if (name && strcmp (name, "busy") == 0)
        return COVEY_WORKER_BUSY;
    if (name && strcmp (name, "idle") == 0)
        return COVEY_WORKER_IDLE;
    return otherwise;
}

bool
covey_state_has_load (const covey_state_t *self,
                      const Covey__Control__AgentLoad *load)
{
    const covey_worker_t *worker =
        covey_registry_find_up (&self->registry, load->agent_id);
    covey_worker_state_t state = worker ? worker->state : COVEY_WORKER_READY;
    uint32_t capacity = worker ? worker->capacity : 100;
    return s_state (load->state, state) == state &&
           (!load->has_available_capacity ||
            load->available_capacity == capacity);
}

static bool
s_has_all (const covey_texts_t *texts, char *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!covey_texts_has (texts, items[i]))
            return false;
    return texts->count <= count;
}

bool
covey_state_has_agent (const covey_state_t *self,
                       const Covey__Control__AgentUp *up)
{
    const covey_worker_t *worker =
        covey_registry_find_up (&self->registry, up->agent_id);
    return worker &&
           memcmp (worker->session_id, up->session_id.data,
                   sizeof worker->session_id) == 0 &&
           memcmp (worker->node_id, up->node_id.data, sizeof worker->node_id) ==
               0 &&
           strcmp (worker->type, up->type ? up->type : "") == 0 &&
           strcmp (worker->name, up->name ? up->name : "") == 0 &&
           (!up->node_name || strcmp (worker->node_name, up->node_name) == 0) &&
           worker->slots == (up->has_task_slots ? up->task_slots : 1) &&
           s_has_all (&worker->capabilities, up->capabilities,
                      up->n_capabilities) &&
           s_has_all (&worker->tags, up->tags, up->n_tags);
}

covey_err_t
covey_state_on_agent_load (covey_state_t *self,
                           const Covey__Control__AgentLoad *load)
{
    covey_worker_t *worker = s_find (self, load->agent_id, &load->session_id);
    if (!worker)
        return COVEY_OK;
    covey_worker_state_t state = s_state (load->state, worker->state);
    covey_scheduler_hide (&self->scheduler, worker);
    if (state != worker->state)
        worker->since_us = self->now_us;
    worker->state = state;
    if (load->has_available_capacity)
        worker->capacity =
            load->available_capacity > 100 ? 100 : load->available_capacity;
    covey_scheduler_show (&self->scheduler, worker);
    covey_state_freed (self, worker);
    return COVEY_OK;
}

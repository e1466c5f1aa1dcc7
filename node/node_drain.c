/*  A node that is going to leave: no new agents, and no new work for those that
    are here; what they were given is waited for.                             */
#include "node/hub.h"

#include <string.h>

#include <czmq.h>

/*  No agents of its own accord: tools and the mesh's services.              */
static bool
s_is_agent (const covey_host_t *host)
{
    return !*covey_host_service (host) && !covey_host_is_client (host);
}

void
covey_hub_begin_drain (covey_hub_t *self, int64_t timeout_ms)
{
    self->draining = true;
    self->drain_ms = self->now_ms + timeout_ms;
    for (size_t i = 0; i < covey_session_table_count (self->table); i++) {
        const covey_host_t *host = covey_session_table_at (self->table, i);
        const char *id = covey_host_agent_id (host);
        covey_directory_entry_t *entry =
            covey_directory_find (self->directory, id, strlen (id));
        if (!s_is_agent (host) || !entry ||
            memcmp (entry->session_id, covey_host_session_id (host), 16) != 0)
            continue;
        Covey__Wire__AgentInfo info;
        entry->available_capacity = 0;
        covey_directory_info (entry, &info);
        covey_hub_tell_agent (self, &info);
    }
}

/*  Events that agents here were given and are not done with.                */
static size_t
s_unfinished (const covey_hub_t *self)
{
    size_t count = 0;
    for (size_t i = 0; i < covey_session_table_count (self->table); i++) {
        const covey_host_t *host = covey_session_table_at (self->table, i);
        if (s_is_agent (host))
            count += covey_host_queued (host);
    }
    return count;
}

/*  Links are empty when everybody has confirmed that there is no capacity here
    any more; what came before that has come.                                 */
void
covey_hub_tick_drain (covey_hub_t *self)
{
    if (!self->drain_ms)
        return;
    size_t unfinished = s_unfinished (self);
    bool done = !unfinished && covey_hub_is_drained (self);
    if (!done && self->now_ms < self->drain_ms)
        return;
    self->drain_ms = 0;
    pthread_mutex_lock (&self->shared.mutex);
    self->shared.unfinished = unfinished;
    pthread_mutex_unlock (&self->shared.mutex);
    zsock_signal (self->pipe, done ? 0 : 1);
}

/*  Back-pressure across nodes: which agents take nothing for now.

    An agent's node says so when the queue of its session passes the upper mark,
    and takes it back at the lower one. Other nodes then treat a publish to it
    as if its queue were here: it waits, or is refused. Nobody else waits. */
#include "node/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void
s_push (covey_hub_peer_t *peer, const Covey__Wire__AgentFlow *flow)
{
    /* No room even in its share: everything, when there is. */
    peer->flows_due = covey_hub_push_raw (peer, COVEY_ITEM_AGENT_FLOW,
                                          &flow->base) != COVEY_OK;
}

void
covey_hub_tell_flow (covey_hub_t *self, const covey_host_t *host, bool stopped)
{
    char *id = (char *)covey_host_agent_id (host);
    Covey__Wire__AgentFlow flow = COVEY__WIRE__AGENT_FLOW__INIT;
    flow.stopped = flow.going = &id;
    if (stopped) {
        flow.n_stopped = 1;
        self->counters.flow_stops++;
    } else {
        flow.n_going = 1;
        self->counters.flow_goes++;
    }
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        covey_hub_peer_t *peer =
            covey_membership_at (self->membership, i)->shell;
        if (peer && peer->link && covey_hub_is_member (peer) &&
            !peer->flows_due)
            s_push (peer, &flow);
    }
}

void
covey_hub_send_flows (covey_hub_peer_t *peer)
{
    const covey_hub_t *self = peer->hub;
    size_t count = covey_session_table_count (self->table);
    char **stopped = covey_mem_new (count * sizeof *stopped);
    Covey__Wire__AgentFlow flow = COVEY__WIRE__AGENT_FLOW__INIT;
    flow.stopped = stopped;
    flow.has_full = flow.full = true;
    for (size_t i = 0; i < count; i++) {
        const covey_host_t *host = covey_session_table_at (self->table, i);
        if (covey_host_is_stopped (host))
            stopped[flow.n_stopped++] = (char *)covey_host_agent_id (host);
    }
    s_push (peer, &flow);
    free (stopped);
}

static void
s_set_all (covey_hub_peer_t *peer, char *const *ids, size_t count, bool stopped)
{
    for (size_t i = 0; i < count; i++) {
        covey_slice_t id = {.text = ids[i], .size = strlen (ids[i])};
        if (id.size && id.size <= COVEY_AGENT_ID_MAX)
            covey_link_set_stopped (peer->link, id, stopped);
        else
            covey_hub_drop (peer->hub, COVEY_DROP_MALFORMED_FRAME);
    }
}

void
covey_hub_on_agent_flow (covey_hub_peer_t *peer, const uint8_t *body,
                         size_t size)
{
    Covey__Wire__AgentFlow *flow = (Covey__Wire__AgentFlow *)covey_wire_unpack (
        &covey__wire__agent_flow__descriptor, body, size);
    if (!flow) {
        covey_hub_drop (peer->hub, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    if (flow->full)
        covey_link_go_all (peer->link);
    s_set_all (peer, flow->stopped, flow->n_stopped, true);
    s_set_all (peer, flow->going, flow->n_going, false);
    protobuf_c_message_free_unpacked (&flow->base, NULL);
}

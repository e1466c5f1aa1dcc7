/*  What coordinators say to each other, past the links: it may be lost, and who
    sent it will say it again; and how much the word of a service counts.     */
#include "node/hub.h"

#include <string.h>

#include "base/id.h"
#include "proto/event.h"

/*  The one item of a frame; NULL: there is none, or more than one.          */
static const uint8_t *
s_item (const covey_frame_t *frame, size_t *size_p)
{
    covey_frame_t rest = *frame;
    const uint8_t *item, *more;
    size_t size;
    if (covey_frame_next (&rest, &item, size_p) != COVEY_OK ||
        covey_frame_next (&rest, &more, &size) != COVEY_NOTFOUND)
        return NULL;
    return item;
}

/*  Straight to the socket: behind events that wait for room on the link it
    would come too late to keep anybody from an election.                     */
static covey_err_t
s_send_away (covey_hub_t *self, const covey_hub_peer_t *peer,
             const uint8_t *item, size_t size)
{
    if (!peer || !peer->dealer || !covey_hub_is_member (peer) ||
        peer->peer->owed) /* our hello goes first                             */
        return COVEY_UNREACHABLE;
    covey_buf_clear (&self->frame);
    covey_err_t code =
        covey_frame_begin (&self->frame, COVEY_FRAME_PEER_CONTROL, NULL);
    if (!code)
        code = covey_frame_add (&self->frame, item, size);
    return code ? code
                : covey_hub_send (peer->dealer, self->frame.data,
                                  self->frame.size);
}

void
covey_hub_on_control (covey_hub_t *self, const covey_frame_t *frame,
                      const Covey__Wire__Control *header)
{
    size_t size = 0;
    const uint8_t *item = s_item (frame, &size);
    if (!item || header->node_id.len != 16) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    const covey_hub_peer_t *peer =
        covey_hub_find_peer (self, header->node_id.data);
    if (s_send_away (self, peer, item, size) == COVEY_OK)
        self->counters.control_sent++;
    else
        covey_hub_drop (self, COVEY_DROP_CONTROL);
}

static covey_err_t
s_send_in (covey_hub_t *self, const covey_host_t *host,
           const uint8_t node_id[16], const uint8_t *item, size_t size)
{
    if (!host || !covey_host_is_attached (host))
        return COVEY_UNREACHABLE;
    Covey__Wire__Control header = COVEY__WIRE__CONTROL__INIT;
    header.node_id.data = (uint8_t *)node_id;
    header.node_id.len = 16;
    covey_buf_clear (&self->frame);
    covey_err_t code =
        covey_frame_begin (&self->frame, COVEY_FRAME_CONTROL, &header.base);
    if (!code)
        code = covey_frame_add (&self->frame, item, size);
    size_t key_size;
    const uint8_t *key = covey_host_route (host, &key_size);
    return code ? code
                : covey_hub_send_to (self, self->local, key + 1, key_size - 1,
                                     self->frame.data, self->frame.size);
}

void
covey_hub_on_peer_control (covey_hub_peer_t *peer, covey_frame_t *frame,
                           const ProtobufCMessage *header)
{
    (void)header;
    covey_hub_t *self = peer->hub;
    size_t size = 0;
    const uint8_t *item = s_item (frame, &size);
    if (!item) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    const covey_host_t *host =
        covey_hub_service (self, COVEY_SERVICE_COORDINATOR);
    if (s_send_in (self, host, peer->peer->id, item, size) == COVEY_OK)
        self->counters.control_received++;
    else
        covey_hub_drop (self, COVEY_DROP_CONTROL);
}

void
covey_hub_on_service_state (covey_hub_t *self, const covey_host_t *host,
                            const Covey__Wire__ServiceState *state)
{
    const uint8_t *node_id = self->config.node_id.bytes;
    const char *service = covey_host_service (host);
    if (strcmp (service, COVEY_SERVICE_COORDINATOR) == 0) {
        self->coordinator_stands_in = state->has_stands_in && state->stands_in;
        self->sweep_ms = self->now_ms; /* who asked somebody else is told     */
    }
    if (!covey_hub_entry (self, host) ||
        !covey_directory_set_rank (self->directory, service, node_id,
                                   state->rank, self->now_us))
        return;
    Covey__Wire__AgentInfo info;
    covey_directory_info (
        covey_directory_service_on (self->directory, service, node_id), &info);
    covey_hub_tell_agent (self, &info);
    covey_hub_find_services (self);
}

#include "node/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

covey_hub_peer_t *
covey_hub_find_peer (const covey_hub_t *self, const uint8_t node_id[16])
{
    const covey_peer_t *peer =
        covey_membership_find (self->membership, node_id);
    return peer ? peer->shell : NULL;
}

bool
covey_hub_is_member (const covey_hub_peer_t *peer)
{
    return peer->peer->state == COVEY_PEER_ALIVE ||
           peer->peer->state == COVEY_PEER_SUSPECTED;
}

covey_err_t
covey_hub_push_raw (covey_hub_peer_t *peer, uint8_t kind,
                    const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size (message);
    if (size > COVEY_FRAME_MAX - COVEY_FRAME_BATCH)
        return COVEY_LIMIT;
    uint8_t *packed = covey_mem_new (size);
    protobuf_c_message_pack (message, packed);
    covey_parcel_t *item = covey_parcel_new_raw (packed, size);
    covey_err_t code =
        covey_link_push (peer->link, COVEY_LANE_CONTROL, kind, item);
    covey_parcel_drop (&item);
    free (packed);
    return code;
}

/* ------------------------------------------------------------------------ */
/*  What membership asks for                                                 */

static covey_hub_peer_t *
s_shell (covey_hub_t *self, covey_peer_t *peer)
{
    if (!peer->shell) {
        covey_hub_peer_t *shell = covey_mem_new (sizeof *shell);
        shell->hub = self;
        shell->peer = peer;
        covey_fifo_init (&shell->pieces, sizeof (covey_parcel_t *));
        covey_audit_init (&shell->audit);
        peer->shell = shell;
    }
    return peer->shell;
}

static void
s_unroute (covey_hub_peer_t *shell)
{
    if (!shell->route)
        return;
    covey_table_remove (&shell->hub->routes, shell->route, shell->route_size);
    free (shell->route);
    shell->route = NULL;
}

static void
s_connect (void *arg, covey_peer_t *peer)
{
    covey_hub_t *self = arg;
    covey_hub_peer_t *shell = s_shell (self, peer);
    shell->dealer = covey_hub_dial (self, peer->address);
    if (!shell->dealer)
        covey_log_write (self->config.log, COVEY_LOG_WARN, "node",
                         "peer_address_unusable", "address=%s", peer->address);
}

static void
s_disconnect (void *arg, covey_peer_t *peer)
{
    (void)arg;
    covey_hub_peer_t *shell = peer->shell;
    if (shell)
        covey_hub_close_socket (&shell->dealer);
}

static bool
s_hello (void *arg, covey_peer_t *peer, bool reply)
{
    covey_hub_t *self = arg;
    covey_hub_peer_t *shell = peer->shell;
    if (!shell || !shell->dealer)
        return false;
    uint64_t recv_seq =
        shell->link ? covey_link_recv_seq (shell->link, peer->epoch) : 0;
    covey_buf_clear (&self->frame);
    return covey_membership_write_hello (self->membership, peer, reply,
                                         recv_seq, &self->frame) == COVEY_OK &&
           covey_hub_send (shell->dealer, self->frame.data, self->frame.size) ==
               COVEY_OK;
}

static void
s_swim (void *arg, covey_peer_t *peer, covey_swim_kind_t kind,
        const covey_buf_t *frame)
{
    const covey_hub_t *self = arg;
    covey_hub_peer_t *shell = peer->shell;
    if (!shell || !shell->dealer)
        return;
    if (kind == COVEY_SWIM_PING)
        shell->ping_us = self->now_us;
    /* One that does not go out is what silence means. */
    (void)covey_hub_send (shell->dealer, frame->data, frame->size);
}

static bool
s_send_frame (void *arg, const covey_buf_t *frame)
{
    const covey_hub_peer_t *shell = arg;
    return shell->dealer &&
           covey_hub_send (shell->dealer, frame->data, frame->size) == COVEY_OK;
}

/* ------------------------------------------------------------------------ */
/*  Changes                                                                  */

/*  True: a new connection, over which all subscriptions go anew.            */
static bool
s_listen (covey_hub_peer_t *shell, const char *pub)
{
    covey_hub_t *self = shell->hub;
    if (strcmp (shell->pub, pub) == 0)
        return false;
    if (*shell->pub)
        covey_hub_unhear (self, shell->pub);
    shell->pub[0] = '\0';
    if (!*pub || !covey_str_copy (shell->pub, sizeof shell->pub, pub))
        return false;
    if (covey_hub_hear (self, pub) == COVEY_OK)
        return true;
    shell->pub[0] = '\0';
    covey_log_write (self->config.log, COVEY_LOG_WARN, "node",
                     "peer_address_unusable", "address=%s", pub);
    return false;
}

static void
s_drop_link (covey_hub_peer_t *shell)
{
    if (shell->link) {
        shell->hub->drops[COVEY_DROP_EXPIRED] +=
            covey_link_stats (shell->link)->expired;
        covey_delay_add (&shell->hub->link_delay,
                         covey_link_delay (shell->link));
    }
    covey_link_destroy (&shell->link);
}

static void
s_on_clock (void *arg, int64_t peer_us)
{
    covey_hub_peer_t *shell = arg;
    covey_skew_hear (&shell->skew, peer_us, shell->hub->now_ms);
}

static void
s_on_up (covey_hub_t *self, covey_hub_peer_t *shell)
{
    covey_peer_t *peer = shell->peer;
    if (!shell->link) {
        covey_link_config_t config = {.epoch = self->epoch,
                                      .window_events = COVEY_LINK_WINDOW_EVENTS,
                                      .window_bytes = COVEY_LINK_WINDOW_BYTES,
                                      .events_max =
                                          self->config.link_events_max,
                                      .bytes_max = self->config.link_bytes_max};
        covey_link_callbacks_t callbacks = {.arg = shell,
                                            .send = s_send_frame,
                                            .clock = s_on_clock,
                                            .item = covey_hub_on_item};
        shell->link = covey_link_new (&config, &callbacks);
    }
    if (!shell->intake)
        shell->intake = covey_hub_new_intake (shell);
    (void)covey_intake_epoch (shell->intake, peer->epoch);
    shell->return_ms = 0;
    shell->last_ms = 0;
    shell->synced = 0;
    shell->ask_ms = self->now_ms + COVEY_HUB_ASK_MS;
    shell->snapshot_due = true; /* it may have missed changes               */
    /* The token of the present round goes to a newcomer by itself; in a mesh
       that starts, a round for each would be all that anybody does. */
    if (!s_listen (shell, peer->pub_endpoint))
        self->round_due = true;
}

static void
s_view_gone (void *arg, const covey_directory_entry_t *entry)
{
    Covey__Wire__AgentInfo info;
    covey_directory_info (entry, &info);
    info.has_gone = info.gone = true;
    info.reason = "its node left";
    covey_hub_view_agent (arg, &info);
}

static void
s_view_lost (void *arg, const covey_directory_entry_t *entry)
{
    const covey_hub_peer_t *shell = arg;
    covey_hub_t *self = shell->hub;
    Covey__Wire__AgentInfo info;
    covey_directory_info (entry, &info);
    info.has_gone = info.gone = true;
    info.reason = "its node failed";
    info.has_last_seen = true;
    info.last_seen = covey_hub_wall_us (self, shell->peer->heard_ms);
    covey_hub_view_agent (self, &info);
}

static void
s_on_down (covey_hub_t *self, covey_hub_peer_t *shell, bool left)
{
    covey_peer_t *peer = shell->peer;
    if (left)
        covey_directory_remove_node (self->directory, peer->id, s_view_gone,
                                     self);
    else
        covey_directory_remove_node (self->directory, peer->id, s_view_lost,
                                     shell);
    covey_hub_find_services (self);
    if (shell->link)
        covey_link_close (shell->link);
    covey_hub_return_events (shell, left);
    shell->return_ms = left ? 0 : self->now_ms + COVEY_HUB_RETURN_MS;
    shell->has_origin = false;
    shell->snapshot_due = shell->flows_due = false;
    shell->ask_ms = 0;
    covey_hub_drop_snapshot (shell);
    covey_hub_drop_errand (shell);
    covey_audit_init (&shell->audit);
    shell->snapshot_arrives = false;
    shell->agents_version = shell->casts = shell->casts_seen = 0;
    shell->owes_heartbeat = true;
    if (shell->intake)
        covey_intake_give_up (shell->intake, self->now_ms);
    if (!left)
        return;
    /* Its goodbye may have overtaken broadcasts: they have a way of their own.
     */
    s_unroute (shell);
    s_drop_link (shell);
    shell->last_ms = self->now_ms + COVEY_HUB_LAST_MS;
}

static void
s_stop_listening (covey_hub_peer_t *shell)
{
    shell->last_ms = 0;
    (void)s_listen (shell, "");
    if (shell->intake)
        covey_intake_give_up (shell->intake, shell->hub->now_ms);
    covey_intake_destroy (&shell->intake);
}

static void
s_on_change (void *arg, covey_peer_t *peer, covey_peer_change_t change,
             const char *reason)
{
    covey_hub_t *self = arg;
    covey_hub_peer_t *shell = s_shell (self, peer);
    if (change == COVEY_PEER_JOINED || change == COVEY_PEER_RECOVERED)
        s_on_up (self, shell);
    else if (change == COVEY_PEER_BECAME_FAILED)
        s_on_down (self, shell, false);
    else if (change == COVEY_PEER_DEPARTED)
        s_on_down (self, shell, true);
    covey_hub_view_node (self, peer);
    covey_hub_announce_peer (self, peer, change, reason);
}

static void
s_forgotten (void *arg, covey_peer_t *peer)
{
    covey_hub_t *self = arg;
    covey_hub_peer_t *shell = peer->shell;
    if (!shell)
        return;
    if (shell->return_ms) /* it failed, and somebody needs its place          */
        covey_hub_return_events (shell, true);
    peer->shell = NULL;
    s_unroute (shell);
    if (self->sub)
        (void)s_listen (shell, "");
    covey_hub_close_socket (&shell->dealer);
    s_drop_link (shell);
    covey_intake_destroy (&shell->intake);
    covey_hub_drop_snapshot (shell);
    covey_hub_drop_errand (shell);
    covey_fifo_deinit (&shell->pieces);
    free (shell);
}

void
covey_hub_open_membership (covey_hub_t *self)
{
    const covey_node_config_t *from = &self->config;
    covey_membership_config_t config = {.mesh = from->mesh,
                                        .name = from->name,
                                        .endpoint = self->endpoint,
                                        .pub_endpoint = self->pub_endpoint,
                                        .version = COVEY_VERSION_TEXT,
                                        .roles = from->roles,
                                        .role_count = from->role_count,
                                        .joins = from->joins,
                                        .join_count = from->join_count,
                                        .epoch = self->epoch,
                                        .seed = covey_prng_next (&self->prng),
                                        .peers_max = from->peers_max};
    covey_swim_config_init (&config.swim);
    config.swim.probe_ms = from->probe_ms;
    config.swim.probe_timeout_ms = from->probe_timeout_ms;
    config.swim.suspicion_mult = from->suspicion_mult;
    config.swim.gossip_ms = from->gossip_ms;
    config.swim.sync_ms = from->sync_ms;
    memcpy (config.node_id, from->node_id.bytes, 16);
    covey_membership_callbacks_t callbacks = {.arg = self,
                                              .connect = s_connect,
                                              .disconnect = s_disconnect,
                                              .hello = s_hello,
                                              .swim = s_swim,
                                              .changed = s_on_change,
                                              .forgotten = s_forgotten};
    self->membership = covey_membership_new (&config, &callbacks);
}

/* ------------------------------------------------------------------------ */
/*  Frames of peers                                                          */

static void
s_refuse (covey_hub_t *self, const uint8_t *route, size_t route_size,
          covey_err_t code, const char *text)
{
    Covey__Wire__PeerRefuse refuse = COVEY__WIRE__PEER_REFUSE__INIT;
    refuse.code = code;
    refuse.text = (char *)text;
    covey_buf_clear (&self->frame);
    if (covey_frame_begin (&self->frame, COVEY_FRAME_PEER_REFUSE,
                           &refuse.base) == COVEY_OK)
        /* The peer asks again, so one that does not go out is no loss. */
        (void)covey_hub_send_to (self, self->router, route, route_size,
                                 self->frame.data, self->frame.size);
}

/*  The same one tries again and again: one line a minute.                   */
static void
s_log_refusal (covey_hub_t *self, const char *from, const char *text)
{
    uint64_t hash = covey_str_hash (text, strlen (text)) +
                    (from ? covey_str_hash (from, strlen (from)) : 0);
    if (hash == self->refused_hash &&
        self->now_ms - self->refused_ms < COVEY_HUB_WARN_MS)
        return;
    self->refused_hash = hash;
    self->refused_ms = self->now_ms;
    covey_log_quoted_t reason, peer;
    covey_log_write (self->config.log, COVEY_LOG_WARN, "node", "peer_refused",
                     "peer=%s reason=%s",
                     covey_log_quote (&peer, from ? from : ""),
                     covey_log_quote (&reason, text));
}

static void
s_register (covey_hub_t *self, covey_hub_peer_t *shell, const uint8_t *route,
            size_t route_size)
{
    if (shell->route && shell->route_size == route_size &&
        memcmp (shell->route, route, route_size) == 0)
        return;
    s_unroute (shell);
    covey_hub_peer_t *other =
        covey_table_get (&self->routes, route, route_size);
    if (other)
        s_unroute (other);
    shell->route = covey_mem_dup (route, route_size);
    shell->route_size = route_size;
    covey_table_put (&self->routes, shell->route, route_size, shell);
}

static void
s_on_hello (covey_hub_t *self, const uint8_t *route, size_t route_size,
            const covey_frame_t *frame)
{
    Covey__Wire__PeerHello *hello =
        (Covey__Wire__PeerHello *)covey_wire_unpack (
            &covey__wire__peer_hello__descriptor, frame->header,
            frame->header_size);
    if (!hello) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    covey_peer_t *peer = NULL;
    covey_errbuf_t err;
    covey_err_t code = self->stopping
                           ? COVEY_STATE
                           : covey_membership_hello (self->membership, hello,
                                                     self->now_ms, &peer, &err);
    if (!code && peer) {
        covey_hub_peer_t *shell = s_shell (self, peer);
        s_register (self, shell, route, route_size);
        if (shell->link) { /* none: it failed, and did not refute yet         */
            if (covey_link_peer_epoch (shell->link) != peer->epoch)
                covey_hub_doubt_events (shell);
            covey_link_open (shell->link, peer->epoch, hello->recv_epoch,
                             hello->recv_seq, self->now_ms);
        }
        if (hello->reply)
            shell->snapshot_due = shell->flows_due = true;
    } else if (code != COVEY_STATE) {
        s_log_refusal (self, hello->node->endpoint, err.text);
        s_refuse (self, route, route_size, code, err.text);
    }
    protobuf_c_message_free_unpacked (&hello->base, NULL);
}

static void
s_on_heartbeat (covey_hub_peer_t *shell, covey_frame_t *frame,
                const ProtobufCMessage *header)
{
    (void)frame;
    covey_hub_on_heartbeat (shell, (const Covey__Wire__Heartbeat *)header);
}

static void
s_on_goodbye (covey_hub_peer_t *shell, covey_frame_t *frame,
              const ProtobufCMessage *header)
{
    (void)frame;
    const Covey__Wire__Goodbye *goodbye = (const Covey__Wire__Goodbye *)header;
    covey_membership_goodbye (shell->hub->membership, shell->peer,
                              goodbye->reason ? goodbye->reason : "",
                              shell->hub->now_ms);
}

static void
s_on_data (covey_hub_peer_t *shell, covey_frame_t *frame,
           const ProtobufCMessage *header)
{
    (void)header;
    if (covey_link_receive_data (shell->link, frame, shell->hub->now_ms) !=
        COVEY_OK)
        covey_hub_drop (shell->hub, COVEY_DROP_MALFORMED_FRAME);
}

static void
s_on_data_ack (covey_hub_peer_t *shell, covey_frame_t *frame,
               const ProtobufCMessage *header)
{
    (void)frame;
    /* A stale one is counted by the link. */
    (void)covey_link_receive_ack (
        shell->link, (const Covey__Wire__DataAck *)header, shell->hub->now_ms);
}

static void
s_on_swim (covey_hub_peer_t *shell, covey_frame_t *frame,
           const ProtobufCMessage *header)
{
    (void)header;
    covey_hub_t *self = shell->hub;
    covey_swim_kind_t kind = COVEY_SWIM_REFUSE;
    uint8_t id[16];
    memcpy (id, shell->peer->id, sizeof id);
    if (covey_membership_swim (self->membership, shell->peer, frame,
                               self->now_ms, &kind) == COVEY_MALFORMED)
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
    shell = covey_hub_find_peer (self, id); /* its place may be another's     */
    if (!shell || kind != COVEY_SWIM_ACK || !shell->ping_us)
        return;
    if (self->now_us >= shell->ping_us) /* the clock was not set back         */
        shell->rtt_us = self->now_us - shell->ping_us;
    shell->ping_us = 0;
}

static const struct {
    uint8_t kind;
    const ProtobufCMessageDescriptor *header; /* NULL: the handler reads it   */
    void (*handler) (covey_hub_peer_t *shell, covey_frame_t *frame,
                     const ProtobufCMessage *header);
} s_table[] = {
    {COVEY_FRAME_HEARTBEAT, &covey__wire__heartbeat__descriptor,
     s_on_heartbeat},
    {COVEY_FRAME_GOODBYE, &covey__wire__goodbye__descriptor, s_on_goodbye},
    {COVEY_FRAME_SWIM, NULL, s_on_swim},
    {COVEY_FRAME_DATA, NULL, s_on_data},
    {COVEY_FRAME_DATA_ACK, &covey__wire__data_ack__descriptor, s_on_data_ack},
    {COVEY_FRAME_PEER_CONTROL, NULL, covey_hub_on_peer_control},
};

static void
s_dispatch (covey_hub_peer_t *shell, covey_frame_t *frame)
{
    size_t i = 0, count = sizeof s_table / sizeof s_table[0];
    while (i < count && s_table[i].kind != frame->kind)
        i++;
    ProtobufCMessage *header = NULL;
    if (i < count && s_table[i].header)
        header = covey_wire_unpack (s_table[i].header, frame->header,
                                    frame->header_size);
    if (i == count || (s_table[i].header && !header)) {
        covey_hub_drop (shell->hub, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    s_table[i].handler (shell, frame, header);
    if (header)
        protobuf_c_message_free_unpacked (header, NULL);
}

void
covey_hub_on_peer (covey_hub_t *self, void *socket, const uint8_t *route,
                   size_t route_size, const uint8_t *data, size_t size)
{
    (void)socket;
    covey_frame_t frame;
    covey_err_t code = covey_frame_parse (data, size, &frame);
    if (code) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        if (code == COVEY_VERSION)
            s_refuse (self, route, route_size, code,
                      "protocol versions do not fit: update the older node");
        return;
    }
    if (frame.kind == COVEY_FRAME_PEER_HELLO) {
        s_on_hello (self, route, route_size, &frame);
        return;
    }
    covey_hub_peer_t *shell =
        covey_table_get (&self->routes, route, route_size);
    if (!shell) {
        covey_hub_drop (self, COVEY_DROP_STRANGER_FRAME);
        if (frame.kind != COVEY_FRAME_GOODBYE && !self->stopping)
            s_refuse (self, route, route_size, COVEY_NOTFOUND,
                      "this node does not know you yet: say hello");
        return;
    }
    /* One that counts as failed may refute, or leave. */
    if (covey_membership_heard (self->membership, shell->peer, self->now_ms) ||
        frame.kind == COVEY_FRAME_GOODBYE || frame.kind == COVEY_FRAME_SWIM)
        s_dispatch (shell, &frame);
}

/*  What comes back on our own DEALER: only refusals.                        */
static void
s_on_refuse (covey_hub_t *self, covey_hub_peer_t *shell,
             const covey_frame_t *frame)
{
    Covey__Wire__PeerRefuse *refuse =
        (Covey__Wire__PeerRefuse *)covey_wire_unpack (
            &covey__wire__peer_refuse__descriptor, frame->header,
            frame->header_size);
    if (!refuse)
        return;
    bool warn = refuse->code != COVEY_NOTFOUND &&
                (!shell->warned_ms ||
                 self->now_ms - shell->warned_ms >= COVEY_HUB_WARN_MS);
    if (warn) {
        covey_log_quoted_t reason;
        shell->warned_ms = self->now_ms;
        covey_log_write (self->config.log, COVEY_LOG_WARN, "node",
                         "refused_by_peer", "peer=%s code=%s reason=%s",
                         shell->peer->address ? shell->peer->address : "",
                         covey_err_name (refuse->code),
                         covey_log_quote (&reason, refuse->text));
    }
    covey_membership_refused (self->membership, shell->peer,
                              (covey_err_t)refuse->code, self->now_ms);
    protobuf_c_message_free_unpacked (&refuse->base, NULL);
}

static void
s_on_answer (covey_hub_t *self, void *socket, const uint8_t *route,
             size_t route_size, const uint8_t *data, size_t size)
{
    (void)route;
    (void)route_size;
    covey_hub_peer_t *shell = NULL;
    for (size_t i = 0; !shell && i < covey_membership_count (self->membership);
         i++) {
        covey_hub_peer_t *one =
            covey_membership_at (self->membership, i)->shell;
        shell = one && one->dealer == socket ? one : NULL;
    }
    covey_frame_t frame;
    if (shell && covey_frame_parse (data, size, &frame) == COVEY_OK &&
        frame.kind == COVEY_FRAME_PEER_REFUSE)
        s_on_refuse (self, shell, &frame);
    else
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
}

static void
s_read_dealer (covey_hub_t *self, const covey_hub_peer_t *shell)
{
    for (int i = 0; i < COVEY_HUB_DRAIN_MAX && shell->dealer; i++)
        if (!covey_hub_receive (self, shell->dealer, false, s_on_answer))
            return;
}

/* ------------------------------------------------------------------------ */

/*  Did the connection break? Then others shall say whether it lives.        */
static void
s_watch (covey_hub_t *self, covey_hub_peer_t *shell)
{
    if (shell->dealer)
        s_read_dealer (self, shell);
    bool was_reachable = shell->reachable;
    shell->reachable = shell->dealer && covey_hub_can_send (shell->dealer);
    if (was_reachable && !shell->reachable && shell->dealer)
        covey_membership_doubt (self->membership, shell->peer, self->now_ms);
}

void
covey_hub_tick_peers (covey_hub_t *self)
{
    covey_membership_tick (self->membership, self->now_ms);
    covey_hub_turn_heartbeats (self);
    bool watch = self->now_ms - self->watch_ms >= COVEY_HUB_WATCH_MS;
    if (watch)
        self->watch_ms = self->now_ms;
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        covey_hub_peer_t *shell =
            covey_membership_at (self->membership, i)->shell;
        if (!shell)
            continue;
        if (watch)
            s_watch (self, shell);
        covey_hub_tick_heartbeat (shell);
        covey_hub_tick_errand (shell);
        /* What asked for it may have been lost with a connection. */
        if (shell->ask_ms && self->now_ms >= shell->ask_ms) {
            (void)s_hello (self, shell->peer, true);
            shell->ask_ms = self->now_ms + COVEY_HUB_ASK_MS;
        }
        if (shell->last_ms && self->now_ms >= shell->last_ms)
            s_stop_listening (shell);
        if (shell->return_ms && self->now_ms >= shell->return_ms) {
            shell->return_ms = 0;
            covey_hub_return_events (shell, true);
        }
    }
}

/*  A socket that takes nothing is tried again soon, and if it still does not,
    less and less often: it may have no connection, and there may be many.    */
static void
s_flush_link (covey_hub_t *self, covey_hub_peer_t *shell)
{
    if (self->now_ms >= shell->flush_ms) {
        uint64_t sent = covey_link_stats (shell->link)->sent;
        bool blocked =
            covey_link_flush (shell->link, self->now_ms, self->now_us);
        bool moved = covey_link_stats (shell->link)->sent != sent;
        shell->pause_ms = !blocked           ? 0
                          : moved            ? COVEY_HUB_RETRY_MS
                          : !shell->pause_ms ? COVEY_HUB_RETRY_MS
                                             : 2 * shell->pause_ms;
        if (shell->pause_ms > COVEY_HUB_RETRY_MAX_MS)
            shell->pause_ms = COVEY_HUB_RETRY_MAX_MS;
        shell->flush_ms = blocked ? self->now_ms + shell->pause_ms : 0;
    }
    int64_t next_ms =
        shell->flush_ms ? shell->flush_ms : covey_link_next_ms (shell->link);
    self->links_ms = next_ms < self->links_ms ? next_ms : self->links_ms;
}

void
covey_hub_flush_peers (covey_hub_t *self)
{
    self->links_ms = INT64_MAX;
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        covey_hub_peer_t *shell =
            covey_membership_at (self->membership, i)->shell;
        if (!shell || !shell->link || !covey_hub_is_member (shell) ||
            shell->peer->owed) /* our hello goes first                        */
            continue;
        if (shell->snapshot_due)
            covey_hub_send_snapshot (shell);
        if (shell->flows_due)
            covey_hub_send_flows (shell);
        if (shell->pieces.count)
            covey_hub_flush_snapshot (shell);
        s_flush_link (self, shell);
    }
}

void
covey_hub_say_goodbye (covey_hub_t *self, const char *reason)
{
    Covey__Wire__Goodbye goodbye = COVEY__WIRE__GOODBYE__INIT;
    goodbye.reason = (char *)reason;
    covey_membership_leave (self->membership, self->now_ms);
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        covey_hub_peer_t *shell =
            covey_membership_at (self->membership, i)->shell;
        if (!shell || !shell->dealer)
            continue;
        covey_buf_clear (&self->frame);
        if (covey_frame_begin (&self->frame, COVEY_FRAME_GOODBYE,
                               &goodbye.base) == COVEY_OK)
            /* Who does not get it sees silence instead. */
            (void)covey_hub_send (shell->dealer, self->frame.data,
                                  self->frame.size);
    }
}

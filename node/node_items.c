/*  What peers say on the reliable stream, and what they are told of agents. */
#include "node/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "proto/event.h"

#define VIEW_AGENTS 256 /* in one View frame for the coordinator */

/* ------------------------------------------------------------------------ */
/*  Agents                                                                   */

void
covey_hub_view_agent (covey_hub_t *self, const Covey__Wire__AgentInfo *info)
{
    if (info->gone)
        covey_departed_note (self->departed, info, !info->graceful,
                             self->now_us);
    else
        covey_departed_forget (self->departed, info->agent_id);
    covey_host_t *host = covey_hub_service (self, COVEY_SERVICE_COORDINATOR);
    if (!host)
        return;
    Covey__Wire__AgentInfo *list[] = {(Covey__Wire__AgentInfo *)info};
    Covey__Wire__View view = COVEY__WIRE__VIEW__INIT;
    view.agents = list;
    view.n_agents = 1;
    covey_host_notice (host, COVEY_FRAME_VIEW, &view.base);
}

void
covey_hub_tell_agent (covey_hub_t *self, const Covey__Wire__AgentInfo *info)
{
    Covey__Wire__AgentInfo *list[] = {(Covey__Wire__AgentInfo *)info};
    Covey__Wire__View view = COVEY__WIRE__VIEW__INIT;
    view.agents = list;
    view.n_agents = 1;
    view.has_version = true;
    view.version = ++self->agents_version;
    covey_directory_touch (self->directory, self->config.node_id.bytes);
    for (size_t i = 0; i < covey_membership_count (self->membership); i++) {
        covey_hub_peer_t *peer =
            covey_membership_at (self->membership, i)->shell;
        if (!peer || !peer->link || !covey_hub_is_member (peer) ||
            peer->snapshot_due)
            continue;
        /* Behind a snapshot, or without room even in the reserve: everything
           again, when there is. */
        if (peer->pieces.count ||
            covey_hub_push_raw (peer, COVEY_ITEM_DIRECTORY, &view.base) !=
                COVEY_OK)
            peer->snapshot_due = true;
    }
    covey_hub_view_agent (self, info);
}

typedef struct {
    const covey_hub_t *hub;
    bool own; /* only agents of this node                                     */
    Covey__Wire__AgentInfo *infos;
    size_t count;
    size_t capacity;
} items_list_t;

static void
s_list_agent (void *arg, const covey_directory_entry_t *entry)
{
    items_list_t *list = arg;
    if (list->own &&
        !covey_id_equal (entry->node_id, list->hub->config.node_id.bytes))
        return;
    list->infos = covey_mem_room (list->infos, list->count, &list->capacity,
                                  sizeof *list->infos);
    covey_directory_info (entry, &list->infos[list->count++]);
}

static Covey__Wire__AgentInfo **
s_pointers (const items_list_t *list)
{
    Covey__Wire__AgentInfo **pointers =
        covey_mem_new (list->count * sizeof (void *));
    for (size_t i = 0; i < list->count; i++)
        pointers[i] = &list->infos[i];
    return pointers;
}

void
covey_hub_drop_snapshot (covey_hub_peer_t *peer)
{
    for (; peer->pieces.count; covey_fifo_pop (&peer->pieces))
        covey_parcel_drop ((covey_parcel_t **)covey_fifo_at (&peer->pieces, 0));
}

static void
s_add_piece (covey_hub_peer_t *peer, Covey__Wire__View *view)
{
    size_t size = protobuf_c_message_get_packed_size (&view->base);
    uint8_t *packed = covey_mem_new (size);
    protobuf_c_message_pack (&view->base, packed);
    *(covey_parcel_t **)covey_fifo_push (&peer->pieces) =
        covey_parcel_new_raw (packed, size);
    free (packed);
}

/*  How many of the agents fit into one piece, at least one.                 */
static size_t
s_piece (Covey__Wire__AgentInfo **agents, size_t count)
{
    size_t n = 0, size = 0;
    while (n < count && n < VIEW_AGENTS) {
        size += protobuf_c_message_get_packed_size (&agents[n]->base) + 6;
        if (n && size > COVEY_FRAME_BATCH)
            break;
        n++;
    }
    return n;
}

void
covey_hub_send_snapshot (covey_hub_peer_t *peer)
{
    covey_hub_t *self = peer->hub;
    items_list_t list = {.hub = self, .own = true};
    covey_directory_each (self->directory, s_list_agent, &list);
    Covey__Wire__AgentInfo **pointers = s_pointers (&list);
    covey_hub_drop_snapshot (peer);
    size_t at = 0;
    do {
        Covey__Wire__View view = COVEY__WIRE__VIEW__INIT;
        view.has_full = view.full = at == 0;
        view.agents = pointers + at;
        view.n_agents = s_piece (view.agents, list.count - at);
        at += view.n_agents;
        view.has_more = view.more = at < list.count;
        view.has_version = true;
        view.version = self->agents_version;
        s_add_piece (peer, &view);
    } while (at < list.count);
    peer->snapshot_due = false;
    free (pointers);
    free (list.infos);
}

void
covey_hub_flush_snapshot (covey_hub_peer_t *peer)
{
    while (peer->pieces.count) {
        covey_parcel_t **piece = covey_fifo_at (&peer->pieces, 0);
        if (covey_link_push (peer->link, COVEY_LANE_CONTROL,
                             COVEY_ITEM_DIRECTORY, *piece) != COVEY_OK)
            return;
        covey_parcel_drop (piece);
        covey_fifo_pop (&peer->pieces);
    }
}

static void
s_fill_node (const covey_hub_t *self, const covey_peer_t *peer,
             Covey__Wire__NodeInfo *info)
{
    static const Covey__Wire__NodeState states[] = {
        [COVEY_PEER_CONTACT] = COVEY__WIRE__NODE_STATE__NODE_FAILED,
        [COVEY_PEER_ALIVE] = COVEY__WIRE__NODE_STATE__NODE_ALIVE,
        [COVEY_PEER_SUSPECTED] = COVEY__WIRE__NODE_STATE__NODE_SUSPECTED,
        [COVEY_PEER_FAILED] = COVEY__WIRE__NODE_STATE__NODE_FAILED,
        [COVEY_PEER_LEFT] = COVEY__WIRE__NODE_STATE__NODE_LEFT};
    covey__wire__node_info__init (info);
    info->has_state = info->has_epoch = true;
    info->node_id.len = 16;
    if (peer) {
        info->node_id.data = (uint8_t *)peer->id;
        info->name = peer->name;
        info->endpoint = peer->endpoint;
        info->version = peer->version;
        info->roles = peer->roles;
        info->n_roles = peer->role_count;
        info->epoch = peer->epoch;
        info->state = states[peer->state];
        return;
    }
    info->node_id.data = (uint8_t *)self->config.node_id.bytes;
    info->name = (char *)self->config.name;
    info->endpoint = (char *)self->endpoint;
    info->version = COVEY_VERSION_TEXT;
    info->roles = (char **)self->config.roles;
    info->n_roles = self->config.role_count;
    info->epoch = self->epoch;
    info->state = COVEY__WIRE__NODE_STATE__NODE_ALIVE;
}

void
covey_hub_view_node (covey_hub_t *self, const covey_peer_t *peer)
{
    covey_host_t *host = covey_hub_service (self, COVEY_SERVICE_COORDINATOR);
    if (!host || !peer->known)
        return;
    Covey__Wire__NodeInfo info;
    s_fill_node (self, peer, &info);
    Covey__Wire__NodeInfo *list[] = {&info};
    Covey__Wire__View view = COVEY__WIRE__VIEW__INIT;
    view.nodes = list;
    view.n_nodes = 1;
    covey_host_notice (host, COVEY_FRAME_VIEW, &view.base);
}

static void
s_view_nodes (covey_hub_t *self, covey_host_t *host, bool more)
{
    size_t max = covey_membership_count (self->membership) + 1;
    Covey__Wire__NodeInfo *infos = covey_mem_new (max * sizeof *infos);
    Covey__Wire__NodeInfo **list = covey_mem_new (max * sizeof (void *));
    Covey__Wire__View view = COVEY__WIRE__VIEW__INIT;
    s_fill_node (self, NULL, &infos[0]);
    size_t count = 1;
    for (size_t i = 0; i + 1 < max; i++) {
        const covey_peer_t *peer = covey_membership_at (self->membership, i);
        if (peer->known)
            s_fill_node (self, peer, &infos[count++]);
    }
    for (size_t i = 0; i < count; i++)
        list[i] = &infos[i];
    view.has_full = view.full = true;
    view.has_more = view.more = more;
    view.nodes = list;
    view.n_nodes = count;
    covey_host_notice (host, COVEY_FRAME_VIEW, &view.base);
    free (list);
    free (infos);
}

/*  Everything, for a coordinator that has just come: nodes first.           */
void
covey_hub_send_view (covey_hub_t *self)
{
    covey_host_t *host = covey_hub_service (self, COVEY_SERVICE_COORDINATOR);
    self->view_due = false;
    if (!host)
        return;
    items_list_t list = {.hub = self};
    covey_directory_each (self->directory, s_list_agent, &list);
    s_view_nodes (self, host, list.count > 0);
    Covey__Wire__AgentInfo **pointers = s_pointers (&list);
    for (size_t at = 0; at < list.count; at += VIEW_AGENTS) {
        Covey__Wire__View view = COVEY__WIRE__VIEW__INIT;
        view.agents = pointers + at;
        view.n_agents =
            list.count - at < VIEW_AGENTS ? list.count - at : VIEW_AGENTS;
        view.has_more = view.more = at + VIEW_AGENTS < list.count;
        covey_host_notice (host, COVEY_FRAME_VIEW, &view.base);
    }
    free (pointers);
    free (list.infos);
}

/* ------------------------------------------------------------------------ */
/*  Items                                                                    */

static void
s_on_event (covey_hub_peer_t *peer, const uint8_t *body, size_t size)
{
    covey_hub_t *self = peer->hub;
    covey_parcel_t *parcel = covey_parcel_new (body, size, NULL, 0);
    if (!parcel || !parcel->view.target_count) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        covey_parcel_drop (&parcel);
        return;
    }
    (void)covey_hlc_receive (&self->hlc, parcel->view.hlc, self->now_us);
    covey_hub_start_clock (peer, parcel);
    covey_hub_deliver_remote (self, parcel, parcel->view.first_target);
    covey_parcel_drop (&parcel);
}

static void
s_on_event_for (covey_hub_peer_t *peer, const uint8_t *body, size_t size)
{
    covey_hub_t *self = peer->hub;
    size_t id_size = size ? body[0] : 0;
    covey_parcel_t *parcel = NULL;
    if (id_size && size > 1 + id_size)
        parcel =
            covey_parcel_new (body + 1 + id_size, size - 1 - id_size, NULL, 0);
    if (!parcel) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    (void)covey_hlc_receive (&self->hlc, parcel->view.hlc, self->now_us);
    covey_hub_start_clock (peer, parcel);
    covey_slice_t id = {.text = (const char *)body + 1, .size = id_size};
    covey_hub_deliver_remote (self, parcel, id);
    covey_parcel_drop (&parcel);
}

static void
s_on_event_tracked (covey_hub_peer_t *peer, const uint8_t *body, size_t size)
{
    covey_hub_t *self = peer->hub;
    covey_slice_t target;
    covey_parcel_t *parcel = covey_hub_open_tracked (body, size, &target);
    if (!parcel) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    memcpy (parcel->from, peer->peer->id, sizeof parcel->from);
    (void)covey_hlc_receive (&self->hlc, parcel->view.hlc, self->now_us);
    covey_hub_start_clock (peer, parcel);
    covey_hub_deliver_remote (self, parcel, target);
    covey_parcel_drop (&parcel);
}

static void
s_on_heard (covey_hub_peer_t *peer, const uint8_t *body, size_t size)
{
    size_t id_size = size ? body[0] : 0;
    Covey__Wire__Heard *heard = NULL;
    if (size > 1 + id_size)
        heard = (Covey__Wire__Heard *)covey_wire_unpack (
            &covey__wire__heard__descriptor, body + 1 + id_size,
            size - 1 - id_size);
    if (!heard) {
        covey_hub_drop (peer->hub, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    covey_slice_t source = {.text = (const char *)body + 1, .size = id_size};
    covey_hub_take_heard (peer->hub, source, heard);
    protobuf_c_message_free_unpacked (&heard->base, NULL);
}

/*  To a session here only: a notice travels one link.                        */
static void
s_tell_undelivered (covey_hub_peer_t *peer, covey_slice_t source,
                    const Covey__Wire__Undelivered *notice)
{
    covey_hub_t *self = peer->hub;
    Covey__Wire__Undelivered own = *notice;
    char text[256];
    if (covey_hub_is_in_doubt (self, source, notice)) {
        snprintf (text, sizeof text,
                  "node %s was started anew and had not acknowledged this "
                  "event: it may have arrived",
                  peer->peer->name);
        own.code = COVEY_TIMEOUT;
        own.text = text;
    }
    covey_host_t *host =
        covey_session_table_by_agent (self->table, source.text, source.size);
    if (host)
        covey_host_undelivered (host, &own);
    else
        covey_hub_drop (self, COVEY_DROP_NOTICE);
}

static void
s_on_undelivered (covey_hub_peer_t *peer, const uint8_t *body, size_t size)
{
    covey_hub_t *self = peer->hub;
    size_t id_size = size ? body[0] : 0;
    Covey__Wire__Undelivered *notice = NULL;
    if (size > 1 + id_size)
        notice = (Covey__Wire__Undelivered *)covey_wire_unpack (
            &covey__wire__undelivered__descriptor, body + 1 + id_size,
            size - 1 - id_size);
    if (!notice) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    covey_slice_t target = {.text = notice->target,
                            .size = strlen (notice->target)};
    if (notice->event_id.len == 16 &&
        covey_workgroup_failed (self->groups, notice->event_id.data, target,
                                (covey_err_t)notice->code, notice->text,
                                self->now_ms)) {
        protobuf_c_message_free_unpacked (&notice->base, NULL);
        return; /* another one of its group gets it                           */
    }
    s_tell_undelivered (
        peer, (covey_slice_t){.text = (const char *)body + 1, .size = id_size},
        notice);
    protobuf_c_message_free_unpacked (&notice->base, NULL);
}

static void
s_take_agent (covey_hub_peer_t *peer, const Covey__Wire__AgentInfo *info)
{
    covey_hub_t *self = peer->hub;
    if (!info->has_node_id || info->node_id.len != 16 ||
        !covey_id_equal (info->node_id.data, peer->peer->id)) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return; /* a node speaks for its own agents only                      */
    }
    bool service = info->service && *info->service;
    const char *id = service ? info->service : info->agent_id;
    if (info->gone) {
        covey_link_set_stopped (
            peer->link, (covey_slice_t){.text = id, .size = strlen (id)},
            false);
        if (covey_directory_remove (self->directory, id, strlen (id),
                                    peer->peer->id))
            covey_hub_view_agent (self, info);
        return;
    }
    if (covey_directory_put (self->directory, info, NULL) != COVEY_OK)
        return; /* ours is newer, and the peer gets to know that              */
    covey_hub_view_agent (self, info);
    covey_host_t *rival =
        service ? NULL
                : covey_session_table_by_agent (self->table, id, strlen (id));
    if (rival) {
        self->counters.sessions_superseded++;
        covey_hub_end_session (self, rival, COVEY_FENCED,
                               "another session took this agent id", false);
    }
}

/*  The snapshot did not name it.                                            */
static void
s_view_missing (void *arg, const covey_directory_entry_t *entry)
{
    Covey__Wire__AgentInfo info;
    covey_directory_info (entry, &info);
    info.has_gone = info.gone = true;
    covey_hub_view_agent (arg, &info);
}

static void
s_on_directory (covey_hub_peer_t *peer, const uint8_t *body, size_t size)
{
    covey_hub_t *self = peer->hub;
    Covey__Wire__View *view = (Covey__Wire__View *)covey_wire_unpack (
        &covey__wire__view__descriptor, body, size);
    if (!view) {
        covey_hub_drop (self, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    if (view->n_clocks) {
        /* Alone, and maybe between two pieces of a snapshot. */
        covey_hub_take_clocks (peer, view);
        protobuf_c_message_free_unpacked (&view->base, NULL);
        return;
    }
    if (view->full) {
        peer->ask_ms = 0;
        covey_directory_begin (self->directory, peer->peer->id);
        peer->snapshot_arrives = true;
    }
    for (size_t i = 0; i < view->n_agents; i++)
        s_take_agent (peer, view->agents[i]);
    if (peer->snapshot_arrives && !view->more) {
        covey_directory_end (self->directory, peer->peer->id, s_view_missing,
                             self);
        peer->snapshot_arrives = false;
    }
    if (view->has_version && !view->more) {
        peer->agents_version = view->version;
        peer->owes_heartbeat = true;
    }
    covey_hub_find_services (self);
    protobuf_c_message_free_unpacked (&view->base, NULL);
}

static void
s_on_journal (covey_hub_peer_t *peer, const uint8_t *body, size_t size)
{
    covey_hub_on_journal_item (peer->hub, peer, body, size);
}

static void
s_on_journal_ack (covey_hub_peer_t *peer, const uint8_t *body, size_t size)
{
    covey_hub_on_journal_ack (peer->hub, peer->peer->id, body, size);
}

static void
s_on_repair_request (covey_hub_peer_t *peer, const uint8_t *body, size_t size)
{
    covey_hub_serve_repair (peer->hub, peer, body, size);
}

static void
s_on_repair (covey_hub_peer_t *peer, const uint8_t *body, size_t size)
{
    Covey__Wire__Repair *repair = (Covey__Wire__Repair *)covey_wire_unpack (
        &covey__wire__repair__descriptor, body, size);
    if (!repair) {
        covey_hub_drop (peer->hub, COVEY_DROP_MALFORMED_FRAME);
        return;
    }
    if (peer->intake)
        covey_intake_repair (peer->intake, repair, peer->hub->now_ms);
    protobuf_c_message_free_unpacked (&repair->base, NULL);
}

static const struct {
    uint8_t kind;
    void (*handler) (covey_hub_peer_t *peer, const uint8_t *body, size_t size);
} s_table[] = {
    {COVEY_ITEM_EVENT, s_on_event},
    {COVEY_ITEM_EVENT_FOR, s_on_event_for},
    {COVEY_ITEM_EVENT_TRACKED, s_on_event_tracked},
    {COVEY_ITEM_HEARD, s_on_heard},
    {COVEY_ITEM_UNDELIVERED, s_on_undelivered},
    {COVEY_ITEM_DIRECTORY, s_on_directory},
    {COVEY_ITEM_JOURNAL, s_on_journal},
    {COVEY_ITEM_JOURNAL_ACK, s_on_journal_ack},
    {COVEY_ITEM_REPAIR_REQUEST, s_on_repair_request},
    {COVEY_ITEM_REPAIR, s_on_repair},
    {COVEY_ITEM_AGENT_FLOW, covey_hub_on_agent_flow},
};

void
covey_hub_on_item (void *arg, uint8_t kind, const uint8_t *body, size_t size)
{
    covey_hub_peer_t *peer = arg;
    for (size_t i = 0; i < sizeof s_table / sizeof s_table[0]; i++)
        if (s_table[i].kind == kind) {
            peer->hub->item_from = peer;
            s_table[i].handler (peer, body, size);
            peer->hub->item_from = NULL;
            return;
        }
    covey_hub_drop (peer->hub, COVEY_DROP_MALFORMED_FRAME);
}
